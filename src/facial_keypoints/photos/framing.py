"""Frame faces as the competition's images are framed, and take points back to the photo.

A frame is a 3x3 matrix for row vectors, from pixels of the photo to pixels of the 96x96 image, both
edge to edge (see ``augmentation.geometry``).
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from facial_keypoints.augmentation.geometry import to_pixel_centres, transform_points
from facial_keypoints.keypoints import IMAGE_SIZE, KEYPOINTS
from facial_keypoints.photos.finders import Box, Framing
from facial_keypoints.photos.reading import Pixels

Matrices = npt.NDArray[np.float64]
Points = npt.NDArray[np.float64]

_MAX_CHANGE: Final = 2.0
"""Factor on the size, and its inverse, beyond which predicted points do not frame a face again."""
_MAX_SHIFT: Final = IMAGE_SIZE / 2
"""The same for the shift of the centre, in pixels of the image."""
_DIFFER_IN_B: Final = {"nose_tip", "mouth_center_bottom_lip"}
"""Points for which the populations have two conventions, so that the mean face is of neither."""
_ANCHORS: Final = np.array([i for i, name in enumerate(KEYPOINTS) if name not in _DIFFER_IN_B])


def frame_box(box: Box, framing: Framing) -> Matrices:
    """Return the frame (3, 3) of a box.

    Args:
        box: Of a finder.
        framing: Of the same finder.
    """
    size = np.sqrt(box.width * box.height)
    angle = np.pi / 2 * box.quarter_turns
    across = np.array([np.cos(angle), np.sin(angle)])  # of the upright face, in the photo
    down = np.array([-np.sin(angle), np.cos(angle)])
    middle = np.array([box.x + box.width / 2, box.y + box.height / 2])
    centre = middle + size * (framing.x * across + framing.y * down)
    scale = IMAGE_SIZE / (framing.side * size)
    matrix = np.eye(3)
    matrix[:2, :2] = scale * np.column_stack([across, down])
    matrix[2, :2] = IMAGE_SIZE / 2 - centre @ matrix[:2, :2]
    return matrix


def frame_points(points: Points, mean_face: npt.NDArray[np.floating]) -> Matrices:
    """Return the similarity transforms that bring faces nearest to the mean face.

    Args:
        points: (n, 15, 2), in pixels of the photo.
        mean_face: (15, 2), in pixels of the image.

    Returns:
        (n, 3, 3).

    Source:
        Umeyama 1991, in the plane, where complex numbers solve it.
    """
    z = _complex(points[:, _ANCHORS])
    target = _complex(np.asarray(mean_face, np.float64)[_ANCHORS])
    z_mean, target_mean = z.mean(axis=1), target.mean()
    centred = z - z_mean[:, None]
    spread = np.maximum((np.abs(centred) ** 2).sum(axis=1), 1e-12)
    factor = (np.conj(centred) * (target - target_mean)).sum(axis=1) / spread
    shift = target_mean - factor * z_mean
    matrices = np.zeros((len(points), 3, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = factor.real
    matrices[:, 0, 1], matrices[:, 1, 0] = factor.imag, -factor.imag
    matrices[:, 2, 0], matrices[:, 2, 1], matrices[:, 2, 2] = shift.real, shift.imag, 1.0
    return matrices


def _complex(points: Points) -> npt.NDArray[np.complex128]:
    return np.asarray(points[..., 0] + 1j * points[..., 1])


def frame_again(frames: Matrices, points: Points, mean_face: npt.NDArray[np.floating]) -> Matrices:
    """Return frames by predicted points; the earlier one where the points make no face.

    Args:
        frames: (n, 3, 3), the earlier ones.
        points: (n, 15, 2), predicted, in pixels of the photo.
        mean_face: (15, 2), in pixels of the image.
    """
    again = frame_points(points, mean_face)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = frame_scale(again) / frame_scale(frames)
    middle = np.full((1, 2), IMAGE_SIZE / 2)
    sound = (change < _MAX_CHANGE) & (change > 1 / _MAX_CHANGE)
    result = frames.copy()
    for i in np.flatnonzero(sound):
        centre = transform_points(middle, np.linalg.inv(again[i]))
        moved = transform_points(centre, frames[i]) - middle
        if np.abs(moved).max() < _MAX_SHIFT:
            result[i] = again[i]
    return result


def rotate_frames(frames: Matrices, quarter_turns: int) -> Matrices:
    """Return frames whose images are rotated about their centre.

    Args:
        frames: (n, 3, 3).
        quarter_turns: Quarter turns counter-clockwise of the images.
    """
    angle, centre = np.pi / 2 * quarter_turns, IMAGE_SIZE / 2
    turn = np.eye(3)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[2, :2] = centre - np.array([centre, centre]) @ turn[:2, :2]
    return np.asarray(frames @ turn)


def frame_scale(frames: Matrices) -> npt.NDArray[np.float64]:
    """Return pixels of the image per pixel of the photo, (...,), of frames (..., 3, 3)."""
    return np.asarray(np.sqrt(np.abs(np.linalg.det(frames[..., :2, :2]))))


def to_photo(points: npt.NDArray[np.floating], frames: Matrices) -> Points:
    """Return points (n, p, 2) of framed images in pixels of the photo.

    Args:
        points: In pixels of the images.
        frames: (n, 3, 3).
    """
    return np.asarray(transform_points(points.astype(np.float64), np.linalg.inv(frames)))


def crop(grey: Pixels, frame: Matrices, size: int = IMAGE_SIZE) -> Pixels:
    """Return the image of a frame; pixels outside of the photo repeat its edge.

    Args:
        grey: uint8 (h, w), the photo.
        frame: (3, 3), from the photo to the image.
        size: Height and width of the image.

    Returns:
        uint8 (size, size).
    """
    scale = float(frame_scale(frame))
    corners = np.array([[0, 0], [size, 0], [size, size], [0, size]], np.float64)
    around = transform_points(corners, np.linalg.inv(frame))
    margin = 2 + 2 / max(scale, 1e-6)
    limit = np.array(grey.shape[::-1])
    low = np.clip(np.floor(around.min(axis=0) - margin), 0, limit - 1).astype(int)
    high = np.clip(np.ceil(around.max(axis=0) + margin), low + 1, limit).astype(int)
    part = grey[low[1] : high[1], low[0] : high[0]]
    place = np.eye(3)  # from the part to the photo
    place[2, :2] = low
    if scale < _AREA_BELOW:  # average over areas first: a warp alone would skip pixels
        width, height = (max(1, round(scale * side)) for side in (high - low))
        place = np.diag([part.shape[1] / width, part.shape[0] / height, 1.0]) @ place
        part = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    matrix = to_pixel_centres(place @ frame)
    return np.asarray(
        cv2.warpAffine(
            part,
            matrix.T[:2],
            (size, size),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )


_AREA_BELOW: Final = 0.75
