"""From photos to keypoints in their pixels."""

import logging
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from facial_keypoints.augmentation.geometry import transform_points
from facial_keypoints.evaluation.champion import ChampionModel
from facial_keypoints.keypoints import IMAGE_SIZE, NUM_KEYPOINTS
from facial_keypoints.photos.confidence import Calibration
from facial_keypoints.photos.finders import Box, FinderKind, find_faces
from facial_keypoints.photos.framing import (
    Matrices,
    crop,
    frame_again,
    frame_box,
    rotate_frames,
    to_photo,
)
from facial_keypoints.photos.reading import PhotoError, PhotoFiles, Pixels, read_photo
from facial_keypoints.photos.records import FaceCrops, FacePoints

logger = logging.getLogger(__name__)

Predictor = Callable[[Pixels], npt.NDArray[np.float32]]
"""From images, uint8 (n, 96, 96), to x, y and spread, float32 (n, points, 3), of which the first 15
are population A's."""

_SURROUNDINGS: Final = 2.0
"""Side of a patch in sides of the framed image."""
_PATCH_SIZE: Final = 256
"""Pixels: points of half of the faces differ by less than 0.5 % of the eye distance from those of
the photo itself; 384 pixels would gain 0.1 % at more than twice the memory."""
UNSURE: Final = 0.5
"""Mean confidence of the points below which a face may be upside down."""
_CLEARLY: Final = 0.2
"""Gain in it by which a rotated face is taken: half a face is unsure in every direction."""
_MANY: Final = 20
"""Photos from which on there is a progress bar."""
NO_FACE: Final = "no face found"


def make_champion_predictor(champion: ChampionModel) -> Predictor:
    """Return a function from images to the champion's points and their spread."""
    from facial_keypoints.models.inference import make_predictor
    from facial_keypoints.models.spread import with_spread

    return make_predictor(with_spread(champion.training.load_model()))


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
    patches, matrices, frames, boxes, photo = [], [], [], [], []
    sizes, problems = [], []
    quick = len(files.names) < _MANY
    names = track(files.names, "Finding faces", console=Console(stderr=True), disable=quick)
    for position, name in enumerate(names):
        sizes.append((0, 0))
        problems.append("")
        try:
            pixels = read_photo(files.path(name))
        except PhotoError as error:
            problems[-1] = str(error)
            continue
        sizes[-1] = (pixels.shape[1], pixels.shape[0])
        found = find_faces(finder, pixels, min_confidence, rotations)
        problems[-1] = "" if found else NO_FACE
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if found else None
        for box in found:
            assert grey is not None  # noqa: S101 (for the type checker)
            frame = frame_box(box, kind.framing)
            matrix = frame @ _PATCH_OF_FRAME
            patches.append(crop(grey, matrix, _PATCH_SIZE))
            matrices.append(matrix)
            frames.append(frame)
            boxes.append(box)
            photo.append(position)
    return FaceCrops(
        patches=np.array(patches, np.uint8).reshape(-1, _PATCH_SIZE, _PATCH_SIZE),
        to_patch=np.array(matrices, np.float64).reshape(-1, 3, 3),
        frames=np.array(frames, np.float64).reshape(-1, 3, 3),
        boxes=np.array([_edges(box) for box in boxes], np.float64).reshape(-1, 4),
        box_confidence=np.array([box.confidence for box in boxes], np.float64),
        photo=np.array(photo, np.int64),
        photo_size=np.array(sizes, np.int64).reshape(-1, 2),
        problem=np.array(problems, np.str_),
    )


def _edges(box: Box) -> tuple[float, float, float, float]:
    return box.x, box.y, box.width, box.height


def _patch_of_frame() -> Matrices:
    """From pixels of the framed image to pixels of the patch around it."""
    scale = _PATCH_SIZE / (_SURROUNDINGS * IMAGE_SIZE)
    matrix = np.diag([scale, scale, 1.0])
    matrix[2, :2] = (_PATCH_SIZE - scale * IMAGE_SIZE) / 2
    return matrix


_PATCH_OF_FRAME: Final = _patch_of_frame()


def predict_crops(
    crops: FaceCrops,
    predictor: Predictor,
    calibration: Calibration,
    mean_face: npt.NDArray[np.floating],
    framings: int,
    rotations: bool,
) -> FacePoints:
    """Return the keypoints of faces.

    Args:
        crops: The faces.
        predictor: The champion.
        calibration: Of its confidence.
        mean_face: (15, 2) in pixels of the image, to frame faces by.
        framings: Predictions of each face: 1 on the frame by its box, each further one on the frame
            by the points of the one before.
        rotations: Whether a face whose points have little confidence is predicted rotated by 90,
            180 and 270 degrees, too: finders find some faces that are upside down.
    """
    to_photos = np.linalg.inv(crops.to_patch)

    def predict(frames: Matrices, rows: npt.NDArray[np.integer]) -> FacePoints:
        def images_of(frames: Matrices) -> Pixels:
            of_patches = to_photos[rows] @ frames
            images = [crop(p, m) for p, m in zip(crops.patches[rows], of_patches, strict=True)]
            return np.array(images, np.uint8).reshape(-1, IMAGE_SIZE, IMAGE_SIZE)

        return predict_framed(images_of, frames, predictor, calibration, mean_face, framings)

    found = predict(crops.frames, np.arange(len(crops.frames)))
    unsure = np.flatnonzero(found.confidence.mean(axis=1) < UNSURE)
    for quarter_turns in (2, 1, 3) if rotations and len(unsure) else ():
        other = predict(rotate_frames(crops.frames[unsure], quarter_turns), unsure)
        gain = (other.confidence - found.confidence[unsure]).mean(axis=1)
        better = gain > _CLEARLY
        for of_found, of_other in zip(vars(found).values(), vars(other).values(), strict=True):
            of_found[unsure[better]] = of_other[better]
    return found


def predict_framed(
    images_of: Callable[[Matrices], Pixels],
    frames: Matrices,
    predictor: Predictor,
    calibration: Calibration,
    mean_face: npt.NDArray[np.floating],
    framings: int,
) -> FacePoints:
    """Return the keypoints of faces, all of which go through the model together.

    Args:
        images_of: From frames (n, 3, 3) to images, uint8 (n, 96, 96).
        frames: (n, 3, 3), the first ones.
        predictor: The champion.
        calibration: Of its confidence.
        mean_face: (15, 2) in pixels of the image.
        framings: See ``predict_crops``.
    """
    for framing in range(framings):
        images = images_of(frames)
        predicted = predictor(images)[:, :NUM_KEYPOINTS]
        points = to_photo(predicted[..., :2], frames)
        if framing + 1 < framings:
            frames = frame_again(frames, points, mean_face)
    confidence = calibration.apply(predicted[..., 2])
    return FacePoints(points=points, confidence=confidence, frames=frames, images=images)


def framed_points(result: FacePoints) -> npt.NDArray[np.float64]:
    """Return the keypoints (n, 15, 2) in pixels of the images that were predicted on."""
    return np.asarray(transform_points(result.points, result.frames))
