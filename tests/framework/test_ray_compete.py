"""`kedro run --pipeline=compete` with the ``RayRunner``."""

import json
import os
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from ray_cluster import QUIET, RAY, kedro_with_kill, ray_cluster
from sessions import kedro, make_project, runs_of

pytest.importorskip("ray")
pytestmark = pytest.mark.server

EPOCHS = 4
TRAIN = "competition.train.batch_size=16,competition.train.deterministic=true"
# minutes that are never reached, also on a busy machine
COMPETE = (
    *("run", "--pipeline=compete", "--env=test"),
    "--params=competition.minutes=600,competition.size=tiny,competition.members=2,"
    f"competition.max_epochs={EPOCHS},competition.train.precision=float32,{TRAIN}",
)


@pytest.fixture(scope="module")
def spread(tmp_path_factory):
    """A project with an ensemble, one of whose members was killed; and what was printed."""
    project = make_project(tmp_path_factory.mktemp("spread"))
    arguments = (*COMPETE, *RAY, "--runner-params=num_cpus=1")
    return project, kedro_with_kill(project, arguments, "member 1", after="member 1  epoch 2/")


def test_killed_member_is_resumed(spread):
    project, text = spread
    assert "RayRunner: 2 trainings at a time on 1 machine, each with 1 core" in text
    assert "Plan: 2 tiny models, about 4 epochs each, 2 at a time" in text
    assert "WARNING: member 1: its process died; starting it again (retry 1 of 3)" in text
    assert re.search(r"member 1: resumed after epoch [2-4]", text)
    assert (project / "data/test/07_model_output/submission.csv").exists()
    assert not list(project.rglob("*.unfinished.npz"))


def test_driver_records_the_curves_of_all_members(spread):
    client, runs = runs_of(spread[0])
    assert {run.info.status for run in runs} == {"FINISHED"}
    (ensemble,) = [run for run in runs if run.data.tags.get("variant") == "ensemble"]
    for kind in ("first_stage_model", "member"):
        for number in (1, 2):
            name = f"{kind}_{number}_loss"
            assert len(client.get_metric_history(ensemble.info.run_id, name)) >= EPOCHS - 1, name


@pytest.mark.slow  # a minute: another ensemble
def test_same_plan_without_ray_gives_the_same(spread, tmp_path):
    project = make_project(tmp_path / "alone")
    shutil.copytree(spread[0] / "data", project / "data")
    data, theirs = project / "data/test", spread[0] / "data/test"
    plan = json.loads((data / "06_models/competition_plan.json").read_text())
    now = time.time()
    plan |= {"started_at": now, "deadline": now + plan["training_seconds"]}
    for folder in ("06_models", "07_model_output", "08_reporting"):
        shutil.rmtree(data / folder)
    (data / "06_models").mkdir()
    (data / "06_models/competition_plan.json").write_text(json.dumps(plan))
    one_thread = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1"}
    run = (*COMPETE, "--from-nodes=ensemble.train_first_stage")
    done = kedro(project, *run, env=one_thread, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    check_same(data, theirs)


@pytest.mark.slow  # a minute and a half
def test_cluster_of_two_nodes_gives_the_same(spread, tmp_path):
    project = make_project(tmp_path / "cluster")
    environment = {**os.environ, **QUIET, "PYTHONPATH": str(project / "src")}
    with ray_cluster() as cluster:
        cluster.add_node()
        run = (*COMPETE, *RAY, f"--runner-params=address={cluster.address}")
        done = kedro(project, *run, env=environment, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 trainings at a time on 2 machines, each with 1 core" in done.stdout
    check_same(project / "data/test", spread[0] / "data/test")


def check_same(data: Path, theirs: Path) -> None:
    """Compare all that does not depend on the clock."""
    for name in ("07_model_output/submission.csv", "08_reporting/score_estimate.json"):
        assert (data / name).read_bytes() == (theirs / name).read_bytes()
    for name in ("first_stage", "ensemble_members"):
        ours, other = (np.load(each / f"06_models/{name}.npz") for each in (data, theirs))
        assert sorted(ours) == sorted(other)
        for key in set(ours) - {"seconds"}:
            np.testing.assert_array_equal(ours[key], other[key], err_msg=key)
