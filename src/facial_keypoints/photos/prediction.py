"""From photos to keypoints in their pixels."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from facial_keypoints.augmentation.geometry import transform_points
from facial_keypoints.evaluation.champion import ChampionModel
from facial_keypoints.keypoints import IMAGE_SIZE, NUM_KEYPOINTS
from facial_keypoints.models.calibration import Calibration
from facial_keypoints.photos.cropping import crop_photo
from facial_keypoints.photos.finders import FinderKind
from facial_keypoints.photos.framing import (
    Matrices,
    crop,
    frame_again,
    rotate_frames,
    to_photo,
)
from facial_keypoints.photos.reading import Pixels
from facial_keypoints.photos.records import FaceCrops, FacePoints, PhotoFace
from facial_keypoints.photos.tables import describe_faces

Predictor = Callable[[Pixels], npt.NDArray[np.float32]]
"""From images, uint8 (n, 96, 96), to x, y and spread, float32 (n, points, 3), of which the first 15
are population A's."""

UNSURE: Final = 0.5
"""Mean confidence of the points below which a face may be upside down."""
_CLEARLY: Final = 0.2
"""Gain in it by which a rotated face is taken: half a face is unsure in every direction."""


def make_champion_predictor(champion: ChampionModel) -> Predictor:
    """Return a function from images to the champion's points and their spread."""
    from facial_keypoints.models.inference import make_predictor
    from facial_keypoints.models.spread import with_spread

    return make_predictor(with_spread(champion.training.load_model()))


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


class PhotoPredictor:
    """Find faces in photos in memory, and predict their keypoints.

    Args:
        kind: The finder.
        predictor: The champion (see ``make_champion_predictor``).
        calibration: Of its confidence.
        mean_face: (15, 2) in pixels of the 96x96 image, to frame faces by.
        min_confidence: Of a box.
        framings: See ``predict_crops``.
        rotations: Whether to try rotated photos and faces, too.
    """

    def __init__(
        self,
        kind: FinderKind,
        predictor: Predictor,
        calibration: Calibration,
        mean_face: npt.NDArray[np.floating],
        *,
        min_confidence: float = 0.7,
        framings: int = 3,
        rotations: bool = True,
    ) -> None:
        self._kind, self._finder = kind, kind.make()
        self._predictor, self._calibration = predictor, calibration
        self._mean_face = mean_face
        self._min_confidence = min_confidence
        self._framings, self._rotations = framings, rotations

    def __call__(self, pixels: Pixels) -> list[PhotoFace]:
        """Return the faces of a photo, uint8 (h, w, 3) in RGB, the largest first."""
        crops = crop_photo(pixels, self._kind, self._finder, self._min_confidence, self._rotations)
        found = predict_crops(
            crops,
            self._predictor,
            self._calibration,
            self._mean_face,
            self._framings,
            self._rotations,
        )
        return describe_faces(crops, found, np.arange(len(crops.photo)))
