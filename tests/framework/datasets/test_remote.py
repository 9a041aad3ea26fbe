"""Datasets on another file system than the local one, for which fsspec's memory stands."""

import pickle
from functools import partial
from uuid import uuid4

import fsspec
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from trainings import make_record

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.errors import InputError, StorageError, UnreachableError
from facial_keypoints.framework.datasets import (
    ArchiveDataset,
    ArrayDataset,
    AtomicCSVDataset,
    AtomicTextDataset,
    BytesDataset,
    FaceSetDataset,
    FigureDataset,
    PictureFolderDataset,
    RecordDataset,
    TrainingDataset,
    TrainingFolderDataset,
    local_copy,
)
from facial_keypoints.framework.datasets.training_folder import CheckpointFile
from facial_keypoints.training.records import Training
from facial_keypoints.training.session import Session

FILES = fsspec.filesystem("memory")
SessionDataset = partial(RecordDataset, record="facial_keypoints.training.session.Session")
KINDS = {
    "json": (SessionDataset, Session(1.5)),
    "csv": (AtomicCSVDataset, pd.DataFrame({"a": [1]})),
    "png": (FigureDataset, Figure()),
    "npz": (FaceSetDataset, None),
    "npy": (ArrayDataset, np.arange(5)),
    "txt": (AtomicTextDataset, "a page"),
    "onnx": (BytesDataset, b"a model"),
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty folder; the cache of this machine is in ``tmp_path``."""
    monkeypatch.setattr(local_copy, "user_cache_path", lambda _: tmp_path / "cache")
    return f"memory:///{uuid4().hex}"


def names(root):
    """Return the names of all files but for checksums."""
    folder = root.removeprefix("memory://")
    found = [path.removeprefix(f"{folder}/") for path in FILES.find(folder)]
    return {name for name in found if not name.endswith(".sha256")}


@pytest.mark.parametrize("suffix", KINDS)
def test_file_is_replaced_and_read(root, make_faces, suffix):
    kind, data = KINDS[suffix]
    dataset = kind(filepath=f"{root}/deep/file.{suffix}", credentials={"skip_instance_cache": True})
    assert not dataset.exists()
    for _ in range(2):
        dataset.save(make_faces(3) if data is None else data)
    assert dataset.exists()
    assert names(root) == {f"deep/file.{suffix}"}
    assert type(dataset.load()) is type(make_faces(3) if data is None else data)


def test_missing_file_is_named_with_its_protocol(root):
    with pytest.raises(Exception, match=f"{root}/a.npy: file not found"):
        ArrayDataset(filepath=f"{root}/a.npy").load()


def test_pictures_of_earlier_saves_are_removed(root):
    red = np.full((20, 30, 3), (200, 10, 10), np.uint8)
    dataset = PictureFolderDataset(filepath=f"{root}/pictures")
    dataset.save({"a.png": red, "b/c.png": lambda: red})
    dataset.save({"b/c.png": red})
    assert names(root) == {"pictures/b/c.png"}
    np.testing.assert_array_equal(dataset.load()["b/c.png"](), red)


class Model:
    def save(self, path):
        path.write_bytes(b"a model")


def training(**record):
    history = pd.DataFrame({"epoch": [1, 2], "val_loss": [4.0, 3.5]})
    return Training(make_record(fingerprint="aaaa", **record), history, Model)


def test_training_is_replaced(root):
    dataset = TrainingDataset(filepath=f"{root}/tiny")
    for minutes in (1, 2):
        dataset.save(training(minutes=minutes))
        assert dataset.load().record.minutes == minutes
    files = ("history.csv", "model.keras", "training_record.json")
    assert names(root) == {"tiny/current", *(f"tiny/aaaa/{name}" for name in files)}


@pytest.mark.parametrize("last", ["model.keras.sha256", "training_record.json.sha256"])
def test_training_whose_save_was_killed_is_none_and_keeps_its_checkpoint(root, monkeypatch, last):
    folder = TrainingFolderDataset(filepath=f"{root}/tiny").load()
    folder.save(training(minutes=1))
    folder.checkpoint("aaaa").save({"weights": np.arange(3)})
    write = type(FILES).pipe_file

    def killed(self, path, value, **options):
        write(self, path, value, **options)
        if path.endswith(last):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(FILES), "pipe_file", killed)
        with pytest.raises(KeyboardInterrupt):
            folder.save(training(minutes=2))
    assert folder.earlier() == {}
    assert folder.checkpoint("aaaa").exists()
    folder.save(training(minutes=2))
    assert folder.earlier()["aaaa"].record.minutes == 2


def test_folder_that_travels_to_a_worker_keeps_its_credentials(root):
    dataset = TrainingFolderDataset(filepath=f"{root}/tiny", credentials={"planted": "key"})
    folder = pickle.loads(pickle.dumps(dataset.load()))  # noqa: S301
    file = folder.checkpoint("aaaa")
    file.save({"weights": np.arange(3)})
    assert file._file._fs.storage_options["planted"] == "key"
    assert dataset.load().checkpoint("aaaa").load()["weights"].tolist() == [0, 1, 2]


def silent(*_, **__):
    raise type("ConnectTimeoutError", (Exception,), {"__module__": "botocore.exceptions"})


def test_checkpoint_is_kept_while_the_storage_does_not_answer(root, monkeypatch):
    file = CheckpointFile(f"{root}/aaaa.unfinished.npz")
    file.save({"weights": np.arange(3)})
    with monkeypatch.context() as patch:
        for name in ("exists", "open", "_open"):
            patch.setattr(type(FILES), name, silent)
        for read in (file.exists, file.load):
            with pytest.raises(UnreachableError, match="does not answer"):
                read()
        with pytest.raises(StorageError, match="does not answer"):  # training continues
            file.save({"weights": np.arange(2)})
    assert file.load()["weights"].tolist() == [0, 1, 2]


def test_earlier_trainings_are_not_ignored_while_the_storage_does_not_answer(root, monkeypatch):
    folder = TrainingFolderDataset(filepath=f"{root}/tiny").load()
    folder.save(training())
    monkeypatch.setattr(type(FILES), "open", silent)
    with pytest.raises(UnreachableError):
        folder.earlier()


def archive_at(root):
    return ArchiveDataset(filepath=f"{root}/raw/faces.zip")


def test_archive_is_uploaded_with_the_note_of_its_source(root, archive_path, tmp_path, monkeypatch):
    dataset = archive_at(root)
    given = dataset.load()
    assert not given.path.exists()
    given.path.parent.mkdir(parents=True)
    given.path.write_bytes(archive_path.read_bytes())
    given.path.with_name("faces.zip.source").write_text("its source")
    dataset.save(CompetitionArchive(given.path))
    assert dataset.exists()
    assert names(root) == {"raw/faces.zip", "raw/faces.zip.source"}
    monkeypatch.setattr(local_copy, "user_cache_path", lambda _: tmp_path / "another machine")
    copy = archive_at(root).load().path
    assert copy.read_bytes() == archive_path.read_bytes()
    assert copy.with_name("faces.zip.source").read_text() == "its source"


def test_copy_follows_the_remote_archive(root, archive_path):
    dataset = archive_at(root)
    dataset.save(CompetitionArchive(archive_path))
    path = dataset.load().path
    unchanged = path.stat().st_mtime_ns
    assert dataset.load().path.stat().st_mtime_ns == unchanged
    FILES.pipe_file(f"{root}/raw/faces.zip", b"another")
    assert dataset.load().path.read_bytes() == b"another"
    path.write_bytes(b"changed here")
    assert dataset.load().path.read_bytes() == b"another"
    FILES.rm_file(f"{root}/raw/faces.zip")
    assert not dataset.load().path.exists()


def test_archive_of_another_source_is_uploaded_without_the_old_note(root, archive_path):
    dataset = archive_at(root)
    dataset.save(CompetitionArchive(archive_path))
    FILES.pipe_file(f"{root}/raw/faces.zip.source", b"another source")
    path = dataset.load().path
    path.write_bytes(b"fetched again")
    path.with_name("faces.zip.source").unlink()
    dataset.save(CompetitionArchive(path))
    assert FILES.cat_file(f"{root}/raw/faces.zip") == b"fetched again"
    assert names(root) == {"raw/faces.zip"}


def test_load_raises_input_error_for_an_archive_that_cannot_be_copied(root, monkeypatch):
    monkeypatch.setattr(type(FILES), "exists", silent)
    with pytest.raises(Exception, match="does not answer") as caught:
        archive_at(root).load()
    assert isinstance(caught.value.__cause__ or caught.value, InputError)
