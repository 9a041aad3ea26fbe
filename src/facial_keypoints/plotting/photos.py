"""Figures of faces in photos."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from matplotlib.figure import Figure

from facial_keypoints.formatting import format_count
from facial_keypoints.photos.prediction import framed_points
from facial_keypoints.photos.records import FaceCrops, FacePoints
from facial_keypoints.plotting.faces import draw_faces

_SHEET_FACES: Final = 96
_TITLE: Final = 18
"""Characters of a file's name that fit above a face."""


def draw_contact_sheet(points: FacePoints, crops: FaceCrops, names: Sequence[str]) -> Figure:
    """Draw each face as the model saw it, with its keypoints; the first 96 of many.

    Args:
        points: Of n faces.
        crops: Their photos.
        names: Of the photos.
    """
    total = len(points.images)
    count = min(total, _SHEET_FACES)
    photos = crops.photo[:count].tolist()
    titles = [
        f"{_shorten(PurePath(names[photo]).name)}, {i - photos.index(photo) + 1}\n{confidence:.0%}"
        for i, (photo, confidence) in enumerate(
            zip(photos, points.confidence[:count].mean(axis=1).tolist(), strict=True)
        )
    ]
    which = "" if count == total else f", the first {count}"
    return draw_faces(
        points.images[:count],
        titles,
        predicted=framed_points(points)[:count],
        heading=f"{format_count(total, 'face')}{which}: photo, face, mean confidence",
    )


def _shorten(name: str) -> str:
    return name if len(name) <= _TITLE else f"{name[: _TITLE - 3]}..."
