"""Faults in whole sessions: MLflow unreachable, a second run, a failing variant."""

import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from mlflow.tracking import MlflowClient
from sessions import make_project, read, run, runs_of, statuses, trained

from facial_keypoints.cli import user_message
from facial_keypoints.errors import InputError
from facial_keypoints.framework.run_lock import LOCK
from facial_keypoints.tracking import delivery

pytestmark = pytest.mark.session


@pytest.fixture(autouse=True)
def no_run_left_open():
    yield
    assert mlflow.active_run() is None


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = make_project(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


def begin(project: Path, *parameters: str) -> subprocess.Popen:
    command = [sys.executable, "-u", "-m", "kedro", "run", "--pipelines=train", "--env=test"]
    return subprocess.Popen(
        [*command, "--params", ",".join(("study.only=tiny-2cl", *parameters))],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(process: subprocess.Popen, words: str) -> list[str]:
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"{words!r} was never printed:\n{''.join(lines)}")


def finished_files(project: Path) -> dict[Path, int]:
    """Return the files, except checkpoints, with the times of their last changes."""
    files = (path for path in data(project).rglob("*") if path.is_file())
    return {path: path.stat().st_mtime_ns for path in files if "unfinished" not in path.name}


@pytest.fixture
def endless(split_project):
    """A training without end in another process, which ends with the test."""
    process = begin(split_project, "train.epochs=1000000", "train.early_stopping_patience=1000000")
    yield process
    process.kill()
    process.communicate()


@pytest.mark.fault(
    "Two runs", "a second run in the same data folder", "refused at once; the first is unharmed"
)
@pytest.mark.fault("Killed", "Ctrl-C or SIGTERM", "ends cleanly; MLflow's runs are KILLED")
@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_second_run_is_refused_and_an_interrupted_one_ends_cleanly(split_project, endless, number):
    lines = wait_for(endless, "epoch 2/")
    before = finished_files(split_project)
    message = rf"{split_project}/data/test is in use by another run \(process {endless.pid} "
    with pytest.raises(InputError, match=message):
        run(split_project)
    assert finished_files(split_project) == before
    assert endless.poll() is None
    endless.send_signal(number)
    rest, _ = endless.communicate(timeout=120)
    output = "".join(lines) + rest
    assert endless.returncode == 130, output
    assert "Interrupted" in output
    assert len(list((split_project / "data/test/06_models").glob("*/*.unfinished.npz"))) == 1
    assert "Traceback" not in output
    assert statuses(split_project) == ["KILLED"] * 2


@pytest.mark.slow  # three sessions
@pytest.mark.fault("Killed", "kill -9, in training", "the next run records and cleans it up")
def test_killed_run_is_cleaned_up(split_project, endless):
    wait_for(endless, "epoch 2/")
    endless.kill()
    endless.communicate(timeout=60)
    (split_project / "data/test/08_reporting" / f".{'0' * 32}.leaderboard.csv").write_text("half")
    assert statuses(split_project).count("RUNNING") == 2
    run(split_project, "train", study={"only": ["tiny-2cl"]})
    assert sorted(statuses(split_project)) == ["FINISHED", "FINISHED", "KILLED", "KILLED"]
    hidden = (split_project / "data/test").rglob(".*")
    assert {path.name for path in hidden if path.suffix != ".sha256"} == {LOCK, ".fetching.lock"}


@pytest.mark.slow
@pytest.mark.fault("Two runs", "two data folders, started at once in a new project", "both run")
def test_two_runs_start_together_in_a_new_project(project):
    (project / "mlflow.db").unlink()  # both create it
    environments = ("test", "demo")
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "kedro", "run", "--pipelines=download", f"--env={env}"],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for env in environments
    ]
    for process in processes:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    for env in environments:
        experiment = f"facial-keypoints-{env}"
        assert [run.info.status for run in runs_of(project, experiment)[1]] == ["FINISHED"]


@pytest.mark.fault("MLflow", "server unreachable at the start", "refused at once, with a remedy")
def test_unreachable_server_raises_input_error_at_once(project):
    (project / "conf/local/mlflow.yml").write_text(
        "tracking_uri: 'http://user:pass-word@127.0.0.1:9'\n"
    )
    (project / "conf/test/mlflow.yml").write_text(
        "tracking_uri: 'http://user:pass-word@127.0.0.1:9'\n"
    )
    with pytest.raises(InputError, match=r"server at http://127\.0\.0\.1:9 does not respond") as e:
        run(project)
    assert "pass-word" not in str(e.value)
    assert not (project / "data").exists()


def test_damaged_database_raises_input_error_at_once(project):
    (project / "mlflow.db").write_text("rubbish")
    with pytest.raises(InputError, match=r"cannot be used \(file is not a database\)"):
        run(project)
    assert (project / "mlflow.db").read_text() == "rubbish"
    assert not (project / "data").exists()


class Server:
    """MLflow's server on this computer, to be killed and started again."""

    def __init__(self, project: Path, port: int) -> None:
        self.uri = f"http://127.0.0.1:{port}"
        self._command = [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
            *("--port", str(port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{project}/server.db"),
            *("--artifacts-destination", str(project / "server-artifacts")),
        ]
        self._project = project
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command,
            cwd=self._project,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(600):
            try:
                if requests.get(f"{self.uri}/health", timeout=1).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.1)
        raise AssertionError("MLflow's server does not start")

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def server(project):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    one = Server(project, port)
    (project / "conf/test/mlflow.yml").write_text(
        f"tracking_uri: '{one.uri}'\nartifact_location: null\n"
    )
    one.start()
    yield one
    one.kill()


def children(uri: str) -> tuple[MlflowClient, list]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("facial-keypoints-test").experiment_id
    runs = client.search_runs([experiment], order_by=["attributes.start_time ASC"])
    return client, [run for run in runs if "variant" in run.data.tags]


def check_curve(client: MlflowClient, child, history: pd.DataFrame) -> None:
    logged = {p.step: p.value for p in client.get_metric_history(child.info.run_id, "val_rmse")}
    assert logged == pytest.approx(dict(enumerate(history["val_rmse"])))


@pytest.mark.slow
@pytest.mark.fault(
    "MLflow",
    "server killed in mid-training, back later",
    "training continues; all is recorded",
)
def test_server_that_comes_back_receives_all_records(project, server, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(delivery, "_FIRST_PAUSE", 0.0)
    monkeypatch.setattr(delivery, "_LONGEST_PAUSE", 0.0)
    at_epochs(monkeypatch, {2: server.kill, 5: server.start})
    run(project, study={"only": ["tiny-2cl"]}, train={"epochs": 8})
    assert "MLflow does not respond" in caplog.text
    assert "MLflow responds again" in caplog.text
    assert "rejects" not in caplog.text
    client, (child,) = children(server.uri)
    assert child.info.status == "FINISHED"
    check_curve(
        client, child, history := pd.read_csv(trained(data(project), "tiny-2cl") / "history.csv")
    )
    assert len(history) == 8
    assert child.data.metrics["holdout_rmse"]
    assert child.outputs.model_outputs


@pytest.mark.slow
@pytest.mark.fault(
    "MLflow",
    "server killed in mid-training, for good",
    "the run finishes; the next one records it",
)
def test_next_run_records_what_a_server_missed(project, server, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    at_epochs(monkeypatch, {2: server.kill})
    run(project, study={"only": ["tiny-2cl"]}, train={"epochs": 4})
    assert "and lacks " in caplog.text
    assert (data(project) / "07_model_output/submission.csv").exists()
    monkeypatch.undo()
    monkeypatch.chdir(project)
    server.start()
    run(project, study={"only": ["tiny-2cl"]}, train={"epochs": 4})
    client, (first, child) = children(server.uri)
    assert [r.info.status for r in (first, child)] == ["FINISHED", "FINISHED"]
    assert client.get_run(first.data.tags["mlflow.parentRunId"]).info.status == "FINISHED"
    run(project, study={"only": ["tiny-2cl"]}, train={"epochs": 4})
    last = children(server.uri)[1][-1]
    assert not last.outputs.model_outputs  # it is there already
    check_curve(client, child, curve(project))
    assert child.outputs.model_outputs  # the first run could not hand the model over
    assert "champion" in client.get_registered_model("facial-keypoints-test").aliases


def data(project: Path) -> Path:
    return project / "data" / "test"


def curve(project: Path) -> pd.DataFrame:
    return pd.read_csv(trained(data(project), "tiny-2cl") / "history.csv")


def at_epochs(monkeypatch: pytest.MonkeyPatch, actions: dict) -> None:
    """Call functions at the end of epochs, before their metrics are sent."""
    from facial_keypoints.training.progress import ProgressLog

    told = ProgressLog.on_epoch_end

    def tell(self, epoch, logs=None):
        actions.get(epoch + 1, lambda: None)()
        told(self, epoch, logs)

    monkeypatch.setattr(ProgressLog, "on_epoch_end", tell)


@pytest.mark.slow  # SQLite waits twenty seconds for a lock
@pytest.mark.fault(
    "MLflow", "its SQLite file locked by another program", "records wait until it is free"
)
def test_locked_database_does_not_block_training(project, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(delivery, "_FIRST_PAUSE", 0.0)
    monkeypatch.setattr(delivery, "_LONGEST_PAUSE", 0.0)
    connection = sqlite3.connect(project / "mlflow.db")
    at_epochs(monkeypatch, {1: lambda: connection.execute("BEGIN EXCLUSIVE"), 3: connection.close})
    run(project, study={"only": ["tiny-2cl"]}, train={"epochs": 6})
    assert "MLflow does not respond (database is locked)" in caplog.text
    assert "MLflow responds again" in caplog.text
    client, runs = runs_of(project)
    (child,) = [r for r in runs if "variant" in r.data.tags]
    check_curve(client, child, curve(project))
    assert {r.info.status for r in runs} == {"FINISHED"}


BROKEN = {
    "diverges": {"train": {"learning_rate": 1e30}},
    "too large": {"settings": {"dense_layers": 2, "dense_units": 10**9}},
}


@pytest.mark.fault(
    "Training",
    "one variant of a study fails (diverged, or out of memory)",
    "the study continues; leaderboard, page and MLflow show it as failed",
)
@pytest.mark.parametrize("how", ["diverges", pytest.param("too large", marks=pytest.mark.slow)])
def test_study_continues_without_a_failing_variant(split_project, how, caplog):
    project = split_project
    caplog.set_level(logging.INFO)
    run(project, "train,evaluate,study,submit", variants={"tiny-2cl": BROKEN[how]})
    leaderboard = pd.read_csv(data(project) / "08_reporting/leaderboard.csv")
    assert leaderboard["variant"].tolist() == ["tiny-3cl", "tiny-2cl", "(mean face)"]
    failed = leaderboard.iloc[1]
    assert np.isnan(failed["validation_rmse"])
    reason = {"diverges": "loss became nan", "too large": "memory is exhausted"}[how]
    assert reason in failed["failure"]
    assert leaderboard["failure"].isna().tolist() == [True, False, True]
    assert reason in (data(project) / "08_reporting/study.html").read_text()
    assert read(data(project) / "07_model_output/champion.json")["variant"] == "tiny-3cl"
    assert pd.read_csv(data(project) / "07_model_output/submission.csv")["Location"].notna().all()
    status = {r.info.run_name: r for r in runs_of(project)[1] if "variant" in r.data.tags}
    assert {name: r.info.status for name, r in status.items()} == {
        "tiny-2cl": "FAILED",
        "tiny-3cl": "FINISHED",
    }
    assert reason in status["tiny-2cl"].data.tags["failure"]
    caplog.clear()
    run(project, "train", variants={"tiny-2cl": BROKEN[how]})
    expected = {"diverges": "failed in an earlier run", "too large": "training again (memory"}
    assert expected[how] in caplog.text
    assert caplog.text.count("reusing training") == 1


@pytest.mark.fault("Training", "a variant fails, study.on_failure: stop", "stops, with the reason")
def test_study_stops_at_a_failure_with_on_failure_stop(split_project):
    with pytest.raises(Exception, match="loss became nan") as caught:
        run(
            split_project,
            "train",
            variants={"tiny-2cl": BROKEN["diverges"]},
            study={"on_failure": "stop"},
        )
    assert "study.on_failure=continue" in user_message(caught.value)
    assert sorted(statuses(split_project)) == ["FAILED", "FAILED", "KILLED"]


@pytest.mark.fault("Training", "every variant fails", "each reason is reported; no submission")
def test_study_whose_variants_all_fail_reports_the_reasons(split_project):
    with pytest.raises(Exception, match="tiny-2cl: the loss became nan") as caught:
        run(
            split_project,
            "train,evaluate,submit",
            variants={"tiny-2cl": BROKEN["diverges"]},
            study={"only": ["tiny-2cl"]},
        )
    assert "their trainings failed" in user_message(caught.value)
    assert not (data(split_project) / "07_model_output/submission.csv").exists()
