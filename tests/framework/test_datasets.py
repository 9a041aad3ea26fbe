import json
import logging
import shutil
from base64 import b64decode
from functools import partial
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from matplotlib.figure import Figure
from matplotlib.image import imread
from trainings import make_record

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.cli import user_message
from facial_keypoints.framework import datasets
from facial_keypoints.framework.datasets import (
    ArchiveDataset,
    ArrayDataset,
    AtomicCSVDataset,
    AtomicTextDataset,
    FaceSetDataset,
    FigureDataset,
    RecordDataset,
    TrainingDataset,
    TrainingFolderDataset,
)
from facial_keypoints.training.records import Training
from facial_keypoints.training.session import Session


def contents(folder):
    """Return every file below ``folder`` with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


class SmallModel:
    """The part of a Keras model that its dataset needs."""

    def save(self, path):
        Path(path).write_bytes(b"a model")


class HalfModel:
    def save(self, path):
        Path(path).write_bytes(b"half a mo")
        raise OSError("no space left")


class HalfFigure(Figure):
    def savefig(self, fname, **_):
        fname.write(b"half a fig")
        raise OSError("no space left")


class HalfFaces:
    """Raises an error after the first of its arrays."""

    def arrays(self):
        class Second:
            def __array__(self, *_, **__):
                raise OSError("no space left")

        return {"images": np.zeros(5000), "keypoints": Second()}


class HalfTable(pd.DataFrame):
    def to_csv(self, path_or_buf, **_):
        path_or_buf.write(b"half,a,ta")
        raise OSError("no space left")


SessionDataset = partial(RecordDataset, record="facial_keypoints.training.session.Session")

ATOMIC = {
    "json": (SessionDataset, Session(1.5), Session(object())),
    "csv": (AtomicCSVDataset, pd.DataFrame({"a": [1]}), HalfTable({"a": [2]})),
    "png": (FigureDataset, Figure(), HalfFigure()),
    "npz": (FaceSetDataset, None, HalfFaces()),
    "npy": (ArrayDataset, np.arange(5), np.array([object()])),
    "txt": (AtomicTextDataset, "a page", None),
}


@pytest.mark.parametrize("suffix", ATOMIC)
@pytest.mark.parametrize("there_before", [True, False])
def test_failed_save_keeps_the_earlier_file(tmp_path, make_faces, suffix, there_before):
    kind, good, bad = ATOMIC[suffix]
    dataset = kind(filepath=str(tmp_path / "deep" / f"file.{suffix}"))
    if there_before:
        dataset.save(make_faces(3) if good is None else good)
    before = contents(tmp_path)
    assert len(before) == there_before
    with pytest.raises(DatasetError):
        dataset.save(bad)
    assert contents(tmp_path) == before
    assert dataset.exists() == there_before
    dataset.save(make_faces(3) if good is None else good)  # the dataset still has its path
    assert list(contents(tmp_path)) == [f"deep/file.{suffix}"]


@pytest.mark.parametrize("kind", [SessionDataset, FaceSetDataset])
def test_earlier_file_is_kept_until_the_new_one_is_whole(tmp_path, make_faces, monkeypatch, kind):
    dataset = kind(filepath=str(tmp_path / "file"))
    data = Session(1.5) if kind is SessionDataset else make_faces(2)
    dataset.save(data)
    before = contents(tmp_path)

    def interrupted(*_):
        now = contents(tmp_path)
        assert now["file"] == before["file"]
        assert len(now) == 2
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets.atomic.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dataset.save(data)
    assert contents(tmp_path) == before


def test_faces_load_as_they_were_saved(tmp_path, make_faces):
    faces = make_faces(5, of_b=2)
    dataset = FaceSetDataset(filepath=str(tmp_path / "faces.npz"))
    assert not dataset.exists()
    dataset.save(faces)
    loaded = dataset.load()
    for name, array in faces.arrays().items():
        np.testing.assert_array_equal(getattr(loaded, name), array)
        assert getattr(loaded, name).dtype == array.dtype


def test_faces_load_as_they_were_saved_on_a_remote_file_system(make_faces):
    dataset = FaceSetDataset(filepath=f"memory://host/{uuid4().hex}/faces.npz")
    dataset.save(make_faces(3))
    dataset.save(make_faces(2))
    assert len(dataset.load()) == 2
    folder = str(dataset._filepath.parent)
    assert dataset._fs.ls(folder, detail=False) == [str(dataset._filepath)]


def test_arrays_and_tables_load_as_they_were_saved(tmp_path):
    array = ArrayDataset(filepath=str(tmp_path / "a.npy"))
    array.save(np.arange(6, dtype=np.float32).reshape(3, 2))
    loaded = array.load()
    assert loaded.dtype == np.float32
    assert loaded.tolist() == [[0, 1], [2, 3], [4, 5]]
    table = AtomicCSVDataset(filepath=str(tmp_path / "a.csv"), save_args={"index": False})
    table.save(pd.DataFrame({"RowId": [2, 1], "Location": [0.5, 96.0]}))
    assert table.load().to_dict("list") == {"RowId": [2, 1], "Location": [0.5, 96.0]}
    assert sorted(contents(tmp_path)) == ["a.csv", "a.npy"]


@pytest.mark.fault(
    "Models",
    "Code in a model or an array: pickles, Lambda layers, imports, file names that lead outside",
    "refused with the file's name; the code does not run",
)
def test_pickled_objects_are_neither_saved_nor_loaded(tmp_path):
    trap = np.array([{"code": 1}], dtype=object)
    np.save(tmp_path / "trap.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "trap.npz", images=trap)
    for dataset in (
        ArrayDataset(filepath=str(tmp_path / "trap.npy")),
        FaceSetDataset(filepath=str(tmp_path / "trap.npz")),
    ):
        with pytest.raises(DatasetError, match="allow_pickle=False"):
            dataset.load()
    with pytest.raises(DatasetError, match="Object arrays cannot be saved"):
        ArrayDataset(filepath=str(tmp_path / "new.npy")).save(trap)


def training(fingerprint="aaaa", model=None, **record):
    history = pd.DataFrame({"epoch": [1, 2], "val_loss": [4.0, 3.5]})
    full = make_record(fingerprint=fingerprint, **record)
    return Training(full, history, lambda: model or SmallModel())


def test_training_loads_as_it_was_saved(tmp_path):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    dataset = TrainingDataset(filepath=str(tmp_path / "models" / "net"))
    dataset.save(training("aaaa", model))
    found = dataset.load()
    given = np.ones((1, 3), np.float32)
    assert not found.load_model().compiled
    np.testing.assert_array_equal(found.load_model()(given), model(given))
    pd.testing.assert_frame_equal(found.history, training().history)
    assert found.record == training().record
    assert found.reused


def test_another_training_of_a_variant_keeps_the_earlier_one(tmp_path):
    dataset = TrainingDataset(filepath=str(tmp_path / "net"))
    folder = TrainingFolderDataset(filepath=str(tmp_path / "net")).load()
    assert folder.earlier() == {}
    dataset.save(training("bbbb"))
    first = contents(tmp_path / "net" / "bbbb")
    dataset.save(training("aaaa", minutes=9))
    assert contents(tmp_path / "net" / "bbbb") == first
    assert dataset.load().record.minutes == 9
    assert list(folder.earlier()) == ["bbbb", "aaaa"]  # the current one last
    dataset.save(folder.earlier()["bbbb"])  # taken again, not trained again
    assert dataset.load().fingerprint == "bbbb"
    assert contents(tmp_path / "net" / "bbbb") == first
    assert list(folder.earlier()) == ["aaaa", "bbbb"]


def test_repeated_training_replaces_its_folder(tmp_path):
    dataset = TrainingDataset(filepath=str(tmp_path / "net"))
    dataset.save(training("aaaa", minutes=1))
    dataset.save(training("aaaa", minutes=2))
    assert dataset.load().record.minutes == 2
    assert {path.split("/")[0] for path in contents(tmp_path / "net")} == {"aaaa", "current"}


def test_failed_save_of_a_training_leaves_nothing(tmp_path):
    dataset = TrainingDataset(filepath=str(tmp_path / "net"))
    with pytest.raises(DatasetError):
        dataset.save(training("aaaa", HalfModel()))
    assert contents(tmp_path) == {}
    dataset.save(training("aaaa"))
    before = contents(tmp_path)
    with pytest.raises(DatasetError):
        dataset.save(training("bbbb", HalfModel()))
    assert contents(tmp_path) == before
    assert dataset.load().fingerprint == "aaaa"


def test_training_whose_folder_was_deleted_does_not_exist(tmp_path):
    dataset = TrainingDataset(filepath=str(tmp_path / "net"))
    folder = TrainingFolderDataset(filepath=str(tmp_path / "net")).load()
    dataset.save(training("aaaa"))
    dataset.save(training("bbbb"))
    shutil.rmtree(tmp_path / "net" / "bbbb")  # to free space
    assert list(folder.earlier()) == ["aaaa"]
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="has not been trained yet"):
        dataset.load()
    dataset.save(folder.earlier()["aaaa"])
    assert dataset.load().fingerprint == "aaaa"


def test_training_saved_just_before_a_kill_is_found(tmp_path):
    dataset = TrainingDataset(filepath=str(tmp_path / "net"))
    dataset.save(training("aaaa"))
    (tmp_path / "net" / "current").unlink()  # the folder is in its place, the pointer not yet
    (tmp_path / "net" / ".cafe").mkdir()  # what a kill leaves of a training half written
    (tmp_path / "net" / ".cafe" / "training_record.json").write_text("{")
    assert list(TrainingFolderDataset(filepath=str(tmp_path / "net")).load().earlier()) == ["aaaa"]


def test_load_raises_input_error_for_a_variant_without_training(tmp_path):
    dataset = TrainingDataset(filepath=str(tmp_path / "net"))
    assert not dataset.exists()
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    assert "net has not been trained yet" in user_message(caught.value)
    assert "study.only" not in user_message(caught.value)
    TrainingDataset(filepath=str(tmp_path / "other")).save(training())
    with pytest.raises(DatasetError, match=r"or use the trained variants: study\.only=other"):
        dataset.load()


def test_keep_earlier_keeps_the_earlier_version_of_a_report(tmp_path, caplog):
    dataset = AtomicTextDataset(filepath=str(tmp_path / "study.html"), keep_earlier=True)
    dataset.save("one")
    dataset.save("one")
    assert list(contents(tmp_path)) == ["study.html"]
    caplog.set_level(logging.INFO)
    dataset.save("two")
    assert dataset.load() == "two"
    (aside,) = tmp_path.glob("study-*.html")
    assert aside.read_text() == "one"
    assert aside.name in caplog.text


def test_figure_loads_as_a_figure_of_the_same_pixels(tmp_path):
    figure = Figure(figsize=(3.21, 1.23), dpi=110)
    figure.subplots().plot([1, 3, 2])
    dataset, copy = (FigureDataset(filepath=str(tmp_path / f"{name}.png")) for name in "ab")
    dataset.save(figure)
    copy.save(dataset.load())
    np.testing.assert_array_equal(imread(tmp_path / "a.png"), imread(tmp_path / "b.png"))


def test_figure_is_previewed_in_kedro_viz(tmp_path):
    dataset = FigureDataset(filepath=str(tmp_path / "figure.png"))
    dataset.save(Figure())
    assert b64decode(dataset.preview()) == (tmp_path / "figure.png").read_bytes()


def test_archive_is_copied_to_its_path(tmp_path, archive_path):
    dataset = ArchiveDataset(filepath=str(tmp_path / "raw" / "competition.zip"))
    assert not dataset.exists()
    dataset.save(CompetitionArchive(archive_path))
    assert dataset.exists()
    dataset.save(dataset.load())
    assert dataset.load() == CompetitionArchive(tmp_path / "raw" / "competition.zip")
    assert dataset.load().path.read_bytes() == archive_path.read_bytes()
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["competition.zip"]


def test_raises_input_error_for_an_archive_that_cannot_be_written(tmp_path, archive_path):
    dataset = ArchiveDataset(filepath=str(archive_path / "competition.zip"))
    with pytest.raises(DatasetError) as error:
        dataset.save(CompetitionArchive(archive_path))
    assert "cannot be written" in user_message(error.value)


def test_datasets_describe_their_file(tmp_path):
    for kind in (ArchiveDataset, FaceSetDataset):
        assert json.dumps(str(tmp_path / "x"))[1:-1] in str(kind(filepath=str(tmp_path / "x")))


def test_load_raises_input_error_for_a_missing_file(tmp_path):
    for dataset in (
        AtomicCSVDataset(filepath=str(tmp_path / "a.csv")),
        SessionDataset(filepath=str(tmp_path / "a.json")),
        FaceSetDataset(filepath=str(tmp_path / "a.npz")),
    ):
        with pytest.raises(Exception, match=r"file not found; run the pipeline that writes it"):
            dataset.load()


def test_record_is_saved_as_json_and_validated_on_load(tmp_path):
    path = tmp_path / "session.json"
    dataset = SessionDataset(filepath=str(path))
    session = Session(1.5, mlflow_run_ids={"tiny": "abc"})
    dataset.save(session)
    assert dataset.load() == session
    path.write_text('{"started_at": "soon"}')
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    assert "session.json: cannot be read" in user_message(caught.value)
