"""Fetch the competition's archive once, and reuse it as long as its source is the same."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.errors import InputError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ArchiveSource:
    """Where an archive comes from.

    Attributes:
        fingerprint: Equal for equal content; holds no secrets. It is written next to the archive,
            with the suffix ``.source``.
        description: What fetching does, for the log.
        fetch: Writes the archive to the path it is given.
    """

    fingerprint: str
    description: str
    fetch: Callable[[Path], None]


def fetch_archive(source: ArchiveSource, path: Path) -> CompetitionArchive:
    """Return a sound archive at ``path`` that comes from ``source``; fetch it where necessary.

    An archive from the same source that passes its check is reused. A new one is fetched into a
    temporary folder, checked, and moved to ``path``; until then the earlier one stays. Processes
    that share ``path`` fetch one at a time.

    Args:
        source: Where the archive comes from.
        path: The zip file; its folder is created.

    Returns:
        The archive at ``path``.

    Raises:
        InputError: if the fetched archive is not sound, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _lock(path):
            for folder in path.parent.glob(".fetching-*"):  # left by a killed run
                shutil.rmtree(folder)
            if not _is_current(source, path):
                _replace(source, path)
    except ConnectionError:  # an OSError that has nothing to do with the disk
        raise
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); the earlier archive is "
            "unchanged. Free some space or make the folder writable, and run the same command again"
        ) from error
    return CompetitionArchive(path)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    lock = FileLock(path.with_name(".fetching.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("Another run is fetching %s: waiting for it ...", path.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _stamp(path: Path) -> Path:
    return path.with_name(f"{path.name}.source")


def _is_current(source: ArchiveSource, path: Path) -> bool:
    stamp = _stamp(path)
    if not (path.is_file() and stamp.is_file()):
        return False
    if stamp.read_text(encoding="utf-8", errors="replace") != source.fingerprint:
        logger.info("%s: source or parameters have changed, fetching again", path.name)
        return False
    try:
        CompetitionArchive(path).check()
    except InputError as error:
        logger.warning("%s. Fetching it again", error)
        return False
    logger.info("%s: reusing the archive (same source, checksums correct)", path.name)
    return True


def _replace(source: ArchiveSource, path: Path) -> None:
    logger.info("%s ...", source.description)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetching-") as folder:
        fetched = Path(folder) / path.name
        source.fetch(fetched)
        try:
            CompetitionArchive(fetched).check()
        except InputError as error:
            message = str(error).replace(str(fetched), f"the fetched {path.name}")
            raise InputError(message) from error
        _stamp(path).unlink(missing_ok=True)  # a stamp never describes another archive
        fetched.replace(path)
    _stamp(path).write_text(source.fingerprint, encoding="utf-8")
