"""Check whole tables for data that can be read but are not what they claim to be.

Cells are checked by ``tables``. These checks look at all rows together: labels that are filled in,
scaled, swapped or shifted, images without content, and images that do not belong to the labels.

The limits lie between what Kaggle's labels, its 55 published rows with images, a set of 5,933 real
faces in Kaggle's layout and 26 synthetic competitions of 20 to 1,500 faces show, and what the same
data show once they are spoilt. Each constant gives both numbers.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import (
    COORDINATE_COLUMNS,
    IMAGE_SIZE,
    KEYPOINTS,
    LEFT_EYE,
    NUM_KEYPOINTS,
    POPULATION_B_INDEX,
    POPULATIONS,
    RIGHT_EYE,
)
from facial_keypoints.parameters import DataCheck

logger = logging.getLogger(__name__)

Points = npt.NDArray[np.floating]
Images = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.intp]

_MEAN_FACES: Final = (
    # Kaggle's training.csv, rows of population A
    np.array(
        [
            *([66.1, 36.9], [29.7, 37.1], [59.2, 37.9], [73.3, 37.7], [36.7, 38.0], [22.4, 38.0]),
            *([56.1, 29.3], [79.5, 29.7], [39.3, 29.5], [15.9, 30.4], [47.9, 57.4], [63.3, 76.0]),
            *([32.9, 76.2], [48.0, 72.9], [48.0, 82.4]),
        ]
    ),
    # the same of population B
    np.array([[66.5, 38.0], [30.6, 38.4], [48.6, 65.3], [48.8, 77.3]]),
)
"""Mean labels in pixels. Those of the other honest sets are up to 8.7 px away (nose, B)."""

_MIN_ROWS: Final = 10
"""Rows from which on the labels of a table are judged; the mean of a keypoint is then known to
1.6 px."""
_MIN_REPEATS: Final = 5
"""Rows with exactly the same point. No point occurs twice among Kaggle's, the real or the synthetic
labels."""
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
_MIN_WRONG: Final = 4
_MAX_WRONG: Final = 0.05
"""Rows, and fraction of rows, with such eyes or with a face that is not upright: at most 0.5 % in
honest sets."""
_MIN_ROWS_OF_MEDIAN: Final = 15
_MIN_EXCHANGE: Final = 5.0
"""Pixels by which the medians of two columns must be nearer to other columns' than to their own: at
most 3.8 in 1,500 draws of 15 rows each of honest sets; exchanged eye corners gain 14."""
_MAX_DEVIATION: Final = 15.0
"""Pixels between the median of a column and Kaggle's mean: at most 7.8 in the same draws."""

_SAMPLED_ROWS: Final = 500
"""Rows whose images are compared with the labels."""
_MIN_IMAGES: Final = 20
_MIN_IMAGES_OF_MATCH: Final = 40
_MAX_OFFSET: Final = 20
"""Pixels to each side within which the eyes are searched."""
_MIN_OFFSET: Final = 4
"""Pixels; the darkest place is at most 2 px from the labelled eyes in honest sets of 20 rows."""
_MIN_FRAMING: Final = 5
"""Pixels between the median eyes and Kaggle's, if the eyes are not darker at their labels; less
than 3 in honest sets of 20 rows."""
_MIN_GAIN: Final = 0.3
"""By which another reading must be darker at the eyes, in standard deviations of the image: a shift
gains at most 0.2 in honest sets, a mirror loses 0.35 or more."""
_MIN_MATCH: Final = -2.5
"""Standard errors by which eyes are darker at their own labels than at those of other rows: -3.3 or
less in honest sets of 40 rows, about 0 if labels and images are shuffled."""

_MIN_GREYS: Final = 8
"""Grey values of an image; the poorest honest image has 45."""
_MIN_BRIGHTEST: Final = 128
"""Brightest pixel of a whole table: 255 in honest sets."""
_MIN_TEST_IMAGES: Final = 10
_MIN_CORRELATION: Final = 0.3
"""Of the mean test and training images: 0.61 or more in honest sets of 12 test images."""
_MIN_CORRELATION_GAIN: Final = 0.05
"""By which a transformed mean test image must be more like the mean training image; it is less
alike by 0.09 or more in honest sets of 12 test images."""
_MAX_REPEATED: Final = 0.05
"""Fraction of rows that show one image; Kaggle's most frequent image occurs a few times."""
_MAX_FRACTION: Final = 0.1
"""Fraction of repeated rows, of test images in training.csv, and of test images without a requested
value; none occurs in honest sets."""


@dataclass(frozen=True)
class DataIssue:
    """What a table looks like, other than it claims.

    Attributes:
        check: Name of the check, for ``clean.accept``.
        count: Number of labels, rows or images.
        message: What is wrong and how to correct it.
        severity: "error" where the data have no sensible reading.
        accepted: Whether ``clean.accept`` names the check.
    """

    check: DataCheck
    count: int
    message: str
    severity: Literal["error", "warning"] = "error"
    accepted: bool = False


@dataclass(frozen=True)
class DataIssues:
    """All findings about the tables.

    Attributes:
        found: Those that were not refused.
    """

    found: list[DataIssue]


def check_data(
    faces: FaceSet, test_faces: FaceSet, lookup: pd.DataFrame, accept: Sequence[DataCheck]
) -> DataIssues:
    """Return what the tables look like, other than they claim, and log it as warnings.

    Args:
        faces: Training faces, as they are in training.csv.
        test_faces: Test faces.
        lookup: The lookup table: RowId, ImageId and FeatureName.
        accept: Checks whose findings are meant so.

    Raises:
        InputError: if a finding has no sensible reading and is not accepted.
    """
    issues = [
        replace(issue, accepted=issue.check in accept)
        for issue in find_data_issues(faces, test_faces, lookup)
    ]
    refused = [issue for issue in issues if issue.severity == "error" and not issue.accepted]
    for issue in issues:
        if issue not in refused:
            state = " (accepted)" if issue.accepted else ""
            logger.warning("%s: %s%s", issue.check, issue.message, state)
    if refused:
        names = "+".join(dict.fromkeys(issue.check for issue in refused))
        raise InputError(
            f"{'; '.join(f'{issue.check}: {issue.message}' for issue in refused)}. If the data are "
            f"meant so: --params clean.accept={names}"
        )
    return DataIssues(issues)


def find_data_issues(faces: FaceSet, test_faces: FaceSet, lookup: pd.DataFrame) -> list[DataIssue]:
    """Return what the tables look like, other than they claim.

    Args:
        faces: Training faces, as they are in training.csv.
        test_faces: Test faces.
        lookup: The lookup table: RowId, ImageId and FeatureName.
    """
    distinct = faces.select(_distinct_rows(faces))
    labels = _check_labels(distinct)
    contents = [
        *_check_contents(faces.images, "training.csv"),
        *_check_contents(test_faces.images, "test.csv"),
    ]
    issues = [*_check_repeats(faces, test_faces), *labels, *contents]
    if not any(issue.severity == "error" for issue in issues):
        issues += _check_match(distinct) or _check_test_images(faces.images, test_faces.images)
    return [*issues, *_check_tables(faces, test_faces, lookup)]


def _distinct_rows(faces: FaceSet) -> npt.NDArray[np.bool_]:
    """Return which rows differ from all earlier ones in image or labels, bool (n,)."""
    table = pd.DataFrame(faces.keypoints.reshape(len(faces), -1)).assign(group=faces.group)
    return ~table.duplicated().to_numpy()


# Labels


def _check_labels(faces: FaceSet) -> list[DataIssue]:
    if len(faces) < _MIN_ROWS:
        return []
    issues = _find_filled(faces.keypoints)
    if scaled := _find_scaled(faces.keypoints):
        return [*issues, scaled]
    if turned := _find_turned(faces.keypoints):
        return [*issues, turned]
    return issues or _find_misplaced(faces)


def _find_filled(keypoints: Points) -> list[DataIssue]:
    """Find points or coordinates that many rows share exactly."""
    found: dict[str, tuple[int, str]] = {}
    for index, name in enumerate(KEYPOINTS):
        points = pd.DataFrame(keypoints[:, index], columns=["x", "y"]).dropna()
        counts = points.value_counts()
        if len(counts) and counts.iloc[0] >= _filled_from(counts):
            x, y = counts.index[0]
            found[name] = (int(counts.iloc[0]), f"at exactly ({x:g}, {y:g})")
            continue
        for axis in "xy":
            counts = points[axis].value_counts()
            if len(counts) and counts.iloc[0] >= max(_CONSTANT * len(points), _filled_from(counts)):
                found[name] = (int(counts.iloc[0]), f"with {axis} = {counts.index[0]:g}")
    counts = pd.DataFrame(keypoints.reshape(-1, 2), columns=["x", "y"]).value_counts()
    if not found and len(counts) and counts.iloc[0] >= _filled_from(counts):
        x, y = counts.index[0]
        found["several keypoints"] = (int(counts.iloc[0]), f"at exactly ({x:g}, {y:g})")
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


def _find_filled_within_rows(keypoints: Points) -> list[DataIssue]:
    """Find rows in which several keypoints share a point, such as the mean of the row."""
    points = pd.DataFrame(keypoints.reshape(-1, 2), columns=["x", "y"])
    points.insert(0, "row", np.repeat(np.arange(1, len(keypoints) + 1), NUM_KEYPOINTS))
    counts = points.dropna().value_counts()
    counts = counts[counts >= _MIN_SAME_POINT]
    if len(counts) < _MIN_REPEATS:
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
    return max(_MIN_REPEATS, _REPEAT_RATIO * third)


def _find_scaled(keypoints: Points) -> DataIssue | None:
    eyes = np.linalg.norm(keypoints[:, LEFT_EYE] - keypoints[:, RIGHT_EYE], axis=1)
    eyes = eyes[np.isfinite(eyes)]
    count = int((eyes < _MIN_EYE_DISTANCE).sum())
    if count < max(_MIN_WRONG, _MAX_WRONG * len(eyes)):
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
    if len(turned) < max(_MIN_WRONG, _MAX_WRONG * len(reading)):
        return None
    counts = turned.value_counts()
    message = (
        f"training.csv: the labels of {len(turned):,} of {len(reading):,} rows are "
        f"{counts.index[0]}; left is the subject's left, with the larger x, and y points down"
    )
    return DataIssue("swapped_labels", len(turned), message)


def _find_misplaced(faces: FaceSet) -> list[DataIssue]:
    """Find columns whose median is that of another column, or of none."""
    issues = []
    for code, name in enumerate(POPULATIONS):
        rows = faces.keypoints[faces.population == code]
        if len(rows) < _MIN_ROWS_OF_MEDIAN:
            continue
        which = np.arange(NUM_KEYPOINTS) if code == 0 else np.array(POPULATION_B_INDEX)
        labels = pd.DataFrame(rows[:, which].reshape(len(rows), -1))
        known = np.flatnonzero(labels.notna().sum() >= _MIN_ROWS_OF_MEDIAN)
        medians, expected = labels.median().to_numpy()[known], _MEAN_FACES[code].ravel()[known]
        for axis in (0, 1):  # a shift of all labels is for ``_check_match`` to find
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


# Images


def _check_contents(images: Images, table: str) -> list[DataIssue]:
    """Find images without content, and pixels on another scale than 0 to 255."""
    flat = images.reshape(len(images), -1)
    greys = np.array([len(np.unique(image)) for image in flat])
    poor = int((greys < _MIN_GREYS).sum())
    if poor:
        severity: Literal["error", "warning"] = "error" if 2 * poor > len(images) else "warning"
        message = (
            f"{table}: {poor:,} of {len(images):,} images have fewer than {_MIN_GREYS} grey values "
            f"(row {int(np.argmax(greys < _MIN_GREYS)) + 1} has {greys[greys < _MIN_GREYS][0]}); "
            "pixels are integers from 0 to 255"
        )
        return [DataIssue("flat_images", poor, message, severity)]
    brightest = int(flat.max())
    if len(images) >= _MIN_ROWS and brightest < _MIN_BRIGHTEST:
        message = f"{table}: no pixel is brighter than {brightest}; pixels are from 0 to 255"
        return [DataIssue("scaled_images", len(images), message, "warning")]
    return []


def _check_match(faces: FaceSet) -> list[DataIssue]:
    """Find images that do not belong to their labels: eyes are darker than what is around them."""
    eyes = [LEFT_EYE, RIGHT_EYE]
    rows = np.flatnonzero(np.isfinite(faces.keypoints[:, eyes]).all(axis=(1, 2)))
    if len(rows) < _MIN_IMAGES:
        return []
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLED_ROWS)).astype(int)]
    points = np.clip(faces.keypoints[rows][:, eyes], 0, IMAGE_SIZE - 1).astype(int)
    contrast = _local_contrast(faces.images[rows])
    own = _at(contrast, points).mean(axis=1)
    readings = {
        "negatives": -float(own.mean()),
        **{name: float(_at(contrast, at(points)).mean()) for name, at in _TRANSFORMS.items()},
    }
    best = min(readings, key=lambda name: readings[name])
    shift, shifted = _find_shift(contrast, points)
    framing, framed = _find_framing(contrast, points)
    if framed < own.mean() and np.abs(framing).max() >= _MIN_FRAMING:
        return [_shifted(framing, len(faces))]
    if min(readings[best], shifted) < own.mean() - _MIN_GAIN:
        if shifted < readings[best]:
            is_far = np.abs(shift).max() >= _MIN_OFFSET
            return [_shifted(shift, len(faces))] if is_far else []
        check: DataCheck = "inverted_images" if best == "negatives" else "turned_images"
        message = f"training.csv: the images are {best} by the labels; correct the images"
        return [DataIssue(check, len(faces), message)]
    for name, of in _groups(faces.population[rows]).items():
        others = _at(contrast[of], np.roll(points[of], len(of) // 3, axis=0)).mean()
        error = own[of].std() / np.sqrt(len(of))
        if own[of].mean() - others > _MIN_MATCH * error:
            message = (
                f"training.csv: the labels{name} fit their images no better than those of other "
                "rows; rows look shuffled"
            )
            return [DataIssue("shuffled_labels", len(faces), message)]
    return []


def _groups(population: npt.NDArray[np.int8]) -> dict[str, npt.NDArray[np.intp]]:
    """Return the positions of all rows and of each population, where there are enough."""
    groups = {"": np.arange(len(population))}
    for code, name in enumerate(POPULATIONS):
        groups[f" of population {name}"] = np.flatnonzero(population == code)
    return {name: of for name, of in groups.items() if len(of) >= _MIN_IMAGES_OF_MATCH}


def _mirror(points: Pixels, axes: list[int]) -> Pixels:
    mirrored = points.copy()
    mirrored[..., axes] = IMAGE_SIZE - 1 - points[..., axes]
    return mirrored


_TRANSFORMS: Final[dict[str, Callable[[Pixels], Pixels]]] = {
    "mirrored": lambda points: _mirror(points, [0]),
    "upside down": lambda points: _mirror(points, [1]),
    "rotated by 180 degrees": lambda points: _mirror(points, [0, 1]),
    "transposed (rows as columns)": lambda points: points[..., ::-1],
    "rotated to the right": lambda points: _mirror(points[..., ::-1], [0]),
    "rotated to the left": lambda points: _mirror(points[..., ::-1], [1]),
}
"""Where the labelled points are if the images are transformed so."""


def _local_contrast(images: Images) -> npt.NDArray[np.float32]:
    """Return how much brighter 5 x 5 pixels are than 25 x 25, in standard deviations."""
    grey = images.astype(np.float32)
    return np.stack(
        [(cv2.blur(i, (5, 5)) - cv2.blur(i, (25, 25))) / (float(i.std()) + 1) for i in grey]
    )


def _at(contrast: npt.NDArray[np.float32], points: Pixels) -> npt.NDArray[np.float32]:
    """Return the contrast at integer points (n, k, 2), (n, k)."""
    rows = np.arange(len(points))[:, None]
    return np.asarray(contrast[rows, points[..., 1], points[..., 0]])


def _shifted(correction: tuple[int, int], rows: int) -> DataIssue:
    message = (
        f"training.csv: the labels are shifted by about {-correction[0]:+d}, {-correction[1]:+d} "
        "px against the images; correct the labels"
    )
    return DataIssue("shifted_labels", rows, message)


def _find_framing(
    contrast: npt.NDArray[np.float32], points: Pixels
) -> tuple[tuple[int, int], float]:
    """Return the shift of all eyes to where Kaggle's are, x and y, and the contrast there.

    Own data may frame the faces in another way; then the shifted eyes are brighter.
    """
    expected = _MEAN_FACES[0][[LEFT_EYE, RIGHT_EYE]].mean(axis=0)
    x, y = np.round(expected - np.median(points.mean(axis=1), axis=0)).astype(int).tolist()
    moved = np.clip(points + np.array([x, y]), 0, IMAGE_SIZE - 1)
    return (x, y), float(_at(contrast, moved).mean())


def _find_shift(contrast: npt.NDArray[np.float32], points: Pixels) -> tuple[tuple[int, int], float]:
    """Return the shift of all points by which they are darkest, x and y, and the contrast there."""
    reach = range(-_MAX_OFFSET, _MAX_OFFSET + 1)
    shifts = {
        (x, y): float(_at(contrast, np.clip(points + np.array([x, y]), 0, IMAGE_SIZE - 1)).mean())
        for y in reach
        for x in reach
    }
    best = min(shifts, key=lambda shift: shifts[shift])
    return best, shifts[best]


def _check_test_images(training: Images, test: Images) -> list[DataIssue]:
    """Find test images that are transformed, by their mean and that of the training images."""
    if min(len(training), len(test)) < _MIN_TEST_IMAGES:
        return []
    mean, expected = test.mean(axis=0), training.mean(axis=0)
    alike = _correlation(mean, expected)
    readings = {  # a mean face is nearly symmetric, so that its mirror image is not told apart
        "negatives": [-alike],
        "upside down": [
            _correlation(turned, expected) for turned in (mean[::-1], mean[::-1, ::-1])
        ],
        "turned by 90 degrees, or rows are columns": [
            _correlation(turned, expected)
            for turned in (mean.T, mean.T[::-1], mean.T[:, ::-1], mean.T[::-1, ::-1])
        ],
    }
    best = max(readings, key=lambda name: max(readings[name]))
    if max(readings[best]) >= alike + _MIN_CORRELATION_GAIN:
        message = f"test.csv: the images are {best}, compared with the training images"
    elif alike < _MIN_CORRELATION:
        message = f"test.csv: the images do not look like the training images ({alike:.2f})"
    else:
        return []
    return [DataIssue("test_images", len(test), f"{message}; correct the images")]


def _correlation(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


# Rows and tables


def _check_repeats(faces: FaceSet, test_faces: FaceSet) -> list[DataIssue]:
    """Find one image in many rows, and rows that repeat another exactly."""
    issues = []
    for table, images in {"training.csv": faces.images, "test.csv": test_faces.images}.items():
        most = int(pd.Series([image.tobytes() for image in images]).value_counts().iloc[0])
        if most >= max(_MIN_REPEATS, _MAX_REPEATED * len(images)):
            severity: Literal["error", "warning"] = "error" if 2 * most > len(images) else "warning"
            message = f"{table}: {most:,} of {len(images):,} rows show the same image"
            issues.append(DataIssue("identical_images", most, message, severity))
    repeated = int((~_distinct_rows(faces)).sum())
    if not issues and repeated >= max(_MIN_REPEATS, _MAX_FRACTION * len(faces)):
        message = (
            f"training.csv: {repeated:,} of {len(faces):,} rows repeat the image and the labels of "
            "an earlier row"
        )
        issues.append(DataIssue("repeated_rows", repeated, message, "warning"))
    return issues


def _check_tables(faces: FaceSet, test_faces: FaceSet, lookup: pd.DataFrame) -> list[DataIssue]:
    """Find test images that are in training.csv, or that the lookup table does not name."""
    known = {image.tobytes() for image in faces.images}
    n = len(test_faces)
    shared = sum(image.tobytes() in known for image in test_faces.images)
    unrequested = int((~np.isin(test_faces.group, lookup["ImageId"].to_numpy())).sum())
    findings: dict[DataCheck, tuple[int, str]] = {
        "shared_images": (shared, "are in training.csv as well"),
        "unrequested_images": (unrequested, "have no row in IdLookupTable.csv"),
    }
    return [
        DataIssue(check, count, f"test.csv: {count:,} of {n:,} images {what}", "warning")
        for check, (count, what) in findings.items()
        if count >= max(_MIN_WRONG, _MAX_FRACTION * n)
    ]
