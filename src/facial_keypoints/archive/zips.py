"""Open zip files from outside: limits on what they contain, and one message for corrupt ones."""

import io
import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import quote

MAX_MEMBERS: Final = 32
_MIN_LIMIT: Final = 2**30
"""Bytes that any archive may unpack to: more than three times Kaggle's archive."""
_MAX_RATIO: Final = 30
"""Unpacked size over the file's size. Tables of images shrink to a third, zip bombs to a
thousandth."""
_MAX_BYTES: Final = 64 * 2**30
"""Bytes that no archive may exceed; the largest synthetic competition takes 40 GiB."""
_MAX_READ: Final = 4 * 2**20
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Other methods can unpack a few bytes to gigabytes in one step."""
_READ_ERRORS: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(RuntimeError, ValueError, KeyError),  # encrypted, unknown method, invalid header
)
"""What the zip module raises for corrupt files."""

_TOO_LONG: Final = "member list is too long"
_ZIP: Final = b"PK\x03\x04"
_OTHER_FORMATS: Final = {
    b"\x1f\x8b": "a gzip file",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
}
"""First bytes of other archives."""
_TAR: Final = slice(257, 262)
"""Where a tar archive has the word "ustar"."""
_UNPACK: Final = {
    **dict.fromkeys((".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz"), "tar -xf"),
    ".gz": "gunzip",
    ".7z": "7z x",
    ".rar": "unrar x",
}
"""Commands that unpack other archives, by the end of their names; the longest end counts."""


class _ShortReads(io.BufferedReader):
    """A stream that refuses long reads, so that a huge member list does not fill memory."""

    limit = _MAX_READ

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self.limit:
            raise zipfile.BadZipFile(_TOO_LONG)
        return super().read(size)


def open_zip(stack: ExitStack, stream: IO[bytes]) -> zipfile.ZipFile:
    """Return an open zip file; ``stack`` closes it.

    Args:
        stack: Closes the zip file.
        stream: Its bytes.

    Raises:
        zipfile.BadZipFile: if it is not a zip file or its member list is too long.
    """
    short = _ShortReads(stream)  # type: ignore[arg-type]
    archive = stack.enter_context(zipfile.ZipFile(short))
    short.limit = _MAX_BYTES  # the member list is read
    return archive


def max_unpacked(path: Path) -> int:
    """Return how many bytes the archive at ``path`` may unpack to."""
    return min(_MAX_BYTES, max(_MIN_LIMIT, _MAX_RATIO * path.stat().st_size))


def check_members(
    where: str, archive: zipfile.ZipFile, max_bytes: int, max_members: int = MAX_MEMBERS
) -> None:
    """Check that a zip file is harmless, by its member list alone.

    Args:
        where: Its name, for messages.
        archive: The open zip file.
        max_bytes: Bytes that it may unpack to.
        max_members: Number of files that it may contain.

    Raises:
        InputError: if it has too many members, one that points outside, one twice, or one with
            another compression method than deflate, or unpacks to more than ``max_bytes``.
    """
    members = archive.infolist()
    if len(members) > max_members:
        raise InputError(
            f"{where}: refused, it contains {len(members):,} files; Kaggle's archive contains 4"
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


def check_sums(where: str, archive: zipfile.ZipFile) -> None:
    """Check the checksum of every member.

    Args:
        where: The archive's name, for messages.
        archive: The open zip file.

    Raises:
        InputError: if a checksum is wrong.
    """
    # in file order: seeking backwards in a compressed stream unpacks it again
    archive.filelist.sort(key=lambda member: member.header_offset)
    corrupt = archive.testzip()
    if corrupt is not None:
        raise InputError(
            f"{where}: {quote(corrupt)} is corrupt (wrong checksum); download it again"
        )


def unpack_command(name: str) -> str | None:
    """Return the command that unpacks an archive other than a zip, by the archive's name."""
    ends = [end for end in _UNPACK if name.casefold().endswith(end)]
    return _UNPACK[max(ends, key=len)] if ends else None


def is_truncated(path: Path, archive: zipfile.ZipFile) -> bool:
    """Whether only the end of a zip within the file was read, so that its own end is missing.

    Args:
        path: The file.
        archive: The zip file that was found in it.
    """
    with path.open("rb") as file:
        starts_as_zip = file.read(len(_ZIP)) == _ZIP
    return starts_as_zip and all(member.header_offset > 0 for member in archive.infolist())


@contextmanager
def zip_errors(path: Path) -> Iterator[None]:
    """Convert any error while reading a zip file into an InputError that names it.

    Args:
        path: The file on disk, which may contain the zip file that is read.

    Raises:
        InputError: if it is not a zip file, truncated, corrupt or encrypted.
    """
    try:
        yield
    except _READ_ERRORS as error:
        raise corrupt_zip(path, error) from error


@contextmanager
def content_errors(path: Path) -> Iterator[None]:
    """Convert errors of a zip file's content into an InputError; the caller's own errors pass.

    Args:
        path: The file on disk.

    Raises:
        InputError: if the content is corrupt or truncated.
    """
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise corrupt_zip(path, error) from error


def corrupt_zip(path: Path, error: Exception) -> InputError:
    """Return the message for a file that cannot be read as a zip file.

    Args:
        path: The file.
        error: What was raised.
    """
    if isinstance(error, PermissionError):
        return InputError(f"{path}: cannot be read ({error.strerror}); make it readable")
    if _TOO_LONG in str(error):
        return InputError(
            f"{path}: refused, its {_TOO_LONG} for the competition's archive, which has 4 files"
        )
    start = b""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(512)
    other = next((name for magic, name in _OTHER_FORMATS.items() if start.startswith(magic)), None)
    if start[_TAR] == b"ustar":
        other = "a tar archive"
    if other is not None:
        command = f" ({unpack_command(path.name)} {path})" if unpack_command(path.name) else ""
        return InputError(
            f"{path}: is {other}, not a zip file; unpack it{command} and give the folder"
        )
    if start.lstrip()[:1] == b"<":
        return InputError(
            f"{path}: not a valid zip file but a web page; sign in to Kaggle in the browser and "
            "download it again"
        )
    reason = str(error) or "unexpected end of file"
    cut = ": it is truncated" if start.startswith(_ZIP) and _lacks_end(error) else ""
    return InputError(f"{path}: not a valid zip file ({reason}){cut}; download it again")


def _lacks_end(error: Exception) -> bool:
    return isinstance(error, EOFError) or "not a zip file" in str(error)
