"""Projects for whole sessions, and their results."""

import json
import logging
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from mlflow.tracking import MlflowClient

from facial_keypoints.framework.console import ConsoleFormatter

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


def kedro(
    project: Path, *arguments: str, timeout: int = 300, **options
) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "kedro", *arguments]
    options |= {"capture_output": True, "text": True, "timeout": timeout}
    return subprocess.run(command, cwd=project, check=False, **options)


@contextmanager
def console_lines() -> Iterator[list[str]]:
    """Collect what a console of 80 columns shows of this project's log records, one text each."""
    shown: list[str] = []
    handler = logging.Handler()
    handler.setFormatter(ConsoleFormatter("%(asctime)s  %(message)s", "%H:%M:%S", columns=80))
    handler.emit = lambda record: shown.append(handler.format(record))
    ours = logging.getLogger("facial_keypoints")
    ours.addHandler(handler)
    try:
        yield shown
    finally:
        ours.removeHandler(handler)


def assert_lines_fit(shown: list[str]) -> None:
    """Fail for a line over 80 columns without a path or command, or a text of over two lines."""
    lines = [line for text in shown for line in text.splitlines()]
    whole = re.compile(r"/|kedro run|--params")
    assert [line for line in lines if len(line) > 80 and not whole.search(line)] == []
    long = [text for text in shown if text.count("\n") > 1 and "WARNING" not in text]
    assert long == []


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
