"""Nodes of the predict pipeline."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.champion import ChampionModel
from facial_keypoints.formatting import format_count
from facial_keypoints.models.calibration import Calibration
from facial_keypoints.parameters import PredictParameters
from facial_keypoints.photos import reading, video
from facial_keypoints.photos.cropping import crop_photos
from facial_keypoints.photos.drawing import annotate_photos, annotate_video
from facial_keypoints.photos.face_tracker import FaceTracker, track_video
from facial_keypoints.photos.finders import finder_named
from facial_keypoints.photos.prediction import make_champion_predictor, predict_crops
from facial_keypoints.photos.reading import PhotoFiles, Pixels
from facial_keypoints.photos.records import FaceCrops, FacePoints, PhotoResults, VideoFaces
from facial_keypoints.photos.tables import (
    collect_results,
    describe_frames,
    results_table,
    video_table,
)
from facial_keypoints.photos.video import VideoFile, VideoFrames
from facial_keypoints.plotting.photos import draw_contact_sheet

logger = logging.getLogger(__name__)


def list_photos(predict: PredictParameters) -> PhotoFiles:
    """Return the photos that the parameters name.

    Args:
        predict: Names a file or a folder, and the finder.

    Raises:
        InputError: If there is no photo, or the finder is not installed.
    """
    finder_named(predict.finder)
    return reading.list_photos(predict.input)


def find_faces(files: PhotoFiles, predict: PredictParameters) -> FaceCrops:
    """Find the faces of all photos, and cut them out.

    Args:
        files: The photos.
        predict: How faces are found.

    Raises:
        InputError: If no photo can be read.
    """
    crops = crop_photos(
        files, finder_named(predict.finder), predict.min_confidence, predict.rotations
    )
    for name, problem in zip(files.names, crops.problem.tolist(), strict=True):
        if problem:
            logger.warning("%s: %s", name, problem)
    if not crops.photo_size.any():
        raise InputError(f"None of {format_count(len(files.names), 'photo')} can be read")
    return crops


def predict_points(
    crops: FaceCrops,
    champion: ChampionModel,
    calibration: Calibration,
    mean_face: npt.NDArray[np.float32],
    predict: PredictParameters,
) -> FacePoints:
    """Predict the keypoints of all faces.

    Args:
        crops: The faces.
        champion: The model.
        calibration: Of its confidence.
        mean_face: float32 (15, 2), in pixels of the 96x96 image.
        predict: The number of framings, and whether to turn faces.
    """
    predictor = make_champion_predictor(champion)
    return predict_crops(
        crops, predictor, calibration, mean_face, predict.framings, predict.rotations
    )


def report_photos(
    files: PhotoFiles,
    crops: FaceCrops,
    points: FacePoints,
    champion: ChampionModel,
    predict: PredictParameters,
) -> tuple[PhotoResults, pd.DataFrame, dict[str, Callable[[], Pixels]], Figure]:
    """Return the results as a record and a table, the annotated photos, and a contact sheet.

    Args:
        files: The photos.
        crops: Their faces.
        points: The faces' keypoints.
        champion: The model that predicted them.
        predict: Names the finder.
    """
    finder = finder_named(predict.finder).name
    results = collect_results(files, crops, points, champion.champion, finder)
    pictures: dict[str, Any] = annotate_photos(files, results) if predict.pictures else {}
    faces = sum(len(photo.faces) for photo in results.photos)
    logger.info(
        "%s on %s (finder %s, model %s)",
        format_count(faces, "face"),
        format_count(len(results.photos), "photo"),
        finder,
        results.model,
    )
    sheet = draw_contact_sheet(points, crops, files.names)
    return results, results_table(results), pictures, sheet


def check_video(predict: PredictParameters) -> VideoFile:
    """Return what the video that the parameters name says of itself.

    Args:
        predict: Names the video and the finder.

    Raises:
        InputError: If no frame of it can be decoded, or the finder is not installed.
    """
    finder_named(predict.finder)
    assert predict.input is not None  # noqa: S101 (the pipeline is for a video)
    return video.open_video(predict.input)


def record_camera(predict: PredictParameters) -> VideoFrames:
    """Return the frames of a camera.

    Args:
        predict: Names the camera, the finder, and how long to record.

    Raises:
        InputError: If there is no such camera, or the finder is not installed.
    """
    finder_named(predict.finder)
    assert predict.camera is not None  # noqa: S101 (the pipeline is for a camera)
    logger.info("Recording %g s of camera %d", predict.seconds, predict.camera)
    return video.record_camera(predict.camera, predict.seconds)


def track_faces(
    source: VideoFile,
    champion: ChampionModel,
    calibration: Calibration,
    mean_face: npt.NDArray[np.float32],
    predict: PredictParameters,
) -> VideoFaces:
    """Find and track the faces of a video.

    Args:
        source: The video.
        champion: The model.
        calibration: Of its confidence.
        mean_face: float32 (15, 2), in pixels of the 96x96 image.
        predict: How faces are found, framed and smoothed.
    """
    kind = finder_named(predict.finder)
    tracker = FaceTracker(
        kind.make(),
        kind.framing,
        make_champion_predictor(champion),
        calibration,
        mean_face,
        rate=source.rate,
        smoothing=predict.smoothing,
        framings=predict.framings,
        min_confidence=predict.min_confidence,
    )
    return track_video(source, tracker)


def report_video(source: VideoFile, faces: VideoFaces) -> tuple[pd.DataFrame, VideoFrames]:
    """Return the table and the annotated frames of a video.

    Args:
        source: The video.
        faces: Of its frames.
    """
    frames = describe_frames(faces)
    annotated = VideoFrames(source.rate, annotate_video(source, frames))
    return video_table(frames, source.rate), annotated
