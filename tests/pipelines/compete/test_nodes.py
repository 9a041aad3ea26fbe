"""Nodes of the compete pipeline; the machine's speed is replaced."""

import re
import time

import numpy as np
import pandas as pd
import pytest
from parameters import section

from facial_keypoints.evaluation.records import points_fingerprint
from facial_keypoints.models.heads import NUM_HEADS
from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.pipelines.compete import nodes
from facial_keypoints.pipelines.compete.records import FirstStage, Members
from facial_keypoints.training.session import Session
from facial_keypoints.training.speed import Speed
from facial_keypoints.training.workers import THIS_MACHINE


@pytest.fixture
def planned(make_faces, monkeypatch):
    """Returns folds and plan for eight faces, on a machine of a given speed."""
    monkeypatch.setattr(nodes, "number_of_processes", lambda *given: 1)
    monkeypatch.setattr(nodes, "measure_speeds", lambda *given: Speed(100.0, 500.0, 5.0))

    def plan(started_at=None, **competition):
        competition = section(CompetitionParameters, **competition)
        faces = make_faces(8)
        folds = nodes.make_folds(faces, competition)
        session = Session(time.time() if started_at is None else started_at)
        return folds, nodes.plan_budget(faces, faces, folds, competition, session, THIS_MACHINE)

    return plan


def test_more_members_than_folds_are_reported(planned, caplog):
    folds, plan = planned(minutes=30, members=10)
    assert folds.count < 10
    assert plan.num_members == folds.count
    assert f"competition.members=10, but there are only {folds.count} folds" in caplog.text
    caplog.clear()
    planned(minutes=30, members=folds.count)
    assert "competition.members" not in caplog.text


@pytest.mark.parametrize(
    ("minutes", "warned"),
    [("9 minutes are", True), ("1 minute is", True), ("10 minutes are", False)],
)
def test_fewer_than_ten_minutes_are_warned_of(planned, caplog, minutes, warned):
    planned(minutes=int(minutes.split()[0]))
    assert (f"{minutes} too few for good models" in caplog.text) == warned
    assert ("too few" in caplog.text) == warned


def test_exhausted_budget_is_reported(planned, caplog):
    _, plan = planned(started_at=time.time() - 3600, minutes=30)
    assert plan.training_seconds == 0
    assert "Budget of 30 min exhausted before training" in caplog.text


def test_plan_is_logged(planned, caplog):
    with caplog.at_level("INFO"):
        planned(minutes=30, members=2, size="small")
    assert re.search(
        r"Plan: 2 small models, about [\d,]+ epochs each, one at a time; "
        r"[\d.]+ of 30 minutes remain",
        caplog.text,
    )


def test_plan_of_one_model_is_logged(planned, caplog):
    with caplog.at_level("INFO"):
        planned(minutes=30, members=1, size="small")
    assert re.search(r"Plan: 1 small model, about [\d,]+ epochs; [\d.]+ of 30", caplog.text)


@pytest.fixture
def members():
    count = 2
    return Members(
        test_predictions=np.zeros((count, 4, NUM_HEADS, 2), np.float32),
        predictions=np.zeros((count, 8, NUM_HEADS, 2), np.float32),
        held_out=np.array([1, 0]),
        mirror_bias=np.zeros((NUM_HEADS, 2), np.float32),
        weights=[[np.full(3, i, np.float32)] for i in range(count)],
        histories=[[np.array([[1.0, 9.0], [2.0, 4.0]])], [np.array([[1.0, 8.0]])]],
        epochs=np.array([2.0, 1.0]),
        steps=np.array([8, 4]),
        samples=np.array([6, 6]),
        seconds=np.array([30.0, 90.0]),
        precisions=np.array(["mixed_bfloat16", "float32"]),
        fingerprints=np.array(["c", "d"]),
    )


def assembled(planned, members):
    _, plan = planned(minutes=30, members=2)
    first = FirstStage(np.zeros((8, 15, 2), np.float32), [[], []], np.array(["a", "b"]))
    session = Session(0.0, mlflow_run_ids={"ensemble": "child"})
    return nodes.assemble_ensemble(first, members, plan, session)


def test_record_of_the_ensemble_describes_its_members(planned, members):
    record = assembled(planned, members).record
    assert (record.variant, record.architecture) == ("ensemble", "heatmap_unet")
    assert record.settings["members"] == 2
    assert (record.samples, record.epochs, record.steps) == (6, 1.5, 12)
    assert record.precision == "float32+mixed_bfloat16"  # trained on two kinds of machines
    assert record.minutes == 2  # one after another
    assert record.images_per_second == pytest.approx(18 / 120)
    assert record.mlflow_run_id == "child"
    assert record.checkpoints == ["a", "b", "c", "d"]


def test_history_has_a_column_per_member(planned, members):
    history = assembled(planned, members).history
    expected = pd.DataFrame(
        {"epoch": [1, 2], "member_1_loss": [9.0, 4.0], "member_2_loss": [8.0, np.nan]}
    )
    pd.testing.assert_frame_equal(history, expected)


def test_other_weights_are_another_ensemble(planned, members):
    first = assembled(planned, members)
    members.weights[1][0][:] = 7
    assert assembled(planned, members).fingerprint != first.fingerprint


def test_ensemble_becomes_the_champion(planned, members):
    training = assembled(planned, members)
    points = np.ones((2, 15, 2), np.float32)
    champion = nodes.select_ensemble(training, points)
    assert champion.variant == "ensemble"
    assert champion.fingerprint == training.fingerprint
    assert champion.mlflow_run_id == "child"
    assert champion.test_predictions == points_fingerprint(points)
