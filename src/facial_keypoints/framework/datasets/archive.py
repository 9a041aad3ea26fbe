"""The competition's archive, fetched when it is not there."""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout
from kedro.io import AbstractDataset

from facial_keypoints.archive.competition import ArchiveSource, CompetitionArchive
from facial_keypoints.errors import InputError
from facial_keypoints.framework.datasets.files import write_errors

logger = logging.getLogger(__name__)


class ArchiveDataset(AbstractDataset[ArchiveSource, CompetitionArchive]):
    """The competition's archive on the local disk.

    Saving takes an ``ArchiveSource``, not bytes: what is already there, sound and from the
    same source is kept; anything else is fetched beside it, checked, and moved into its place.
    The source's fingerprint lies beside the archive, with the suffix ``.source``.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}

    def _exists(self) -> bool:
        return self._path.is_file()

    def load(self) -> CompetitionArchive:
        """The archive in its place, to be opened table by table."""
        if not self._path.is_file():
            raise InputError(
                f"{self._path}: the competition has not been downloaded yet; "
                "run: kedro run --pipeline=download"
            )
        return CompetitionArchive(self._path)

    def save(self, data: ArchiveSource) -> None:
        """Bring the archive into its place unless it is there already.

        Runs of several data folders may share the archive: one fetches, the others wait.
        """
        with write_errors(PurePosixPath(self._path)):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._alone():
                for left in self._path.parent.glob(".fetching-*"):  # by a run that was killed
                    shutil.rmtree(left)
                self._fetch_unless_there(data)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        lock = FileLock(self._path.with_name(".fetching.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            logger.info("Another run is fetching %s: waiting for it ...", self._path.name)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _fetch_unless_there(self, data: ArchiveSource) -> None:
        stamp = self._path.with_name(self._path.name + ".source")
        if self._is_sound_from(data, stamp):
            logger.info("%s is already there and sound: not fetched again", self._path.name)
            return
        logger.info("%s ...", data.description)
        with tempfile.TemporaryDirectory(dir=self._path.parent, prefix=".fetching-") as folder:
            partial = Path(folder) / self._path.name
            data.fetch(partial)
            try:
                CompetitionArchive(partial).check()
            except InputError as error:
                told = str(error).replace(str(partial), f"{self._path.name} as it was fetched")
                raise InputError(told) from error
            stamp.unlink(missing_ok=True)  # never the old source's stamp beside the new archive
            partial.replace(self._path)
        stamp.write_text(data.fingerprint, encoding="utf-8")

    def _is_sound_from(self, source: ArchiveSource, stamp: Path) -> bool:
        if not (self._path.is_file() and stamp.is_file()):
            return False
        if stamp.read_text(encoding="utf-8", errors="replace") != source.fingerprint:
            logger.info(
                "%s came from another source, or with other parameters: fetching again",
                self._path.name,
            )
            return False
        try:
            CompetitionArchive(self._path).check()
        except InputError as error:
            logger.warning("%s Fetching it again.", error)
            return False
        return True
