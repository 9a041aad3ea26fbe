"""The synthetic competition: faces alone, the archive in Kaggle's layout, and its answer key."""

import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

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
"""Rows that may wait for being written, 33 KB each."""

T = TypeVar("T")


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
        images=np.array([*_in_parallel(Row.render, rows, "Rendering faces")]),
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
    with ZipFile(path, "w") as archive:
        lines = _in_parallel(_training_line, train, "Rendering training faces")
        _write_table(archive, "training", [*COORDINATE_COLUMNS, "Image"], lines)
        pixels = _in_parallel(_pixels, test, "Rendering test faces")
        lines = (f"{image_id},{text}" for image_id, text in enumerate(pixels, start=1))
        _write_table(archive, "test", ["ImageId", "Image"], lines)
        for name, table in (("IdLookupTable.csv", lookup), ("SampleSubmission.csv", sample)):
            text = table.to_csv(index=False, lineterminator="\n")
            member = ZipInfo(name)  # its fixed date keeps the bytes equal
            archive.writestr(member, text, ZIP_DEFLATED, _COMPRESSION)


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


def _training_line(row: Row) -> str:
    labels = ("" if np.isnan(value) else f"{value:.6f}" for value in row.labels().ravel())
    return ",".join([*labels, _pixels(row)])


def _pixels(row: Row) -> str:
    return " ".join(map(str, row.render().ravel().tolist()))


def _write_table(archive: ZipFile, name: str, columns: list[str], lines: Iterator[str]) -> None:
    """Stream a table into a zip inside the zip, without holding either in memory."""
    with (
        archive.open(f"{name}.zip", "w", force_zip64=True) as stream,
        ZipFile(stream, "w", ZIP_DEFLATED, compresslevel=_COMPRESSION) as inner,
        inner.open(f"{name}.csv", "w", force_zip64=True) as table,
    ):
        for line in chain([",".join(columns)], lines):
            table.write(f"{line}\n".encode())


def _in_parallel(work: Callable[[Row], T], rows: list[Row], description: str) -> Iterator[T]:
    """``work`` of each row in order, on all cores, with a progress bar."""
    # Rendering is hundreds of small steps that hold Python's lock: threads gain nothing.
    from joblib import Parallel, delayed

    cores = (os.cpu_count() or 1) if len(rows) >= _MIN_PARALLEL else 1
    options: Any = {"return_as": "generator", "batch_size": 8, "initializer": cv2.setNumThreads}
    console = Console(stderr=True)
    progress: Any = {"transient": True, "console": console, "disable": not console.is_terminal}
    with Parallel(cores, **options, initargs=(1,)) as parallel:
        chunks = (rows[i : i + _CHUNK] for i in range(0, len(rows), _CHUNK))
        results = (parallel(delayed(work)(row) for row in chunk) for chunk in chunks)
        yield from track(chain.from_iterable(results), description, len(rows), **progress)
