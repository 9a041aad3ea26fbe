"""Check the competition's zip archive and open its tables."""

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from facial_keypoints.archive.csv_rows import COLUMNS, LOOKUP_COLUMNS, table_rows
from facial_keypoints.archive.zips import (
    check_members,
    check_sums,
    content_errors,
    is_truncated,
    max_unpacked,
    open_zip,
    zip_errors,
)
from facial_keypoints.errors import InputError
from facial_keypoints.formatting import join_names

MEMBERS: Final = ("training.zip", "test.zip", "IdLookupTable.csv")
"""Files of Kaggle's facial-keypoints-detection.zip that are read; SampleSubmission.csv is not."""

_CSV_IN: Final = {"training.csv": "training.zip", "test.csv": "test.zip"}


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

    def has_layout(self) -> bool:
        """Whether this is a zip with Kaggle's files at its top."""
        try:
            with zip_errors(self.path), ExitStack() as stack:
                outer = open_zip(stack, stack.enter_context(self.path.open("rb")))
                return set(MEMBERS) <= set(outer.namelist())
        except InputError:
            return False

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
        with zip_errors(self.path), ExitStack() as stack:
            outer = self._outer(stack)
            check_sums(self.path.name, outer)
            for csv, inner_name in _CSV_IN.items():
                check_sums(f"{self.path}/{inner_name}", self._inner(stack, outer, csv))
        for csv, columns in COLUMNS.items():
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
            with zip_errors(self.path):
                archive = self._outer(stack)
                if csv in _CSV_IN:
                    archive = self._inner(stack, archive, csv)
                table = stack.enter_context(archive.open(csv))
            with content_errors(self.path):
                yield table

    def _outer(self, stack: ExitStack) -> zipfile.ZipFile:
        outer = open_zip(stack, stack.enter_context(self.path.open("rb")))
        names = outer.namelist()
        if missing := [name for name in MEMBERS if name not in names]:
            if is_truncated(self.path, outer):
                raise InputError(f"{self.path}: is truncated: download it again")
            raise InputError(
                f"{self.path}: not the competition's archive: it lacks {', '.join(missing)} "
                f"(it contains {join_names(names) or 'nothing'}); use the file that Kaggle serves "
                "as facial-keypoints-detection.zip"
            )
        check_members(str(self.path), outer, max_unpacked(self.path))
        return outer

    def _inner(self, stack: ExitStack, outer: zipfile.ZipFile, csv: str) -> zipfile.ZipFile:
        name = _CSV_IN[csv]
        inner = open_zip(stack, stack.enter_context(outer.open(name)))
        if csv not in inner.namelist():
            raise InputError(
                f"{self.path}: {name} contains {join_names(inner.namelist()) or 'nothing'}, "
                f"not {csv}"
            )
        check_members(f"{self.path}/{name}", inner, max_unpacked(self.path))
        return inner
