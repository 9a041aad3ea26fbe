"""Arrays of images: in memory, or in a file that is mapped into it where there are many.

A mapped array looks like any other and cannot be written to. The system reads its pages when they
are used and drops them when others need the memory.
"""

import hashlib
import io
import mmap
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from facial_keypoints.errors import StorageError
from facial_keypoints.keypoints import IMAGE_SIZE

Images = npt.NDArray[np.uint8]

MAX_IN_MEMORY: Final = 256 * 2**20
"""Bytes of images that are held in memory: 29,127 images, more than the paper's 26,239."""
_BLOCK: Final = 4096
"""Images that are read at a time: 36 MiB, and whole batches of 2 to 4,096 for predictions."""


def image_blocks(images: Images, rows: npt.NDArray[np.integer] | None = None) -> Iterator[Images]:
    """Yield images in order, some thousands at a time.

    Args:
        images: uint8 (n, 96, 96).
        rows: Int (k,), positions to yield; None for all.
    """
    for start in range(0, len(images) if rows is None else len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        yield images[block if rows is None else rows[block]]


def gather_images(blocks: Iterable[Images]) -> Images:
    """Return images as one array: beyond ``MAX_IN_MEMORY`` in a temporary file, which is mapped.

    The file has no name and goes with the array.

    Args:
        blocks: uint8 (k, 96, 96) each, or single images; they are taken one by one.

    Returns:
        uint8 (n, 96, 96).

    Raises:
        StorageError: if the folder for temporary files has too little space.
    """
    file: IO[bytes] = io.BytesIO()
    size = 0
    with ExitStack() as stack:
        for block in blocks:
            size += block.nbytes
            with _write_errors():
                if size > MAX_IN_MEMORY and isinstance(file, io.BytesIO):
                    file = _moved_to_disk(file, stack)
                file.write(np.ascontiguousarray(block).data)
        return _as_array(file).reshape(-1, IMAGE_SIZE, IMAGE_SIZE)


def select_images(images: Images, index: Any) -> Images:
    """Return the images at ``index``, in that order; a slice without copying.

    Args:
        images: uint8 (n, 96, 96).
        index: A mask, positions or a slice.
    """
    if isinstance(index, slice):
        return images[index]
    rows = np.asarray(index)
    return gather_images(image_blocks(images, np.flatnonzero(rows) if rows.dtype == bool else rows))


def image_hashes(images: Images) -> list[bytes]:
    """Return 16 bytes for each image that are equal where images are equal."""
    return [hashlib.sha256(image.tobytes()).digest()[:16] for image in images]


def _moved_to_disk(content: io.BytesIO, stack: ExitStack) -> IO[bytes]:
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 (the stack closes it)
    file.write(content.getbuffer())
    return file


def _as_array(file: IO[bytes]) -> Images:
    """Return the content of a file as an array that keeps it, even once the file is closed."""
    if isinstance(file, io.BytesIO):
        return np.frombuffer(file.getbuffer(), np.uint8)
    with _write_errors():
        file.flush()
    return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


@contextmanager
def _write_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{tempfile.gettempdir()}: too little space for temporary files of images "
            f"({error.strerror or error}); free some, or set TMPDIR to a folder on a larger disk"
        ) from error
