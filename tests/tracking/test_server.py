"""Sessions that record to a real MLflow server."""

import os
import subprocess
import sys

import mlflow
import pytest
from mlflow.tracking import MlflowClient
from postgres import postgres
from screens_mlflow import VARIANTS, fill, mlflow_ui
from sessions import make_project

from facial_keypoints.tracking.notes import children_of

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
