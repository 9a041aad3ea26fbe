"""Arrays of ``.npz`` files that are mapped into memory, which NumPy's ``mmap_mode`` is not for."""

import math
import mmap
import struct
from typing import IO, Any, Final
from zipfile import ZIP_STORED

import numpy as np
import numpy.typing as npt

from facial_keypoints import image_arrays

_HEADER: Final = struct.Struct("<26xHH")
"""Of a member in a zip file; its last fields are the lengths of what follows it before the data."""
_BLOCK: Final = 2**20


def is_mappable(stored: Any, name: str) -> bool:
    """Return whether an array is large, and stored as it lies in memory.

    Args:
        stored: The opened ``.npz`` file.
        name: Of the array.
    """
    if name not in stored.files:
        return False
    member = stored.zip.getinfo(f"{name}.npy")
    return bool(
        member.compress_type == ZIP_STORED and member.file_size > image_arrays.MAX_IN_MEMORY
    )


def map_array(file: IO[bytes], stored: Any, name: str) -> npt.NDArray[Any]:
    """Return an array of an ``.npz`` file, mapped into memory. Its checksum is checked first.

    Args:
        file: The ``.npz`` file on a local disk.
        stored: The same, opened by NumPy.
        name: Of the array.

    Raises:
        zipfile.BadZipFile: If the checksum is wrong.
        ValueError: If it is not an array of numbers.
    """
    member = stored.zip.getinfo(f"{name}.npy")
    with stored.zip.open(member) as content:
        np.lib.format.read_magic(content)
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(content)
        before = content.tell()
        while content.read(_BLOCK):  # which compares the checksum at the end
            pass
    file.seek(member.header_offset)
    start = member.header_offset + _HEADER.size + sum(_HEADER.unpack(file.read(_HEADER.size)))
    whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    values = np.frombuffer(whole, dtype, math.prod(shape), start + before)
    return values.reshape(shape, order="F" if is_fortran else "C")
