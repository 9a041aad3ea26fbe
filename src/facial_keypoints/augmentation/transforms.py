"""Define the offline transforms of images and keypoints (NumPy and OpenCV)."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from facial_keypoints.augmentation.geometry import (
    to_pixel_centres,
    transform_matrix,
    transform_points,
)
from facial_keypoints.keypoints import IMAGE_SIZE, SWAP_INDEX
from facial_keypoints.parameters import AugmentParameters

Images = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.floating]

_BORDERS: Final = {"black": cv2.BORDER_CONSTANT, "replicate": cv2.BORDER_REPLICATE}


@dataclass(frozen=True)
class Transform:
    """One step of the recipe.

    Attributes:
        name: For summaries and plots.
        images: Function of uint8 (n, 96, 96) and a random generator to the same shape.
        matrix: (1, 3, 3), how keypoints move (see ``geometry``); None where they stay.
        mirrored: Whether keypoints swap with their partners.
        keep_inside: Whether to drop samples with a keypoint on or beyond the border.
    """

    name: str
    images: Callable[[Images, np.random.Generator], Images]
    matrix: Matrix | None = None
    mirrored: bool = False
    keep_inside: bool = False

    def keypoints(self, points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return keypoints (n, 15, 2) in pixels after the transform; NaN stays NaN."""
        if self.matrix is not None:
            points = transform_points(points, self.matrix).astype(np.float32)
        return points[:, SWAP_INDEX] if self.mirrored else points

    def labelled(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return the mask of labelled keypoints (n, 15) after the transform."""
        return mask[:, SWAP_INDEX] if self.mirrored else mask


def recipe(augment: AugmentParameters) -> list[Transform]:
    """Return the transforms that the parameters name, in their order, each with its own name."""
    steps = [_flip()] if augment.flip else []
    steps += [_rotation(angle, augment.border) for angle in augment.rotations]
    steps += [_brightness(factor) for factor in augment.brightness]
    steps += [_shift(x, y, augment.border) for x, y in augment.shifts]
    steps += [_noise(deviation) for deviation in augment.noise]
    seen = Counter[str]()
    for i, step in enumerate(steps):
        seen[step.name] += 1
        if seen[step.name] > 1:
            steps[i] = replace(step, name=f"{step.name} #{seen[step.name]}")
    return steps


def are_inside(points: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return which faces have all their known keypoints strictly inside the image.

    Args:
        points: Float (n, 15, 2) in pixels, NaN where unlabelled.

    Returns:
        Bool (n,).
    """
    with np.errstate(invalid="ignore"):
        outside = (points <= 0) | (points >= IMAGE_SIZE)
    return np.asarray(~outside.any(axis=(1, 2)))


def warp(images: Images, matrix: Matrix, border: str = "black") -> Images:
    """Warp images by an affine transform, with bilinear interpolation.

    Args:
        images: uint8 (n, 96, 96).
        matrix: (1, 3, 3), from old to new coordinates (see ``geometry``).
        border: Fill of uncovered pixels: "black", or "replicate" for the nearest edge pixel.

    Returns:
        uint8 (n, 96, 96).
    """
    affine = to_pixel_centres(matrix)[0, :, :2].T  # OpenCV multiplies column vectors
    size = (IMAGE_SIZE, IMAGE_SIZE)
    warped = np.empty_like(images)
    for image, target in zip(images, warped, strict=True):
        cv2.warpAffine(
            image, affine, size, dst=target, flags=cv2.INTER_LINEAR, borderMode=_BORDERS[border]
        )
    return warped


def _flip() -> Transform:
    matrix = transform_matrix(np, scale_x=-1.0)
    return Transform("flip", lambda images, _: images[:, :, ::-1], matrix, mirrored=True)


def _rotation(angle: float, border: str) -> Transform:
    matrix = transform_matrix(np, rotation=math.radians(angle))
    return Transform(f"rotate {angle:+g}", lambda images, _: warp(images, matrix, border), matrix)


def _shift(x: float, y: float, border: str) -> Transform:
    matrix = transform_matrix(np, shift_x=x, shift_y=y)
    return Transform(
        f"shift {x:+g},{y:+g}",
        lambda images, _: warp(images, matrix, border),
        matrix,
        keep_inside=True,
    )


def _brightness(factor: float) -> Transform:
    grey = np.clip(np.rint(np.arange(256) * factor), 0, 255).astype(np.uint8)
    return Transform(f"brightness {factor:g}", lambda images, _: grey[images])


def _noise(deviation: float) -> Transform:
    from scipy.special import ndtri

    # A table of the normal distribution's quantiles, indexed by random 16-bit numbers, is several
    # times faster than normal numbers. Pixels are integers: round(pixel + x) = pixel + round(x).
    quantiles = ndtri((np.arange(2**16) + 0.5) / 2**16)
    table = np.rint(255 * deviation * quantiles).astype(np.int16)

    def add(images: Images, generator: np.random.Generator) -> Images:
        draws = generator.integers(2**16, size=images.shape, dtype=np.uint16)
        noisy: Images = np.clip(images + table[draws], 0, 255).astype(np.uint8)
        return noisy

    return Transform(f"noise {deviation:g}", add)
