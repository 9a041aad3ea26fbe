"""Projects for whole sessions, and their results."""

import json
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from mlflow.tracking import MlflowClient

ROOT = Path(__file__).parents[2]


def make_project(folder: Path, database: bool = True) -> Path:
    """Return a copy of the project without data, as a clean clone.

    Args:
        folder: Where to put it.
        database: Whether MLflow's database exists already, without runs.
    """
    for name in ("conf", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(folder / "conf" / "local", ignore_errors=True)
    (folder / "conf" / "local").mkdir()
    (folder / "logs").mkdir()
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, folder)
    if database:
        (folder / "mlflow.db").write_bytes(empty_database())
    return folder


@cache
def empty_database() -> bytes:
    """Return MLflow's database without runs: creating one takes more than a second."""
    with tempfile.TemporaryDirectory() as folder:
        MlflowClient(f"sqlite:///{folder}/mlflow.db").search_experiments()
        return Path(folder, "mlflow.db").read_bytes()


def run(project: Path, pipelines: str = "full", only: str | None = None, **parameters):
    """Run `kedro run --pipeline=... --namespaces=... --env=test --params ...` in this process."""
    bootstrap_project(project)
    with KedroSession.create(project, env="test", runtime_params=parameters) as session:
        return session.run(pipeline_names=pipelines.split(","), namespaces=[only] if only else None)


def kedro(project: Path, *arguments: str, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "kedro", *arguments]
    return subprocess.run(
        command, cwd=project, capture_output=True, text=True, check=False, timeout=300, **options
    )


def runs_of(project: Path, experiment: str = "facial-keypoints-test"):
    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    found = client.get_experiment_by_name(experiment)
    if found is None:  # nothing has run yet
        return client, []
    return client, client.search_runs([found.experiment_id], order_by=["attributes.start_time ASC"])


def statuses(project: Path) -> list[str]:
    return [run.info.status for run in runs_of(project)[1]]


def read(path: Path):
    return json.loads(path.read_text())


def trained(data: Path, variant: str) -> Path:
    """Return the folder of a variant's current training."""
    folder = data / "06_models" / variant
    return folder / (folder / "current").read_text()
