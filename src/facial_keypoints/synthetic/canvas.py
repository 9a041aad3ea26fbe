"""Painting soft-edged shapes on a grey image of more pixels than the final one."""

from typing import Any, Final

import cv2
import numpy as np

from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.synthetic.head import Floats, Plane

SUPERSAMPLING: Final = 2
"""Canvas pixels per image pixel, along each axis."""

SIDE: Final = IMAGE_SIZE * SUPERSAMPLING

_SHIFT: Final = 4
"""Fractional bits of the coordinates that OpenCV fills polygons by."""


def noise(rng: np.random.Generator, rows: int, columns: int) -> Plane:
    """Return smooth noise over the canvas, of mean 0 and standard deviation about 1.

    Args:
        rng: source of the values.
        rows: random values along y; fewer are smoother.
        columns: random values along x.

    Returns:
        float32 (SIDE, SIDE).
    """
    coarse = rng.standard_normal((rows, columns), np.float32)
    return np.asarray(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))


def ribbon(line: Floats, half_width: Any) -> Floats:
    """Return the outline (2n, 2) of a line with a width.

    Args:
        line: (n, 2).
        half_width: a number, or one for each point (n,).
    """
    along = np.gradient(line, axis=0)
    across = along[:, ::-1] * [-1, 1] / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-6)
    across *= np.reshape(half_width, (-1, 1))
    return np.asarray(np.concatenate([line + across, (line - across)[::-1]]))


def ellipse(centre: Any, radii: Any) -> Floats:
    """Return the outline (24, 2) of an upright ellipse.

    Args:
        centre: x and y.
        radii: half axes along x and y.
    """
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    unit = np.column_stack([np.cos(angle), np.sin(angle)])
    return np.asarray(centre + unit * radii)


def fill(
    canvas: Plane,
    outline: Floats,
    value: Any = 1.0,
    alpha: float = 1.0,
    soft: float = 0.0,
    clip: Plane | None = None,
) -> Plane:
    """Paint the inside of an outline, in place.

    Args:
        canvas: float32 (SIDE, SIDE), greys from 0 to 1.
        outline: (n, 2) in image pixels, edge to edge.
        value: the grey, or a plane of greys (SIDE, SIDE).
        alpha: opacity, 0 to 1.
        soft: standard deviation of the blur of the edge, in image pixels.
        clip: float32 (SIDE, SIDE), further opacity of each canvas pixel.

    Returns:
        The canvas.
    """
    corners, margin = outline * SUPERSAMPLING, SUPERSAMPLING * (1 + 3 * soft)
    left, top = np.clip(np.floor(corners.min(axis=0) - margin), 0, SIDE).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(axis=0) + margin), 0, SIDE).astype(int)
    if left >= right or top >= bottom:
        return canvas  # outside of the image
    window = slice(top, bottom), slice(left, right)
    cover = np.zeros((bottom - top, right - left), np.uint8)
    # OpenCV's integer coordinates are pixel centres, ours are edges: half a canvas pixel less.
    fixed = np.rint((corners - 0.5 - [left, top]) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(cover, [fixed], 255, lineType=cv2.LINE_AA, shift=_SHIFT)
    if soft:
        cv2.GaussianBlur(cover, (0, 0), soft * SUPERSAMPLING, dst=cover)
    weight = cover * np.float32(alpha / 255)
    if clip is not None:
        weight *= clip[window]
    grey = value[window] if isinstance(value, np.ndarray) else np.float32(value)
    canvas[window] += weight * (grey - canvas[window])
    return canvas
