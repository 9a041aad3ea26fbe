import logging
import os
from pathlib import Path

import mlflow
import pytest

from facial_keypoints.errors import InputError
from facial_keypoints.tracking.store import (
    CONFIGURATION,
    DEFAULT,
    VARIABLE,
    Store,
    choose_store,
    resolve,
    ui_command,
    use_store,
)


@pytest.fixture(autouse=True)
def current_store_afterwards():
    before = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(before)


def test_choose_store_is_the_projects_by_default(tmp_path):
    expected = tmp_path / "mlflow.db"
    assert choose_store(None, tmp_path) == Store(f"sqlite:///{expected}", DEFAULT, expected)


def test_choose_store_takes_the_variable_and_logs_it(tmp_path, monkeypatch, caplog):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv(VARIABLE, "sqlite:///mine.db")
    with caplog.at_level(logging.INFO, logger="facial_keypoints"):
        assert choose_store(None, tmp_path).database == tmp_path / "here/mine.db"
    assert f"MLflow: recording to sqlite:///{tmp_path}/here/mine.db ({VARIABLE})" in caplog.text


def test_choose_store_takes_the_configuration_and_reports_another_variable(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv(VARIABLE, "http://user:pass-word@server:5000")
    assert choose_store("sqlite:///own.db", tmp_path).database == tmp_path / "own.db"
    assert f"{VARIABLE}=http://server:5000 is not used: conf/<env>/mlflow.yml sets" in caplog.text
    assert "pass-word" not in caplog.text


@pytest.mark.parametrize("variable", ["", " ", "sqlite:///own.db"])
def test_choose_store_is_silent_without_another_variable(tmp_path, monkeypatch, caplog, variable):
    monkeypatch.setenv(VARIABLE, variable)
    choose_store("sqlite:///own.db", tmp_path)
    assert not caplog.text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (DEFAULT, "export MLFLOW_TRACKING_URI=sqlite:///a.db"),
        (VARIABLE, "export MLFLOW_TRACKING_URI=sqlite:///a.db"),
        ("MLFLOW_REGISTRY_URI", "export MLFLOW_REGISTRY_URI=sqlite:///a.db"),
        (CONFIGURATION, "tracking_uri: sqlite:///a.db in conf/<env>/mlflow.yml"),
    ],
)
def test_another_store_is_assigned_where_this_one_was(source, expected):
    assert Store("sqlite:///old.db", source).assign("sqlite:///a.db") == expected


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sqlite:///~/m.db", Path.home() / "m.db"),
        ("sqlite:////usr/m.db", Path("/usr/m.db")),
        ("sqlite+pysqlite:////usr/m.db", Path("/usr/m.db")),
    ],
)
def test_resolve_returns_the_path_of_a_database(uri, expected):
    assert resolve(uri, Path("/"), VARIABLE).database == expected


@pytest.mark.parametrize("name", ["mit leerzeichen", "größe", "a#b", "100 % neu", "it's"])
@pytest.mark.parametrize("quoted", [False, True])
def test_resolve_keeps_folders_with_special_characters(tmp_path, name, quoted):
    (tmp_path / name).mkdir()
    path = tmp_path / name / "mlflow.db"
    uri = f"sqlite:///{path.as_uri().removeprefix('file://') if quoted else path}"
    assert resolve(uri, tmp_path, VARIABLE) == Store(f"sqlite:///{path}", VARIABLE, path)


def test_resolve_keeps_the_query(tmp_path):
    store = resolve("sqlite:///a.db?timeout=60", tmp_path, VARIABLE)
    assert store.uri == f"sqlite:///{tmp_path}/a.db?timeout=60"
    assert store.database == tmp_path / "a.db"


@pytest.mark.parametrize("uri", ["sqlite://m.db", "sqlite:///", "sqlite://", "sqlite:///:memory:"])
def test_resolve_raises_input_error_for_no_file(uri):
    with pytest.raises(InputError, match=rf"{VARIABLE}: {uri} names no database file"):
        resolve(uri, Path("/"), VARIABLE)


@pytest.mark.parametrize("name", ["100%41", "a?b"])
def test_resolve_raises_input_error_for_a_folder_that_no_address_can_name(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="Rename the folder"):
        resolve("sqlite:///mlflow.db", tmp_path / name, CONFIGURATION)


def test_resolve_raises_input_error_for_a_missing_folder(tmp_path):
    with pytest.raises(InputError, match=rf"mkdir -p {tmp_path}/gone$"):
        resolve("sqlite:///gone/mlflow.db", tmp_path, CONFIGURATION)
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("before", [None, "http://server"])
def test_use_store_leaves_the_variable_as_it_was(tmp_path, monkeypatch, before):
    if before is not None:
        monkeypatch.setenv(VARIABLE, before)
    use_store(Store(f"sqlite:///{tmp_path}/a.db", CONFIGURATION))
    assert mlflow.get_tracking_uri() == f"sqlite:///{tmp_path}/a.db"
    assert os.environ.get(VARIABLE) == before


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sqlite:///{here}/mlflow.db", "mlflow ui --backend-store-uri sqlite:///mlflow.db"),
        ("sqlite:////a b/c.db", "mlflow ui --backend-store-uri 'sqlite:////a b/c.db'"),
        ("http://me:secret@server:5000", "http://server:5000"),
        ("postgresql://me:secret@host/db", f'mlflow ui --backend-store-uri "${VARIABLE}"'),
    ],
)
def test_ui_command_shows_the_store_without_a_password(tmp_path, monkeypatch, uri, expected):
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(uri.format(here=tmp_path))
    assert ui_command()[0] == expected


def test_ui_command_leads_to_the_variants_of_the_experiment_of_a_run(new_run):
    run_id = new_run()
    experiment_id = mlflow.tracking.MlflowClient().get_run(run_id).info.experiment_id
    page = f":5000/#/experiments/{experiment_id}/runs?viewStateShareKey=variants"
    assert ui_command(run_id)[1].endswith(page)
    assert ui_command("gone")[1].endswith(":5000")


@pytest.mark.parametrize(
    ("uri", "right"),
    [
        ("localhost:5000", "http://localhost:5000"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("mlflow.example.org:80/runs", "http://mlflow.example.org:80/runs"),
        ("http://localhost:5000/#/experiments/1", "http://localhost:5000"),
        ("https://example.org/mlflow/#/models", "https://example.org/mlflow"),
    ],
)
def test_resolve_raises_input_error_for_half_an_address_of_a_server(tmp_path, uri, right):
    with pytest.raises(InputError, match=rf"export {VARIABLE}={right}$"):
        resolve(uri, tmp_path, VARIABLE)
