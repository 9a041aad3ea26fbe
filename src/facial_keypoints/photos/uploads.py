"""Photos that come as bytes, as a page or a service receives them."""

from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.evaluation.records import Champion
from facial_keypoints.keypoints import NUM_KEYPOINTS
from facial_keypoints.models.calibration import Calibration
from facial_keypoints.models.heads import heads_of
from facial_keypoints.parameters import PredictParameters
from facial_keypoints.photos.cropping import NO_FACE
from facial_keypoints.photos.drawing import annotate
from facial_keypoints.photos.finders import finder_named
from facial_keypoints.photos.prediction import PhotoPredictor, Predictor
from facial_keypoints.photos.reading import PhotoError, Pixels, read_photo
from facial_keypoints.photos.records import PhotoFace, PhotoResult, PhotoResults

UPLOADED: Final = "uploaded"
"""In place of the folder of the results' record."""


@dataclass(frozen=True)
class PhotoModel:
    """What predicting on photos takes.

    Attributes:
        champion: Names the model.
        predictor: See ``make_champion_predictor``.
        calibration: Of its confidence.
        mean_face: (15, 2) in pixels of the 96x96 image.
        predict: Names the finder and the framings.
    """

    champion: Champion
    predictor: Predictor
    calibration: Calibration
    mean_face: npt.NDArray[np.floating]
    predict: PredictParameters

    def on_photos(self, min_confidence: float) -> PhotoPredictor:
        """Return a predictor that finds faces.

        Args:
            min_confidence: Of a box.

        Raises:
            InputError: If the finder is not installed.
        """
        return PhotoPredictor(
            finder_named(self.predict.finder),
            self.predictor,
            self.calibration,
            self.mean_face,
            min_confidence=min_confidence,
            framings=self.predict.framings,
            rotations=self.predict.rotations,
        )

    def on_images(self, population: int = 0) -> PhotoPredictor:
        """Return a predictor for the competition's images, which are framed already.

        Args:
            population: 0 for A, 1 for B, by whose convention an ensemble predicts.
        """

        def predictor(images: Pixels) -> npt.NDArray[np.float32]:
            predicted = self.predictor(images)
            has_heads_of_b = predicted.shape[1] > NUM_KEYPOINTS
            return predicted[:, heads_of(population)] if has_heads_of_b else predicted

        return PhotoPredictor(
            finder_named("whole"),
            predictor,
            self.calibration,
            self.mean_face,
            framings=1,
            rotations=False,
        )

    def collect(self, photos: list[PhotoResult]) -> PhotoResults:
        """Return the record of photos."""
        champion = self.champion
        return PhotoResults(
            champion.variant, champion.fingerprint, self.predict.finder, UPLOADED, photos
        )


def read_upload(name: str, content: bytes) -> Pixels:
    """Return the pixels of a photo, uint8 (h, w, 3) in RGB.

    Args:
        name: Of the file; its suffix counts.
        content: Of the file.

    Raises:
        PhotoError: If it cannot be read, is too small or too large.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"photo{PurePath(name).suffix}"
        path.write_bytes(content)
        return read_photo(path)


def predict_upload(predictor: PhotoPredictor, name: str, content: bytes) -> PhotoResult:
    """Return the faces of a photo; its problem, where it cannot be read or has no face.

    Args:
        predictor: Finds and predicts.
        name: Of the file.
        content: Of the file.
    """
    try:
        pixels = read_upload(name, content)
    except PhotoError as error:
        return PhotoResult(name, 0, 0, [], str(error))
    return predict_pixels(predictor, name, pixels)


def predict_pixels(predictor: PhotoPredictor, name: str, pixels: Pixels) -> PhotoResult:
    """Return the faces of a photo in memory.

    Args:
        predictor: Finds and predicts.
        name: For the record.
        pixels: uint8 (h, w, 3) in RGB.
    """
    faces = predictor(pixels)
    height, width = pixels.shape[:2]
    return PhotoResult(name, width, height, faces, None if faces else NO_FACE)


def draw_result(
    pixels: Pixels,
    result: PhotoResult,
    min_confidence: float = 0.0,
    truth: npt.NDArray[np.floating] | None = None,
) -> bytes:
    """Return the annotated photo as PNG.

    Args:
        pixels: uint8 (h, w, 3) in RGB.
        result: Its faces.
        min_confidence: Points of less are left out.
        truth: (15, 2) in pixels, NaN where unknown; drawn as crosses.
    """
    faces = [_without_unsure(face, min_confidence) for face in result.faces]
    annotated = cv2.cvtColor(annotate(pixels, faces, truth), cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".png", annotated)[1])


def _without_unsure(face: PhotoFace, min_confidence: float) -> PhotoFace:
    sure = {n: p for n, p in face.points.items() if p.confidence >= min_confidence}
    return replace(face, points=sure)


def point_table(face: PhotoFace, truth: npt.NDArray[np.floating] | None = None) -> pd.DataFrame:
    """Return a row per keypoint of a face: its name, x and y in pixels, and its confidence.

    Args:
        face: The face.
        truth: (15, 2) in pixels, NaN where unknown; adds the columns ``true x``, ``true y`` and
            ``error``, the distance in pixels.
    """
    points = face.points.values()
    table = pd.DataFrame({"keypoint": [name.replace("_", " ") for name in face.points]})
    table["x"], table["y"] = [p.x for p in points], [p.y for p in points]
    table["confidence"] = [p.confidence for p in points]
    if truth is not None:
        table["true x"], table["true y"] = truth.T
        table["error"] = np.linalg.norm(table[["x", "y"]].to_numpy() - truth, axis=1)
    return table
