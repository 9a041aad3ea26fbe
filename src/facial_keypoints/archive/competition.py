"""The competition's archive: what must be in it, and how its tables are opened."""

import io
import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final, Protocol

from facial_keypoints.archive.csv_rows import (
    LOOKUP_COLUMNS,
    TEST_COLUMNS,
    TRAINING_COLUMNS,
    table_rows,
)
from facial_keypoints.errors import InputError
from facial_keypoints.formatting import join_names, quote

MEMBERS: Final = ("training.zip", "test.zip", "IdLookupTable.csv", "SampleSubmission.csv")
"""The four files of Kaggle's facial-keypoints-detection.zip."""

_CSV_IN: Final = {"training.csv": "training.zip", "test.csv": "test.zip"}
_COLUMNS: Final = {
    "training.csv": TRAINING_COLUMNS,
    "test.csv": TEST_COLUMNS,
    "IdLookupTable.csv": LOOKUP_COLUMNS,
}
_FREE_BYTES: Final = 2**30
"""What every archive may unpack to: more than three times Kaggle's, whatever its own size."""
_MAX_RATIO: Final = 30
_MAX_BYTES: Final = 8 * 2**30
"""Upper bounds beyond that: tables of pictures shrink to a third or less, bombs to a thousandth;
the largest drawn competition takes 7 GiB.
"""
_MAX_MEMBERS: Final = 32
_MAX_READ: Final = 4 * 2**20
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Of the others, a few bytes can unpack to gigabytes at once."""
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
        """See that the archive is whole and harmless, without unpacking it to the disk, and that
        its tables have the right columns.

        Raises:
            InputError: if it is no zip, lacks one of ``MEMBERS`` or a column, names a path
                outside, is damaged or encrypted, or unpacks to more than is plausible.
        """
        if self.path.is_dir():
            raise InputError(f"{self.path}: is a folder; give the path of Kaggle's zip")
        if not self.path.is_file():
            raise InputError(f"{self.path}: there is no such file; give the path of Kaggle's zip")
        with self._told(), ExitStack() as stack:
            outer = self._outer(stack)
            _check_sums(self.path.name, outer)
            for csv, inner_name in _CSV_IN.items():
                _check_sums(f"{self.path}/{inner_name}", self._inner(stack, outer, csv))
        for csv, columns in _COLUMNS.items():
            with self.open(csv) as stream:
                others_allowed = columns == LOOKUP_COLUMNS
                next(
                    table_rows(
                        stream, f"{self.path}: {csv}", columns, others_allowed=others_allowed
                    )
                )

    @contextmanager
    def open(self, csv: str) -> Iterator[IO[bytes]]:
        """A stream of the bytes of one table: training.csv, test.csv, IdLookupTable.csv or
        SampleSubmission.csv.

        Raises:
            InputError: if the archive has been damaged since it was checked.
        """
        with ExitStack() as stack:
            with self._told():
                archive = self._outer(stack)
                if csv in _CSV_IN:
                    archive = self._inner(stack, archive, csv)
                table = stack.enter_context(archive.open(csv))
            try:
                yield table
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise self._unsound(error) from error

    def _outer(self, stack: ExitStack) -> zipfile.ZipFile:
        outer = _opened(stack, stack.enter_context(self.path.open("rb")))
        names = outer.namelist()
        if missing := [name for name in MEMBERS if name not in names]:
            raise InputError(
                f"{self.path}: not the competition's archive: it lacks {', '.join(missing)} "
                f"(it holds {join_names(names) or 'nothing'}); right is the file that "
                "Kaggle serves as facial-keypoints-detection.zip; if it is that one, it was cut "
                "off: download it again"
            )
        _check_harmless(str(self.path), outer, self._most_bytes())
        return outer

    def _inner(self, stack: ExitStack, outer: zipfile.ZipFile, csv: str) -> zipfile.ZipFile:
        name = _CSV_IN[csv]
        inner = _opened(stack, stack.enter_context(outer.open(name)))
        if csv not in inner.namelist():
            raise InputError(
                f"{self.path}: {name} holds {join_names(inner.namelist()) or 'nothing'}, not {csv}"
            )
        _check_harmless(f"{self.path}/{name}", inner, self._most_bytes())
        return inner

    def _most_bytes(self) -> int:
        return min(_MAX_BYTES, max(_FREE_BYTES, _MAX_RATIO * self.path.stat().st_size))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except _UNSOUND as error:
            raise self._unsound(error) from error

    def _unsound(self, error: Exception) -> InputError:
        return InputError(
            f"{self.path}: not a sound zip file ({str(error) or 'it ends too early'}); it may have "
            "been cut off: download it again"
        )


class _ShortReads(io.BufferedReader):
    """A stream that at first gives a few MiB at most at once, so that a list of members that
    claims to be gigabytes long does not fill memory.
    """

    most = _MAX_READ

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self.most:
            raise zipfile.BadZipFile("its list of members is too long")
        return super().read(size)


def _opened(stack: ExitStack, stream: IO[bytes]) -> zipfile.ZipFile:
    short = _ShortReads(stream)  # type: ignore[arg-type]
    archive = stack.enter_context(zipfile.ZipFile(short))
    short.most = _MAX_BYTES
    return archive


def _check_harmless(where: str, archive: zipfile.ZipFile, most_bytes: int) -> None:
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise InputError(
            f"{where}: refuses to open, it holds {len(members):,} files; Kaggle's holds "
            f"{len(MEMBERS)}"
        )
    seen: set[str] = set()
    for member in members:
        name = quote(member.filename)
        path = PurePosixPath(member.filename.replace("\\", "/"))
        link = stat.S_ISLNK(member.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or ":" in member.filename or link:
            raise InputError(f"{where}: refuses to open, {name} leads outside")
        key = str(path).casefold()  # what some file systems take for one name
        if key in seen:
            raise InputError(f"{where}: refuses to open, {name} is in it twice")
        seen.add(key)
        if member.compress_type not in _METHODS:
            raise InputError(
                f"{where}: refuses to open, {name} is compressed by another method than deflate; "
                "pack it anew with zip"
            )
    total = sum(member.file_size for member in members)
    if total > most_bytes:
        raise InputError(
            f"{where}: would unpack to {total / 2**30:.1f} GiB, more than "
            f"{most_bytes / 2**30:.3g} GiB"
        )


def _check_sums(where: str, archive: zipfile.ZipFile) -> None:
    # forwards through the file: to go back in a compressed one means to unpack it anew
    archive.filelist.sort(key=lambda member: member.header_offset)
    damaged = archive.testzip()
    if damaged is not None:
        raise InputError(f"{where}: {quote(damaged)} is damaged (checksum); download it again")
