"""Remote files for libraries that read local ones only: zip archives and videos."""

import hashlib
import logging
import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final
from uuid import uuid4

import fsspec
from platformdirs import user_cache_path

from facial_keypoints.framework.storage import is_local, location

logger = logging.getLogger(__name__)

_LARGE: Final = 1_000_000
"""Bytes of a file whose transfer is logged."""


def cache_folder(url: str) -> Path:
    """Return the folder of this user and machine for what belongs to a remote folder."""
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    return user_cache_path("facial-keypoints") / name


class LocalCopy:
    """A file on this machine's disk: the file itself, or a copy of a remote one.

    The remote file counts. Next to the copy, ``.name.copied`` notes which version of the remote
    file it is.

    Args:
        fs: File system of the file.
        path: The file.

    Attributes:
        path: The file on this machine.
    """

    def __init__(self, fs: fsspec.AbstractFileSystem, path: PurePosixPath) -> None:
        self._fs = fs
        self._remote = str(path)
        self._url = location(fs, path)
        self._is_local = is_local(fs)
        folder = Path(path).parent if self._is_local else cache_folder(location(fs, path.parent))
        self.path = folder / path.name
        self._note = folder / f".{path.name}.copied"

    def fetch(self) -> None:
        """Download the remote file, unless the copy is of this version.

        A local file that is not noted as a copy stays where there is no remote one: a run was
        killed before it was uploaded.
        """
        if self._is_local:
            return
        if not self._fs.exists(self._remote):
            if self._note.exists():
                self.path.unlink(missing_ok=True)
                self._note.unlink()
            return
        if self.is_current():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(f".{uuid4().hex}.{self.path.name}")
        size = self._fs.size(self._remote)
        if size >= _LARGE:
            logger.info("Downloading %s (%.0f MB) to %s", self._url, size / 1e6, self.path.parent)
        try:
            self._fs.get_file(self._remote, str(partial))
            os.replace(partial, self.path)  # noqa: PTH105
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
        self._note.write_text(self._version(), encoding="utf-8")

    def send(self) -> None:
        """Upload the local file, if there is one and the remote one is another."""
        if self.path.exists() and not self.is_current():
            self._fs.put_file(str(self.path), self._remote)
            self._note.write_text(self._version(), encoding="utf-8")

    def remove_remote(self) -> None:
        """Delete the remote file; the local one stays."""
        if not self._is_local and self._fs.exists(self._remote):
            self._fs.rm_file(self._remote)

    def is_current(self) -> bool:
        """Return whether the local file is what the remote one is."""
        if self._is_local:
            return True
        if not (self.path.exists() and self._note.exists() and self._fs.exists(self._remote)):
            return False
        return self._note.read_text(encoding="utf-8") == self._version()

    def _version(self) -> str:
        """Return what identifies the remote version and the local file."""
        status = self.path.stat()
        return f"{self._fs.ukey(self._remote)} {status.st_size} {status.st_mtime_ns}"
