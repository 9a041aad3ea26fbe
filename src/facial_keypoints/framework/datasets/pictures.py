"""A folder of pictures."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import Final
from uuid import uuid4

import cv2
import numpy as np
import numpy.typing as npt

from facial_keypoints.errors import InputError
from facial_keypoints.framework.datasets.atomic import FileDataset, move, remove, write_errors
from facial_keypoints.framework.read_errors import read_errors
from facial_keypoints.framework.storage import is_local, location

logger = logging.getLogger(__name__)

Pixels = npt.NDArray[np.uint8]
_JPEG_QUALITY: Final = 92


class PictureFolderDataset(FileDataset):
    """Pictures by file name: uint8 (h, w, 3) in RGB, or functions that return one.

    A function is called when its picture is written, so that few are in memory. A folder of an
    earlier save is replaced as a whole. Pictures are loaded as functions, too.
    """

    @property
    def path(self) -> PurePosixPath:
        """The folder's path on its file system."""
        return self._filepath

    def load(self) -> dict[str, Callable[[], Pixels]]:
        """Return functions that read the pictures, by file name.

        Raises:
            InputError: If there is no folder yet.
        """
        folder = str(self._filepath)
        with read_errors(self.location):
            if not self._fs.isdir(folder):
                raise InputError(
                    f"{self.location}: folder not found; run the pipeline that writes it first"
                )
            files = [PurePosixPath(path) for path in self._fs.find(folder)]
        return {str(path.relative_to(self._filepath)): partial(self._read, path) for path in files}

    def save(self, data: Mapping[str, Pixels | Callable[[], Pixels]]) -> None:
        """Replace the folder; a picture whose function fails with an InputError is left out.

        Raises:
            InputError: If a file cannot be written; the earlier folder is unchanged.
        """
        if not is_local(self._fs):
            self._save_remote(data)
            return
        target = self._filepath
        partial_folder = target.with_name(f".{uuid4().hex}")
        replaced = target.with_name(f".{uuid4().hex}")
        try:
            with write_errors(target):
                self._fs.makedirs(str(partial_folder), exist_ok=True)
                for name, picture in data.items():
                    self._write(partial_folder / name, picture)
                if self._fs.exists(str(target)):
                    move(self._fs, target, replaced)
                move(self._fs, partial_folder, target)
        finally:
            remove(self._fs, partial_folder)
            remove(self._fs, replaced)

    def _save_remote(self, data: Mapping[str, Pixels | Callable[[], Pixels]]) -> None:
        """Replace the pictures one by one: object storage has no folder that could be moved."""
        with write_errors(self.location):
            earlier = {PurePosixPath(path) for path in self._fs.find(str(self._filepath))}
            for name, picture in data.items():
                self._write(self._filepath / name, picture)
            for path in earlier - {self._filepath / name for name in data}:
                self._fs.rm_file(str(path))

    def _write(self, path: PurePosixPath, picture: Pixels | Callable[[], Pixels]) -> None:
        try:
            pixels = picture() if callable(picture) else picture
        except InputError as error:
            logger.warning("%s is not drawn: %s", path.name, error)
            return
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        suffix = path.suffix.lower()
        options = [] if suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        _, encoded = cv2.imencode(suffix, bgr, options)
        self._fs.pipe_file(str(path), encoded.tobytes())

    def _read(self, path: PurePosixPath) -> Pixels:
        with read_errors(location(self._fs, path)):
            encoded = np.frombuffer(self._fs.cat_file(str(path)), np.uint8)
            decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
            return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
