"""Kedro datasets: each file on disk is either the old one or the whole new one.

The atomic versions of Kedro's own datasets write beside the target and move the finished file
into its place, so that an interrupted or failing save leaves the earlier file as it was.
"""

import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import fsspec
import numpy as np
import numpy.typing as npt
import pandas as pd
from filelock import FileLock
from kedro.io import AbstractDataset, DatasetError
from kedro.io.core import get_protocol_and_path
from kedro_datasets.json import JSONDataset
from kedro_datasets.matplotlib import MatplotlibDataset
from kedro_datasets.pandas import CSVDataset
from kedro_datasets.text import TextDataset

from facial_keypoints.archive import ArchiveSource, CompetitionArchive
from facial_keypoints.damage import damage_told
from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import row_of
from facial_keypoints.trainings import Training

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

_RUN_FULL: Final = (
    "run the stage that makes it first, with the same --env (kedro run --pipeline=full runs all "
    "of them)"
)
_TRAIN_AGAIN = (
    "Delete the training's folder and train again: kedro run --pipeline=train, with the same "
    "--env and --params"
)


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

    def load(self) -> Any:
        """Load the file.

        Raises:
            InputError: if it has not been made yet, or cannot be read.
        """
        if not self._fs.exists(str(self._filepath)):
            raise InputError(f"{self._filepath}: there is no such file yet; {self._if_missing}")
        with damage_told(self._filepath):
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
            with telling_of_failed_writes(target):
                super().save(data)  # type: ignore[misc]
                if self._keep_earlier and self._fs.exists(str(target)):
                    self._keep(target, partial)
                _move(self._fs, partial, target)
        finally:
            self._filepath = target
            _remove(self._fs, partial)

    def _keep(self, target: PurePosixPath, new: PurePosixPath) -> None:
        if self._fs.cat_file(str(target)) == self._fs.cat_file(str(new)):
            return
        made = self._fs.modified(str(target)).strftime("%Y%m%d-%H%M%S")
        aside = target.with_name(f"{target.stem}-{made}{target.suffix}")
        logger.info("%s says something else now; the earlier one is %s", target.name, aside.name)
        self._fs.copy(str(target), str(aside))


@contextmanager
def telling_of_failed_writes(target: PurePosixPath) -> Iterator[None]:
    """Tell of a full disk or a folder that cannot be written as of a user's error.

    Raises:
        InputError: in place of an OSError, Kedro's or fsspec's wrapping of one among them.
    """
    try:
        yield
    except (OSError, DatasetError) as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, OSError):
            cause = cause.__cause__
        if cause is None:
            raise
        raise InputError(
            f"{target}: cannot be written ({cause.strerror or cause}). What was there before is "
            "as it was. Free some space, or see that the folder may be written, and type the "
            "same command again: it goes on"
        ) from error


def _remove(fs: fsspec.AbstractFileSystem, partial: PurePosixPath) -> None:
    """Remove what a failed save has left; a folder that cannot be written hinders this too."""
    with suppress(OSError):
        if fs.exists(str(partial)):
            fs.rm(str(partial), recursive=True)


def _move(fs: fsspec.AbstractFileSystem, partial: PurePosixPath, target: PurePosixPath) -> None:
    if isinstance(fs, fsspec.implementations.local.LocalFileSystem):
        os.replace(partial, target)  # noqa: PTH105 (one call for every path type)
    else:
        fs.mv(str(partial), str(target))


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


class _PictureFile(MatplotlibDataset):
    def load(self) -> bytes:
        return bytes(self._fs.cat_file(str(self._filepath)))


class AtomicMatplotlibDataset(AtomicSave, _PictureFile):
    """Kedro's ``matplotlib.MatplotlibDataset``, saved atomically; loads as the picture's bytes."""


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
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))

    def save(self, data: np.ndarray) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            np.save(file, data, allow_pickle=False)


class ArrayDataset(AtomicSave, _ArrayFile):
    """One NumPy array as a ``.npy`` file."""


class _ArraysFile(_FileDataset):
    def load(self) -> dict[str, npt.NDArray[Any]]:
        with self._fs.open(str(self._filepath), "rb") as file, np.load(file) as arrays:
            return dict(arrays)

    def save(self, data: dict[str, npt.NDArray[Any]]) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            np.savez(file, **data)  # type: ignore[arg-type]


class ArraysDataset(AtomicSave, _ArraysFile):
    """Named NumPy arrays as one uncompressed ``.npz`` file."""


class BackupsDataset(_FileDataset):
    """The unfinished trainings of one variant, in the folder of its finished ones.

    Loads as a function that gives the file for a fingerprint (an ``ArraysDataset``), to be
    written while training runs; ``TrainingsDataset`` removes it once the training is saved.
    """

    def load(self) -> Callable[[str], ArraysDataset]:
        """The file for the unfinished training of a fingerprint."""
        return lambda fingerprint: ArraysDataset(
            filepath=str(_backup_path(self._filepath, fingerprint))
        )

    def save(self, data: Any) -> None:
        """Refuse: each training writes its own file."""
        raise NotImplementedError("unfinished trainings are written while they run")


def _as_json(record: dict[str, Any]) -> bytes:
    return json.dumps(record, indent=2).encode()


def _backup_path(folder: PurePosixPath, fingerprint: str) -> PurePosixPath:
    return folder / f"{fingerprint}.unfinished.npz"


class TrainingsDataset(_FileDataset):
    """The trainings of one variant: a folder for each, named by its fingerprint.

    What another configuration or other data has trained stays where it is. Loading and saving
    are about the current one, which a file named ``current`` tells; a folder is written beside
    its place and moved there whole.
    """

    def load(self) -> Training:
        """The current training.

        Raises:
            InputError: if the variant has not been trained yet.
        """
        if not self._exists():
            done = sorted(
                {
                    row_of(PurePosixPath(path).parent.name)
                    for path in self._fs.glob(str(self._filepath.parent / "*" / "current"))
                }
            )
            raise InputError(
                f"{self._filepath.name} has not been trained yet (there is no training that "
                f"{self._current} names); run: kedro run --pipeline=train, with the same --env and "
                "--params"
                + (f"; or go on with those that are: study.only={'+'.join(done)}" if done else "")
            )
        return self.read(str(self._current_fingerprint()))

    def save(self, data: Training) -> None:
        """Keep the training, and make it the current one.

        Raises:
            InputError: if it cannot be written; what can be gone on with is kept.
        """
        folder = self._filepath / data.fingerprint
        with telling_of_failed_writes(folder):
            if not data.reused:
                self._keep(data, folder)
            elif data.record != self._record(folder):  # MLflow's run was not known before
                self._replace(folder / "training_record.json", _as_json(data.record))
            self._replace(self._current, data.fingerprint.encode())
        _remove(self._fs, _backup_path(self._filepath, data.fingerprint))

    def _replace(self, path: PurePosixPath, content: bytes) -> None:
        partial = path.with_name(f".{uuid4().hex}")
        try:
            self._fs.pipe_file(str(partial), content)
            _move(self._fs, partial, path)
        finally:
            _remove(self._fs, partial)

    def _keep(self, training: Training, folder: PurePosixPath) -> None:
        partial = self._filepath / f".{uuid4().hex}"
        try:
            self._write(training, partial)
            if self._fs.exists(str(folder)):  # trained again on demand
                _move(self._fs, folder, self._filepath / f".{uuid4().hex}.replaced")
            _move(self._fs, partial, folder)
        finally:
            _remove(self._fs, partial)
        for path in self._fs.glob(str(self._filepath / ".*.replaced")):
            self._fs.rm(path, recursive=True)

    def read(self, fingerprint: str) -> Training:
        """The training of that fingerprint, its model to be loaded when asked for.

        Raises:
            InputError: if its record or its history cannot be read.
        """
        with damage_told(self._filepath / fingerprint, _TRAIN_AGAIN):
            training = self._read(fingerprint)
            known, epochs = len(training.history), training.record.get("epochs", 0)
            if training.fingerprint != fingerprint or known < epochs:
                raise ValueError(
                    f"training_record.json tells of {training.fingerprint} and {epochs} epochs, "
                    f"history.csv of {known}"
                )
            return training

    def _read(self, fingerprint: str) -> Training:
        folder = self._filepath / fingerprint
        with self._fs.open(str(folder / "history.csv")) as file:
            history = pd.read_csv(file)
        return Training(
            self._record(folder), history, lambda: self._load_model(folder), reused=True
        )

    def _record(self, folder: PurePosixPath) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self._fs.cat_file(str(folder / "training_record.json")))
        return record

    def fingerprints(self) -> list[str]:
        """Of every training there is, the current one last."""
        records = self._fs.glob(str(self._filepath / "*" / "training_record.json"))
        found = [PurePosixPath(path).parent.name for path in records]
        complete = [name for name in found if not name.startswith(".")]
        current = self._current_fingerprint()
        return sorted(complete, key=lambda name: (name == current, name))

    @property
    def _current(self) -> PurePosixPath:
        return self._filepath / "current"

    def _current_fingerprint(self) -> str | None:
        if not self._fs.exists(str(self._current)):
            return None
        name = self._fs.cat_file(str(self._current)).decode(errors="replace").strip()
        return name if re.fullmatch("[0-9a-f]+", name) else None  # never a path

    def _exists(self) -> bool:
        current = self._current_fingerprint()
        record = self._filepath / (current or "") / "training_record.json"
        return current is not None and bool(self._fs.exists(str(record)))

    def _write(self, training: Training, folder: PurePosixPath) -> None:
        self._fs.makedirs(str(folder), exist_ok=True)
        if training.failure is None:
            with tempfile.TemporaryDirectory() as local:
                model = Path(local) / "model.keras"
                training.load_model().save(model)
                self._fs.put(str(model), str(folder / model.name))
        with self._fs.open(str(folder / "history.csv"), "w") as file:
            training.history.to_csv(file, index=False)
        self._fs.pipe_file(str(folder / "training_record.json"), _as_json(training.record))

    def _load_model(self, folder: PurePosixPath) -> "keras.Model":
        import keras

        with tempfile.TemporaryDirectory() as temporary:
            local = Path(temporary) / "model.keras"
            with damage_told(folder / local.name, _TRAIN_AGAIN):
                self._fs.get(str(folder / local.name), str(local))
                return keras.saving.load_model(local, compile=False, safe_mode=True)


class EarlierTrainingsDataset(AbstractDataset[None, dict[str, Training]]):
    """What ``TrainingsDataset`` holds from earlier runs, by fingerprint, the current one last;
    empty where there is nothing yet. Read only.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._trainings = TrainingsDataset(filepath=filepath)
        self.metadata = metadata

    def load(self) -> dict[str, Training]:
        """Every earlier training, its model to be loaded when asked for."""
        return {name: self._trainings.read(name) for name in self._trainings.fingerprints()}

    def save(self, data: None) -> None:
        """Refuse: trainings are saved by ``TrainingsDataset``."""
        raise NotImplementedError("earlier trainings are only read")

    def _describe(self) -> dict[str, Any]:
        return self._trainings._describe()


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
        """Bring the archive into its place unless it is there already.

        Runs of several data folders may share the archive: one fetches, the others wait.
        """
        with telling_of_failed_writes(PurePosixPath(self._path)):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._path.with_name(".fetching.lock")):
                for left in self._path.parent.glob(".fetching-*"):  # by a run that was killed
                    shutil.rmtree(left)
                self._fetch_unless_there(data)

    def _fetch_unless_there(self, data: ArchiveSource) -> None:
        stamp = self._path.with_name(self._path.name + ".source")
        if self._is_sound_from(data, stamp):
            logger.info("%s is already there and sound: not fetched again", self._path.name)
            return
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
            logger.info(
                "%s came from another source, or with other parameters: fetching again",
                self._path.name,
            )
            return False
        try:
            CompetitionArchive(self._path).check()
        except InputError as error:
            logger.warning("%s Fetching it again.", error)
            return False
        return True
