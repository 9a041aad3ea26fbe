"""The trainings of a variant: finished ones, a folder each, and unfinished ones."""

import logging
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import numpy.typing as npt
import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from pydantic import TypeAdapter

from facial_keypoints.errors import InputError, StorageError
from facial_keypoints.framework.datasets.files import (
    ArraysDataset,
    FileDataset,
    move,
    remove,
    write_errors,
)
from facial_keypoints.framework.read_errors import read_errors
from facial_keypoints.parameters import base_variant
from facial_keypoints.training.records import Training, TrainingRecord

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

_TRAIN_AGAIN: Final = (
    "Delete the training's folder and train again: kedro run --pipeline=train, with the same "
    "--env and --params"
)


class CheckpointFile:
    """The checkpoint of one unfinished training, as an ``.npz`` file (a ``CheckpointStore``).

    Args:
        filepath: Path or URL of the file.

    Raises:
        StorageError: by ``load`` and ``save``, if the file cannot be read or written.
    """

    def __init__(self, filepath: str) -> None:
        self._file = ArraysDataset(filepath=filepath)

    def exists(self) -> bool:
        """Return whether there is a checkpoint."""
        return bool(self._file.exists())

    def load(self) -> dict[str, npt.NDArray[Any]]:
        """Return the checkpoint."""
        with _storage_errors():
            return dict(self._file.load())

    def save(self, data: dict[str, npt.NDArray[Any]]) -> None:
        """Replace the checkpoint."""
        with _storage_errors():
            self._file.save(data)


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except DatasetError as error:
        raise StorageError(str(error.__cause__ or error)) from error


class CheckpointsDataset(FileDataset):
    """The unfinished trainings of one variant, in the folder of its finished ones.

    Loads as a function that gives the ``CheckpointFile`` of a fingerprint, to be
    written while training runs; ``TrainingsDataset`` removes it once the training is saved.
    """

    def load(self) -> Callable[[str], CheckpointFile]:
        """The file for the unfinished training of a fingerprint."""
        return lambda fingerprint: CheckpointFile(
            self._fs.unstrip_protocol(str(_backup_path(self._filepath, fingerprint)))
        )

    def save(self, data: Any) -> None:
        """Refuse: each training writes its own file."""
        raise NotImplementedError("unfinished trainings are written while they run")


_RECORD: Final = TypeAdapter(TrainingRecord)


def _as_json(record: TrainingRecord) -> bytes:
    return _RECORD.dump_json(record, indent=2)


def _backup_path(folder: PurePosixPath, fingerprint: str) -> PurePosixPath:
    return folder / f"{fingerprint}.unfinished.npz"


class TrainingsDataset(FileDataset):
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
                    base_variant(PurePosixPath(path).parent.name)
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
        with write_errors(folder):
            if not data.reused:
                self._keep(data, folder)
            elif data.record != self._record(folder):  # MLflow's run was not known before
                self._replace(folder / "training_record.json", _as_json(data.record))
            if data.is_final:  # else what it got to is gone on with, when there is more memory
                for unfinished in (data.fingerprint, *data.record.checkpoints):
                    remove(self._fs, _backup_path(self._filepath, unfinished))
            self._replace(self._current, data.fingerprint.encode())

    def _replace(self, path: PurePosixPath, content: bytes) -> None:
        partial = path.with_name(f".{uuid4().hex}")
        try:
            self._fs.pipe_file(str(partial), content)
            move(self._fs, partial, path)
        finally:
            remove(self._fs, partial)

    def _keep(self, training: Training, folder: PurePosixPath) -> None:
        partial = self._filepath / f".{uuid4().hex}"
        try:
            self._write(training, partial)
            if self._fs.exists(str(folder)):  # trained again on demand
                move(self._fs, folder, self._filepath / f".{uuid4().hex}.replaced")
            move(self._fs, partial, folder)
        finally:
            remove(self._fs, partial)
        for path in self._fs.glob(str(self._filepath / ".*.replaced")):
            self._fs.rm(path, recursive=True)

    def read(self, fingerprint: str) -> Training:
        """The training of that fingerprint, its model to be loaded when asked for.

        Raises:
            InputError: if its record or its history cannot be read.
        """
        with read_errors(self._filepath / fingerprint, _TRAIN_AGAIN):
            training = self._read(fingerprint)
            model = self._filepath / fingerprint / "model.keras"
            if training.failure is None and not self._fs.exists(str(model)):
                raise FileNotFoundError("there is no model.keras")
            known, epochs = len(training.history), training.record.epochs
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

    def _record(self, folder: PurePosixPath) -> TrainingRecord:
        return _RECORD.validate_json(self._fs.cat_file(str(folder / "training_record.json")))

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
            with read_errors(folder / local.name, _TRAIN_AGAIN):
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
        """Every earlier training that is whole, its model to be loaded when asked for."""
        whole = {}
        for name in self._trainings.fingerprints():
            try:
                whole[name] = self._trainings.read(name)
            except InputError as error:
                logger.warning("Left aside, and trained again if it is needed: %s", error)
        return whole

    def save(self, data: None) -> None:
        """Refuse: trainings are saved by ``TrainingsDataset``."""
        raise NotImplementedError("earlier trainings are only read")

    def _describe(self) -> dict[str, Any]:
        return self._trainings._describe()
