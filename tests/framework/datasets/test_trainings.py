"""The trainings of a variant."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from trainings import make_record

from facial_keypoints.cli import user_message
from facial_keypoints.errors import ChangedError
from facial_keypoints.framework.datasets import (
    TrainingDataset,
    TrainingFolderDataset,
)
from facial_keypoints.training.records import Training


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


def training(fingerprint="aaaa", model=None, **record):
    history = pd.DataFrame({"epoch": [1, 2], "val_loss": [4.0, 3.5]})
    full = make_record(fingerprint=fingerprint, **record)
    return Training(full, history, lambda: model or SmallModel())


def test_training_loads_as_it_was_saved(tmp_path):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    dataset = TrainingDataset(filepath=str(tmp_path / "models" / "tiny"))
    dataset.save(training("aaaa", model))
    found = dataset.load()
    given = np.ones((1, 3), np.float32)
    assert not found.load_model().compiled
    np.testing.assert_array_equal(found.load_model()(given), model(given))
    pd.testing.assert_frame_equal(found.history, training().history)
    assert found.record == training().record
    assert found.reused


def test_another_training_of_a_variant_keeps_the_earlier_one(tmp_path):
    dataset = TrainingDataset(filepath=str(tmp_path / "tiny"))
    folder = TrainingFolderDataset(filepath=str(tmp_path / "tiny")).load()
    assert folder.earlier() == {}
    dataset.save(training("bbbb"))
    first = contents(tmp_path / "tiny" / "bbbb")
    dataset.save(training("aaaa", minutes=9))
    assert contents(tmp_path / "tiny" / "bbbb") == first
    assert dataset.load().record.minutes == 9
    assert list(folder.earlier()) == ["bbbb", "aaaa"]  # the current one last
    dataset.save(folder.earlier()["bbbb"])  # taken again, not trained again
    assert dataset.load().fingerprint == "bbbb"
    assert contents(tmp_path / "tiny" / "bbbb") == first
    assert list(folder.earlier()) == ["aaaa", "bbbb"]


def test_repeated_training_replaces_its_folder(tmp_path):
    dataset = TrainingDataset(filepath=str(tmp_path / "tiny"))
    dataset.save(training("aaaa", minutes=1))
    dataset.save(training("aaaa", minutes=2))
    assert dataset.load().record.minutes == 2
    assert {path.split("/")[0] for path in contents(tmp_path / "tiny")} == {"aaaa", "current"}


def test_failed_save_of_a_training_leaves_nothing(tmp_path):
    dataset = TrainingDataset(filepath=str(tmp_path / "tiny"))
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
    dataset = TrainingDataset(filepath=str(tmp_path / "tiny"))
    folder = TrainingFolderDataset(filepath=str(tmp_path / "tiny")).load()
    dataset.save(training("aaaa"))
    dataset.save(training("bbbb"))
    shutil.rmtree(tmp_path / "tiny" / "bbbb")  # to free space
    assert list(folder.earlier()) == ["aaaa"]
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="has not been trained yet"):
        dataset.load()
    dataset.save(folder.earlier()["aaaa"])
    assert dataset.load().fingerprint == "aaaa"


def test_training_saved_just_before_a_kill_is_found(tmp_path):
    dataset = TrainingDataset(filepath=str(tmp_path / "tiny"))
    dataset.save(training("aaaa"))
    (tmp_path / "tiny" / "current").unlink()  # the folder is in its place, the pointer not yet
    (tmp_path / "tiny" / ".cafe").mkdir()  # what a kill leaves of a training half written
    (tmp_path / "tiny" / ".cafe" / "training_record.json").write_text("{")
    assert list(TrainingFolderDataset(filepath=str(tmp_path / "tiny")).load().earlier()) == ["aaaa"]


def test_load_raises_input_error_for_a_variant_without_training(tmp_path):
    dataset = TrainingDataset(filepath=str(tmp_path / "tiny"))
    assert not dataset.exists()
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    assert "tiny has not been trained yet" in user_message(caught.value)
    assert "study.only" not in user_message(caught.value)
    TrainingDataset(filepath=str(tmp_path / "other")).save(training())
    with pytest.raises(DatasetError, match=r"or use the trained variants: study\.only=other"):
        dataset.load()


@pytest.mark.fault(
    "Stale results",
    "the record or the model of a training is changed",
    "reported; the training is not replaced",
)
def test_raises_input_error_for_a_changed_record(tmp_path):
    dataset = TrainingDataset(filepath=str(tmp_path / "tiny"))
    dataset.save(training("aaaa", minutes=1))
    path = tmp_path / "tiny" / "aaaa" / "training_record.json"
    path.write_text(path.read_text().replace('"minutes": 1', '"minutes": 9'))
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    message = user_message(caught.value)
    assert message.startswith(f"{path}: was changed after the training that wrote it")
    assert f"delete {path.parent} to train again" in message
    with pytest.raises(ChangedError):
        TrainingFolderDataset(filepath=str(tmp_path / "tiny")).load().earlier()


@pytest.mark.fault(
    "Stale results",
    "the record or the model of a training is changed",
    "reported; the training is not replaced",
)
def test_raises_input_error_for_a_model_of_another_training(tmp_path):
    keras = pytest.importorskip("keras")
    dataset = TrainingDataset(filepath=str(tmp_path / "tiny"))
    for name in ("bbbb", "aaaa"):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        dataset.save(training(name, model))
    folder = tmp_path / "tiny"
    shutil.copy(folder / "bbbb" / "model.keras", folder / "aaaa" / "model.keras")
    with pytest.raises(ChangedError, match=r"model\.keras: was changed"):
        dataset.load().load_model()


def test_record_that_a_later_run_completes_is_read(tmp_path):
    dataset = TrainingDataset(filepath=str(tmp_path / "tiny"))
    dataset.save(training("aaaa"))
    earlier = dataset.load()
    record = replace(earlier.record, mlflow_run_id="later")
    dataset.save(replace(earlier, record=record))
    assert dataset.load().record == record


def test_loss_is_previewed_in_kedro_viz(tmp_path):
    dataset = TrainingDataset(filepath=str(tmp_path / "tiny"))
    dataset.save(training())
    assert [line["y"] for line in dataset.preview()["data"]] == [[4.0, 3.5]]
