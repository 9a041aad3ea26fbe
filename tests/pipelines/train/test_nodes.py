import logging
from dataclasses import replace

import numpy as np
import pytest
from parameters import section
from stores import MemoryStore
from studies import HISTORY
from trainings import make_record

from facial_keypoints.errors import InputError
from facial_keypoints.parameters import StudyParameters, TrainParameters, VariantParameters
from facial_keypoints.pipelines.train import nodes
from facial_keypoints.pipelines.train.nodes import (
    draw_learning_curve,
    estimate_training_time,
    train_variant,
)
from facial_keypoints.training.fingerprints import fingerprint, origin_of, samples_origin
from facial_keypoints.training.records import Training
from facial_keypoints.training.session import Session
from facial_keypoints.training.study_estimate import StudyEstimate
from facial_keypoints.training.study_plan import StudyPlan
from facial_keypoints.training.workers import THIS_MACHINE

SESSION = Session(0.0, mlflow_run_ids={"small": "this run"})
UNLIMITED = StudyEstimate({}, {}, 0.0, [])


@pytest.fixture
def faces(make_faces):
    return make_faces(6), make_faces(4, seed=1)


@pytest.fixture
def trained(monkeypatch):
    """Trains nothing; lists what would be trained. ``failure`` makes it fail."""
    made = []

    def fit(variant, train, validation, store, run_id, deadline):
        origin = origin_of(variant, samples_origin(train, validation))
        record = make_record(
            variant=variant.name,
            origin=origin,
            fingerprint=fingerprint(origin),
            mlflow_run_id=run_id,
            failure=fit.failure,
            may_pass=fit.may_pass,
            settings=variant.settings,
        )
        fit.deadline = deadline
        made.append(variant.name)
        return Training(record, HISTORY, lambda: None)

    fit.failure, fit.may_pass, fit.made = None, False, made
    monkeypatch.setattr(nodes, "fit_variant", fit)
    return fit


def variant(settings=None, **train):
    return VariantParameters(
        name="small",
        architecture="conv_stack",
        settings={"convs": 6, "pools": 2, **(settings or {})},
        train=section(TrainParameters, **{"epochs": 1, **train}),
    )


def store_of(*trainings):
    return MemoryStore({each.fingerprint: each for each in trainings})


def train(faces, chosen=None, store=None, plan=None, estimate=UNLIMITED, **study):
    store = MemoryStore() if store is None else store
    study = section(StudyParameters, **study)
    return train_variant(
        *faces, plan or StudyPlan(1.0), estimate, chosen or variant(), study, store, SESSION
    )


@pytest.mark.fault("Stale results", "nothing has changed", "the training is reused; logged")
def test_same_training_is_reused(faces, trained, caplog):
    first = train(faces)
    renamed = variant().model_copy(update={"name": "another-name"})
    with caplog.at_level(logging.INFO):
        assert train(faces, renamed, store_of(first)) is first
    assert trained.made == ["small"]
    assert "another-name: reusing training (same data" in caplog.text


def test_reused_training_without_a_run_gets_that_of_the_session(faces, trained):
    """MLflow was unreachable when it was trained."""
    first = train(faces, variant().model_copy(update={"name": "unknown to MLflow"}))
    assert first.record.mlflow_run_id is None
    assert train(faces, store=store_of(first)).record.mlflow_run_id == "this run"
    assert trained.made == ["unknown to MLflow"]


@pytest.mark.fault(
    "Stale results", "settings, seed, data or switch have changed", "trained again, with the reason"
)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"train": {"epochs": 2}}, "train.epochs 1, now 2"),
        ({"train": {"seed": 7}}, "train.seed 0, now 7"),
        ({"settings": {"convs": 5}}, "settings.convs 6, now 5"),
        ({"data": 1}, "other training samples"),
        ({"study": {"reuse": False}}, "study.reuse is false"),
    ],
)
def test_training_of_other_inputs_is_repeated(faces, trained, caplog, change, reason):
    first = train(faces)
    chosen = variant(change.get("settings"), **change.get("train", {}))
    if "data" in change:
        faces = faces[0].select(np.arange(5)), faces[1]
    with caplog.at_level(logging.INFO):
        second = train(faces, chosen, store_of(first), **change.get("study", {}))
    assert second is not first
    assert (second.fingerprint == first.fingerprint) == ("study" in change)
    assert f"small: training again ({reason})" in caplog.text


@pytest.mark.fault("Training", "a training fails", "logged; the study continues without it")
def test_failed_training_is_reported(faces, trained, caplog):
    trained.failure = "the loss became nan in epoch 1"
    failed = train(faces, on_failure="continue")
    assert "small failed: the loss became nan in epoch 1. The study continues" in caplog.text
    reused = train(faces, store=store_of(failed), on_failure="continue")
    assert reused is failed
    assert trained.made == ["small"]


@pytest.mark.fault("Training", "a training fails, study.on_failure is stop", "one line; ends")
def test_failed_training_ends_the_study_on_demand(faces, trained):
    trained.failure = "the loss became nan in epoch 1"
    with pytest.raises(InputError, match=r"small failed: the loss.*study\.on_failure=continue"):
        train(faces, on_failure="stop")


@pytest.mark.fault("Training", "memory was exhausted in an earlier run", "trained again; logged")
def test_training_without_enough_memory_is_repeated(faces, trained, caplog):
    trained.failure, trained.may_pass = "memory is exhausted", True
    failed = train(faces, on_failure="continue")
    trained.failure, trained.may_pass = None, False
    with caplog.at_level(logging.INFO):
        assert train(faces, store=store_of(failed)).failure is None
    assert "small: training again (memory was exhausted)" in caplog.text


@pytest.mark.fault("Training", "the study's budget has stopped a training", "trained again; logged")
def test_training_that_the_budget_stopped_is_repeated(faces, trained, caplog):
    trained.may_pass = True
    stopped = train(faces)
    assert "small: stopped by the study's budget after 2 of 1 epochs" in caplog.text
    with caplog.at_level(logging.INFO):
        assert train(faces, store=store_of(stopped)) is not stopped
    assert "small: training again (the study's budget had stopped it)" in caplog.text


def test_variant_is_trained_at_the_plans_scale(faces, trained):
    assert train(faces, plan=StudyPlan(0.5)).record.settings["width"] == 0.5


@pytest.mark.parametrize(("started_at", "deadline"), [(SESSION.started_at, 90.0), (7.0, None)])
def test_deadline_is_that_of_the_running_command(faces, trained, started_at, deadline):
    budget = replace(UNLIMITED, deadlines={"small": 90.0}, session_started_at=started_at)
    train(faces, estimate=budget)
    assert trained.deadline == deadline


def estimate(faces, plan, store=None, **study):
    return estimate_training_time(
        *faces,
        section(StudyParameters, **study),
        plan,
        SESSION,
        THIS_MACHINE,
        **{
            "small.parameters": variant().model_dump(),
            "small.training_store": store or MemoryStore(),
        },
    )


def test_estimate_within_a_budget_sets_deadlines(faces):
    plan = StudyPlan(0.5, minutes=120, training_seconds={"small": 30.0})
    found = estimate(faces, plan)
    assert found.minutes == {"small": 0.5}
    assert [*found.deadlines] == ["small"]


@pytest.mark.fault("Stale results", "the plan is of another budget", "one line with the command")
def test_estimate_refuses_the_plan_of_another_budget(faces):
    with pytest.raises(InputError, match=r"study\.scale=0\.5, study\.minutes=10.*pipeline=full"):
        estimate(faces, StudyPlan(0.5, minutes=10), minutes=120)


def test_estimate_receives_variants_and_their_earlier_trainings(faces, trained):
    first = train(faces)
    plan = StudyPlan(1.0)
    assert estimate(faces, plan, store_of(first), minutes=None).already_trained == ["small"]


def test_learning_curve_shows_training_and_validation():
    axes = draw_learning_curve(Training(make_record(), HISTORY, lambda: None), variant()).axes
    lines = [[line.get_ydata().tolist() for line in each.lines] for each in axes]
    assert lines == [
        [HISTORY["loss"].tolist(), HISTORY["val_loss"].tolist()],
        [HISTORY["accuracy"].tolist(), HISTORY["val_accuracy"].tolist()],
    ]
