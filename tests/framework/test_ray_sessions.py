"""Whole runs with the ``RayRunner``, on this machine and on a cluster of several nodes."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest
from ray_cluster import QUIET, RAY, free_port, kedro_with_kill, ray_cluster
from sessions import ROOT, kedro, make_project, runs_of, trained

pytest.importorskip("ray")
pytestmark = pytest.mark.server

PAGE = ROOT / "docs/cluster.md"
VARIANTS = ("tiny-2cl", "tiny-3cl")
RUN = ("run", "--env=test", "--params=train.deterministic=true,train.epochs=6")


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


def test_run_with_a_killed_training_equals_a_run_without_ray(tmp_path, alone):
    project = make_project(tmp_path / "spread")
    arguments = (*RUN, *RAY, "--runner-params=num_cpus=1")
    text = kedro_with_kill(project, arguments, "tiny-2cl", after="tiny-2cl  epoch 3/6")
    assert "WARNING: tiny-2cl: its process died; starting it again (retry 1 of 3)" in text
    assert re.search(r"tiny-2cl: resumed after epoch [3-6]", text)
    assert "(raylet)" not in text
    check_same(project, alone)
    ours, theirs = recorded(project), recorded(alone)
    assert ours.keys() == theirs.keys() == {"full", *VARIANTS}
    for name in ours:
        assert ours[name] == theirs[name], name


def test_study_with_a_budget_is_planned_for_all_workers(tmp_path):
    project = make_project(tmp_path / "budget")
    arguments = ("run", "--env=test", "--params=study.minutes=4", *RAY)
    done = kedro(project, *arguments, "--runner-params=max_workers=2,num_cpus=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Plan for 2 variants, 2 at a time, in 4 min" in done.stdout
    assert re.search(r"Training takes about [\w ]+ for 2 variants, 2 at a time", done.stdout)
    assert "too short" not in done.stdout
    assert done.stdout.count("RayRunner: 2 trainings at a time on 1 machine, each with 1 core") == 1
    for name in VARIANTS:
        record = json.loads(
            (trained(project / "data/test", name) / "training_record.json").read_bytes()
        )
        assert record["ended_by"] == "all epochs"


@pytest.mark.slow  # a minute and a half
def test_cluster_of_two_nodes_gives_the_same(tmp_path, alone):
    project = make_project(tmp_path / "cluster")
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    with ray_cluster() as cluster:
        cluster.add_node()
        params = f"--runner-params=address={cluster.address}"
        done = kedro(project, *RUN, *RAY, params, env={**environment, **QUIET})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 trainings at a time on 2 machines, each with 1 core" in done.stdout
    check_same(project, alone)


def test_other_program_on_the_cluster_is_reported():
    """Ray's own figures: a program that holds the only core, then none."""
    held = """
        import ray
        ray.init({address!r}, log_to_driver=False)
        @ray.remote(num_cpus=1)
        class Held:
            def is_held(self): return True
        ray.get((held := Held.remote()).is_held.remote())
        print("held", flush=True)
        input()
    """
    look = """
        from facial_keypoints.framework import ray_cluster, ray_options
        with ray_cluster.connected(ray_options.RayOptions(address={address!r})):
            ray_cluster.warn_of_other_work()
    """
    with ray_cluster() as cluster:

        def command(code):
            return [sys.executable, "-c", textwrap.dedent(code).format(address=cluster.address)]

        def reported():
            return subprocess.run(
                command(look), cwd=ROOT, env=environment, check=True, capture_output=True, text=True
            ).stdout

        environment = {**os.environ, **QUIET, "RAY_AUTH_MODE": "token"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command(held), env=environment, text=True, **pipes) as other:
            assert other.stdout.readline() == "held\n"
            assert "another program uses 1 of 1 cores of this cluster" in reported()
            other.communicate("\n")
        assert "another program" not in reported()


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


@pytest.mark.slow  # half a minute
def test_slurm_script_of_the_page_trains_on_one_node(tmp_path):
    """With stand-ins for SLURM's commands."""
    project = make_project(tmp_path / "project")
    (project / ".venv").symlink_to(Path(sys.executable).parents[1])
    (script,) = re.findall(r"^```bash\n(#!/bin/bash.*?)^```", PAGE.read_text(), re.M | re.S)
    job = project / "job.sh"
    job.write_text(script.replace("6379", str(free_port())))
    for name, line in {"scontrol": "echo 127.0.0.1", "srun": 'exec "$@"'}.items():
        command = tmp_path / name
        command.write_text(f"#!/bin/sh\n{line}\n")
        command.chmod(0o755)
    slurm = {"SUBMIT_DIR": str(project), "JOB_NODELIST": "node[1-1]", "NNODES": "1"}
    slurm |= {"CPUS_PER_TASK": "2"}
    environment = {
        **os.environ,
        **QUIET,
        **{f"SLURM_{name}": value for name, value in slurm.items()},
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(project / "src"),
        "KEDRO_ENV": "test",
    }
    done = subprocess.run(
        ["bash", job], env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "2 trainings at a time on 1 machine, each with 1 core" in output
    assert (project / "data/test/07_model_output/submission.csv").exists()
