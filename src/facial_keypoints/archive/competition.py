"""Check the competition's zip archive and open its tables."""

import io
import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from facial_keypoints.archive.csv_rows import (
    LOOKUP_COLUMNS,
    TEST_COLUMNS,
    TRAINING_COLUMNS,
    table_rows,
)
from facial_keypoints.errors import InputError
from facial_keypoints.formatting import join_names, quote

MEMBERS: Final = ("training.zip", "test.zip", "IdLookupTable.csv", "SampleSubmission.csv")
"""The four files in Kaggle's facial-keypoints-detection.zip."""

_CSV_IN: Final = {"training.csv": "training.zip", "test.csv": "test.zip"}
_COLUMNS: Final = {
    "training.csv": TRAINING_COLUMNS,
    "test.csv": TEST_COLUMNS,
    "IdLookupTable.csv": LOOKUP_COLUMNS,
}
_MIN_LIMIT: Final = 2**30
"""Bytes that any archive may unpack to: more than three times Kaggle's archive."""
_MAX_RATIO: Final = 30
"""Unpacked size over the file's size. Tables of images shrink to a third, zip bombs to a
thousandth."""
_MAX_BYTES: Final = 8 * 2**30
"""Bytes that no archive may exceed; the largest synthetic competition takes 7 GiB."""
_MAX_MEMBERS: Final = 32
_MAX_READ: Final = 4 * 2**20
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Other methods can unpack a few bytes to gigabytes in one step."""
_READ_ERRORS: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(RuntimeError, ValueError, KeyError),  # encrypted, unknown method, invalid header
)
"""What the zip module raises for corrupt files."""


@dataclass(frozen=True)
class CompetitionArchive:
    """An archive in Kaggle's layout: two CSV files, and two zips with one CSV file each.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from facial_keypoints.synthetic import write_archive
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "competition.zip"
        ...     write_archive(path, train_faces=2, test_faces=2, seed=0)
        ...     archive = CompetitionArchive(path)
        ...     archive.check()
        ...     with archive.open("test.csv") as table:
        ...         table.read(7)
        b'ImageId'
    """

    path: Path

    def check(self) -> None:
        """Check that the archive is complete and harmless and that its tables have their columns.

        Nothing is unpacked to disk.

        Raises:
            InputError: if it is not a zip, lacks one of ``MEMBERS`` or a column, has a member
                that points outside, is corrupt or encrypted, or unpacks to an implausible size.
        """
        if self.path.is_dir():
            raise InputError(f"{self.path}: is a folder; give the path of Kaggle's zip")
        if not self.path.is_file():
            raise InputError(f"{self.path}: file not found; give the path of Kaggle's zip")
        with self._read_errors(), ExitStack() as stack:
            outer = self._outer(stack)
            _check_sums(self.path.name, outer)
            for csv, inner_name in _CSV_IN.items():
                _check_sums(f"{self.path}/{inner_name}", self._inner(stack, outer, csv))
        for csv, columns in _COLUMNS.items():
            with self.open(csv) as stream:
                extra_allowed = columns == LOOKUP_COLUMNS
                name = f"{self.path}: {csv}"
                next(table_rows(stream, name, columns, extra_allowed=extra_allowed))

    @contextmanager
    def open(self, csv: str) -> Iterator[IO[bytes]]:
        """Return a stream of the bytes of one table.

        Args:
            csv: training.csv, test.csv, IdLookupTable.csv or SampleSubmission.csv.

        Raises:
            InputError: if the archive is missing, or has become corrupt since it was checked.
        """
        if not self.path.is_file():
            raise InputError(
                f"{self.path}: file not found; run: kedro run --pipeline=download, with the same "
                "--env and --params"
            )
        with ExitStack() as stack:
            with self._read_errors():
                archive = self._outer(stack)
                if csv in _CSV_IN:
                    archive = self._inner(stack, archive, csv)
                table = stack.enter_context(archive.open(csv))
            try:
                yield table
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise self._corrupt(error) from error

    def _outer(self, stack: ExitStack) -> zipfile.ZipFile:
        outer = _opened(stack, stack.enter_context(self.path.open("rb")))
        names = outer.namelist()
        if missing := [name for name in MEMBERS if name not in names]:
            raise InputError(
                f"{self.path}: not the competition's archive: it lacks {', '.join(missing)} "
                f"(it contains {join_names(names) or 'nothing'}). Use the file that Kaggle serves "
                "as facial-keypoints-detection.zip; if this is that file, it is truncated: "
                "download it again"
            )
        _check_members(str(self.path), outer, self._byte_limit())
        return outer

    def _inner(self, stack: ExitStack, outer: zipfile.ZipFile, csv: str) -> zipfile.ZipFile:
        name = _CSV_IN[csv]
        inner = _opened(stack, stack.enter_context(outer.open(name)))
        if csv not in inner.namelist():
            raise InputError(
                f"{self.path}: {name} contains {join_names(inner.namelist()) or 'nothing'}, "
                f"not {csv}"
            )
        _check_members(f"{self.path}/{name}", inner, self._byte_limit())
        return inner

    def _byte_limit(self) -> int:
        return min(_MAX_BYTES, max(_MIN_LIMIT, _MAX_RATIO * self.path.stat().st_size))

    @contextmanager
    def _read_errors(self) -> Iterator[None]:
        try:
            yield
        except _READ_ERRORS as error:
            raise self._corrupt(error) from error

    def _corrupt(self, error: Exception) -> InputError:
        return InputError(
            f"{self.path}: not a valid zip file ({str(error) or 'unexpected end of file'}); it may "
            "be truncated: download it again"
        )


class _ShortReads(io.BufferedReader):
    """A stream that refuses long reads, so that a huge member list does not fill memory."""

    limit = _MAX_READ

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self.limit:
            raise zipfile.BadZipFile("its member list is too long")
        return super().read(size)


def _opened(stack: ExitStack, stream: IO[bytes]) -> zipfile.ZipFile:
    short = _ShortReads(stream)  # type: ignore[arg-type]
    archive = stack.enter_context(zipfile.ZipFile(short))
    short.limit = _MAX_BYTES  # the member list is read
    return archive


def _check_members(where: str, archive: zipfile.ZipFile, max_bytes: int) -> None:
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise InputError(
            f"{where}: refused, it contains {len(members):,} files; Kaggle's archive contains "
            f"{len(MEMBERS)}"
        )
    seen: set[str] = set()
    for member in members:
        name = quote(member.filename)
        path = PurePosixPath(member.filename.replace("\\", "/"))
        link = stat.S_ISLNK(member.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or ":" in member.filename or link:
            raise InputError(f"{where}: refused, {name} points outside the archive")
        key = str(path).casefold()  # some file systems ignore case
        if key in seen:
            raise InputError(f"{where}: refused, it contains {name} twice")
        seen.add(key)
        if member.compress_type not in _METHODS:
            raise InputError(
                f"{where}: refused, {name} uses a compression method other than deflate; "
                "create the archive again with zip"
            )
    total = sum(member.file_size for member in members)
    if total > max_bytes:
        raise InputError(
            f"{where}: refused, it would unpack to {total / 2**30:.1f} GiB, more than "
            f"{max_bytes / 2**30:.3g} GiB"
        )


def _check_sums(where: str, archive: zipfile.ZipFile) -> None:
    # in file order: seeking backwards in a compressed stream unpacks it again
    archive.filelist.sort(key=lambda member: member.header_offset)
    corrupt = archive.testzip()
    if corrupt is not None:
        raise InputError(
            f"{where}: {quote(corrupt)} is corrupt (wrong checksum); download it again"
        )
