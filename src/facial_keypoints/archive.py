"""The competition's archive: what must be in it, and how its tables are opened."""

import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final, Protocol

from facial_keypoints.errors import InputError

MEMBERS: Final = ("training.zip", "test.zip", "IdLookupTable.csv", "SampleSubmission.csv")
"""The four files of Kaggle's facial-keypoints-detection.zip."""

_CSV_IN: Final = {"training.csv": "training.zip", "test.csv": "test.zip"}
_MAX_BYTES: Final = 8 * 2**30
"""Upper bound of all unpacked bytes: thirty times Kaggle's, so that a bomb is refused."""
_UNSOUND: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(RuntimeError, ValueError, KeyError),  # encrypted, an unknown method, a nonsensical header
)
"""What the zip module raises for damaged files."""


class ArchiveSource(Protocol):
    """Where an archive can be had from."""

    @property
    def fingerprint(self) -> str:
        """What the archive is made from: equal for equal content, without secrets."""
        ...

    @property
    def description(self) -> str:
        """What fetching does, for the log."""
        ...

    def fetch(self, target: Path) -> None:
        """Write the archive to ``target``, a path in a folder of its own."""
        ...


@dataclass(frozen=True)
class CompetitionArchive:
    """An archive in Kaggle's layout: two CSV files and two zips with one CSV file each."""

    path: Path

    def check(self) -> None:
        """See that the archive is whole and harmless, without unpacking it to the disk.

        Raises:
            InputError: if it is no zip, lacks one of ``MEMBERS``, names a path outside, is
                damaged or encrypted, or unpacks to more than 8 GiB.
        """
        if self.path.is_dir():
            raise InputError(f"{self.path}: is a folder; give the path of Kaggle's zip")
        if not self.path.is_file():
            raise InputError(f"{self.path}: there is no such file; give the path of Kaggle's zip")
        try:
            with zipfile.ZipFile(self.path) as outer:
                self._check_members(outer)
                for csv, inner_name in _CSV_IN.items():
                    with outer.open(inner_name) as stream, zipfile.ZipFile(stream) as inner:
                        self._check_inner(inner, inner_name, csv)
        except _UNSOUND as error:
            raise self._unsound(error) from error

    def _check_members(self, outer: zipfile.ZipFile) -> None:
        names = outer.namelist()
        missing = [name for name in MEMBERS if name not in names]
        if missing:
            raise InputError(
                f"{self.path}: not the competition's archive: it lacks {', '.join(missing)} "
                f"(it holds {', '.join(names[:8]) or 'nothing'}); right is the file that "
                "Kaggle serves as facial-keypoints-detection.zip; if it is that one, it was cut "
                "off: download it again"
            )
        _check_harmless(self.path.name, outer)

    def _check_inner(self, inner: zipfile.ZipFile, inner_name: str, csv: str) -> None:
        if csv not in inner.namelist():
            raise InputError(
                f"{self.path}: {inner_name} holds {', '.join(inner.namelist()[:8]) or 'nothing'}, "
                f"not {csv}"
            )
        _check_harmless(f"{self.path.name}/{inner_name}", inner)

    @contextmanager
    def open(self, csv: str) -> Iterator[IO[bytes]]:
        """A stream of the bytes of one table: training.csv, test.csv, IdLookupTable.csv or
        SampleSubmission.csv.

        Raises:
            InputError: if the archive has been damaged since it was checked.
        """
        with ExitStack() as stack:
            try:
                archive = stack.enter_context(zipfile.ZipFile(self.path))
                if csv in _CSV_IN:
                    stream = stack.enter_context(archive.open(_CSV_IN[csv]))
                    archive = stack.enter_context(zipfile.ZipFile(stream))
                table = stack.enter_context(archive.open(csv))
            except _UNSOUND as error:
                raise self._unsound(error) from error
            try:
                yield table
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise self._unsound(error) from error

    def _unsound(self, error: Exception) -> InputError:
        return InputError(
            f"{self.path}: not a sound zip file ({str(error) or 'it ends too early'}); it may have "
            "been cut off: download it again"
        )


def _check_harmless(where: str, archive: zipfile.ZipFile) -> None:
    total = 0
    seen: set[str] = set()
    for member in archive.infolist():
        path = PurePosixPath(member.filename.replace("\\", "/"))
        link = stat.S_ISLNK(member.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or ":" in member.filename or link:
            raise InputError(f"{where}: refuses to open, {member.filename!r} leads outside")
        if member.filename in seen:
            raise InputError(f"{where}: refuses to open, {member.filename!r} is in it twice")
        seen.add(member.filename)
        total += member.file_size
    if total > _MAX_BYTES:
        raise InputError(
            f"{where}: would unpack to {total / 2**30:.1f} GiB, more than "
            f"{_MAX_BYTES / 2**30:.0f} GiB"
        )
    damaged = archive.testzip()
    if damaged is not None:
        raise InputError(f"{where}: {damaged} is damaged (checksum); download it again")
