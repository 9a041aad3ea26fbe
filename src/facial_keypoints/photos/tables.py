"""Results as records and as a table."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.evaluation.records import Champion
from facial_keypoints.keypoints import KEYPOINTS, LEFT_EYE, RIGHT_EYE
from facial_keypoints.photos.pose import head_pose
from facial_keypoints.photos.reading import PhotoFiles
from facial_keypoints.photos.records import (
    FaceCrops,
    FacePoints,
    FoundBox,
    PhotoFace,
    PhotoPoint,
    PhotoResult,
    PhotoResults,
    VideoFaces,
)


def collect_results(
    files: PhotoFiles, crops: FaceCrops, predicted: FacePoints, champion: Champion, finder: str
) -> PhotoResults:
    """Return the results of every photo.

    Args:
        files: The photos.
        crops: Their faces.
        predicted: The faces' keypoints.
        champion: That predicted them.
        finder: Name of the finder.
    """
    photos = []
    for position, name in enumerate(files.names):
        faces = describe_faces(crops, predicted, np.flatnonzero(crops.photo == position))
        width, height = crops.photo_size[position].tolist()
        problem = str(crops.problem[position]) or None
        photos.append(PhotoResult(name, width, height, faces, problem))
    return PhotoResults(champion.variant, champion.fingerprint, finder, files.folder, photos)


def describe_faces(
    crops: FaceCrops, predicted: FacePoints, rows: npt.NDArray[np.integer]
) -> list[PhotoFace]:
    """Return the records of the faces of one photo.

    Args:
        crops: The faces.
        predicted: Their keypoints.
        rows: Those of the photo.
    """
    return [
        describe_face(
            number,
            predicted.points[row],
            predicted.confidence[row],
            crops.boxes[row],
            float(crops.box_confidence[row]),
        )
        for number, row in enumerate(rows.tolist(), start=1)
    ]


def describe_face(
    number: int,
    points: npt.NDArray[np.floating],
    confidence: npt.NDArray[np.floating],
    box: npt.NDArray[np.floating],
    box_confidence: float,
) -> PhotoFace:
    """Return the record of a face.

    Args:
        number: Of the face, from 1.
        points: (15, 2), in pixels of the photo.
        confidence: (15,).
        box: (4,), x, y, width and height in pixels of the photo.
        box_confidence: From 0 to 1.
    """
    x, y, width, height = (round(value, 2) for value in box.tolist())
    return PhotoFace(
        face=number,
        box=FoundBox(x, y, width, height, round(box_confidence, 4)),
        points={
            name: PhotoPoint(round(x, 3), round(y, 3), round(c, 4))
            for name, (x, y), c in zip(KEYPOINTS, points.tolist(), confidence.tolist(), strict=True)
        },
        pose=head_pose(points),
        eye_distance=round(float(np.linalg.norm(points[LEFT_EYE] - points[RIGHT_EYE])), 3),
    )


def describe_frames(faces: VideoFaces) -> list[list[PhotoFace]]:
    """Return the faces of each frame of a video."""
    frames: list[list[PhotoFace]] = [[] for _ in range(int(faces.frames))]
    for row, frame in enumerate(faces.frame.tolist()):
        confidence = faces.confidence[row]
        face = describe_face(
            int(faces.face[row]),
            faces.points[row],
            confidence,
            faces.box[row],
            float(confidence.mean()),
        )
        frames[frame].append(face)
    return frames


def video_table(frames: list[list[PhotoFace]], rate: float) -> pd.DataFrame:
    """Return a row per frame and face, and one for each frame without a face.

    Args:
        frames: From ``describe_frames``.
        rate: Frames a second.
    """
    rows: list[dict[str, Any]] = []
    for number, faces in enumerate(frames):
        when = {"frame": number, "seconds": round(number / rate, 4)}
        rows += [{**when, **_columns(face)} for face in faces] or [when]
    return pd.DataFrame(rows, columns=VIDEO_COLUMNS).astype({"face": "Int64"})


def results_table(results: PhotoResults) -> pd.DataFrame:
    """Return a row per face, and one for each photo without a face, which has a problem."""
    rows: list[dict[str, Any]] = []
    for photo in results.photos:
        size = {"photo": photo.photo, "width": photo.width, "height": photo.height}
        rows += [{**size, **_columns(face), "problem": None} for face in photo.faces]
        if not photo.faces:
            rows.append({**size, "problem": photo.problem})
    return pd.DataFrame(rows, columns=COLUMNS).astype({"face": "Int64"})


def _columns(face: PhotoFace) -> dict[str, Any]:
    box, pose = face.box, face.pose
    return {
        "face": face.face,
        "box_x": box.x,
        "box_y": box.y,
        "box_width": box.width,
        "box_height": box.height,
        "box_confidence": box.confidence,
        "eye_distance": face.eye_distance,
        "roll": round(pose.roll, 2),
        "yaw": round(pose.yaw, 2),
        "pitch": round(pose.pitch, 2),
        **{
            f"{name}_{part}": getattr(point, part)
            for name, point in face.points.items()
            for part in ("x", "y", "confidence")
        },
    }


def _names(parts: Iterable[str]) -> list[str]:
    return [f"{name}_{part}" for name in KEYPOINTS for part in parts]


COLUMNS = [
    *("photo", "width", "height", "face"),
    *("box_x", "box_y", "box_width", "box_height", "box_confidence"),
    *("eye_distance", "roll", "yaw", "pitch"),
    *_names(("x", "y", "confidence")),
    "problem",
]
"""Of the table, in order."""

_OF_A_BOX = ("box_x", "box_y", "box_width", "box_height", "box_confidence")
VIDEO_COLUMNS = [
    *("frame", "seconds"),
    *(name for name in COLUMNS[3:-1] if name not in _OF_A_BOX),
]
"""Of the table of a video, in order."""
