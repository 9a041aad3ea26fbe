"""Checksums of small files: what was edited between two stages is refused where it is read.

Beside ``name`` lies ``.name.sha256``. It is of the values as they are read back, not of the bytes,
so that a table that a spreadsheet saved without changing a value stays valid. A file without a
checksum, from an earlier version or another project, is read as it is.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
import numpy as np
import pandas as pd
from pydantic import TypeAdapter


def checksum(value: Any) -> str:
    """Return 64 hexadecimal digits that identify the values of a table, an array or a record."""
    if isinstance(value, pd.DataFrame):
        parts = _table_parts(value)
    elif isinstance(value, np.ndarray):
        parts = iter((str(value.shape).encode(), _canonical(value)))
    else:
        parts = iter((TypeAdapter(type(value)).dump_json(value),))
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def file_checksum(path: Path) -> str:
    """Return 64 hexadecimal digits that identify the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _table_parts(table: pd.DataFrame) -> Iterator[bytes]:
    for name in sorted(table.columns):
        column = table[name]
        yield str(name).encode()
        if pd.api.types.is_numeric_dtype(column):
            yield _canonical(column.to_numpy(np.float64, na_value=np.nan))
        else:
            yield "\0".join(column.fillna("").astype(str)).encode()


def _canonical(array: np.ndarray) -> bytes:
    """Return bytes that are the same in any number format that holds the values."""
    is_whole = bool((np.isnan(array) | (array == np.round(array))).all())
    return np.asarray(array + 0.0, np.float64 if is_whole else np.float32).tobytes()  # no -0.0


class ChecksumFile:
    """The checksum of a file.

    Args:
        fs: File system.
        path: Path of the file that the checksum is of.
    """

    def __init__(self, fs: fsspec.AbstractFileSystem, path: PurePosixPath) -> None:
        self._fs = fs
        self._path = str(path.with_name(f".{path.name}.sha256"))

    def announce(self, value: str) -> None:
        """Record the checksum of the file that is about to take the place of this one.

        A run that is killed in between leaves either file with its checksum.
        """
        if recorded := self._recorded():
            self._fs.pipe_file(self._path, "\n".join((*recorded, value)).encode())

    def write(self, value: str) -> None:
        """Record the checksum of the file."""
        self._fs.pipe_file(self._path, value.encode())

    def agrees(self, value: str) -> bool:
        """Return whether a checksum is recorded; true where none is."""
        recorded = self._recorded()
        return not recorded or value in recorded

    def _recorded(self) -> list[str]:
        if not self._fs.exists(self._path):
            return []
        content: bytes = self._fs.cat_file(self._path)
        return content.decode(errors="replace").split()
