from dataclasses import replace

import numpy as np
import pytest
from parameters import section
from places import Places
from spots import variant

from facial_keypoints.parameters import SplitParameters, StudyParameters
from facial_keypoints.pipelines.split import nodes
from facial_keypoints.pipelines.split.nodes import plan_study, split_faces
from facial_keypoints.training.session import Session
from facial_keypoints.training.study_plan import StudyPlan
from facial_keypoints.training.workers import THIS_MACHINE

SPLIT = section(SplitParameters)


@pytest.fixture
def faces(make_faces):
    return make_faces(30, of_b=10)


@pytest.fixture
def planned(monkeypatch, faces):
    """Plans for 30 faces by a measurement that gives a scale of 0.3; lists the measurements."""
    measured = []

    def make(study, workload, end, request):
        measured.append(workload.num_samples)
        plan = StudyPlan(0.3, minutes=study.minutes, request=request)
        return replace(plan, at_a_time=workload.at_a_time)

    monkeypatch.setattr(nodes, "make_study_plan", make)

    def plan(earlier=None, split=SPLIT, workers=THIS_MACHINE, **study):
        variants = {f"{name}.parameters": variant().model_dump() for name in "abc"}
        budget = section(StudyParameters, **study)
        return plan_study(faces, split, budget, Session(0.0), workers, earlier, **variants)

    plan.measured = measured
    return plan


def test_split_faces_keeps_arrays_of_a_sample_together(faces):
    *parts, summary = split_faces(faces, SPLIT, StudyPlan(0.9))
    for part in parts:
        np.testing.assert_array_equal(part.images, faces.images[part.group])
        np.testing.assert_array_equal(part.keypoints, faces.keypoints[part.group])
        np.testing.assert_array_equal(part.population, faces.population[part.group])
    assert summary.scale == 0.9
    assert summary.dropped_by_scale == 30 - sum(len(part) for part in parts) > 0


@pytest.mark.parametrize(("scale", "planned_scale"), [(None, 1.0), (0.15, 0.15)])
def test_plan_without_a_budget_measures_nothing(planned, scale, planned_scale):
    plan = planned(minutes=None, scale=scale, epochs=7)
    assert plan == StudyPlan(planned_scale, epochs=7)
    assert planned.measured == []


def test_plan_is_for_the_training_samples_at_full_scale(planned):
    assert planned(minutes=10).scale == 0.3
    assert planned.measured == [22]


@pytest.mark.fault("Training", "a run with a budget is repeated", "with the same plan; logged")
def test_plan_of_an_interrupted_run_is_used_again(planned, caplog):
    first = planned(minutes=10)
    with caplog.at_level("INFO"):
        assert planned(first, minutes=10) is first
    assert "study.scale=0.3, as an earlier run planned it" in caplog.text


def test_plan_for_more_trainings_at_a_time_is_warned_of(planned, caplog):
    first = planned(minutes=10, workers=Places(3))
    assert planned(first, minutes=10, workers=Places(3)) is first
    assert "at a time" not in caplog.text
    assert planned(first, minutes=10) is first
    assert "The plan is for 3 trainings at a time, and now there is one" in caplog.text


@pytest.mark.parametrize(
    "other",
    [
        {"minutes": 20},
        {"minutes": 10, "epochs": 5},
        {"minutes": 10, "reuse": False},
        {"minutes": 10, "split": section(SplitParameters, seed=1)},
    ],
)
def test_plan_for_another_request_is_made_anew(planned, other):
    assert planned(planned(minutes=10), **other) is not None
    assert len(planned.measured) == 2
