"""Kedro datasets: each file on disk is either the old one or the whole new one.

The atomic versions of Kedro's own datasets write beside the target and move the finished file
into its place, so that an interrupted or failing save leaves the earlier file as it was.
"""

import logging
import os
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import fsspec
import numpy as np
from kedro.io import AbstractDataset
from kedro.io.core import get_protocol_and_path
from kedro_datasets.json import JSONDataset
from kedro_datasets.matplotlib import MatplotlibDataset
from kedro_datasets.pandas import CSVDataset

from facial_keypoints.archive import ArchiveSource, CompetitionArchive
from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)


class AtomicSave:
    """Mixin for datasets with ``_fs`` and ``_filepath``: makes ``save`` atomic, and tells of a
    missing file what to do.
    """

    _fs: fsspec.AbstractFileSystem
    _filepath: PurePosixPath

    def load(self) -> Any:
        """Load the file.

        Raises:
            InputError: if it has not been made yet.
        """
        if not self._fs.exists(str(self._filepath)):
            raise InputError(
                f"{self._filepath}: there is no such file yet; run the stage that makes it first, "
                "with the same --env (kedro run --pipeline=full runs all of them)"
            )
        return super().load()  # type: ignore[misc]

    def save(self, data: Any) -> None:
        """Save beside the target, then move into its place."""
        target = self._filepath
        partial = target.with_name(f".{uuid4().hex}.{target.name}")
        self._filepath = partial
        try:
            super().save(data)  # type: ignore[misc]
            _move(self._fs, partial, target)
        finally:
            self._filepath = target
            if self._fs.exists(str(partial)):
                self._fs.rm(str(partial))


def _move(fs: fsspec.AbstractFileSystem, partial: PurePosixPath, target: PurePosixPath) -> None:
    if isinstance(fs, fsspec.implementations.local.LocalFileSystem):
        os.replace(partial, target)  # noqa: PTH105 (one call for every path type)
    else:
        fs.mv(str(partial), str(target))


class AtomicJSONDataset(AtomicSave, JSONDataset):
    """Kedro's ``json.JSONDataset``, saved atomically."""


class AtomicCSVDataset(AtomicSave, CSVDataset):
    """Kedro's ``pandas.CSVDataset``, saved atomically."""


class AtomicMatplotlibDataset(AtomicSave, MatplotlibDataset):
    """Kedro's ``matplotlib.MatplotlibDataset``, saved atomically."""


class _FileDataset(AbstractDataset[Any, Any]):
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


class _FaceSetFile(_FileDataset):
    def load(self) -> FaceSet:
        with self._fs.open(str(self._filepath), "rb") as file, np.load(file) as arrays:
            return FaceSet(**arrays)

    def save(self, data: FaceSet) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            np.savez(file, **data.arrays())  # type: ignore[arg-type]


class FaceSetDataset(AtomicSave, _FaceSetFile):
    """A ``FaceSet`` as one uncompressed ``.npz`` file."""


class _ArrayFile(_FileDataset):
    def load(self) -> np.ndarray:
        with self._fs.open(str(self._filepath), "rb") as file:
            return np.asarray(np.load(file, allow_pickle=False))

    def save(self, data: np.ndarray) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            np.save(file, data, allow_pickle=False)


class ArrayDataset(AtomicSave, _ArrayFile):
    """One NumPy array as a ``.npy`` file."""


class _KerasModelFile(_FileDataset):
    def load(self) -> "keras.Model":
        import keras

        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "model.keras"
            self._fs.get(str(self._filepath), str(local))
            return keras.saving.load_model(local, compile=False, safe_mode=True)

    def save(self, data: "keras.Model") -> None:
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "model.keras"
            data.save(local)
            self._fs.makedirs(str(self._filepath.parent), exist_ok=True)
            self._fs.put(str(local), str(self._filepath))


class KerasModelDataset(AtomicSave, _KerasModelFile):
    """A Keras model as a ``.keras`` file, loaded uncompiled and in safe mode."""


class ArchiveDataset(AbstractDataset[ArchiveSource, CompetitionArchive]):
    """The competition's archive on the local disk.

    Saving takes an ``ArchiveSource``, not bytes: what is already there, sound and from the
    same source is kept; anything else is fetched beside it, checked, and moved into its place.
    The source's fingerprint lies beside the archive, with the suffix ``.source``.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}

    def _exists(self) -> bool:
        return self._path.is_file()

    def load(self) -> CompetitionArchive:
        """The archive in its place, to be opened table by table."""
        if not self._path.is_file():
            raise InputError(
                f"{self._path}: the competition has not been downloaded yet; "
                "run: kedro run --pipeline=download"
            )
        return CompetitionArchive(self._path)

    def save(self, data: ArchiveSource) -> None:
        """Bring the archive into its place unless it is there already."""
        stamp = self._path.with_name(self._path.name + ".source")
        if self._is_sound_from(data, stamp):
            logger.info("%s is already there and sound: not fetched again", self._path.name)
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        logger.info("%s ...", data.description)
        with tempfile.TemporaryDirectory(dir=self._path.parent, prefix=".fetching-") as folder:
            partial = Path(folder) / self._path.name
            data.fetch(partial)
            CompetitionArchive(partial).check()
            stamp.unlink(missing_ok=True)  # never the old source's stamp beside the new archive
            partial.replace(self._path)
        stamp.write_text(data.fingerprint, encoding="utf-8")

    def _is_sound_from(self, source: ArchiveSource, stamp: Path) -> bool:
        if not (self._path.is_file() and stamp.is_file()):
            return False
        if stamp.read_text(encoding="utf-8", errors="replace") != source.fingerprint:
            logger.info("%s came from another source: fetching again", self._path.name)
            return False
        try:
            CompetitionArchive(self._path).check()
        except InputError as error:
            logger.warning("%s Fetching it again.", error)
            return False
        return True
