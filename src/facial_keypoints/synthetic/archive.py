"""The synthetic competition: faces alone, the archive in Kaggle's layout, and its answer key."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import COORDINATE_COLUMNS, POPULATIONS
from facial_keypoints.synthetic.rows import EXTRA, TEST, TRAIN, Row, table_rows

_COMPRESSION: Final = 3
"""Deflate's level: nearly the size of level 9 in a third of the time."""

_MIN_PARALLEL: Final = 300
"""Number of faces for which starting processes (1 to 2 seconds) pays."""

_CHUNK: Final = 512
"""Images that may wait for being written, 10 KB each."""


def render_faces(count: int, seed: int, population: Literal["A", "B"] = "A") -> FaceSet:
    """Render faces with exact keypoints, without an archive.

    The faces are in no archive, whatever its seed. The first ones do not depend on ``count``.

    >>> faces = render_faces(2, seed=0)
    >>> faces.images.shape, faces.images.dtype, faces.keypoints.shape
    ((2, 96, 96), dtype('uint8'), (2, 15, 2))

    Args:
        count: number of faces, at least 1.
        seed: of every random choice.
        population: "A" has all 15 keypoints; "B" has four, in another convention, and its images
            are blurred more.

    Returns:
        ``count`` faces; keypoints are NaN where the population has none or the image ends.
    """
    index = POPULATIONS.index(population)
    rows = [Row(seed, EXTRA, index, i) for i in range(count)]
    points = np.array([row.true_keypoints() for row in rows], np.float32)
    return FaceSet(
        images=np.array([*_render(rows, "Rendering faces")]),
        keypoints=points,
        labelled=np.isfinite(points[..., 0]),
        group=np.arange(count, dtype=np.int32),
        population=np.full(count, index, np.int8),
        augmented=np.zeros(count, bool),
    )


def write_archive(path: Path, train_faces: int, test_faces: int, seed: int) -> None:
    """Write a synthetic competition as an archive in Kaggle's layout.

    Equal arguments give equal bytes. The first faces of each population do not depend on how
    many there are. Training labels carry noise of 0.5 px, and a few rows are plainly wrong (see
    ``list_wrong_labels``); about 2 % of the training images repeat an earlier one.

    Args:
        path: the zip to write.
        train_faces: rows of training.csv, at least 2.
        test_faces: rows of test.csv, at least 2.
        seed: of every random choice.
    """
    train, test = table_rows(seed, TRAIN, train_faces), table_rows(seed, TEST, test_faces)
    requested = _requested_values(test)
    lookup, sample = requested.assign(Location=""), requested[["RowId"]].assign(Location=0)
    with zipfile.ZipFile(path, "w") as archive:
        labels = (["" if np.isnan(x) else f"{x:.6f}" for x in row.labels().flat] for row in train)
        images = _render(train, "Rendering training faces")
        _write_images(archive, "training", COORDINATE_COLUMNS, labels, images)
        image_ids = ([str(i + 1)] for i in range(len(test)))
        images = _render(test, "Rendering test faces")
        _write_images(archive, "test", ("ImageId",), image_ids, images)
        for name, table in (("IdLookupTable.csv", lookup), ("SampleSubmission.csv", sample)):
            text = table.to_csv(index=False, lineterminator="\n")
            member = zipfile.ZipInfo(name)  # its fixed date keeps the bytes equal
            archive.writestr(member, text, zipfile.ZIP_DEFLATED, _COMPRESSION)


def make_answer_key(test_faces: int, seed: int) -> pd.DataFrame:
    """Return the true value of every row of the lookup table.

    Unlike the training labels it carries no noise: a perfect prediction has an error of 0.

    Args:
        test_faces: as given to ``write_archive``.
        seed: as given to ``write_archive``.

    Returns:
        RowId (int, from 1) and Location (float, pixels edge to edge), in the lookup's order.
    """
    return _requested_values(table_rows(seed, TEST, test_faces))[["RowId", "Location"]]


def list_wrong_labels(train_faces: int, seed: int) -> pd.DataFrame:
    """Return the training rows whose labels are wrong on purpose, to measure label audits by.

    Args:
        train_faces: as given to ``write_archive``.
        seed: as given to ``write_archive``.

    Returns:
        row (int, 0-based row of training.csv) and kind (one of ``rows.WRONG_KINDS``).
    """
    kinds = [row.wrong for row in table_rows(seed, TRAIN, train_faces)]
    table = pd.DataFrame({"row": range(len(kinds)), "kind": pd.Series(kinds, dtype="str")})
    return table.dropna(ignore_index=True)


def _requested_values(rows: list[Row]) -> pd.DataFrame:
    """RowId, ImageId, FeatureName and Location of every value of test rows, in Kaggle's order."""
    truth = np.array([row.true_keypoints().ravel() for row in rows])
    image, column = np.nonzero(np.isfinite(truth))
    return pd.DataFrame(
        {
            "RowId": np.arange(1, len(image) + 1),
            "ImageId": image + 1,
            "FeatureName": np.array(COORDINATE_COLUMNS)[column],
            "Location": truth[image, column],
        }
    )


def _write_images(
    archive: zipfile.ZipFile, name: str, columns: Any, cells: Iterator[list[str]], images: Any
) -> None:
    """Stream a table with images into a zip inside the zip, without holding either in memory."""
    with (
        archive.open(f"{name}.zip", "w", force_zip64=True) as stream,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION) as inner,
        inner.open(f"{name}.csv", "w", force_zip64=True) as table,
    ):
        table.write(f"{','.join([*columns, 'Image'])}\n".encode())
        for row, image in zip(cells, images, strict=True):
            pixels = " ".join(map(str, image.ravel().tolist()))
            table.write(f"{','.join([*row, pixels])}\n".encode())


def _render(rows: list[Row], description: str) -> Iterator[Any]:
    """The images of rows in order, rendered on all cores, with a progress bar."""
    # Rendering is hundreds of small steps that hold Python's lock: threads gain nothing.
    from joblib import Parallel, delayed

    cores = (os.cpu_count() or 1) if len(rows) >= _MIN_PARALLEL else 1
    console = Console(stderr=True)
    options: Any = {"return_as": "generator", "batch_size": 8, "initializer": cv2.setNumThreads}
    with Parallel(cores, **options, initargs=(1,)) as parallel:
        chunks = (rows[i : i + _CHUNK] for i in range(0, len(rows), _CHUNK))
        yield from track(
            (
                image
                for chunk in chunks
                for image in parallel(delayed(Row.render)(r) for r in chunk)
            ),
            description,
            total=len(rows),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
