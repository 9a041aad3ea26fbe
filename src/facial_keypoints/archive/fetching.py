"""Fetch the competition's archive once, and reuse it as long as its source is the same."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.layouts import find_tables, has_tables, pack_tables
from facial_keypoints.errors import InputError

logger = logging.getLogger(__name__)

_LOCAL: Final = "archive:"
"""Start of the fingerprints of the user's own files."""


@dataclass(frozen=True)
class ArchiveSource:
    """Where an archive comes from.

    Attributes:
        fingerprint: Equal for equal content; holds no secrets. It is written next to the archive,
            with the suffix ``.source``.
        description: What fetching does, for the log.
        fetch: Writes the archive to the path it is given.
        name: What is fetched, for messages about its content.
        also: Fingerprint of another source whose archive is used if it is in place.
    """

    fingerprint: str
    description: str
    fetch: Callable[[Path], None]
    name: str | None = None
    also: str | None = None


def local_source(given: Path) -> ArchiveSource:
    """Return the user's own files as a source: Kaggle's zip, or its tables in another layout.

    Args:
        given: A zip file or a folder, see ``layouts.find_tables``.

    Raises:
        InputError: if these are not the competition's files.
    """
    archive = CompetitionArchive(given)
    if archive.has_layout():
        archive.check()
        paths = {given}
        description, fetch = f"Copying and checking {given}", partial(shutil.copyfile, given)
    else:
        tables = find_tables(given)
        paths = {table.path for table in tables.values()}
        folder = f"{given if given.is_dir() else given.parent}/"
        names = [str(table).removeprefix(folder) for table in tables.values()]
        description = f"Packing {', '.join(names)}"
        fetch = partial(pack_tables, tables)
    status = [path.stat() for path in paths]
    size, changed = sum(s.st_size for s in status), max(s.st_mtime_ns for s in status)
    return ArchiveSource(
        fingerprint=f"{_LOCAL}{given.resolve()}:{size}:{changed}",
        description=description,
        fetch=fetch,
        name=str(given),
    )


def source_in_place(place: Path, otherwise: ArchiveSource) -> ArchiveSource:
    """Return the source of the archive that an earlier run or the user has put in place.

    Args:
        place: Path of the archive; its folder may contain the tables in another layout.
        otherwise: The source if there is none, or only one of another competition.
    """
    stamp = _read_stamp(place)
    if place.is_file() and stamp is not None:
        return replace(otherwise, also=stamp) if stamp.startswith(_LOCAL) else otherwise
    try:
        return local_source(place if place.is_file() else place.parent)
    except InputError as error:
        if place.is_file() or has_tables(place.parent):
            logger.warning("%s. Not used", error)
    return otherwise


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


def stamp_of(name: str) -> str:
    """Return the name of the file that notes the source of an archive of a name."""
    return f"{name}.source"


def _stamp(path: Path) -> Path:
    return path.with_name(stamp_of(path.name))


def _read_stamp(path: Path) -> str | None:
    stamp = _stamp(path)
    return stamp.read_text(encoding="utf-8", errors="replace") if stamp.is_file() else None


def _is_current(source: ArchiveSource, path: Path) -> bool:
    stamp = _read_stamp(path)
    if stamp is None or not path.is_file():
        return False
    if stamp not in {source.fingerprint, source.also}:
        logger.info("%s: source or parameters have changed, fetching again", path.name)
        return False
    try:
        CompetitionArchive(path).check()
    except InputError as error:
        logger.warning("%s. Fetching it again", error)
        return False
    if stamp == source.fingerprint:
        logger.info("%s: reusing the archive (unchanged)", path.name)
    else:
        given = stamp.removeprefix(_LOCAL).rsplit(":", 2)[0]
        logger.info(
            "%s: using the archive in place, a copy of %s (checksums correct)", path.name, given
        )
    return True


def _replace(source: ArchiveSource, path: Path) -> None:
    logger.info("%s ...", source.description)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetching-") as folder:
        fetched = Path(folder) / path.name
        source.fetch(fetched)
        try:
            CompetitionArchive(fetched).check()
        except InputError as error:
            message = str(error).replace(str(fetched), source.name or f"the fetched {path.name}")
            raise InputError(message) from error
        _stamp(path).unlink(missing_ok=True)  # a stamp never describes another archive
        fetched.replace(path)
    _stamp(path).write_text(source.fingerprint, encoding="utf-8")
