"""A lock as an object of an object storage, which knows no processes.

Whoever creates the object holds the lock: storages create it for one of several that try
(If-None-Match in S3's terms). The object has a random token, and its holder writes it again every
half minute. A lock is abandoned if it was not written for five minutes by the storage's own clock,
or if its token was written by a process of this user and machine that has ended.
"""

import logging
import threading
import time
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Final
from uuid import uuid4

import fsspec
from filelock import FileLock, Timeout

from facial_keypoints.framework.datasets.local_copy import cache_folder
from facial_keypoints.framework.storage import location

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_RENEWALS: Final = 30.0
_SECONDS_UNTIL_ABANDONED: Final = 300.0
_SECONDS_TO_SETTLE: Final = 2.0
"""In which others that found the same abandoned lock write their tokens, too."""


class HeldError(Exception):
    """Another process holds the lock."""


class ObjectLock:
    """A lock on object storage.

    Args:
        fs: File system.
        path: The object.

    Attributes:
        is_lost: Whether another process has taken it over, as one does after five minutes in which
            the storage did not hear of this process.
    """

    def __init__(self, fs: fsspec.AbstractFileSystem, path: PurePosixPath) -> None:
        self._fs = fs
        self._path = str(path)
        self._url = location(fs, path)
        folder = cache_folder(self._url)
        folder.mkdir(parents=True, exist_ok=True)
        self._here = FileLock(folder / "lock")
        self._token_here = folder / "token"
        self._token = uuid4().hex
        self._ended = threading.Event()
        self._renewal = threading.Thread(target=self._renew, name="run lock", daemon=True)
        self.is_lost = False

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            HeldError: If another process holds it.
            OSError: If the storage refuses it; other exceptions if it does not answer.
        """
        try:
            self._here.acquire(timeout=0)
        except Timeout:
            raise HeldError from None
        try:
            self._acquire()
        except BaseException:
            self._here.release()
            raise
        self._renewal.start()

    def release(self) -> None:
        """Free the lock; one that the storage does not let go of is abandoned in five minutes."""
        self._ended.set()
        self._renewal.join()
        with suppress(Exception):  # of any file system
            if self._holder() == self._token:
                self._fs.rm_file(self._path)
        self._here.release()

    def _acquire(self) -> None:
        before = self._token_here.read_text("utf-8") if self._token_here.exists() else ""
        # both, as long as it is unknown which of them the storage has
        self._token_here.write_text(f"{before}\n{self._token}", "utf-8")
        try:
            self._fs.pipe_file(self._path, self._token.encode(), mode="create")
        except PermissionError:
            raise
        except OSError:
            holder = self._holder()
            if not holder:
                raise
            if holder not in before.split() and not self._is_abandoned():
                self._token_here.write_text(before, "utf-8")
                raise HeldError from None
            self._take_over(holder)
        self._token_here.write_text(self._token, "utf-8")

    def _take_over(self, earlier: str) -> None:
        if self._holder() != earlier:  # another process was faster
            raise HeldError
        self._fs.pipe_file(self._path, self._token.encode())
        time.sleep(_SECONDS_TO_SETTLE)
        if self._holder() != self._token:
            raise HeldError

    def _holder(self) -> str:
        try:
            return str(self._fs.cat_file(self._path).decode(errors="replace"))
        except FileNotFoundError:
            return ""

    def _is_abandoned(self) -> bool:
        """Compare with an object written now: the clocks of machines differ."""
        probe = f"{self._path}.{uuid4().hex}"
        self._fs.pipe_file(probe, b"")
        now = self._fs.modified(probe)
        self._fs.rm_file(probe)
        seconds = (now - self._fs.modified(self._path)).total_seconds()
        if seconds < _SECONDS_UNTIL_ABANDONED:
            return False
        logger.warning("%s: abandoned for %.0f s, taking it over", self._url, seconds)
        return True

    def _renew(self) -> None:
        while not self._ended.wait(_SECONDS_BETWEEN_RENEWALS):
            with suppress(Exception):  # the storage may answer next time
                if self._holder() != self._token:
                    self.is_lost = True
                    return
                self._fs.pipe_file(self._path, self._token.encode())
