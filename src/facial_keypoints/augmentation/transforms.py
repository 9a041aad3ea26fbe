"""Transforms of pictures and points.

Geometry is a 2x3 matrix in the edge-to-edge coordinates of ``keypoints``; points and pictures
move by the same one. OpenCV counts from pixel centres, half a pixel off, which ``warp`` alone
has to know.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from facial_keypoints.keypoints import IMAGE_SIZE, SWAP_INDEX
from facial_keypoints.parameters import AugmentParameters

Images = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]

_BORDERS = {"black": cv2.BORDER_CONSTANT, "replicate": cv2.BORDER_REPLICATE}


@dataclass(frozen=True)
class Transform:
    """One step of the recipe.

    Attributes:
        name: what it does, for accounts and plots.
        images: from uint8 (n, 96, 96) and a random generator to the same shape.
        matrix: how points move, 2x3; None where they stay.
        mirrored: left and right change names.
        keep_inside: samples of which a point leaves the picture are dropped.
    """

    name: str
    images: Callable[[Images, np.random.Generator], Images]
    matrix: Matrix | None = None
    mirrored: bool = False
    keep_inside: bool = False


def recipe(augment: AugmentParameters) -> list[Transform]:
    """The steps that the parameters name, in their order; no two have the same name."""
    centre = (IMAGE_SIZE / 2, IMAGE_SIZE / 2)
    steps = []
    if augment.flip:
        mirror = np.array([[-1.0, 0.0, IMAGE_SIZE], [0.0, 1.0, 0.0]])
        steps.append(Transform("flip", lambda images, _: images[:, :, ::-1], mirror, mirrored=True))
    steps += [
        _geometric(
            f"rotate {angle:+g}", cv2.getRotationMatrix2D(centre, angle, 1.0), augment.border
        )
        for angle in augment.rotations
    ]
    steps += [
        Transform(f"brightness {factor:g}", _brightness(factor)) for factor in augment.brightness
    ]
    for x, y in augment.shifts:
        matrix = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
        shift = _geometric(f"shift {x:+g},{y:+g}", matrix, augment.border)
        steps.append(replace(shift, keep_inside=True))
    steps += [Transform(f"noise {share:g}", _noise(share)) for share in augment.noise]
    named = Counter[str]()
    for i, step in enumerate(steps):
        named[step.name] += 1
        if named[step.name] > 1:
            steps[i] = replace(step, name=f"{step.name} #{named[step.name]}")
    return steps


def move_points(points: npt.NDArray[np.float32], step: Transform) -> npt.NDArray[np.float32]:
    """Points (n, 15, 2) after ``step``; NaN stays NaN."""
    if step.matrix is not None:
        points = (points @ step.matrix[:, :2].T + step.matrix[:, 2]).astype(np.float32)
    return points[:, SWAP_INDEX] if step.mirrored else points


def stays_inside(points: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Bool (n,): every known point lies strictly inside the picture."""
    with np.errstate(invalid="ignore"):
        outside = (points <= 0) | (points >= IMAGE_SIZE)
    return np.asarray(~outside.any(axis=(1, 2)))


def warp(images: Images, matrix: Matrix, border: str = "black") -> Images:
    """Pictures (n, 96, 96) moved by ``matrix``, bilinearly.

    Args:
        images: uint8 (n, 96, 96).
        matrix: 2x3, from old to new edge-to-edge coordinates.
        border: "black", or "replicate" for the nearest edge pixel.
    """
    centred = matrix.copy()
    centred[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    size = (IMAGE_SIZE, IMAGE_SIZE)
    moved = np.empty_like(images)
    for image, target in zip(images, moved, strict=True):
        cv2.warpAffine(
            image, centred, size, dst=target, flags=cv2.INTER_LINEAR, borderMode=_BORDERS[border]
        )
    return moved


def _geometric(name: str, matrix: Matrix, border: str) -> Transform:
    return Transform(name, lambda images, _: warp(images, matrix, border), matrix)


def _brightness(factor: float) -> Callable[[Images, np.random.Generator], Images]:
    grey = np.clip(np.rint(np.arange(256) * factor), 0, 255).astype(np.uint8)
    return lambda images, _: grey[images]


def _noise(share: float) -> Callable[[Images, np.random.Generator], Images]:
    # Pixels are whole numbers, so rounding the noise is the same as rounding the sum. Looking
    # random 16-bit numbers up in a table of the normal distribution's quantiles is several times
    # faster than drawing normal numbers.
    quantiles = ndtri((np.arange(2**16) + 0.5) / 2**16)
    table = np.rint(255 * share * quantiles).astype(np.int16)

    def add(images: Images, generator: np.random.Generator) -> Images:
        draws = generator.integers(2**16, size=images.shape, dtype=np.uint16)
        noisy: Images = np.clip(images + table[draws], 0, 255).astype(np.uint8)
        return noisy

    return add
