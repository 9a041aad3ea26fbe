import logging
import shutil
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import LoggedModelOutput
from mlflow.models import Model
from mlflow.tracking import MlflowClient
from races import overtaken
from sessions import empty_database

from facial_keypoints.evaluation.records import Champion
from facial_keypoints.tracking.models import (
    CHAMPION_ALIAS,
    describe_champion,
    find_model,
    register_model,
)
from facial_keypoints.tracking.runs import SessionRuns


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlflow.db").write_bytes(empty_database())
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    yield MlflowClient()
    mlflow.set_tracking_uri(before)


def test_registration_is_one_log_line(client, tmp_path, caplog, capsys):
    experiment = client.create_experiment("faces", artifact_location=str(tmp_path / "artifacts"))
    run_id = client.create_run(experiment).info.run_id
    folder = Path(tmp_path, "artifacts", run_id, "artifacts", "model")
    folder.mkdir(parents=True)
    Model(run_id=run_id, artifact_path="model").save(str(folder / "MLmodel"))
    with caplog.at_level(logging.INFO, logger="facial_keypoints"):
        for _ in range(2):
            register_model(f"runs:/{run_id}/model", run_id, Champion("tiny", "abc", run_id))
    assert [record.getMessage() for record in caplog.records] == [
        "MLflow: registered faces, version 1",
        "MLflow: registered faces, version 2",
    ]
    printed = capsys.readouterr()
    assert "Created version" not in printed.out + printed.err
    version = client.get_model_version_by_alias("faces", CHAMPION_ALIAS)
    assert (str(version.version), version.tags) == ("2", {"variant": "tiny", "fingerprint": "abc"})
    model = client.get_registered_model("faces")
    assert "models:/faces@champion" in model.description
    assert model.tags == {"task": "facial keypoint detection", "keypoints": "15"}
    assert version.description.startswith("15 facial keypoints by tiny (training abc")


def test_description_has_figures_input_output_and_rights():
    champion = Champion("tiny", "abc", None, validation_rmse=2.5, holdout_rmse=2.0625)
    text = describe_champion(champion, "kaggle")
    assert "RMSE: 2.062 px on the hold-out, 2.500 px on the validation set" in text
    assert "base64" in text
    assert "Licence: MIT; training data: Kaggle's Facial Keypoints Detection; its rules" in text
    assert "no hold-out" in describe_champion(Champion("ensemble", "abc", None), "")


@pytest.fixture
def logged(client, tmp_path):
    """Return a run whose training has the fingerprint "abc", and the folder of its model."""
    experiment = client.create_experiment("faces", artifact_location=str(tmp_path / "artifacts"))
    run_id = client.create_run(experiment, tags={"fingerprint": "abc"}).info.run_id
    model = client.create_logged_model(experiment, name="model", source_run_id=run_id)
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    folder = Path(model.artifact_location)
    (folder / "data").mkdir(parents=True)
    (folder / "code").mkdir()
    (folder / "code" / "served_keypoints.py").write_text("code")
    (folder / "MLmodel").write_text("model")
    (folder / "data" / "model.keras").write_text("weights")
    return run_id, folder


def test_find_model_returns_the_model_of_a_fingerprint(logged):
    run_id, folder = logged
    expected = f"models:/{folder.parent.name}"
    assert find_model(run_id, "abc", None) == find_model(run_id, "other", run_id) == expected
    assert find_model(run_id, "other", "0" * 32) is None  # trained with another store


@pytest.mark.parametrize("gone", [".", "data", "data/model.keras", "code"])
def test_find_model_is_none_where_files_are_gone(logged, gone):
    run_id, folder = logged
    lost = folder / gone
    shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    assert find_model(run_id, "abc", run_id) is None


def test_find_model_returns_the_copy_whose_files_are_there(client, logged):
    run_id, folder = logged
    experiment = client.get_run(run_id).info.experiment_id
    later = client.create_run(experiment, tags={"fingerprint": "abc"}).info.run_id
    model = client.create_logged_model(experiment, name="model", source_run_id=later)
    client.log_outputs(later, [LoggedModelOutput(model.model_id, step=0)])
    shutil.copytree(folder, model.artifact_location)
    shutil.rmtree(folder)
    assert find_model(run_id, "abc", run_id) == f"models:/{model.model_id}"


def test_find_model_is_none_where_its_run_or_itself_is_deleted(client, logged):
    run_id, folder = logged
    present = client.create_run(client.get_run(run_id).info.experiment_id).info.run_id
    client.delete_run(run_id)
    assert find_model(present, "abc", run_id) is None
    client.restore_run(run_id)
    client.delete_logged_model(folder.parent.name)
    assert find_model(present, "abc", run_id) is None


def test_champion_without_a_model_is_not_registered(client, logged, caplog):
    run_id, folder = logged
    shutil.rmtree(folder)
    runs = SessionRuns(run_id, [], {}, is_adopted=True)
    runs.register(run_id, Champion("tiny", "abc", run_id))
    assert "MLflow does not have the model of tiny, or its files are gone" in caplog.text
    assert client.search_registered_models() == []


@pytest.mark.parametrize("is_lost", [False, True])
def test_version_without_files_does_not_stay_champion(client, logged, is_lost):
    run_id, folder = logged
    register_model(f"models:/{folder.parent.name}", run_id, Champion("tiny", "abc", run_id))
    if is_lost:
        shutil.rmtree(folder)
    runs = SessionRuns(run_id, [], {}, is_adopted=True)
    runs.register(run_id, Champion("other", "trained without MLflow", None))
    aliases = client.get_registered_model("faces").aliases
    assert aliases == ({} if is_lost else {CHAMPION_ALIAS: 1})


def test_session_that_registers_at_the_same_moment_adds_no_version(client, logged, monkeypatch):
    run_id, folder = logged
    for method in ("set_registered_model_alias", "set_registered_model_tag"):
        monkeypatch.setattr(MlflowClient, method, overtaken(getattr(MlflowClient, method)))
    register_model(f"models:/{folder.parent.name}", run_id, Champion("tiny", "abc", run_id))
    model = client.get_registered_model("faces")
    assert model.aliases == {"champion": 1}
    assert model.tags["keypoints"] == "15"
    assert len(client.search_model_versions("name='faces'")) == 1


def test_description_of_a_registered_model_is_kept(client, logged):
    run_id, folder = logged
    client.create_registered_model("faces", description="ours")
    register_model(f"models:/{folder.parent.name}", run_id, Champion("tiny", "abc", run_id))
    assert client.get_registered_model("faces").description == "ours"
