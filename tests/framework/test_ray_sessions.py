"""Whole runs with the ``RayRunner``, on this machine and on a cluster of several nodes."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from ray_cluster import QUIET, ray_cluster
from sessions import kedro, make_project, runs_of, trained

pytest.importorskip("ray")
pytestmark = pytest.mark.server

VARIANTS = ("tiny-2cl", "tiny-3cl")
RUN = ("run", "--env=test", "--params=train.deterministic=true,train.epochs=6")
RAY = ("--runner=facial_keypoints.framework.RayRunner",)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A project whose variants were trained one after another, each by one thread."""
    project = make_project(tmp_path_factory.mktemp("alone"))
    one_thread = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1"}
    done = kedro(project, *RUN, env=one_thread)
    assert done.returncode == 0, done.stdout + done.stderr
    return project


def check_same(project: Path, alone: Path) -> None:
    """Compare all that does not depend on the clock."""
    for name in VARIANTS:
        curves = [trained(each / "data/test", name) / "history.csv" for each in (project, alone)]
        assert curves[0].read_bytes() == curves[1].read_bytes()
    submissions = [each / "data/test/07_model_output/submission.csv" for each in (project, alone)]
    assert submissions[0].read_bytes() == submissions[1].read_bytes()
    tables = [
        pd.read_csv(each / "data/test/08_reporting/leaderboard.csv").drop(
            columns=["minutes", "images_per_second"], errors="ignore"
        )
        for each in (project, alone)
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def recorded(project: Path) -> dict:
    """Return what MLflow has of each run but for times and the model's address."""
    client, runs = runs_of(project)
    return {
        run.info.run_name.partition(" ")[0]: (
            run.info.status,
            run.data.params,
            {name for name in run.data.metrics if not name.startswith("system")},
            [m.value for m in client.get_metric_history(run.info.run_id, "val_loss")],
            sorted(file.path for file in client.list_artifacts(run.info.run_id)),
            sorted(each.dataset.name for each in run.inputs.dataset_inputs),
        )
        for run in runs
    }


def kill_once(training: str, log: Path, after: str) -> None:
    """Kill the process of a training as soon as the log has a line."""
    end = time.monotonic() + 120
    while after not in log.read_text():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)
    found = [p for p in psutil.process_iter(["name", "cmdline"]) if is_of(p, training)]
    assert len(found) == 1
    found[0].kill()


def is_of(process: psutil.Process, training: str) -> bool:
    return (process.info["cmdline"] or [""])[0].startswith(f"ray::{training}")


def test_run_with_a_killed_training_equals_a_run_without_ray(tmp_path, alone):
    project, log = make_project(tmp_path / "spread"), tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "kedro", *RUN, *RAY, "--runner-params=num_cpus=1"],
            cwd=project,
            env={**os.environ, **QUIET},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        kill_once("tiny-2cl", log, after="tiny-2cl  epoch 3/6")
        process.wait(120)
    text = log.read_text()
    assert process.returncode == 0, text
    assert "WARNING: tiny-2cl: its process died; starting it again (retry 1 of 3)" in text
    assert re.search(r"tiny-2cl: resumed after epoch [3-6]", text)
    assert "(raylet)" not in text
    check_same(project, alone)
    ours, theirs = recorded(project), recorded(alone)
    assert ours.keys() == theirs.keys() == {"__default__", *VARIANTS}
    for name in ours:
        assert ours[name] == theirs[name], name


@pytest.mark.slow  # a minute and a half
def test_cluster_of_two_nodes_gives_the_same(tmp_path, alone):
    project = make_project(tmp_path / "cluster")
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    with ray_cluster() as cluster:
        cluster.add_node()
        params = f"--runner-params=address={cluster.address}"
        done = kedro(project, *RUN, *RAY, params, env={**environment, **QUIET})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 trainings on 2 machines, 2 at a time, each with 1 core" in done.stdout
    check_same(project, alone)


def other_numpy(folder: Path) -> dict[str, str]:
    """Return variables with which a node finds another version of NumPy."""
    metadata = folder / "numpy-0.1.dist-info/METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.1\n")
    return {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ['PYTHONPATH']}"}


def test_machine_with_other_packages_is_refused(tmp_path, monkeypatch):
    project = make_project(tmp_path / "refused")
    monkeypatch.setenv("PYTHONPATH", str(project / "src"))
    with ray_cluster() as cluster:
        cluster.add_node(**other_numpy(tmp_path / "packages"))
        check_refused(project, cluster.address, r"numpy 0\.1 \(.* here\)")


def test_machine_without_the_data_folder_is_refused(tmp_path, monkeypatch):
    project = make_project(tmp_path / "refused")
    (project / "data").mkdir()
    hide = f'mount -t tmpfs none {project}/data && exec "$@"'
    hidden = ("unshare", "--mount", "sh", "-c", hide, "-")
    if subprocess.run([*hidden, "true"], check=False, capture_output=True).returncode:
        pytest.skip("hiding a folder from a node needs mount namespaces")
    monkeypatch.setenv("PYTHONPATH", str(project / "src"))
    with ray_cluster() as cluster:
        cluster.add_node(before=hidden)
        check_refused(project, cluster.address, r"does not see .*/06_models.*data_root")


def check_refused(project: Path, address: str, problem: str) -> None:
    params = f"--runner-params=address={address}"
    done = kedro(project, *RUN, *RAY, params, env={**os.environ, **QUIET})
    assert done.returncode == 1
    assert re.search(f"^Error: .*{problem}.*$", done.stderr, re.MULTILINE), done.stderr
