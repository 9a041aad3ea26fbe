"""One file each: on disk is either the old one or the whole new one.

The atomic versions of Kedro's own datasets write beside the target and move the finished file
into its place, so that an interrupted or failing save leaves the earlier file as it was.
"""

import errno
import logging
import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import uuid4

import fsspec
import numpy as np
import numpy.typing as npt
from kedro.io import AbstractDataset, DatasetError
from kedro.io.core import get_protocol_and_path
from kedro.utils import load_obj
from kedro_datasets._typing import ImagePreview
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset
from kedro_datasets.text import TextDataset
from matplotlib.figure import Figure
from matplotlib.image import imread
from pydantic import TypeAdapter

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.framework.read_errors import read_errors

logger = logging.getLogger(__name__)

_RUN_FULL: Final = (
    "run the stage that makes it first, with the same --env (kedro run --pipeline=full runs all "
    "of them)"
)
_DPI: Final = 100
"""Of loaded figures; any value gives the same pixels."""

_DISK: Final = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.EEXIST, errno.EIO, errno.ENAMETOOLONG),
}
"""What a disk, and nothing else, says."""


class AtomicSave:
    """Mixin for datasets with ``_fs`` and ``_filepath``: makes ``save`` atomic, and tells of a
    missing file what to do.

    With ``keep_earlier``, a file of other content is copied aside beforehand, its date in the
    copy's name. ``if_missing`` says what to do where the stages of ``full`` do not make the file.
    """

    _fs: fsspec.AbstractFileSystem
    _filepath: PurePosixPath

    def __init__(
        self, *, keep_earlier: bool = False, if_missing: str = _RUN_FULL, **options: Any
    ) -> None:
        super().__init__(**options)
        self._keep_earlier = keep_earlier
        self._if_missing = if_missing

    @property
    def path(self) -> PurePosixPath:
        """The file's path on its file system."""
        return self._filepath

    def content(self) -> bytes:
        """Return the file's bytes."""
        return bytes(self._fs.cat_file(str(self._filepath)))

    def load(self) -> Any:
        """Load the file.

        Raises:
            InputError: if it has not been made yet, or cannot be read.
        """
        if not self._fs.exists(str(self._filepath)):
            raise InputError(f"{self._filepath}: there is no such file yet; {self._if_missing}")
        with read_errors(self._filepath):
            return super().load()  # type: ignore[misc]

    def save(self, data: Any) -> None:
        """Save beside the target, then move into its place.

        Raises:
            InputError: if it cannot be written; the earlier file is as it was.
        """
        target = self._filepath
        partial = target.with_name(f".{uuid4().hex}.{target.name}")
        self._filepath = partial
        try:
            with write_errors(target):
                super().save(data)  # type: ignore[misc]
                if self._keep_earlier and self._fs.exists(str(target)):
                    self._keep(target, partial)
                move(self._fs, partial, target)
        finally:
            self._filepath = target
            remove(self._fs, partial)

    def _keep(self, target: PurePosixPath, new: PurePosixPath) -> None:
        if self._fs.cat_file(str(target)) == self._fs.cat_file(str(new)):
            return
        made = self._fs.modified(str(target)).strftime("%Y%m%d-%H%M%S")
        aside = target.with_name(f"{target.stem}-{made}{target.suffix}")
        logger.info("%s says something else now; the earlier one is %s", target.name, aside.name)
        self._fs.copy(str(target), str(aside))


@contextmanager
def write_errors(target: PurePosixPath) -> Iterator[None]:
    """Tell of a full disk or a folder that cannot be written as of a user's error.

    Raises:
        InputError: in place of an OSError of the disk, wrapped by Kedro or not.
    """
    try:
        yield
    except (OSError, DatasetError) as error:
        cause: BaseException | None = error
        while isinstance(cause, DatasetError):
            cause = cause.__cause__
        if not (isinstance(cause, OSError) and cause.errno in _DISK):
            raise  # an archive's source is away, or a bug
        raise InputError(
            f"{target}: cannot be written ({cause.strerror or cause}). What was there before is "
            "as it was. Free some space, or see that the folder may be written, and type the "
            "same command again: it goes on"
        ) from error


def remove(fs: fsspec.AbstractFileSystem, partial: PurePosixPath) -> None:
    """Remove what a failed save has left; a folder that cannot be written hinders this too."""
    with suppress(OSError):
        if fs.exists(str(partial)):
            fs.rm(str(partial), recursive=True)


def move(fs: fsspec.AbstractFileSystem, partial: PurePosixPath, target: PurePosixPath) -> None:
    """Put a finished file or folder into its place, in one step where the disk is local."""
    if isinstance(fs, fsspec.implementations.local.LocalFileSystem):
        os.replace(partial, target)  # noqa: PTH105 (one call for every path type)
    else:
        fs.mv(str(partial), str(target), recursive=True)


class _JSONFile(JSONDataset):
    def load(self) -> dict[str, Any]:
        data = super().load()
        if not isinstance(data, dict):
            raise ValueError(f"holds {type(data).__name__}, not names with values")
        return data


class AtomicJSONDataset(AtomicSave, _JSONFile):
    """Kedro's ``json.JSONDataset`` for an object with names, saved atomically."""


class AtomicCSVDataset(AtomicSave, CSVDataset):
    """Kedro's ``pandas.CSVDataset``, saved atomically."""


class AtomicTextDataset(AtomicSave, TextDataset):
    """Kedro's ``text.TextDataset``, saved atomically."""


class FileDataset(AbstractDataset[Any, Any]):
    """Base of our own datasets: one file on any file system that fsspec knows."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        protocol, path = get_protocol_and_path(filepath)
        options = {"auto_mkdir": True} if protocol == "file" else {}
        self._fs = fsspec.filesystem(protocol, **options)
        self._filepath = PurePosixPath(path)
        self.metadata = metadata

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}

    def _exists(self) -> bool:
        return bool(self._fs.exists(str(self._filepath)))


class _FaceSetFile(FileDataset):
    def load(self) -> FaceSet:
        with self._fs.open(str(self._filepath), "rb") as file, np.load(file) as arrays:
            return FaceSet(**arrays)

    def save(self, data: FaceSet) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            np.savez(file, **data.arrays())  # type: ignore[arg-type]


class FaceSetDataset(AtomicSave, _FaceSetFile):
    """A ``FaceSet`` as one uncompressed ``.npz`` file."""


class _ArrayFile(FileDataset):
    def load(self) -> np.ndarray:
        with self._fs.open(str(self._filepath), "rb") as file:
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))

    def save(self, data: np.ndarray) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            np.save(file, data, allow_pickle=False)


class ArrayDataset(AtomicSave, _ArrayFile):
    """One NumPy array as a ``.npy`` file."""


class _ArraysFile(FileDataset):
    def load(self) -> dict[str, npt.NDArray[Any]]:
        with self._fs.open(str(self._filepath), "rb") as file, np.load(file) as arrays:
            return dict(arrays)

    def save(self, data: dict[str, npt.NDArray[Any]]) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            np.savez(file, **data)  # type: ignore[arg-type]


class ArraysDataset(AtomicSave, _ArraysFile):
    """Named NumPy arrays as one uncompressed ``.npz`` file."""


class _FigureFile(FileDataset):
    def load(self) -> Figure:
        with self._fs.open(str(self._filepath), "rb") as file:
            pixels = imread(file, format="png")
        height, width = pixels.shape[:2]
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        figure.figimage(pixels)
        return figure

    def save(self, data: Figure) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            data.savefig(file, format="png")

    def preview(self) -> ImagePreview:
        """Return the image for Kedro-Viz."""
        return ImagePreview(b64encode(self._fs.cat_file(str(self._filepath))).decode())


class FigureDataset(AtomicSave, _FigureFile):
    """A Matplotlib figure as a PNG file; it loads as a figure that shows the same pixels."""


class _RecordFile(FileDataset):
    def __init__(
        self, *, record: str, filepath: str, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        self._adapter: TypeAdapter[Any] = TypeAdapter(load_obj(record))

    def load(self) -> Any:
        return self._adapter.validate_json(self._fs.cat_file(str(self._filepath)))

    def save(self, data: Any) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            file.write(self._adapter.dump_json(data, indent=2))


class RecordDataset(AtomicSave, _RecordFile):
    """A frozen dataclass (or pydantic model) as a JSON file, validated on load.

    In the catalog, ``record`` is the dotted path of the class:

    .. code-block:: yaml

        split_summary:
          type: facial_keypoints.framework.datasets.RecordDataset
          record: facial_keypoints.evaluation.splits.SplitSummary
          filepath: ${globals:data_root}/08_reporting/split_summary.json
    """


class _ArrayRecordFile(FileDataset):
    def __init__(
        self, *, record: str, filepath: str, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        self._record: Any = load_obj(record)

    def load(self) -> Any:
        with self._fs.open(str(self._filepath), "rb") as file, np.load(file) as arrays:
            return self._record(**{f.name: _unpacked(f.name, arrays) for f in fields(self._record)})

    def save(self, data: Any) -> None:
        arrays: dict[str, npt.NDArray[Any]] = {}
        for field in fields(data):
            arrays |= _packed(field.name, getattr(data, field.name))
        with self._fs.open(str(self._filepath), "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]


def _packed(name: str, value: Any) -> dict[str, npt.NDArray[Any]]:
    if isinstance(value, np.ndarray):
        return {name: value}
    parts = {f"{name}/{i}/{j}": a for i, part in enumerate(value) for j, a in enumerate(part)}
    return {f"{name}/lengths": np.array([len(part) for part in value], np.int64), **parts}


def _unpacked(name: str, arrays: Any) -> Any:
    if name in arrays:
        return arrays[name]
    lengths = arrays[f"{name}/lengths"].tolist()
    return [[arrays[f"{name}/{i}/{j}"] for j in range(n)] for i, n in enumerate(lengths)]


class ArrayRecordDataset(AtomicSave, _ArrayRecordFile):
    """A frozen dataclass of arrays, or of lists of lists of arrays, as one ``.npz`` file.

    In the catalog, ``record`` is the dotted path of the class.
    """
