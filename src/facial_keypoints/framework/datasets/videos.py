"""Videos as MP4 files."""

import tempfile
from pathlib import Path, PurePosixPath
from typing import Final
from uuid import uuid4

import cv2

from facial_keypoints.errors import InputError
from facial_keypoints.framework.datasets.atomic import FileDataset, move, remove, write_errors
from facial_keypoints.framework.datasets.local_copy import LocalCopy
from facial_keypoints.framework.read_errors import read_errors
from facial_keypoints.photos.video import VideoFile, VideoFrames, open_video

_CODEC: Final = "mp4v"
"""MPEG-4 part 2: OpenCV's packages have no encoder for H.264."""


class VideoDataset(FileDataset):
    """A video, written frame by frame, so that few frames are in memory."""

    @property
    def path(self) -> PurePosixPath:
        """The file's path on its file system."""
        return self._filepath

    def load(self) -> VideoFile:
        """Return what the video says of itself.

        Raises:
            InputError: If there is none, or no frame can be decoded.
        """
        copy = LocalCopy(self._fs, self._filepath)
        with read_errors(self.location):
            copy.fetch()
        return open_video(copy.path)

    def save(self, data: VideoFrames) -> None:
        """Replace the video.

        Raises:
            InputError: If it cannot be written, or has no frame; the earlier one is unchanged.
        """
        target = self._filepath
        partial = target.with_name(f".{uuid4().hex}{target.suffix}")
        try:
            with write_errors(self.location), tempfile.TemporaryDirectory() as folder:
                local = Path(folder) / f"video{target.suffix}"
                _write(local, data)
                self._fs.put_file(str(local), str(partial))
                move(self._fs, partial, target)
        finally:
            remove(self._fs, partial)


def _write(path: Path, video: VideoFrames) -> None:
    writer = None
    try:
        for pixels in video.frames():
            if writer is None:
                size = pixels.shape[1::-1]
                writer = cv2.VideoWriter(
                    str(path), cv2.VideoWriter.fourcc(*_CODEC), video.rate, size
                )
                if not writer.isOpened():
                    raise InputError(f"OpenCV cannot write MP4 files ({_CODEC}) on this machine")
            writer.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    finally:
        if writer is not None:
            writer.release()
    if writer is None:
        raise InputError("the video has no frame")
