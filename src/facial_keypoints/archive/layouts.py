"""Find the competition's tables in whatever layout they are kept, and pack them as Kaggle does.

The layouts are a folder or a zip file with the tables at any depth, each as a CSV file or in
its own zip.
"""

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final
from zipfile import ZIP_DEFLATED, ZipFile

from facial_keypoints.archive.zips import (
    check_members,
    content_errors,
    is_truncated,
    max_unpacked,
    open_zip,
    unpack_command,
    zip_errors,
)
from facial_keypoints.errors import InputError
from facial_keypoints.formatting import join_names

REQUIRED_TABLES: Final = ("training.csv", "test.csv", "IdLookupTable.csv")
_TABLES: Final = {
    PurePosixPath(name).stem.casefold(): name for name in (*REQUIRED_TABLES, "SampleSubmission.csv")
}
"""Tables by the lower-case stem of their file names."""

_OTHER_DATA_SETS: Final = {
    "facial_keypoints.csv": "Kaggle's data set of face images with marked landmark points, which "
    "has no test images",
    "face_images.npz": "Kaggle's data set of face images with marked landmark points, which has no "
    "test images",
    "training_frames_keypoints.csv": "Udacity's data set of 68 facial keypoints",
    "fer2013.csv": "FER-2013, a data set of facial expressions without keypoints",
    "icml_face_data.csv": "FER-2013, a data set of facial expressions without keypoints",
    "list_landmarks_align_celeba.csv": "CelebA, a data set with five keypoints per face",
}
"""Data sets that are taken for the competition's, by the name of a file in them."""

_DATA_PAGE: Final = "https://www.kaggle.com/competitions/facial-keypoints-detection/data"
_MAX_DEPTH: Final = 4
"""Folders above a table: Kaggle's notebooks have two."""
_MAX_FILES: Final = 10_000
"""Files that are looked at in a folder or zip."""
_COMPRESSION: Final = 3
"""Deflate's level: nearly the size of level 9 in a third of the time."""


@dataclass(frozen=True)
class FoundFile:
    """A file on disk, or one within zip files.

    Attributes:
        path: The file on disk.
        members: Names to open one within the other; empty for a file on disk.
    """

    path: Path
    members: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "/".join([str(self.path), *self.members])

    @property
    def name(self) -> str:
        """The file's own name, without folders."""
        return _parts(self.members[-1])[-1] if self.members else self.path.name

    @property
    def depth(self) -> tuple[int, int]:
        """Number of folders around it, and of zip files."""
        folders = len(self.path.parts) + sum(len(_parts(member)) - 1 for member in self.members)
        return folders, len(self.members)

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Return a stream of its bytes.

        Raises:
            InputError: if a zip file around it is corrupt.
        """
        with ExitStack() as stack:
            with zip_errors(self.path):
                stream: IO[bytes] = stack.enter_context(self.path.open("rb"))
                for member in self.members:
                    stream = stack.enter_context(open_zip(stack, stream).open(member))
            with content_errors(self.path):
                yield stream

    def entries(self) -> list["FoundFile"]:
        """Return the files in this zip file.

        Raises:
            InputError: if it is corrupt, or unpacks to an implausible size.
        """
        with self.open() as stream, zip_errors(self.path), ExitStack() as stack:
            archive = open_zip(stack, stream)
            found = [
                FoundFile(self.path, (*self.members, member.filename))
                for member in archive.infolist()
                if not member.is_dir() and not _is_hidden(_parts(member.filename))
            ]
            _check_other_data_set(self.path, found)
            check_members(str(self), archive, max_unpacked(self.path), _MAX_FILES)
            return found


def find_tables(given: Path) -> dict[str, FoundFile]:
    """Return the competition's tables by name, wherever they are in a folder or zip file.

    Args:
        given: A folder, a zip file, or one of the tables, whose folder has the others.

    Raises:
        InputError: if it does not exist, is another data set, lacks one of ``REQUIRED_TABLES``, or
            has one twice.
    """
    if not given.exists():
        raise InputError(
            f"{given}: file not found; give the zip that Kaggle serves, or the folder of its files"
        )
    if given.is_dir():
        files = list(_walk(given))
    elif given.suffix.casefold() == ".csv":
        files = [FoundFile(given)]
    else:
        files = FoundFile(given).entries()
    tables = _choose_tables(given, files)
    if not _is_complete(tables) and given.is_file() and _table_of(given.name):
        given = given.parent
        files = [FoundFile(path) for path in _listing(given) if path.is_file()]
        tables = _choose_tables(given, files)
    if _is_complete(tables):
        return tables
    if not tables:
        zips = [file for file in files if file.name.casefold().endswith(".zip")]
        whole = [found for file in zips if _is_complete(found := _tables_in(file))]
        if len(whole) == 1:
            return whole[0]
        if len(whole) > 1:
            names = join_names([file.name for file in zips])
            raise InputError(f"{given}: has the tables more than once ({names}); give one of these")
    if given.is_file():
        _check_truncated(given)
    raise _missing_tables(given, tables, files)


def has_tables(folder: Path) -> bool:
    """Whether a folder has a file that is named after one of the tables."""
    return any(_table_of(file.name) for file in _walk(folder))


def pack_tables(tables: dict[str, FoundFile], target: Path) -> None:
    """Write an archive in Kaggle's layout.

    Args:
        tables: From ``find_tables``.
        target: The zip file to write.

    Raises:
        InputError: if a table cannot be read.
    """
    with ZipFile(target, "w", ZIP_DEFLATED, compresslevel=_COMPRESSION) as archive:
        for name, table in tables.items():
            with table.open() as source, ExitStack() as stack:
                outer = archive
                if name in {"training.csv", "test.csv"}:
                    inner_name = f"{PurePosixPath(name).stem}.zip"
                    stream = stack.enter_context(archive.open(inner_name, "w", force_zip64=True))
                    outer = stack.enter_context(
                        ZipFile(stream, "w", ZIP_DEFLATED, compresslevel=_COMPRESSION)
                    )
                member = stack.enter_context(outer.open(name, "w", force_zip64=True))
                shutil.copyfileobj(source, member, 2**20)


def _walk(folder: Path) -> Iterator[FoundFile]:
    """Yield the files of a folder, level by level."""
    level = [folder]
    count = 0
    for _ in range(_MAX_DEPTH + 1):
        paths = [path for each in level for path in _listing(each)]
        for path in paths:
            if path.is_file() and count < _MAX_FILES:
                count += 1
                yield FoundFile(path)
        level = [path for path in paths if path.is_dir()] if count < _MAX_FILES else []


def _listing(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not _is_hidden((path.name,)))
    except OSError:  # not the user's
        return []


def _is_hidden(parts: Iterable[str]) -> bool:
    """Whether Finder keeps its own data there, or the user does not see the file."""
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _parts(member: str) -> tuple[str, ...]:
    """Return the folders and the name of a zip's member; Explorer may write backslashes."""
    return PurePosixPath(member.replace("\\", "/")).parts or ("",)


def _table_of(name: str) -> str | None:
    """Return the table that a file is named after: training.zip, test (1).csv, ..."""
    stem, *suffixes = name.casefold().split(".")
    if not suffixes or set(suffixes) - {"csv", "zip"}:
        return None
    return _TABLES.get(re.sub(r" ?\(\d+\)$", "", stem))


def _choose_tables(given: Path, files: list[FoundFile]) -> dict[str, FoundFile]:
    """Return the outermost file of each table, plain CSV files first."""
    tables: dict[str, FoundFile] = {}
    for name in _TABLES.values():
        named = [file for file in files if _table_of(file.name) == name]
        plain = [file for file in named if not file.name.casefold().endswith(".zip")]
        zipped = [entry for file in named if file not in plain for entry in _csv_in(file, name)]
        candidates = sorted([*plain, *zipped], key=lambda file: _preference(file, name))
        if len(candidates) > 1 and len({_preference(c, name) for c in candidates[:2]}) == 1:
            raise InputError(
                f"{given}: has {name} more than once ({candidates[0]}, {candidates[1]}); give the "
                "folder of one of these"
            )
        if candidates:
            tables[name] = candidates[0]
    return tables


def _preference(file: FoundFile, name: str) -> tuple[tuple[int, int], bool]:
    return file.depth, file.name != name


def _csv_in(zipped: FoundFile, name: str) -> list[FoundFile]:
    return [entry for entry in zipped.entries() if entry.name.casefold() == name.casefold()]


def _tables_in(zipped: FoundFile) -> dict[str, FoundFile]:
    """Return the tables of a zip that is not named after one, if it can be read."""
    try:
        return _choose_tables(zipped.path, zipped.entries())
    except InputError:
        return {}


def _is_complete(tables: dict[str, FoundFile]) -> bool:
    return set(REQUIRED_TABLES) <= set(tables)


def _check_other_data_set(where: Path, files: list[FoundFile]) -> None:
    for file in files:
        known = _OTHER_DATA_SETS.get(file.name.casefold())
        if known is not None:
            raise InputError(
                f"{where}: is another data set ({known}); download the competition's from "
                f"{_DATA_PAGE}"
            )


def _check_truncated(path: Path) -> None:
    with zip_errors(path), path.open("rb") as stream, ExitStack() as stack:
        if is_truncated(path, open_zip(stack, stream)):
            raise InputError(f"{path}: is truncated: download it again")


def _missing_tables(
    given: Path, tables: dict[str, FoundFile], files: list[FoundFile]
) -> InputError:
    _check_other_data_set(given, files)
    missing = [name for name in REQUIRED_TABLES if name not in tables]
    for file in files:
        table = _table_of(file.name)
        if table in missing:  # a zip, since a CSV file of that name would have been found
            contents = join_names([entry.name for entry in file.entries()]) or "nothing"
            return InputError(f"{file}: contains {contents}, not {table}")
    for file in files:
        if command := unpack_command(file.name):
            return InputError(
                f"{given}: lacks {', '.join(missing)}; unpack {file} first ({command} {file.path})"
            )
    contents = join_names([file.name for file in files]) or "nothing"
    kind = "lacks" if tables else "is another data set: it lacks"
    return InputError(
        f"{given}: {kind} {', '.join(missing)} (it contains {contents}); download the "
        f"competition's files from {_DATA_PAGE}"
    )
