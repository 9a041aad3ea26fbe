"""The trainings of one variant on disk."""

import logging
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import fsspec
import numpy.typing as npt
import pandas as pd
from kedro.io import DatasetError
from pydantic import TypeAdapter

from facial_keypoints.errors import (
    ChangedError,
    InputError,
    StorageError,
    UnreachableError,
)
from facial_keypoints.framework.datasets import atomic
from facial_keypoints.framework.datasets.arrays import ArraysDataset
from facial_keypoints.framework.datasets.checksums import ChecksumFile, checksum, file_checksum
from facial_keypoints.framework.read_errors import read_errors
from facial_keypoints.framework.storage import is_local, location
from facial_keypoints.parameters import base_variant
from facial_keypoints.training.records import Training, TrainingRecord

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

_RECORD: Final = TypeAdapter(TrainingRecord)
_REMEDY: Final = (
    "Delete the training's folder and train again: kedro run --pipeline=train, with the same "
    "--env and --params"
)


class TrainingFolder:
    """The finished trainings of one variant, and the checkpoints of unfinished ones.

    Each training has a folder that is named after its fingerprint; the file ``current`` names the
    one of the last run. A folder is written under another name and then moved; on object storage,
    which moves none, its record is written last, and a folder without record holds no training.
    Trainings of other data or parameters are kept.

    Args:
        fs: File system of the folder.
        path: Path of the folder; its name is the variant's.
    """

    def __init__(self, fs: fsspec.AbstractFileSystem, path: PurePosixPath) -> None:
        self.fs = fs
        self.path = path

    def current(self) -> Training:
        """Return the training of the last run.

        Raises:
            InputError: if the variant has not been trained yet, or its files cannot be read.
        """
        fingerprint = self._current_fingerprint()
        if fingerprint is None or not self._has_record(fingerprint):
            raise self._untrained()
        return self.training(fingerprint)

    def has_current(self) -> bool:
        """Return whether the last run's training is there."""
        fingerprint = self._current_fingerprint()
        return fingerprint is not None and self._has_record(fingerprint)

    def earlier(self) -> dict[str, Training]:
        """Return the readable trainings by fingerprint, the current one last.

        Raises:
            ChangedError: if a record was changed.
        """
        records = self.fs.glob(str(self.path / "*" / "training_record.json"))
        names = [PurePosixPath(path).parent.name for path in records]
        current = self._current_fingerprint()
        readable = {}
        for name in sorted(names, key=lambda name: (name == current, name)):
            if name.startswith("."):  # partly written
                continue
            try:
                readable[name] = self.training(name)
            except (ChangedError, UnreachableError):  # to train again would replace it
                raise
            except InputError as error:
                logger.warning("Ignoring a damaged training; it is repeated if needed: %s", error)
        return readable

    def training(self, fingerprint: str) -> Training:
        """Return the training of a fingerprint; its model is loaded on demand.

        Raises:
            InputError: if its record or its history cannot be read.
            ChangedError: if its record was changed.
        """
        folder = self.path / fingerprint
        with read_errors(location(self.fs, folder), _REMEDY):
            record = self._record(folder)
            with self.fs.open(str(folder / "history.csv")) as file:
                history = pd.read_csv(file)
            if record.failure is None and not self.fs.exists(str(folder / "model.keras")):
                raise FileNotFoundError("model.keras is missing")
            if record.fingerprint != fingerprint or len(history) < record.epochs:
                raise ValueError(
                    f"training_record.json has fingerprint {record.fingerprint} and "
                    f"{record.epochs} epochs, history.csv {len(history)} epochs"
                )
        self._check(folder / "training_record.json", checksum(record))
        return Training(record, history, lambda: self._load_model(folder), reused=True)

    def save(self, training: Training) -> None:
        """Save a training and make it the current one; its checkpoints are removed.

        Raises:
            InputError: if it cannot be written; the checkpoints are kept then.
        """
        folder = self.path / training.fingerprint
        with atomic.write_errors(location(self.fs, folder)):
            if not training.reused:
                self._write(training, folder)
            elif training.record != self._record(folder):  # a later run recorded it in MLflow
                file = ChecksumFile(self.fs, folder / "training_record.json")
                file.announce(checksum(training.record))
                self._replace(folder / "training_record.json", _as_json(training.record))
                file.write(checksum(training.record))
            # a failed training resumes when there is more memory
            if training.is_final or training.failure is None:
                for fingerprint in (training.fingerprint, *training.record.checkpoints):
                    atomic.remove(self.fs, self._checkpoint_path(fingerprint))
            self._replace(self.path / "current", training.fingerprint.encode())

    def checkpoint(self, fingerprint: str) -> "CheckpointFile":
        """Return the checkpoint of the training of a fingerprint, whether it exists or not."""
        path = self._checkpoint_path(fingerprint)
        return CheckpointFile(location(self.fs, path), self.fs.storage_options)

    def _checkpoint_path(self, fingerprint: str) -> PurePosixPath:
        return self.path / f"{fingerprint}.unfinished.npz"

    def _current_fingerprint(self) -> str | None:
        current = str(self.path / "current")
        if not self.fs.exists(current):
            return None
        name = self.fs.cat_file(current).decode(errors="replace").strip()
        return name if re.fullmatch("[0-9a-f]+", name) else None  # never a path

    def _has_record(self, fingerprint: str) -> bool:
        return bool(self.fs.exists(str(self.path / fingerprint / "training_record.json")))

    def _record(self, folder: PurePosixPath) -> TrainingRecord:
        return _RECORD.validate_json(self.fs.cat_file(str(folder / "training_record.json")))

    def _untrained(self) -> InputError:
        trained = sorted(
            {
                base_variant(PurePosixPath(path).parent.name)
                for path in self.fs.glob(str(self.path.parent / "*" / "current"))
            }
        )
        others = f"; or use the trained variants: study.only={'+'.join(trained)}" if trained else ""
        current = location(self.fs, self.path / "current")
        return InputError(
            f"{self.path.name} has not been trained yet ({current} names no training); run: "
            "kedro run --pipeline=train, with the same --env and --params" + others
        )

    def _write(self, training: Training, folder: PurePosixPath) -> None:
        if not is_local(self.fs):
            atomic.remove(self.fs, folder / "training_record.json")  # trained again on demand
            self._write_files(training, folder)
            return
        partial = self.path / f".{uuid4().hex}"
        try:
            self._write_files(training, partial)
            if self.fs.exists(str(folder)):  # trained again on demand
                atomic.move(self.fs, folder, self.path / f".{uuid4().hex}.replaced")
            atomic.move(self.fs, partial, folder)
        finally:
            atomic.remove(self.fs, partial)
        for path in self.fs.glob(str(self.path / ".*.replaced")):
            self.fs.rm(path, recursive=True)

    def _write_files(self, training: Training, folder: PurePosixPath) -> None:
        if training.failure is None:
            with tempfile.TemporaryDirectory() as local:
                model = Path(local) / "model.keras"
                training.load_model().save(model)
                self.fs.put_file(str(model), str(folder / model.name))
                ChecksumFile(self.fs, folder / model.name).write(file_checksum(model))
        with self.fs.open(str(folder / "history.csv"), "w") as file:
            training.history.to_csv(file, index=False)
        path = folder / "training_record.json"
        ChecksumFile(self.fs, path).write(checksum(training.record))
        self.fs.pipe_file(str(path), _as_json(training.record))

    def _replace(self, path: PurePosixPath, content: bytes) -> None:
        partial = path.with_name(f".{uuid4().hex}")
        try:
            self.fs.pipe_file(str(partial), content)
            atomic.move(self.fs, partial, path)
        finally:
            atomic.remove(self.fs, partial)

    def _check(self, path: PurePosixPath, value: str) -> None:
        if not ChecksumFile(self.fs, path).agrees(value):
            raise ChangedError(
                f"{location(self.fs, path)}: was changed after the training that wrote it. Undo "
                f"the change, or delete {location(self.fs, path.parent)} to train again"
            )

    def _load_model(self, folder: PurePosixPath) -> "keras.Model":
        import keras

        with tempfile.TemporaryDirectory() as temporary:
            local = Path(temporary) / "model.keras"
            with read_errors(location(self.fs, folder / local.name), _REMEDY):
                self.fs.get_file(str(folder / local.name), str(local))
                model = keras.saving.load_model(local, compile=False, safe_mode=True)
                self._check(folder / local.name, file_checksum(local))
                return model


class CheckpointFile:
    """The checkpoint of one unfinished training, as an ``.npz`` file (a ``CheckpointStore``).

    Args:
        filepath: Path or URL of the file.
        credentials: Options of a remote file system.

    Raises:
        StorageError: by ``load`` and ``save``, if the file cannot be read or written.
        UnreachableError: by ``exists`` and ``load``, if object storage does not answer: to train
            from the start would replace the checkpoint.
    """

    def __init__(self, filepath: str, credentials: Mapping[str, Any] | None = None) -> None:
        self._file = ArraysDataset(filepath=filepath, credentials=credentials)

    def exists(self) -> bool:
        """Return whether there is a checkpoint."""
        with _storage_errors():
            return bool(self._file.exists())

    def load(self) -> dict[str, npt.NDArray[Any]]:
        """Return the checkpoint."""
        with _storage_errors():
            return dict(self._file.load())

    def save(self, data: dict[str, npt.NDArray[Any]]) -> None:
        """Replace the checkpoint."""
        try:
            with _storage_errors():
                self._file.save(data)
        except UnreachableError as error:  # training continues
            raise StorageError(str(error)) from error


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except DatasetError as error:
        if isinstance(error.__cause__, UnreachableError):
            raise error.__cause__ from None
        raise StorageError(str(error.__cause__ or error)) from error


def _as_json(record: TrainingRecord) -> bytes:
    return _RECORD.dump_json(record, indent=2)
