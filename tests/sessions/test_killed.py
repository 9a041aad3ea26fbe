"""Runs that are killed in every phase and resumed by the same command."""

import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from sessions import ROOT, make_project, read, statuses, trained

pytestmark = [pytest.mark.session, pytest.mark.slow]

EPOCHS = 4
STEPS = 3  # of an epoch
COMMAND = [
    *("run", "--pipelines=full", "--env=test", "--params"),
    f"study.only=tiny-2cl,train.deterministic=true,train.epochs={EPOCHS}",
]


def kill_at(point: str, project: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(ROOT / "tests/support/kill_at.py"), point, *COMMAND],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def again(project: Path) -> str:
    """Return the output of the same command."""
    done = subprocess.run(
        [sys.executable, "-m", "kedro", *COMMAND],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def outcome(project: Path) -> tuple:
    data = project / "data/test"
    table = pd.read_csv(data / "08_reporting/study_others.csv").drop(columns="minutes")
    curve = pd.read_csv(trained(data, "tiny-2cl") / "history.csv")
    return table, curve, (data / "07_model_output/submission.csv").read_bytes()


def check_same(project: Path, whole: Path) -> None:
    for ours, theirs in zip(outcome(project), outcome(whole), strict=True):
        if isinstance(ours, bytes):
            assert ours == theirs
        else:
            pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    data = project / "data/test"
    hidden = {path.name for path in data.rglob(".*") if path.suffix != ".sha256"}
    assert hidden == {".run.lock", ".fetching.lock"}
    assert not list(data.rglob("*.unfinished.npz"))
    assert "RUNNING" not in statuses(project)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a project in which the same command has run without interruption."""
    project = make_project(tmp_path_factory.mktemp("whole"))
    again(project)
    return project


def epochs_lost(killed: str, output: str) -> int:
    """Return how many epochs the killed run started that the next one did not keep."""
    if "trains in" not in killed or ", best: epoch " in killed:
        assert (", best: epoch " in killed) == ("reusing training" in output)
        return 0
    finished = len(re.findall(r"epoch \d+/\d+  loss \S+  RMSE", killed))
    kept = re.search(r"resumed after epoch (\d+)", output)
    return min(finished + 1, EPOCHS) - (int(kept.group(1)) if kept else 0)


POINTS = {
    "download": ["fetched", "unstamped"],
    "clean": ["within:faces.npz", "before:lookup.csv"],
    "augment": ["within:augmented_faces.npz"],
    "split": ["after:train_faces.npz", "before:split_summary.json"],
    "training: before its first step": ["building"],
    "training: in mid-epoch": ["step:5", f"step:{2 * STEPS + 5}"],
    "training: while validating": ["validating:3"],
    "training: while an epoch's state is written": [
        *("within:*.unfinished.npz", "before:*.unfinished.npz", "after:*.unfinished.npz")
    ],
    "training: after its last epoch": ["ended"],
    "training: while the model is saved": ["before:06_models/tiny-2cl/[0-9a-f]*", "before:current"],
    "evaluation": ["within:test_predictions.npy", "after:metrics.json"],
    "study": ["within:study.html"],
    "submit": ["before:submission.csv"],
}


@pytest.mark.parametrize(
    ("phase", "point"),
    [
        pytest.param(
            phase,
            point,
            marks=pytest.mark.fault(
                "Killed", f"kill -9, {phase}", "the next run resumes; equal curve and submission"
            ),
        )
        for phase, points in POINTS.items()
        for point in points
    ],
)
def test_killed_run_resumes_with_equal_results(tmp_path, whole, phase, point, record_property):
    project = make_project(tmp_path / "project")
    killed = kill_at(point, project)
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    output = again(project)
    lost = epochs_lost(killed.stdout, output)
    assert 0 <= lost <= 1
    record_property("epochs_lost", lost)
    check_same(project, whole)


@pytest.mark.fault(
    "Killed", "kill -9 at random times, run after run", "each run resumes; equal results"
)
def test_run_that_is_killed_repeatedly_finishes(tmp_path, whole, record_property):
    project = make_project(tmp_path / "project")
    moments = random.Random(4)  # noqa: S311
    kills = 0
    while True:
        process = subprocess.Popen(
            [sys.executable, "-m", "kedro", *COMMAND],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        patience = time.monotonic() + moments.uniform(3, 14 + 2 * kills)
        while process.poll() is None and time.monotonic() < patience:
            time.sleep(0.01)
        if process.poll() is not None:
            output, _ = process.communicate()
            assert process.returncode == 0, output.decode()
            break
        process.kill()
        process.communicate()
        kills += 1
        assert kills < 30
    record_property("faults", kills)
    assert kills
    check_same(project, whole)


def test_points_exist_in_a_whole_run(whole):
    """The points name files that a run writes and steps that it trains."""
    record = read(trained(whole / "data/test", "tiny-2cl") / "training_record.json")
    assert record["steps"] == EPOCHS * STEPS
