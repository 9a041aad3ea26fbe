"""Check all labels together: filled in, scaled, swapped or exchanged."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.archive.data_issues import (
    MEAN_FACES,
    MIN_REPEATS,
    MIN_ROWS,
    MIN_WRONG,
    DataIssue,
)
from facial_keypoints.keypoints import (
    COORDINATE_COLUMNS,
    KEYPOINTS,
    LEFT_EYE,
    NUM_KEYPOINTS,
    POPULATION_B_INDEX,
    POPULATIONS,
    RIGHT_EYE,
)

Points = npt.NDArray[np.floating]

_REPEAT_RATIO: Final = 4
"""How many times more often a filled-in point occurs than the third most frequent: labels in whole
pixels repeat, but many of them do."""
_MIN_SAME_POINT: Final = 3
"""Keypoints of one row with exactly the same point; no two have one in honest sets."""
_CONSTANT: Final = 0.2
"""Fraction of rows with exactly the same coordinate; the honest sets have at most 5 rows of
2,268."""
_MIN_EYE_DISTANCE: Final = 20.0
"""Pixels; the median is 34 to 38 in honest sets, and 18 for labels of 48 x 48 images."""
_MAX_WRONG: Final = 0.05
"""Fraction of rows with such eyes or with a face that is not upright: at most 0.5 % in
honest sets."""
_MIN_ROWS_OF_MEDIAN: Final = 15
_MIN_EXCHANGE: Final = 5.0
"""Pixels by which the medians of two columns must be nearer to other columns' than to their own: at
most 3.8 in 1,500 draws of 15 rows each of honest sets; exchanged eye corners gain 14."""
_MAX_DEVIATION: Final = 15.0
"""Pixels between the median of a column and Kaggle's mean: at most 7.8 in the same draws."""


def check_labels(keypoints: Points, population: npt.NDArray[np.int8]) -> list[DataIssue]:
    """Find labels that are filled in, scaled, swapped or exchanged, where there are enough rows.

    Args:
        keypoints: Float (n, 15, 2) in pixels, NaN where there is no label.
        population: int8 (n,), of each row.
    """
    if len(keypoints) < MIN_ROWS:
        return []
    issues = _find_filled(keypoints)
    if scaled := _find_scaled(keypoints):
        return [*issues, scaled]
    if turned := _find_turned(keypoints):
        return [*issues, turned]
    return issues or _find_misplaced(keypoints, population)


def _find_filled(keypoints: Points) -> list[DataIssue]:
    """Find points or coordinates that many rows share exactly."""
    found: dict[str, tuple[int, str]] = {}
    for index, name in enumerate(KEYPOINTS):
        points = _labelled(keypoints[:, index])
        if repeated := _find_repeated(points):
            found[name] = repeated
            continue
        for axis, letter in enumerate("xy"):
            counts = pd.Series(points[:, axis]).value_counts()
            if len(counts) and counts.iloc[0] >= max(_CONSTANT * len(points), _filled_from(counts)):
                found[name] = (int(counts.iloc[0]), f"with {letter} = {counts.index[0]:g}")
    if not found and (repeated := _find_repeated(_labelled(keypoints))):
        found["several keypoints"] = repeated
    if not found:
        return _find_filled_within_rows(keypoints)
    count = sum(number for number, _ in found.values())
    places = {place for _, place in found.values()}
    if len(places) == 1:
        names = next(iter(found)) if len(found) == 1 else f"{len(found)} keypoints"
        where = f"of {names} lie {places.pop()}"
    else:
        name, (number, place) = next(iter(found.items()))
        where = f"of {len(found)} keypoints repeat a value, such as {number:,} of {name} {place}"
    message = f"training.csv: {count:,} labels {where}; leave missing labels blank"
    return [DataIssue("filled_labels", count, message)]


def _labelled(keypoints: Points) -> npt.NDArray[np.float32]:
    """Return the points (n, 2) that are labelled."""
    points = keypoints.reshape(-1, 2)
    return points[np.isfinite(points).all(axis=1)].astype(np.float32)


def _find_repeated(points: npt.NDArray[np.float32]) -> tuple[int, str] | None:
    """Return how often the most frequent point occurs, and where; None if others do as well."""
    numbers, each = np.unique(_as_numbers(points), return_counts=True)
    counts = pd.Series(each, index=numbers).nlargest(3)
    if counts.empty or counts.iloc[0] < _filled_from(counts):
        return None
    x, y = counts.index.to_numpy(np.uint64)[:1].view(np.float32)
    return int(counts.iloc[0]), f"at exactly ({x:g}, {y:g})"


def _as_numbers(points: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
    """Return one number per point (..., 2): pandas needs far more memory to count pairs."""
    positive_zeros = points + np.float32(0)
    return np.ascontiguousarray(positive_zeros).view(np.uint64)[..., 0]


def _find_filled_within_rows(keypoints: Points) -> list[DataIssue]:
    """Find rows in which several keypoints share a point, such as the mean of the row."""
    numbers = _as_numbers(keypoints.astype(np.float32))
    missing = ~np.isfinite(keypoints).all(axis=2)
    numbers[missing] = np.nonzero(missing)[1]  # differ within a row
    numbers.sort(axis=1)
    last = _MIN_SAME_POINT - 1
    suspects = np.flatnonzero((numbers[:, last:] == numbers[:, :-last]).any(axis=1))
    points = pd.DataFrame(keypoints[suspects].reshape(-1, 2), columns=["x", "y"])
    points.insert(0, "row", np.repeat(suspects + 1, NUM_KEYPOINTS))
    counts = points.dropna().value_counts()
    counts = counts[counts >= _MIN_SAME_POINT]
    if len(counts) < MIN_REPEATS:
        return []
    row, x, y = counts.index[0]
    message = (
        f"training.csv: in {len(counts):,} rows several keypoints lie at exactly the same point, "
        f"such as {counts.iloc[0]} at ({x:g}, {y:g}) in row {row:.0f}; leave missing labels blank"
    )
    return [DataIssue("filled_labels", int(counts.sum()), message)]


def _filled_from(counts: pd.Series) -> int:
    """Return how often a value must occur, given how often the others do."""
    third = int(counts.iloc[2]) if len(counts) > 2 else 0
    return max(MIN_REPEATS, _REPEAT_RATIO * third)


def _find_scaled(keypoints: Points) -> DataIssue | None:
    eyes = np.linalg.norm(keypoints[:, LEFT_EYE] - keypoints[:, RIGHT_EYE], axis=1)
    eyes = eyes[np.isfinite(eyes)]
    count = int((eyes < _MIN_EYE_DISTANCE).sum())
    if count < max(MIN_WRONG, _MAX_WRONG * len(eyes)):
        return None
    low, high = np.nanmin(keypoints), np.nanmax(keypoints)
    message = (
        f"training.csv: the eyes of {count:,} of {len(eyes):,} rows are less than "
        f"{_MIN_EYE_DISTANCE:g} px apart (median {np.median(eyes):.2g} px; labels lie between "
        f"{low:.3g} and {high:.3g}); give labels in pixels of the 96 x 96 image"
    )
    return DataIssue("scaled_labels", count, message)


def _find_turned(keypoints: Points) -> DataIssue | None:
    """Find rows whose face is not upright: by the directions between the eyes and to the mouth."""
    left, right = keypoints[:, LEFT_EYE], keypoints[:, RIGHT_EYE]
    across = left - right
    down = keypoints[:, KEYPOINTS.index("mouth_center_bottom_lip")] - (left + right) / 2
    known = np.isfinite(across + down).all(axis=1)
    across, down = across[known], down[known]
    level = np.abs(across[:, 0]) >= np.abs(across[:, 1])
    above = down[:, 1] > 0
    reading = np.select(
        [
            level & above & (across[:, 0] > 0),
            level & above,
            level & (across[:, 0] > 0),
            level,
        ],
        ["upright", "left and right swapped", "upside down", "rotated by 180 degrees"],
        default="x and y swapped",
    )
    turned = pd.Series(reading[reading != "upright"])
    if len(turned) < max(MIN_WRONG, _MAX_WRONG * len(reading)):
        return None
    counts = turned.value_counts()
    message = (
        f"training.csv: the labels of {len(turned):,} of {len(reading):,} rows are "
        f"{counts.index[0]}; left is the subject's left, with the larger x, and y points down"
    )
    return DataIssue("swapped_labels", len(turned), message)


def _find_misplaced(keypoints: Points, population: npt.NDArray[np.int8]) -> list[DataIssue]:
    """Find columns whose median is that of another column, or of none."""
    from scipy.optimize import linear_sum_assignment

    issues = []
    for code, name in enumerate(POPULATIONS):
        rows = keypoints[population == code]
        if len(rows) < _MIN_ROWS_OF_MEDIAN:
            continue
        which = np.arange(NUM_KEYPOINTS) if code == 0 else np.array(POPULATION_B_INDEX)
        labels = pd.DataFrame(rows[:, which].reshape(len(rows), -1))
        known = np.flatnonzero(labels.notna().sum() >= _MIN_ROWS_OF_MEDIAN)
        medians, expected = labels.median().to_numpy()[known], MEAN_FACES[code].ravel()[known]
        for axis in (0, 1):  # a shift of all labels is for ``check_match`` to find
            medians[known % 2 == axis] -= np.median((medians - expected)[known % 2 == axis])
        columns = [COORDINATE_COLUMNS[2 * which[i // 2] + i % 2] for i in known]
        _, nearest = linear_sum_assignment(np.square(medians[:, None] - expected))
        gain = np.abs(medians - expected) - np.abs(medians - expected[nearest])
        exchanged = np.flatnonzero(gain >= _MIN_EXCHANGE)
        far = np.flatnonzero(np.abs(medians - expected) > _MAX_DEVIATION)
        if len(exchanged) > 1:
            found = [columns[i] for i in exchanged]
            what = "columns look exchanged"
        elif len(far):
            found = [f"{columns[i]} (median {medians[i]:.1f}, not {expected[i]:.0f})" for i in far]
            what = "columns are far from where they should be"
        else:
            continue
        issues.append(
            DataIssue(
                "misplaced_labels",
                len(rows),
                f"training.csv: in the {len(rows):,} rows of population {name}, {what}: "
                f"{_list_columns(found)}",
            )
        )
    return issues


def _list_columns(found: list[str]) -> str:
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    return ", ".join(found[:4]) + more
