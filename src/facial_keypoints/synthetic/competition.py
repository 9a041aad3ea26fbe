"""The drawn competition's files: the archive in Kaggle's layout, and the answer key beside it."""

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.progress import Progress

from facial_keypoints.keypoints import COORDINATE_COLUMNS
from facial_keypoints.synthetic import rows
from facial_keypoints.synthetic.painting import paint_face

_TIMESTAMP: Final = (2013, 5, 7, 0, 0, 0)
"""Of every member, so that equal arguments give equal bytes; the competition's first day."""

_COMPRESSION: Final = 3
"""Deflate's level: the tables shrink to nearly the same size as at 9, in a third of the time."""

_WORTH_PROCESSES: Final = 300
"""Faces from which on starting processes (1 to 2 seconds) pays."""

_WAITING: Final = 512
"""Rows that may be drawn and not yet written, 33 KB each."""

_GREYS: Final = [str(grey) for grey in range(256)]

Item = TypeVar("Item")
Result = TypeVar("Result")


def write_archive(path: Path, train_faces: int, test_faces: int, seed: int) -> None:
    """Draw the competition and write its archive in Kaggle's layout.

    Equal arguments give equal bytes. The first faces of each population do not depend on how
    many there are. Training labels carry the jitter of a labeller's hand (0.5 px) and a few
    plainly wrong rows (see ``list_wrong_labels``); about 2 % of the training pictures repeat an
    earlier one.

    Args:
        path: the zip to write; nothing else is written.
        train_faces: rows of training.csv, at least 2.
        test_faces: rows of test.csv, at least 2.
        seed: of every random choice.
    """
    with zipfile.ZipFile(path, "w") as outer:
        _write_table(
            outer,
            "training.zip",
            "training.csv",
            [*COORDINATE_COLUMNS, "Image"],
            _in_parallel(
                partial(_training_row, seed),
                rows.keys(rows.TRAIN, train_faces),
                "Drawing training faces",
            ),
        )
        _write_table(
            outer,
            "test.zip",
            "test.csv",
            ["ImageId", "Image"],
            _in_parallel(
                partial(_test_row, seed),
                list(enumerate(rows.keys(rows.TEST, test_faces), start=1)),
                "Drawing test faces",
            ),
        )
        asked = _asked(test_faces, seed)
        lookup = pd.DataFrame(
            {
                "RowId": asked["RowId"],
                "ImageId": asked["ImageId"],
                "FeatureName": asked["FeatureName"],
                "Location": "",
            }
        )
        sample = pd.DataFrame({"RowId": asked["RowId"], "Location": 0})
        for name, table in (("IdLookupTable.csv", lookup), ("SampleSubmission.csv", sample)):
            text = table.to_csv(index=False, lineterminator="\n")
            outer.writestr(_member(name), text, zipfile.ZIP_DEFLATED, _COMPRESSION)


def make_answer_key(train_faces: int, test_faces: int, seed: int) -> pd.DataFrame:
    """The true value of every row of the lookup table.

    It is computed from geometry alone and is exact: unlike the training labels, it carries no
    jitter, so that a perfect prediction scores 0.

    Args:
        train_faces: as given to ``write_archive`` (the test faces do not depend on it).
        test_faces: as given to ``write_archive``.
        seed: as given to ``write_archive``.

    Returns:
        RowId (int, from 1) and Location (float, pixels edge to edge), in the lookup's order.
    """
    del train_faces
    return _asked(test_faces, seed)[["RowId", "Location"]]


def list_wrong_labels(train_faces: int, test_faces: int, seed: int) -> pd.DataFrame:
    """The training rows whose labels are plainly wrong on purpose, to judge label audits by.

    Args:
        train_faces: as given to ``write_archive``.
        test_faces: as given to ``write_archive`` (test labels are never wrong).
        seed: as given to ``write_archive``.

    Returns:
        row (int, 0-based row of training.csv) and kind (one of ``rows.WRONG_KINDS``).
    """
    del test_faces
    kinds = [rows.plan(seed, key).wrong for key in rows.keys(rows.TRAIN, train_faces)]
    wrong = [(row, kind) for row, kind in enumerate(kinds) if kind is not None]
    return pd.DataFrame(
        {
            "row": pd.Series([row for row, _ in wrong], dtype="int64"),
            "kind": pd.Series([kind for _, kind in wrong], dtype="str"),
        }
    )


def picture(seed: int, key: rows.Key) -> npt.NDArray[np.uint8]:
    """The picture of one row, uint8 (96, 96)."""
    face = rows.plan(seed, key).face
    return paint_face(rows.head(seed, face), rows.painter(seed, face), face[1])


def _picture_text(seed: int, key: rows.Key) -> str:
    return " ".join([_GREYS[grey] for grey in picture(seed, key).ravel().tolist()])


def _training_row(seed: int, key: rows.Key) -> str:
    placed = rows.labels(seed, key, rows.plan(seed, key))
    values = ("" if np.isnan(value) else f"{value:.6f}" for value in placed.ravel())
    return ",".join([*values, _picture_text(seed, key)])


def _test_row(seed: int, numbered: tuple[int, rows.Key]) -> str:
    image_id, key = numbered
    return f"{image_id},{_picture_text(seed, key)}"


def _asked(test_faces: int, seed: int) -> pd.DataFrame:
    """Every asked value with its RowId, ImageId and FeatureName, in Kaggle's order."""
    keys = rows.keys(rows.TEST, test_faces)
    truth = np.array([rows.true_points(seed, key, rows.plan(seed, key)) for key in keys])
    values = truth.reshape(len(keys), -1)
    image, column = np.nonzero(np.isfinite(values))
    return pd.DataFrame(
        {
            "RowId": np.arange(1, len(image) + 1),
            "ImageId": image + 1,
            "FeatureName": np.array(COORDINATE_COLUMNS)[column],
            "Location": values[image, column],
        }
    )


def _write_table(
    outer: zipfile.ZipFile, zip_name: str, csv: str, header: list[str], lines: Iterable[str]
) -> None:
    """Stream a table into a zip inside the zip, without holding either in memory."""
    with outer.open(_member(zip_name), "w", force_zip64=True) as stream:
        inner_member = _member(csv)
        inner_member.compress_type = zipfile.ZIP_DEFLATED
        inner_member._compresslevel = _COMPRESSION  # type: ignore[attr-defined]
        with (
            zipfile.ZipFile(stream, "w") as inner,
            inner.open(inner_member, "w", force_zip64=True) as table,
        ):
            table.write(f"{','.join(header)}\n".encode())
            for line in lines:
                table.write(f"{line}\n".encode())


def _member(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, _TIMESTAMP)


def _in_parallel(
    work: Callable[[Item], Result], items: list[Item], description: str
) -> Iterator[Result]:
    """``work`` of each item in order, on all cores, with few results waiting at a time."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(description, total=len(items))
        for result in _spread(work, items):
            progress.advance(task)
            yield result


def _spread(work: Callable[[Item], Result], items: list[Item]) -> Iterator[Result]:
    cores = os.cpu_count() or 1
    if cores == 1 or len(items) < _WORTH_PROCESSES:
        yield from map(work, items)
        return
    # Painting is hundreds of small steps that hold Python's lock, so threads gain nothing.
    # joblib's processes, unlike the standard library's, never import the caller's main module.
    from joblib import Parallel, delayed

    with Parallel(n_jobs=cores, return_as="generator", batch_size=8) as parallel:
        for first in range(0, len(items), _WAITING):
            chunk = items[first : first + _WAITING]
            yield from parallel(delayed(_on_one_core)(work, item) for item in chunk)


def _on_one_core(work: Callable[[Item], Result], item: Item) -> Result:
    """In a worker process: OpenCV's own threads would only be in the other workers' way."""
    if cv2.getNumThreads() != 1:
        cv2.setNumThreads(1)
    return work(item)
