"""Annotated photos and videos."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePath
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from facial_keypoints.photos.reading import PhotoFiles, Pixels, read_photo
from facial_keypoints.photos.records import PhotoFace, PhotoResult, PhotoResults
from facial_keypoints.photos.video import VideoFile, read_frames

_MIN_SIDE, _USUAL_SIDE, _MAX_SIDE = 480, 1600, 4000
"""Bounds on the longer side of an annotated photo, in pixels: usual ones, and of a large photo with
small faces."""
_EYES: Final = 80.0
"""Distance between the eyes, in pixels, from which on all points can be distinguished."""
_SHIFT: Final = 4
"""Bits behind the point of the coordinates that OpenCV draws at."""
_COLOURS: Final = {
    "left_eye": (64, 196, 255),
    "right_eye": (64, 196, 255),
    "nose": (255, 214, 64),
    "mouth": (255, 112, 145),
}
_EYEBROW: Final = (120, 230, 120)
_BOX: Final = (255, 255, 255)
_DARK: Final = (20, 20, 20)
UNSURE: Final = 0.5
"""Points of less confidence are drawn as rings."""


def annotate_photos(files: PhotoFiles, results: PhotoResults) -> dict[str, Callable[[], Pixels]]:
    """Return the annotated photos by file name, each drawn when it is called for.

    Args:
        files: The photos.
        results: Their faces; photos that cannot be read are left out.
    """
    return {
        _file_name(result.photo): partial(_read_and_draw, files, result)
        for result in results.photos
        if result.width
    }


def _file_name(name: str) -> str:
    path = PurePath(name)
    return name if path.suffix.lower() in {".jpg", ".jpeg", ".png"} else f"{name}.png"


def _read_and_draw(files: PhotoFiles, result: PhotoResult) -> Pixels:
    return annotate(read_photo(files.path(result.photo)), result.faces)


def annotate(
    pixels: Pixels,
    faces: list[PhotoFace],
    truth: npt.NDArray[np.floating] | None = None,
) -> Pixels:
    """Return a photo with the boxes, keypoints and poses of its faces.

    Args:
        pixels: uint8 (h, w, 3) in RGB.
        faces: Of the photo.
        truth: (k, 2), true points in pixels; crosses mark those that are not NaN.

    Returns:
        uint8 (h, w, 3) in RGB: small faces are enlarged, up to 1,600 pixels on the longer side, and
        larger photos shrunk to it unless their faces are small.
    """
    eyes = min((face.eye_distance for face in faces), default=np.inf)
    factor = _scale(pixels.shape[1], pixels.shape[0], eyes)
    canvas = _draw(pixels, faces, factor)
    if truth is not None:
        arm = max(2.0, 0.03 * min(eyes, max(pixels.shape)) * factor)
        for point in truth[np.isfinite(truth).all(axis=1)]:
            _draw_cross(canvas, point * factor, arm)
    return canvas


def annotate_video(
    video: VideoFile, frames: list[list[PhotoFace]]
) -> Callable[[], Iterator[Pixels]]:
    """Return a function that yields the annotated frames, all of one size.

    Args:
        video: The video.
        frames: The faces of each frame.
    """
    eyes = [face.eye_distance for faces in frames for face in faces]
    factor = _scale(video.width, video.height, float(np.median(eyes)) if eyes else np.inf)

    def annotated() -> Iterator[Pixels]:
        for pixels, faces in zip(read_frames(video), frames, strict=False):
            yield _draw(pixels, faces, factor)

    return annotated


def _scale(width: int, height: int, eyes: float) -> float:
    longer, readable = max(width, height), _EYES / max(eyes, 1e-6)
    largest = max(_USUAL_SIDE / longer, min(1.0, readable, _MAX_SIDE / longer))
    return min(max(1.0, _MIN_SIDE / longer, readable), largest)


def _draw(pixels: Pixels, faces: list[PhotoFace], factor: float) -> Pixels:
    if factor != 1:
        size = tuple(max(1, round(factor * side)) for side in pixels.shape[1::-1])
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        pixels = cv2.resize(pixels, size, interpolation=how)
    canvas = np.array(pixels)
    for face in faces:
        _draw_face(canvas, face, factor)
    return canvas


def _draw_face(canvas: Pixels, face: PhotoFace, factor: float) -> None:
    box, line = face.box, max(1, round(max(canvas.shape[:2]) / 800))
    corners = np.array([[box.x, box.y], [box.x + box.width, box.y + box.height]]) * factor
    for colour, thickness in ((_DARK, line + 2), (_BOX, line)):
        first, second = (_at(corner) for corner in corners)
        cv2.rectangle(canvas, first, second, colour, thickness, cv2.LINE_AA, _SHIFT)
    pose = face.pose
    text = f"{face.face}  yaw {pose.yaw:+.0f} pitch {pose.pitch:+.0f} roll {pose.roll:+.0f}"
    _write(canvas, text, corners, factor * box.width, line)
    radius = float(np.clip(0.03 * face.eye_distance * factor, 1.2, 8.0))
    for name, point in face.points.items():
        draw_point(canvas, np.array([point.x, point.y]) * factor, name, point.confidence, radius)


def draw_point(
    canvas: Pixels,
    point: npt.NDArray[np.floating],
    name: str,
    confidence: float,
    radius: float,
) -> None:
    """Draw one keypoint: filled, or a ring where the confidence is below 0.5.

    Args:
        canvas: uint8 (h, w, 3) in RGB, changed in place.
        point: (2,) in pixels, edge to edge.
        name: Of the keypoint, which decides on the colour.
        confidence: From 0 to 1.
        radius: In pixels.
    """
    rim = max(1.0, 0.35 * radius)
    reach = radius + rim + 1
    height, width = canvas.shape[:2]
    if not (np.isfinite(point).all() and (np.abs(point) < 2 * max(height, width) + reach).all()):
        return
    low = np.clip(np.floor(point - reach).astype(int), 0, (width, height))
    high = np.clip(np.ceil(point + reach).astype(int), 0, (width, height))
    x, y = np.meshgrid(*(np.arange(a, b) + 0.5 for a, b in zip(low, high, strict=True)))
    distance = np.hypot(x - point[0], y - point[1])
    part = canvas[low[1] : high[1], low[0] : high[0]]
    _blend(part, _DARK, _disc(distance, radius + rim))
    inside = _disc(distance, radius)
    if confidence < UNSURE:  # a ring around what is there
        inside -= _disc(distance, 0.45 * radius)
    _blend(part, colour_of(name), inside)


def _draw_cross(canvas: Pixels, point: npt.NDArray[np.floating], arm: float) -> None:
    for colour, thickness in ((_DARK, 4), (_BOX, 2)):
        for direction in ((1.0, 1.0), (1.0, -1.0)):
            ends = (point + sign * arm * np.array(direction) for sign in (-1, 1))
            first, second = (_at(end) for end in ends)
            cv2.line(canvas, first, second, colour, thickness, cv2.LINE_AA, _SHIFT)


def _disc(distance: npt.NDArray[np.floating], radius: float) -> npt.NDArray[np.floating]:
    """How much of each pixel a disc covers, from 0 to 1."""
    return np.asarray(np.clip(radius + 0.5 - distance, 0, 1))


def _blend(part: Pixels, colour: tuple[int, int, int], cover: npt.NDArray[np.floating]) -> None:
    mixed = part + cover[..., None] * (np.array(colour) - part.astype(np.float64))
    part[:] = np.round(mixed).astype(np.uint8)


def colour_of(name: str) -> tuple[int, int, int]:
    """Return the colour of a keypoint, in RGB: one for eyes, eyebrows, nose and mouth each."""
    if "eyebrow" in name:
        return _EYEBROW
    return next(colour for start, colour in _COLOURS.items() if name.startswith(start))


def _at(point: npt.NDArray[np.floating]) -> tuple[int, int]:
    """A point, edge to edge, as OpenCV's whole numbers, which count from pixel centres."""
    x, y = np.round((point - 0.5) * (1 << _SHIFT)).astype(int).tolist()
    return x, y


def _write(
    canvas: Pixels, text: str, corners: npt.NDArray[np.floating], width: float, line: int
) -> None:
    """Write above the box, or inside of it at the photo's upper edge; only the number if narrow."""
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.42 + 0.14 * line
    (length, height), _ = cv2.getTextSize(text, font, scale, line)
    if length > 1.25 * width:
        text = text.split(maxsplit=1)[0]
        (length, height), _ = cv2.getTextSize(text, font, scale, line)
    x = int(np.clip(corners[0, 0], 0, max(0, canvas.shape[1] - length)))
    y = int(corners[0, 1]) - 3 * line - 2
    if y - height < 0:
        y = int(max(corners[0, 1], 0)) + height + 3 * line + 2
    # the dark rim is the same text beside: a thicker one would be wider
    for right, down in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        at = (x + right * line, y + down * line)
        cv2.putText(canvas, text, at, font, scale, _DARK, line, cv2.LINE_AA)
    cv2.putText(canvas, text, (x, y), font, scale, _BOX, line, cv2.LINE_AA)
