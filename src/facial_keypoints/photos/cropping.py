"""From photos to faces, cut out with surroundings."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.photos.finders import Box, Finder, FinderKind, find_faces
from facial_keypoints.photos.framing import Matrices, crop, frame_box
from facial_keypoints.photos.reading import PhotoError, PhotoFiles, Pixels, read_photo
from facial_keypoints.photos.records import FaceCrops

NO_FACE: Final = "no face found"
PATCH_SIZE: Final = 256
"""Pixels: points of half of the faces differ by less than 0.5 % of the eye distance from those of
the photo itself; 384 pixels would gain 0.1 % at more than twice the memory."""
_SURROUNDINGS: Final = 2.0
"""Side of a patch in sides of the framed image."""
_MANY: Final = 20
"""Photos from which on there is a progress bar."""


def crop_photos(
    files: PhotoFiles, kind: FinderKind, min_confidence: float, rotations: bool
) -> FaceCrops:
    """Return the faces of photos, cut out; a photo that cannot be read has a problem.

    Args:
        files: The photos.
        kind: The finder.
        min_confidence: Of a box.
        rotations: Whether to search rotated photos, too.
    """
    finder = kind.make()
    quick = len(files.names) < _MANY
    names = track(files.names, "Finding faces", console=Console(stderr=True), disable=quick)
    return _join(
        [_crop_file(files.path(name), kind, finder, min_confidence, rotations) for name in names]
    )


def _crop_file(
    path: Path, kind: FinderKind, finder: Finder, min_confidence: float, rotations: bool
) -> FaceCrops:
    try:
        pixels = read_photo(path)
    except PhotoError as error:
        return _without_faces(0, 0, str(error))
    return crop_photo(pixels, kind, finder, min_confidence, rotations)


def crop_photo(
    pixels: Pixels, kind: FinderKind, finder: Finder, min_confidence: float, rotations: bool
) -> FaceCrops:
    """Return the faces of one photo, the largest first.

    Args:
        pixels: uint8 (h, w, 3) in RGB.
        kind: Of the finder.
        finder: Finds the faces.
        min_confidence: Of a box.
        rotations: Whether to search the rotated photo, too.
    """
    height, width = pixels.shape[:2]
    boxes = find_faces(finder, pixels, min_confidence, rotations)
    if not boxes:
        return _without_faces(width, height, NO_FACE)
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    frames = np.stack([frame_box(box, kind.framing) for box in boxes])
    to_patch = frames @ _patch_of_frame()
    return FaceCrops(
        patches=np.stack([crop(grey, matrix, PATCH_SIZE) for matrix in to_patch]),
        to_patch=to_patch,
        frames=frames,
        boxes=np.array([_edges(box) for box in boxes]),
        box_confidence=np.array([box.confidence for box in boxes]),
        photo=np.zeros(len(boxes), np.int64),
        photo_size=np.array([[width, height]]),
        problem=np.array([""]),
    )


def _edges(box: Box) -> tuple[float, float, float, float]:
    return box.x, box.y, box.width, box.height


def _without_faces(width: int, height: int, problem: str) -> FaceCrops:
    return FaceCrops(
        patches=np.empty((0, PATCH_SIZE, PATCH_SIZE), np.uint8),
        to_patch=np.empty((0, 3, 3)),
        frames=np.empty((0, 3, 3)),
        boxes=np.empty((0, 4)),
        box_confidence=np.empty(0),
        photo=np.empty(0, np.int64),
        photo_size=np.array([[width, height]]),
        problem=np.array([problem]),
    )


def _join(photos: list[FaceCrops]) -> FaceCrops:
    """The faces of several photos, in order."""
    arrays = {
        name: np.concatenate([getattr(photo, name) for photo in photos]) for name in vars(photos[0])
    }
    counts = [len(photo.photo) for photo in photos]
    return FaceCrops(**{**arrays, "photo": np.repeat(np.arange(len(photos)), counts)})


def _patch_of_frame() -> Matrices:
    """From pixels of the framed image to pixels of the patch around it."""
    scale = PATCH_SIZE / (_SURROUNDINGS * IMAGE_SIZE)
    matrix = np.diag([scale, scale, 1.0])
    matrix[2, :2] = (PATCH_SIZE - scale * IMAGE_SIZE) / 2
    return matrix
