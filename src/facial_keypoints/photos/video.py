"""Read the frames of a video, upright."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from facial_keypoints.errors import InputError
from facial_keypoints.photos.reading import Pixels

# OpenCV reads it when it first opens a video: FFmpeg's own messages do not help users
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

SUFFIXES: Final = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".3gp")
_USUAL_RATE: Final = 30.0
"""Frames a second of a video that does not say."""


@dataclass(frozen=True)
class VideoFile:
    """A video.

    Attributes:
        path: Of the file.
        width: Of an upright frame, in pixels.
        height: The same.
        rate: Frames a second.
        frames: How many there should be; 0 where the file does not say.
    """

    path: str
    width: int
    height: int
    rate: float
    frames: int


@dataclass(frozen=True)
class VideoFrames:
    """Frames to be written.

    Attributes:
        rate: Frames a second.
        frames: Yields them, uint8 (h, w, 3) in RGB, all of one size.
    """

    rate: float
    frames: Callable[[], Iterator[Pixels]]


def is_video(source: Path | None) -> bool:
    """Whether a path is that of a video, by its suffix."""
    return source is not None and source.suffix.lower() in SUFFIXES


def open_video(source: Path) -> VideoFile:
    """Return what a video says of itself.

    Raises:
        InputError: If it does not exist, or no frame can be decoded.
    """
    if not source.is_file():
        raise InputError(f"predict.input: {source} does not exist; name a photo, folder or video")
    with _capture(source) as capture:
        sound, first = capture.read() if capture.isOpened() else (False, None)
        if not sound or first is None:
            raise InputError(
                f"{source}: no frame can be decoded: the video is empty or damaged, or OpenCV "
                f"lacks its codec; convert it: ffmpeg -i {source.name} -c:v libx264 converted.mp4"
            )
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    height, width = first.shape[:2]
    usable = rate if np.isfinite(rate) and 1 <= rate <= 1000 else _USUAL_RATE
    return VideoFile(str(source.resolve()), width, height, usable, max(count, 0))


def read_frames(video: VideoFile) -> Iterator[Pixels]:
    """Yield the frames, uint8 (h, w, 3) in RGB, rotated as the file says."""
    with _capture(Path(video.path)) as capture:
        while True:
            sound, frame = capture.read()
            if not sound:
                return
            yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)


def record_camera(camera: int, seconds: float) -> VideoFrames:
    """Return the frames of a camera, which is opened again when they are asked for.

    Args:
        camera: Its number, from 0.
        seconds: How long to record.

    Raises:
        InputError: If there is no such camera.
    """
    with _capture(camera) as capture:
        if not capture.isOpened() or not capture.read()[0]:
            raise InputError(
                f"predict.camera={camera}: no camera can be read; connect one, close other "
                "programs that use it, or name a video in predict.input"
            )
        rate = float(capture.get(cv2.CAP_PROP_FPS))
    rate = rate if np.isfinite(rate) and 1 <= rate <= 1000 else _USUAL_RATE

    def frames() -> Iterator[Pixels]:
        with _capture(camera) as opened:
            for _ in range(max(1, round(seconds * rate))):
                sound, frame = opened.read()
                if not sound:
                    return
                yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)

    return VideoFrames(rate, frames)


@contextmanager
def _capture(source: Path | int) -> Iterator[Any]:
    """An open file or camera; messages of FFmpeg and OpenCV are left out."""
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        capture = (
            cv2.VideoCapture(source)
            if isinstance(source, int)
            else cv2.VideoCapture(str(source), cv2.CAP_FFMPEG)
        )
    finally:
        cv2.utils.logging.setLogLevel(before)
    try:
        yield capture
    finally:
        capture.release()
