import shutil
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from sessions import empty_database

from facial_keypoints.tracking.connection import TrackingSettings, connect
from facial_keypoints.tracking.relocation import local_path, moved_from
from facial_keypoints.tracking.store import Store

SETTINGS = TrackingSettings(experiment="faces")


@pytest.fixture
def project(tmp_path):
    """A project with a run, a model, a registered version, and a file of each."""
    folder = tmp_path / "früher hier"
    folder.mkdir()
    (folder / "mlflow.db").write_bytes(empty_database())
    _, experiment = connect(SETTINGS, folder)
    log(experiment)
    return folder


@pytest.fixture
def shared(project, tmp_path):
    """Return settings with the project's database in another folder."""
    (project / "mlflow.db").rename(tmp_path / "mlflow.db")
    return SETTINGS.model_copy(update={"tracking_uri": f"sqlite:///{tmp_path}/mlflow.db"})


def log(experiment):
    client = MlflowClient()
    run_id = client.create_run(experiment).info.run_id
    client.log_text(run_id, "text", "note.txt")
    model = client.create_logged_model(experiment, name="model", source_run_id=run_id)
    Path(local_path(model.artifact_location)).mkdir(parents=True)
    Path(local_path(model.artifact_location), "MLmodel").write_text("model")
    if not client.search_registered_models():
        client.create_registered_model("faces")
    client.create_model_version("faces", f"models:/{model.model_id}", run_id)
    client.create_model_version("faces", model.artifact_location, run_id)
    return run_id


def addresses(experiment):
    """Return the folders of MLflow's files."""
    client = MlflowClient()
    versions = client.search_model_versions("name='faces'")
    found = [
        client.get_experiment(experiment).artifact_location,
        *(run.info.artifact_uri for run in client.search_runs([experiment])),
        *(model.artifact_location for model in client.search_logged_models([experiment])),
        *(client.get_model_version_download_uri("faces", v.version) for v in versions),
    ]
    return [local_path(each) for each in found]


def test_moved_project_finds_its_files_and_leaves_the_old_place(project, tmp_path, caplog):
    caplog.set_level("INFO", logger="facial_keypoints")
    new = project.rename(tmp_path / "now #here")
    _, experiment = connect(SETTINGS, new)
    log(experiment)
    assert all(each.is_relative_to(new) and each.exists() for each in addresses(experiment))
    assert len(addresses(experiment)) == 1 + 2 * 4
    assert not project.exists()
    assert caplog.text.count(f"moved or copied from {project}/mlruns; 6 recorded addresses") == 1
    connect(SETTINGS, new)
    assert caplog.text.count("moved or copied") == 1


def test_copied_project_does_not_write_to_the_original(project, tmp_path):
    new = shutil.copytree(project, tmp_path / "copy")
    before = sorted(project.rglob("*"))
    _, experiment = connect(SETTINGS, new)
    log(experiment)
    assert all(each.is_relative_to(new) and each.exists() for each in addresses(experiment))
    assert sorted(project.rglob("*")) == before


def test_database_copied_without_its_files_finds_the_old_ones(project, tmp_path, caplog):
    caplog.set_level("INFO", logger="facial_keypoints")
    (new := tmp_path / "copy").mkdir()
    shutil.copy(project / "mlflow.db", new)
    _, experiment = connect(SETTINGS, new)
    location, *files = addresses(experiment)
    assert location == new / "mlruns"
    assert all(each.is_relative_to(project) and each.exists() for each in files)
    assert "4 stay, as their files are not in it" in caplog.text


def test_files_that_are_gone_do_not_bring_the_old_place_back(project, tmp_path):
    new = project.rename(tmp_path / "now")
    shutil.rmtree(new / "mlruns")
    _, experiment = connect(SETTINGS, new)
    (run,) = MlflowClient().search_runs([experiment])
    assert local_path(run.info.artifact_uri).is_relative_to(new / "mlruns")


def test_all_experiments_of_a_moved_project_are_relocated(project, tmp_path):
    other = TrackingSettings(experiment="others")
    connect(other, project)
    new = project.rename(tmp_path / "now")
    connect(SETTINGS, new)
    others = MlflowClient().get_experiment_by_name("others")
    assert local_path(others.artifact_location) == new / "mlruns"


def test_all_experiments_of_a_copied_project_are_relocated(project, tmp_path):
    new = shutil.copytree(project, tmp_path / "copy")
    connect(TrackingSettings(experiment="others"), new)
    experiment = MlflowClient().get_experiment_by_name("faces").experiment_id
    assert all(each.is_relative_to(new) and each.exists() for each in addresses(experiment))


def test_experiment_of_another_project_in_this_store_stays_there(project, tmp_path):
    (second := tmp_path / "second").mkdir()
    shared = TrackingSettings(experiment="others", tracking_uri=f"sqlite:///{project}/mlflow.db")
    _, experiment = connect(shared, second)
    run_id = MlflowClient().create_run(experiment).info.run_id
    MlflowClient().log_text(run_id, "text", "note.txt")
    connect(SETTINGS, project)
    others = MlflowClient().get_experiment(experiment)
    assert local_path(others.artifact_location) == second / "mlruns"


def test_shared_store_keeps_the_files_where_they_are(project, tmp_path):
    shared = SETTINGS.model_copy(update={"tracking_uri": f"sqlite:///{project}/mlflow.db"})
    (second := tmp_path / "second").mkdir()
    (second / "mlruns").mkdir()
    _, experiment = connect(shared, second)
    assert all(each.is_relative_to(project) for each in addresses(experiment))


def test_shared_store_keeps_the_files_of_another_machine(project, shared, tmp_path):
    project.rename(tmp_path / "not of this machine")
    (second := tmp_path / "second").mkdir()
    (second / "mlruns").mkdir()
    _, experiment = connect(shared, second)
    assert all(each.is_relative_to(project) for each in addresses(experiment))


def test_shared_store_keeps_the_runs_of_another_machine_beside_a_copy(project, shared, tmp_path):
    copy = shutil.copytree(project, tmp_path / "copy")
    _, experiment = connect(shared, project)
    theirs = log(experiment)
    project.rename(tmp_path / "not of this machine")
    connect(shared, copy)
    runs = MlflowClient().search_runs([experiment])
    places = {run.info.run_id: local_path(run.info.artifact_uri) for run in runs}
    assert places.pop(theirs).is_relative_to(project)
    (ours,) = places.values()
    assert ours.is_relative_to(copy)


def test_moved_project_with_a_store_elsewhere_finds_its_files(project, shared, tmp_path):
    new = project.rename(tmp_path / "now")
    _, experiment = connect(shared, new)
    assert all(each.is_relative_to(new) and each.exists() for each in addresses(experiment))


@pytest.mark.parametrize(
    ("address", "earlier"),
    [
        ("file:///old/place/mlruns", "/old/place/mlruns"),
        ("/old/place/mlruns/7", "/old/place/mlruns"),
        ("file:///old/other", None),
        ("s3://bucket/mlruns", None),
        ("mlflow-artifacts:/7", None),
        ("./mlruns/7", None),
    ],
)
def test_moved_from_is_the_earlier_artifact_folder(tmp_path, address, earlier):
    store = Store(f"sqlite:///{tmp_path}/mlflow.db", "", tmp_path / "mlflow.db")
    found = moved_from(address, tmp_path / "mlruns", tmp_path, store)
    assert found == (earlier and Path(earlier))


def test_moved_from_is_none_for_another_folder_of_the_project(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/mlflow.db", "", tmp_path / "mlflow.db")
    address = (tmp_path / "mlruns").as_uri()
    assert moved_from(address, tmp_path / "artifacts", tmp_path, store) is None


def test_moved_from_is_none_for_a_link_to_the_same_folder(tmp_path):
    (real := tmp_path / "real").mkdir()
    (real / "mlruns").mkdir()
    (link := tmp_path / "link").symlink_to(real)
    store = Store(f"sqlite:///{link}/mlflow.db", "", link / "mlflow.db")
    assert moved_from((real / "mlruns").as_uri(), link / "mlruns", link, store) is None
