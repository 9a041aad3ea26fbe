"""Check all images together: without content, transformed, or not those of the labels."""

from collections.abc import Callable
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

from facial_keypoints.archive.data_issues import MEAN_FACES, MIN_ROWS, DataIssue
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import IMAGE_SIZE, LEFT_EYE, POPULATIONS, RIGHT_EYE
from facial_keypoints.parameters import DataCheck

Images = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.intp]

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


def check_contents(images: Images, table: str) -> list[DataIssue]:
    """Find images without content, and pixels on another scale than 0 to 255.

    Args:
        images: uint8 (n, 96, 96).
        table: Name of their file.
    """
    flat = images.reshape(len(images), -1)
    greys = np.array([np.count_nonzero(np.bincount(image)) for image in flat])
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
    if len(images) >= MIN_ROWS and brightest < _MIN_BRIGHTEST:
        message = f"{table}: no pixel is brighter than {brightest}; pixels are from 0 to 255"
        return [DataIssue("scaled_images", len(images), message, "warning")]
    return []


def check_match(faces: FaceSet, judged: npt.NDArray[np.bool_]) -> list[DataIssue]:
    """Find images that do not belong to their labels: eyes are darker than what is around them.

    Args:
        faces: Training faces.
        judged: Bool (n,), the rows to judge by.
    """
    eyes = [LEFT_EYE, RIGHT_EYE]
    labelled = np.isfinite(faces.keypoints[:, eyes]).all(axis=(1, 2))
    rows, count = np.flatnonzero(labelled & judged), int(judged.sum())
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
        return [_shifted(framing, count)]
    if min(readings[best], shifted) < own.mean() - _MIN_GAIN:
        if shifted < readings[best]:
            is_far = np.abs(shift).max() >= _MIN_OFFSET
            return [_shifted(shift, count)] if is_far else []
        check: DataCheck = "inverted_images" if best == "negatives" else "turned_images"
        message = f"training.csv: the images are {best} by the labels; correct the images"
        return [DataIssue(check, count, message)]
    for name, of in _groups(faces.population[rows]).items():
        others = _at(contrast[of], np.roll(points[of], len(of) // 3, axis=0)).mean()
        error = own[of].std() / np.sqrt(len(of))
        if own[of].mean() - others > _MIN_MATCH * error:
            message = (
                f"training.csv: the labels{name} fit their images no better than those of other "
                "rows; rows look shuffled"
            )
            return [DataIssue("shuffled_labels", count, message)]
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
    expected = MEAN_FACES[0][[LEFT_EYE, RIGHT_EYE]].mean(axis=0)
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


def check_test_images(training: Images, test: Images) -> list[DataIssue]:
    """Find test images that are transformed, by their mean and that of the training images.

    Args:
        training: uint8 (n, 96, 96).
        test: uint8 (m, 96, 96).
    """
    if min(len(training), len(test)) < _MIN_TEST_IMAGES:
        return []
    mean, expected = test.mean(axis=0), training.mean(axis=0)
    alike = _correlation(mean, expected)
    readings = {  # a mean face is nearly symmetric: its mirror image is not distinguished
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
