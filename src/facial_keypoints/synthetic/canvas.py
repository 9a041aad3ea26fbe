"""A grey picture with more pixels than asked for, to paint soft-edged shapes on."""

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.synthetic.head import Floats

Plane = npt.NDArray[np.float32]
Window = tuple[slice, slice]

SUPERSAMPLING: Final = 2
"""Canvas pixels per pixel of the picture, along each axis."""

SIDE: Final = IMAGE_SIZE * SUPERSAMPLING

_SHIFT: Final = 4
"""Fractional bits of the coordinates that OpenCV fills polygons by."""


def smooth_step(values: Any, low: Any, high: Any) -> Any:
    """0 below ``low``, 1 above ``high``, smooth between (``low`` may be the larger one)."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def enlarge(plane: npt.NDArray[Any], cubic: bool = False) -> Plane:
    """Any plane over the picture, resized to the canvas (pixel edges stay on pixel edges)."""
    how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    resized: Plane = cv2.resize(plane.astype(np.float32), (SIDE, SIDE), interpolation=how)
    return resized


def shrink(plane: Plane) -> Plane:
    """The canvas as the picture: each pixel is the mean of its canvas pixels."""
    small: Plane = cv2.resize(plane, (IMAGE_SIZE, IMAGE_SIZE), interpolation=cv2.INTER_AREA)
    return small


def mottle(rng: np.random.Generator, cells: tuple[int, int], shape: tuple[int, int]) -> Plane:
    """Smooth noise of mean 0 and deviation about 1: ``cells`` random values over ``shape``."""
    coarse = rng.standard_normal(cells).astype(np.float32)
    noise: Plane = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return noise


def ribbon(line: Floats, half_width: Any) -> Floats:
    """The outline (2n, 2) of a line (n, 2) with the given half width at each of its points."""
    along = np.empty_like(line)
    along[1:-1] = line[2:] - line[:-2]
    along[0], along[-1] = line[1] - line[0], line[-1] - line[-2]
    length = np.sqrt(np.einsum("ij,ij->i", along, along)) + 1e-6
    across = along[:, ::-1] * (half_width / length)[:, None] * [-1, 1]
    return np.concatenate([line + across, (line - across)[::-1]])


def ellipse(centre: Any, radii: tuple[float, float], steps: int = 28) -> Floats:
    """The outline (steps, 2) of an ellipse with upright axes."""
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return np.asarray(centre) + np.column_stack(
        [radii[0] * np.cos(angle), radii[1] * np.sin(angle)]
    )


def window_of(outline: Floats, margin: float = 1.0) -> Window:
    """The part of the canvas around an outline (..., 2) in pixels of the picture."""
    x, y = outline[..., 0], outline[..., 1]
    x0, x1, y0, y1 = (
        min(max(int((edge + side * margin) * SUPERSAMPLING) + (side > 0), 0), SIDE)
        for edge, side in ((x.min(), -1), (x.max(), 1), (y.min(), -1), (y.max(), 1))
    )
    return slice(y0, y1), slice(x0, x1)


def mask(outline: Floats, window: Window, soft: float = 0.0) -> Plane:
    """How much of each canvas pixel of a window an outline covers, 0 to 1.

    Args:
        outline: (n, 2) in pixels of the picture, edge to edge; or several, (k, n, 2).
        window: part of the canvas.
        soft: deviation of the blur of its edge, in pixels of the picture.
    """
    rows, columns = window
    filled = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    if not filled.size:  # the outline lies beside the picture
        return filled.astype(np.float32)
    # OpenCV's integer coordinates are pixel centres, ours are edges: half a canvas pixel less.
    corners = outline * SUPERSAMPLING - 0.5 - [columns.start, rows.start]
    fixed = np.rint(corners * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(
        filled, list(fixed) if fixed.ndim == 3 else [fixed], 255, lineType=cv2.LINE_AA, shift=_SHIFT
    )
    if soft:
        cv2.GaussianBlur(filled, (0, 0), soft * SUPERSAMPLING, dst=filled)
    return filled.astype(np.float32) * np.float32(1 / 255)


def blend(canvas: Plane, window: Window, cover: npt.NDArray[np.floating], value: Any) -> None:
    """Paint ``value`` (a grey or a plane) over a window by ``cover`` (0 to 1), in place."""
    part = canvas[window]
    part += cover * (value - part)


def fill(canvas: Plane, outline: Floats, value: Any, alpha: float = 1.0, soft: float = 0.0) -> None:
    """Paint the inside of an outline, in place; ``outline`` and ``soft`` as in ``mask``."""
    window = window_of(outline, 1 + 3 * soft)
    blend(canvas, window, np.float32(alpha) * mask(outline, window, soft), np.float32(value))
