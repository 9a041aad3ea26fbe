import os
from pathlib import Path

import pytest
from filelock import FileLock
from mlflow.tracking import MlflowClient
from sessions import empty_database

from facial_keypoints.errors import InputError
from facial_keypoints.tracking import connection
from facial_keypoints.tracking.connection import (
    _UNUSED,
    TrackingSettings,
    connect,
    read_settings,
)

SETTINGS = TrackingSettings(
    tracking_uri="sqlite:///mlflow.db",
    experiment="test",
    artifact_location="artifacts",
    experiment_tags={"purpose": "testing"},
)


@pytest.fixture(autouse=True)
def database(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(empty_database())


def test_connect_creates_the_experiment_in_the_project(tmp_path):
    _, experiment_id = connect(SETTINGS, tmp_path)
    experiment = MlflowClient().get_experiment(experiment_id)
    assert (experiment.name, experiment.tags["purpose"]) == ("test", "testing")
    assert experiment.artifact_location == (tmp_path / "artifacts").as_uri()


def test_connect_creates_the_database(tmp_path):
    (tmp_path / "mlflow.db").unlink()
    connect(SETTINGS, tmp_path)
    assert (tmp_path / "mlflow.db").stat().st_size


def test_connect_raises_input_error_where_another_run_hangs(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "_LOCK_TIMEOUT", 0.0)
    lock = FileLock(tmp_path / ".mlflow.db.lock")
    with lock, pytest.raises(InputError, match="Another run is using it"):
        connect(SETTINGS, tmp_path)


def test_connect_finds_an_existing_experiment(tmp_path):
    assert connect(SETTINGS, tmp_path) == connect(SETTINGS, tmp_path)


def test_connect_restores_a_deleted_experiment_and_logs_it(tmp_path, caplog):
    _, experiment_id = connect(SETTINGS, tmp_path)
    MlflowClient().delete_experiment(experiment_id)
    assert connect(SETTINGS, tmp_path)[1] == experiment_id
    assert MlflowClient().get_experiment(experiment_id).lifecycle_stage == "active"
    assert "restored the deleted experiment test" in caplog.text


def test_connect_raises_input_error_for_a_damaged_database(tmp_path):
    (tmp_path / "mlflow.db").write_text("rubbish")
    with pytest.raises(InputError, match=r"cannot be used \(file is not a database\)"):
        connect(SETTINGS, tmp_path)


def test_connect_records_to_the_variables_store(tmp_path, monkeypatch):
    (tmp_path / "mlflow.db").rename(tmp_path / "mine.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mine.db")
    (project := tmp_path / "project").mkdir()
    connect(TrackingSettings(experiment="test"), project)
    experiment = MlflowClient(f"sqlite:///{tmp_path}/mine.db").get_experiment_by_name("test")
    assert experiment.artifact_location == (project / "mlruns").as_uri()
    assert not (project / "mlflow.db").exists()


@pytest.mark.parametrize("variable", _UNUSED)
def test_connect_reports_a_variable_that_is_not_used(tmp_path, monkeypatch, caplog, variable):
    monkeypatch.setenv(variable, "something")
    connect(SETTINGS, tmp_path)
    assert f"{variable}=something is not used: {_UNUSED[variable]}" in caplog.text


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MLFLOW_EXPERIMENT_NAME", "test"),
        ("MLFLOW_EXPERIMENT_ID", "1"),
        ("MLFLOW_ENABLE_ASYNC_LOGGING", "False"),
        ("MLFLOW_RUN_ID", ""),
    ],
)
def test_connect_is_silent_about_a_variable_that_agrees(
    tmp_path, monkeypatch, caplog, variable, value
):
    monkeypatch.setenv(variable, value)
    connect(SETTINGS, tmp_path)
    assert not caplog.text


def test_connect_reports_an_artifact_location_that_is_not_used(tmp_path, caplog):
    connect(SETTINGS, tmp_path)
    assert not caplog.text
    connect(SETTINGS.model_copy(update={"artifact_location": "elsewhere"}), tmp_path)
    assert "artifact_location=elsewhere in conf/<env>/mlflow.yml is not used" in caplog.text
    assert not (tmp_path / "elsewhere").exists()


def test_connect_raises_input_error_for_files_in_a_folder_that_does_not_exist(tmp_path):
    location = f"{tmp_path}/disk/files/mlruns"
    settings = SETTINGS.model_copy(update={"artifact_location": location})
    with pytest.raises(InputError, match=rf"does not exist .* mkdir -p {location}$"):
        connect(settings, tmp_path)
    assert not (tmp_path / "disk").exists()


def test_connect_raises_input_error_for_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "artifacts").write_text("a file")
    with pytest.raises(InputError, match=rf"cannot be created: {tmp_path}/artifacts is a file"):
        connect(SETTINGS, tmp_path)


def test_connect_raises_input_error_for_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    folder = tmp_path / "artifacts"
    folder.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder)
    with pytest.raises(InputError, match=rf"cannot be written\. Run: chmod u\+w {folder}$"):
        connect(SETTINGS, tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"tracking_uri": "a"}, "experiment: Field required"),
        ({"tracking_uri": "a", "experiment": "b", "server": {}}, r"unknown key 'server'\."),
        (
            {"tracking_url": "a", "experiment": "b"},
            r"unknown key 'tracking_url' \(did you mean 'tracking_uri'\?\)",
        ),
    ],
)
def test_read_settings_raises_input_error_and_names_the_keys(content, problem):
    with pytest.raises(InputError, match=f"mlflow.yml: {problem}.*The keys are tracking_uri"):
        read_settings(content)


def test_connect_takes_the_experiment_that_another_session_has_just_created(tmp_path, monkeypatch):
    first = connect(SETTINGS, tmp_path)[1]
    find, answers = MlflowClient.get_experiment_by_name, iter([None])
    monkeypatch.setattr(
        MlflowClient,
        "get_experiment_by_name",
        lambda self, name: next(answers, None) or find(self, name),
    )
    monkeypatch.setattr(connection, "relocate_project", lambda *_: None)
    assert connect(SETTINGS, tmp_path)[1] == first
