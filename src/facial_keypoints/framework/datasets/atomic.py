"""Files that are written whole or not at all.

A dataset writes to a partial file in the same folder and moves it to its path. After a save that
failed or was interrupted, the earlier file is unchanged. Object storage copies the partial object,
which replaces the earlier one in one step, and deletes it.
"""

import errno
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final
from uuid import uuid4

import fsspec
from kedro.io import AbstractDataset, DatasetError

from facial_keypoints.errors import InputError, StorageError
from facial_keypoints.framework.datasets.checksums import ChecksumFile, checksum
from facial_keypoints.framework.read_errors import changed_error, read_errors
from facial_keypoints.framework.storage import filesystem, is_local, location, unreachable

logger = logging.getLogger(__name__)

_RUN_FULL: Final = (
    "run the pipeline that writes it first, with the same --env (kedro run --pipeline=full runs "
    "all of them)"
)

_DISK: Final = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.EEXIST, errno.EIO, errno.ENAMETOOLONG),
}
"""Error codes of a disk or folder that cannot be written, as opposed to bugs."""


class FileDataset(AbstractDataset[Any, Any]):
    """Base of this project's own datasets: one file on any file system that fsspec knows.

    Args:
        filepath: Path or URL of the file.
        metadata: For Kedro-Viz and MLflow (see ``tracking.outputs``).
        credentials: Options of a remote file system (see ``framework.storage``).
    """

    def __init__(
        self,
        *,
        filepath: str,
        metadata: dict[str, Any] | None = None,
        credentials: Mapping[str, Any] | None = None,
    ) -> None:
        self._fs, self._filepath = filesystem(filepath, credentials)
        self.metadata = metadata

    @property
    def location(self) -> str:
        """The path as users write it, with the protocol where it is remote."""
        return location(self._fs, self._filepath)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.location}

    def _exists(self) -> bool:
        with read_errors(self.location):
            return bool(self._fs.exists(str(self._filepath)))


class AtomicSave:
    """Mixin for datasets with ``_fs`` and ``_filepath`` that saves atomically.

    Args:
        keep_earlier: Whether to copy an earlier file of other content, with its date in the name.
        if_missing: Remedy in the error about a missing file.
        optional: Whether to load None where the file is missing.
        checked: Whether a file whose values were changed since it was saved is refused.
        **options: Of the dataset.
    """

    _fs: fsspec.AbstractFileSystem
    _filepath: PurePosixPath
    is_small: ClassVar[bool] = False
    """Whether files are read back for a checksum when they are saved."""

    def __init__(
        self,
        *,
        keep_earlier: bool = False,
        if_missing: str = _RUN_FULL,
        optional: bool = False,
        checked: bool | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._checked = self.is_small if checked is None else checked
        self._keep_earlier = keep_earlier
        self._if_missing = if_missing
        self._optional = optional

    @property
    def path(self) -> PurePosixPath:
        """The file's path on its file system."""
        return self._filepath

    @property
    def location(self) -> str:
        """The path as users write it, with the protocol where it is remote."""
        return location(self._fs, self._filepath)

    def content(self) -> bytes:
        """Return the file's bytes."""
        return bytes(self._fs.cat_file(str(self._filepath)))

    def load(self) -> Any:
        """Load the file.

        Raises:
            InputError: if it does not exist yet, cannot be read, or was changed.
        """
        with read_errors(self.location):
            if not self._fs.exists(str(self._filepath)):
                if self._optional:
                    return None
                raise InputError(f"{self.location}: file not found; {self._if_missing}")
            data = super().load()  # type: ignore[misc]
            if self._checked and not ChecksumFile(self._fs, self._filepath).agrees(checksum(data)):
                raise changed_error(self.location)
        return data

    def save(self, data: Any) -> None:
        """Write a partial file and move it to the path.

        Raises:
            InputError: if it cannot be written; the earlier file is unchanged.
        """
        target = self._filepath
        partial = target.with_name(f".{uuid4().hex}.{target.name}")
        recorded = ChecksumFile(self._fs, target)
        self._filepath = partial
        try:
            with write_errors(location(self._fs, target)):
                super().save(data)  # type: ignore[misc]
                written = checksum(super().load()) if self._checked else ""  # type: ignore[misc]
                if self._keep_earlier and self._fs.exists(str(target)):
                    self._keep(target, partial)
                if self._checked:
                    recorded.announce(written)
                move(self._fs, partial, target)
                if self._checked:
                    recorded.write(written)
        except BaseException:
            remove(self._fs, partial)
            raise
        finally:
            self._filepath = target

    def _keep(self, target: PurePosixPath, new: PurePosixPath) -> None:
        if self._fs.cat_file(str(target)) == self._fs.cat_file(str(new)):
            return
        made = self._fs.modified(str(target)).strftime("%Y%m%d-%H%M%S")
        aside = target.with_name(f"{target.stem}-{made}{target.suffix}")
        logger.info("%s has changed; the earlier version is kept as %s", target.name, aside.name)
        self._fs.copy(str(target), str(aside))


@contextmanager
def write_errors(target: PurePosixPath | str) -> Iterator[None]:
    """Convert the error of a full disk, a read-only folder or the network into a user's error.

    Args:
        target: The file that is written, or its URL.

    Raises:
        StorageError: in place of an OSError of the disk, wrapped by Kedro or not.
        UnreachableError: in place of an error of the object storage.
    """
    try:
        yield
    except Exception as error:
        if failure := unreachable(error, str(target)):
            raise failure from error
        cause: BaseException | None = error
        while isinstance(cause, DatasetError):
            cause = cause.__cause__
        if not (isinstance(cause, OSError) and cause.errno in _DISK):
            raise  # a bug
        raise StorageError(
            f"{target}: cannot be written ({cause.strerror or cause}); the earlier file is "
            "unchanged. Free disk space or make the folder writable, then run the same command "
            "again to resume"
        ) from error


def remove(fs: fsspec.AbstractFileSystem, partial: PurePosixPath) -> None:
    """Remove the partial file or folder of a failed save, if possible.

    Args:
        fs: File system.
        partial: The file or folder.
    """
    with suppress(Exception):  # of any file system; what failed before is raised
        if fs.exists(str(partial)):
            fs.rm(str(partial), recursive=True)


def move(fs: fsspec.AbstractFileSystem, partial: PurePosixPath, target: PurePosixPath) -> None:
    """Move a finished file to its path in one step; on a local disk also a folder.

    Args:
        fs: File system. Object storage has copies only, of one object in one step.
        partial: The finished file or folder.
        target: Its path.
    """
    if is_local(fs):
        os.replace(partial, target)  # noqa: PTH105 (one call for every path type)
    else:
        fs.cp_file(str(partial), str(target))
        fs.rm_file(str(partial))
