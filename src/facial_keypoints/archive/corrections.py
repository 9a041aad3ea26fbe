"""Corrections of labels: a CSV file with row, keypoint, x and y."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from facial_keypoints.archive.csv_rows import table_rows
from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import format_count, suggest
from facial_keypoints.keypoints import IMAGE_SIZE, KEYPOINTS, POPULATION_B_POINTS, POPULATIONS

logger = logging.getLogger(__name__)

COLUMNS: Final = ("row", "keypoint", "x", "y")
_B: Final = POPULATIONS.index("B")


@dataclass(frozen=True)
class LabelCorrection:
    """The right place of one label.

    Attributes:
        row: Of training.csv, from 1.
        keypoint: Its name.
        point: x and y in pixels; None drops the label.
    """

    row: int
    keypoint: str
    point: tuple[float, float] | None


def corrections_table(corrections: Iterable[LabelCorrection]) -> pd.DataFrame:
    """Return corrections as the table that ``read_corrections`` reads from CSV, by row."""
    in_order = sorted(corrections, key=lambda each: (each.row, each.keypoint))
    rows = [(each.row, each.keypoint, *(each.point or (None, None))) for each in in_order]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read_corrections(path: Path) -> list[LabelCorrection]:
    """Return the corrections of a CSV file.

    Args:
        path: Of the file, with the columns row, keypoint, x and y in any order; x and y are blank
            where the label is to be dropped.

    Raises:
        InputError: If the file cannot be read, or a row is not valid.
    """
    try:
        with path.open("rb") as stream:
            rows = list(table_rows(stream, str(path), COLUMNS))
    except OSError as error:
        raise InputError(
            f"clean.corrections={path}: cannot be read ({error.strerror}); give the path of a CSV "
            "file"
        ) from error
    corrections: dict[tuple[int, str], LabelCorrection] = {}
    for number, cells in rows:
        correction = _correction(cells, f"{path}, row {number}")
        key = correction.row, correction.keypoint
        if key in corrections:
            raise InputError(
                f"{path}, row {number}: {key[1]} of row {key[0]} is corrected twice; leave one"
            )
        corrections[key] = correction
    return list(corrections.values())


def _correction(cells: list[str], where: str) -> LabelCorrection:
    row, keypoint, x, y = cells
    if not (row.isascii() and row.isdigit() and len(row) < 10 and int(row) > 0):
        raise InputError(f"{where}: row is {row[:40]!r}, not a row of training.csv from 1")
    if keypoint not in KEYPOINTS:
        raise InputError(
            f"{where}: unknown keypoint {keypoint[:40]!r}{suggest(keypoint, KEYPOINTS)}"
        )
    if not x and not y:
        return LabelCorrection(int(row), keypoint, None)
    if not x or not y:
        raise InputError(f"{where}: give x and y, or neither to drop the label")
    return LabelCorrection(int(row), keypoint, (_pixels(x, "x", where), _pixels(y, "y", where)))


def _pixels(text: str, axis: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not 0 <= value <= IMAGE_SIZE:
        raise InputError(f"{where}: {axis} is {text[:40]!r}, not a number from 0 to {IMAGE_SIZE}")
    return value


def correct_labels(faces: FaceSet, path: Path | None) -> FaceSet:
    """Return training faces with the labels that a file corrects, and log how many there are.

    Args:
        faces: All rows of training.csv, in order.
        path: Of the CSV file; None where there is none.

    Raises:
        InputError: If the file is not valid, or does not fit the faces.
    """
    if path is None:
        return faces
    corrections = read_corrections(path)
    keypoints, labelled = faces.keypoints.copy(), faces.labelled.copy()
    for each in corrections:
        where = f"{path}: {each.keypoint} of row {each.row}"
        if each.row > len(faces):
            raise InputError(f"{where}: training.csv has {format_count(len(faces), 'row')}")
        if faces.population[each.row - 1] == _B and each.keypoint not in POPULATION_B_POINTS:
            raise InputError(
                f"{where}: the row is of population B, which has only the keypoints "
                f"{', '.join(POPULATION_B_POINTS)}"
            )
        at = each.row - 1, KEYPOINTS.index(each.keypoint)
        keypoints[at] = np.nan if each.point is None else each.point
        labelled[at] = each.point is not None
    dropped = sum(each.point is None for each in corrections)
    logger.info(
        "%s: %s moved or added, %s dropped, in %s",
        path,
        format_count(len(corrections) - dropped, "label"),
        format_count(dropped, "label"),
        format_count(len({each.row for each in corrections}), "row"),
    )
    return replace(faces, keypoints=keypoints, labelled=labelled)
