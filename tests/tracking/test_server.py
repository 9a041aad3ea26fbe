"""Sessions that record to a real MLflow server."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import mlflow
import pytest
from mlflow.tracking import MlflowClient
from postgres import postgres
from screens_mlflow import VARIANTS, fill, mlflow_ui
from sessions import make_project

from facial_keypoints.tracking.connection import TrackingSettings, connect
from facial_keypoints.tracking.delivery import Delivery
from facial_keypoints.tracking.notes import children_of
from facial_keypoints.tracking.runs import create_parent
from facial_keypoints.tracking.values import describe_input, log_input

pytestmark = pytest.mark.server

EXPERIMENT = "facial-keypoints-test"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request, tmp_path_factory):
    """Return the address of an MLflow server that keeps records in a database, and files itself."""
    folder = tmp_path_factory.mktemp("server")
    options = ("--serve-artifacts", "--artifacts-destination", str(folder / "files"))
    before = mlflow.get_tracking_uri()
    if request.param == "sqlite":
        with mlflow_ui(f"sqlite:///{folder}/mlflow.db", folder, *options) as address:
            yield address
    else:
        with postgres() as store, mlflow_ui(store, folder, *options) as address:
            yield address
    mlflow.set_tracking_uri(before)


def start(project, server):
    """Start a session that records its parameters, a metric, and two files."""
    command = [sys.executable, "-m", "kedro", "run", "--pipelines=download,clean", "--env=test"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": server}
    return subprocess.Popen(
        command,
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_two_sessions_at_once_lose_nothing(server, tmp_path):
    projects = [make_project(tmp_path / name, database=False) for name in ("one", "two")]
    sessions = [start(project, server) for project in projects]
    for session in sessions:
        printed, _ = session.communicate(timeout=300)
        assert session.returncode == 0, printed
        assert "MLflow: recording to http://127.0.0.1" in printed
    client = MlflowClient(server)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment.artifact_location.startswith("mlflow-artifacts:")
    runs = client.search_runs([experiment.experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]
    for run in runs:
        assert run.data.params["download.synthetic.train_faces"] == "60"
        assert run.data.metrics == {"data/training_rows": 60, "data/test_images": 12}
        assert "**Finished**" in run.data.tags["mlflow.note.content"]
        files = {file.path for file in client.list_artifacts(run.info.run_id)}
        assert files == {"data_report.json", "face_grid.png"}
    assert not any((project / "mlruns").exists() for project in projects)  # the server has them


def test_sessions_that_write_the_same_rows_at_once_lose_nothing(
    server, tmp_path, caplog, make_faces
):
    """The experiment, its view, and inputs are shared: each session looks, and adds what lacks."""
    sessions, rounds = 4, 3
    described = describe_input(make_faces(3), "training")
    start = Barrier(sessions, timeout=300)

    def record(settings):
        start.wait()
        _, experiment_id = connect(settings, tmp_path)
        run_id = create_parent(experiment_id, "run", {})
        delivery = Delivery(lambda: None)
        start.wait()
        delivery.send("input", partial(log_input, run_id, described))
        assert delivery.close() == []
        return run_id

    client = MlflowClient(server)
    for number in range(2 * rounds):
        name = f"at-once-{number // 2}"  # new, then deleted
        settings = TrackingSettings(tracking_uri=server, experiment=name)
        with ThreadPoolExecutor(sessions) as executor:
            run_ids = list(executor.map(record, [settings] * sessions))
        experiment_id = client.get_experiment_by_name(name).experiment_id
        for run_id in run_ids:
            run = client.get_run(run_id)
            assert run.info.experiment_id == experiment_id
            inputs = [each.dataset.digest for each in run.inputs.dataset_inputs]
            assert inputs == [described.dataset.digest]
        client.delete_experiment(experiment_id)
    assert "rejects" not in caplog.text


def test_runs_of_variants_are_recorded_with_curves_and_tables(server):
    mlflow.set_tracking_uri(server)
    parent = fill("variants")
    children = children_of(parent)
    assert {run.info.run_name for run in children} == set(VARIANTS)
    client = MlflowClient()
    for run in children:
        assert len(client.get_metric_history(run.info.run_id, "val_rmse")) == 3
        table = mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/rmse_per_keypoint.json")
        assert table["columns"] == ["keypoint", "validation", "holdout", "unseen"]
