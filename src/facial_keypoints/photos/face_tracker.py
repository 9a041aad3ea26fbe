"""Track faces through the frames of a video.

A face that is known is framed by its points in the frame before, so that the finder runs only now
and then: once a second for new faces, and at once where a face is lost.
"""

import logging
import time
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from facial_keypoints.formatting import format_count, format_duration
from facial_keypoints.keypoints import IMAGE_SIZE, LEFT_EYE, NUM_KEYPOINTS, RIGHT_EYE
from facial_keypoints.models.calibration import Calibration
from facial_keypoints.photos.finders import Finder, Framing, find_faces
from facial_keypoints.photos.framing import Matrices, crop, frame_again, frame_box, frame_scale
from facial_keypoints.photos.prediction import Predictor, predict_framed
from facial_keypoints.photos.reading import Pixels
from facial_keypoints.photos.records import FacePoints, VideoFaces
from facial_keypoints.photos.smoothing import OneEuroFilter
from facial_keypoints.photos.video import VideoFile, read_frames

logger = logging.getLogger(__name__)

Points = npt.NDArray[np.float64]

LOST_BELOW: Final = 0.35
"""Mean confidence of the points below which a face is lost."""
_SEARCH_SECONDS: Final = 1.0
"""Between two searches for new faces."""
_SEARCH_SOON: Final = 0.2
"""The same while there is no face, or one was lost."""
_REPORT_SECONDS: Final = 10.0
"""Between two log lines of the progress."""
_SAME: Final = 0.6
"""Distance between the middles of two faces, in distances between the eyes, below which they are
one."""


@dataclass
class _Track:
    """One face.

    Attributes:
        face: Its number in the video, from 1.
        frame: By which it is framed next.
        points: (15, 2), predicted in the last frame.
        smooth: Its filter.
    """

    face: int
    frame: Matrices
    points: Points
    smooth: OneEuroFilter


@dataclass(frozen=True)
class TrackedFace:
    """One face in one frame.

    Attributes:
        face: Its number in the video, from 1.
        points: (15, 2), smoothed, in pixels of the frame.
        confidence: (15,).
        box: x, y, width and height of the upright square that the face was framed by.
    """

    face: int
    points: Points
    confidence: npt.NDArray[np.float64]
    box: tuple[float, float, float, float]


class FaceTracker:
    """Find and track the faces of a video.

    Args:
        finder: Finds new faces.
        framing: Of the finder.
        predictor: The champion.
        calibration: Of its confidence.
        mean_face: (15, 2), to frame faces by.
        rate: Frames a second.
        smoothing: Cutoff of the One Euro filter at rest, in Hz; 0 smooths nothing.
        framings: Predictions of a new face.
        min_confidence: Of a box of the finder.
    """

    def __init__(
        self,
        finder: Finder,
        framing: Framing,
        predictor: Predictor,
        calibration: Calibration,
        mean_face: npt.NDArray[np.floating],
        *,
        rate: float,
        smoothing: float,
        framings: int,
        min_confidence: float,
    ) -> None:
        self._finder, self._framing = finder, framing
        self._predictor, self._calibration = predictor, calibration
        self._mean_face = np.asarray(mean_face)
        self._rate, self._smoothing, self._framings = rate, smoothing, framings
        self._min_confidence = min_confidence
        self._tracks: list[_Track] = []
        self._wait = 0
        self._count = 0
        self.searches = 0
        """Frames in which the finder ran."""

    def __call__(self, pixels: Pixels) -> list[TrackedFace]:
        """Return the faces of the next frame, uint8 (h, w, 3) in RGB."""
        grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
        kept = self._track(grey)
        self._wait -= 1
        lost = len(kept) < len(self._tracks)
        self._tracks = [track for track, _ in kept]
        if self._wait <= 0 or lost:
            kept += self._search(pixels, grey)
            self._tracks = [track for track, _ in kept]
            seconds = _SEARCH_SECONDS if self._tracks else _SEARCH_SOON
            self._wait = max(1, round(seconds * self._rate))
        return [face for _, face in kept]

    def _track(self, grey: Pixels) -> list[tuple[_Track, TrackedFace]]:
        """Predict known faces on frames by their last points; lost ones are left out."""
        if not self._tracks:
            return []
        frames = np.stack([track.frame for track in self._tracks])
        found = self._predict(grey, frames, 1)
        kept: list[tuple[_Track, TrackedFace]] = []
        for i, track in enumerate(self._tracks):
            if found.confidence[i].mean() >= LOST_BELOW and not _is_among(
                found.points[i], [other.points for other, _ in kept]
            ):
                kept.append((track, self._advance(track, found, i)))
        return kept

    def _search(self, pixels: Pixels, grey: Pixels) -> list[tuple[_Track, TrackedFace]]:
        """Find faces that are not known yet."""
        self.searches += 1
        boxes = find_faces(self._finder, pixels, self._min_confidence)
        if not boxes:
            return []
        frames = np.stack([frame_box(box, self._framing) for box in boxes])
        found = self._predict(grey, frames, self._framings)
        known = [track.points for track in self._tracks]
        fresh: list[tuple[_Track, TrackedFace]] = []
        for i in range(len(boxes)):
            points = found.points[i]
            if found.confidence[i].mean() < LOST_BELOW or _is_among(points, known):
                continue
            known.append(points)
            self._count += 1
            smooth = OneEuroFilter(self._smoothing, self._rate)
            track = _Track(self._count, found.frames[i], points, smooth)
            fresh.append((track, self._advance(track, found, i)))
        return fresh

    def _advance(self, track: _Track, found: FacePoints, i: int) -> TrackedFace:
        points, frame = found.points[i], found.frames[i]
        track.frame = frame_again(frame[None], points[None], self._mean_face)[0]
        track.points = points
        smoothed = track.smooth(points, _eye_distance(points))
        return TrackedFace(track.face, smoothed, found.confidence[i], _square(frame))

    def _predict(self, grey: Pixels, frames: Matrices, framings: int) -> FacePoints:
        def images_of(frames: Matrices) -> Pixels:
            return np.stack([crop(grey, frame) for frame in frames])

        return predict_framed(
            images_of, frames, self._predictor, self._calibration, self._mean_face, framings
        )


def _eye_distance(points: Points) -> float:
    return float(np.linalg.norm(points[LEFT_EYE] - points[RIGHT_EYE]))


def _is_among(points: Points, others: list[Points]) -> bool:
    """Whether one of the other faces is this one."""
    near = _SAME * max(_eye_distance(points), 1e-6)
    middle = points.mean(axis=0)
    return any(float(np.linalg.norm(other.mean(axis=0) - middle)) < near for other in others)


def _square(frame: Matrices) -> tuple[float, float, float, float]:
    side = IMAGE_SIZE / float(frame_scale(frame))
    middle = np.array([IMAGE_SIZE / 2, IMAGE_SIZE / 2, 1.0]) @ np.linalg.inv(frame)
    x, y = middle[:2] / middle[2] - side / 2
    return float(x), float(y), side, side


def track_video(video: VideoFile, tracker: FaceTracker) -> VideoFaces:
    """Return the faces of every frame of a video; logs the progress every ten seconds.

    Args:
        video: The video.
        tracker: Set up for its rate.

    Raises:
        InputError: If no frame can be decoded.
    """
    rows: list[tuple[int, TrackedFace]] = []
    count, started = 0, time.monotonic()
    reported = started
    for pixels in read_frames(video):
        rows += [(count, face) for face in tracker(pixels)]
        count += 1
        if time.monotonic() - reported > _REPORT_SECONDS:
            reported = time.monotonic()
            _log_progress(count, video.frames, reported - started)
    seconds = time.monotonic() - started
    logger.info(
        "%s in %s, %.1f a second; the finder ran in %d of them",
        format_count(count, "frame"),
        format_duration(seconds),
        count / max(seconds, 1e-9),
        tracker.searches,
    )
    with_face = len({number for number, _ in rows})
    if not rows:
        logger.warning("No face found in the video")
    elif with_face < count:
        logger.info("A face in %s", f"{with_face:,} of {format_count(count, 'frame')}")
    return VideoFaces(
        frames=np.array(count),
        frame=np.array([number for number, _ in rows], np.int64),
        face=np.array([face.face for _, face in rows], np.int64),
        points=np.array([face.points for _, face in rows]).reshape(-1, NUM_KEYPOINTS, 2),
        confidence=np.array([face.confidence for _, face in rows]).reshape(-1, NUM_KEYPOINTS),
        box=np.array([face.box for _, face in rows]).reshape(-1, 4),
    )


def _log_progress(done: int, total: int, seconds: float) -> None:
    remaining = seconds * (total - done) / done
    end = f" of {total:,}, about {format_duration(remaining)} remaining" if total > done else ""
    logger.info("Frame %s%s; %.1f a second", f"{done:,}", end, done / seconds)
