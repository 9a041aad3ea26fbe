"""The one definition of geometric transforms, for images and keypoints alike.

A transform is a 3x3 matrix for row vectors in edge-to-edge pixels (see ``keypoints``):
``[x, y, 1] @ matrix = [u, v, w]`` moves a point to ``(u / w, v / w)``. The functions use operators
that NumPy arrays and TensorFlow tensors share, so that the offline transforms and those inside
the training pipeline are the same code.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from facial_keypoints.keypoints import IMAGE_SIZE

CENTRE: Final = IMAGE_SIZE / 2


def _translation(x: float, y: float) -> npt.NDArray[np.float32]:
    return np.array([[1, 0, 0], [0, 1, 0], [x, y, 1]], np.float32)


def transform_matrix(
    xp: Any,
    *,
    rotation: Any = 0.0,
    scale_x: Any = 1.0,
    scale_y: Any = 1.0,
    shear: Any = 0.0,
    shift_x: Any = 0.0,
    shift_y: Any = 0.0,
    perspective_x: Any = 0.0,
    perspective_y: Any = 0.0,
) -> Any:
    """Return matrices that scale and shear, then rotate, then shift about the image's centre.

    Args:
        xp: ``numpy`` or ``tensorflow``.
        rotation: Radians, positive counter-clockwise as seen. All arguments are scalars or (b,).
        scale_x: Factor on the width; negative mirrors.
        scale_y: Factor on the height.
        shear: Pixels to the right per pixel down.
        shift_x: Pixels to the right.
        shift_y: Pixels down.
        perspective_x: Growth of the denominator ``w`` per pixel from the centre.
        perspective_y: The same for y.

    Returns:
        float (b, 3, 3), with b = 1 for scalars.

    Example:
        >>> turned = transform_matrix(np, rotation=np.pi / 2)
        >>> transform_points(np.array([[[96.0, 48.0]]]), turned).round(6)
        array([[[48.,  0.]]])
    """
    zero, one = 0 * rotation, 0 * rotation + 1
    cosine, sine = xp.cos(rotation), xp.sin(rotation)
    form = _stack(
        xp, [scale_x * one, zero, zero, shear * one, scale_y * one, zero, zero, zero, one]
    )
    turn = _stack(xp, [cosine, -sine, zero, sine, cosine, zero, zero, zero, one])
    place = _stack(
        xp,
        [
            *(one, zero, perspective_x * one),
            *(zero, one, perspective_y * one),
            *(shift_x * one, shift_y * one, one),
        ],
    )
    return _about(form @ turn @ place, CENTRE)


def to_pixel_centres(matrix: Any) -> Any:
    """Return the transform for coordinates that count from pixel centres.

    OpenCV and TensorFlow warp images in such coordinates: pixel ``i`` lies at ``i``, here at
    ``i + 0.5``.

    Args:
        matrix: (..., 3, 3) in edge-to-edge pixels.

    Returns:
        (..., 3, 3) for coordinates that are half a pixel smaller.
    """
    return _about(matrix, -0.5)


def transform_points(points: Any, matrix: Any) -> Any:
    """Move points as their images are moved; NaN stays NaN.

    Args:
        points: float (..., p, 2) in pixels.
        matrix: (..., 3, 3), from ``transform_matrix``.

    Returns:
        float (..., p, 2).
    """
    moved = points @ matrix[..., :2, :2] + matrix[..., 2:, :2]
    return moved / (points @ matrix[..., :2, 2:] + matrix[..., 2:, 2:])


def _about(matrix: Any, centre: float) -> Any:
    """The transform in coordinates whose origin lies at ``centre`` in x and y."""
    return _translation(-centre, -centre) @ matrix @ _translation(centre, centre)


def _stack(xp: Any, entries: list[Any]) -> Any:
    return xp.reshape(xp.stack(entries, -1), (-1, 3, 3))
