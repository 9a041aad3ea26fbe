"""What is trained on what, and predicted; the trainings themselves are replaced."""

import time

import numpy as np
import pandas as pd
import pytest
from parameters import section
from stores import MemoryStore

from facial_keypoints.errors import InputError
from facial_keypoints.keypoints import NUM_KEYPOINTS
from facial_keypoints.models.heads import NUM_HEADS
from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.pipelines.compete import training
from facial_keypoints.pipelines.compete.plan import SIZES, make_plan
from facial_keypoints.pipelines.compete.records import FirstStage, Folds
from facial_keypoints.training.members import MemberResult
from facial_keypoints.training.speed import Speed
from facial_keypoints.training.task import TrainingResult
from facial_keypoints.training.workers import THIS_MACHINE

NO_ISSUES = pd.DataFrame({"row": [], "point": [], "flagged": []}).astype({"flagged": bool})
HISTORY = pd.DataFrame({"epoch": [1], "loss": [4.0]})


@pytest.fixture
def faces(make_faces):
    return make_faces(20)


@pytest.fixture
def folds():
    return Folds((np.arange(20) % 10).astype(np.int8), np.arange(20, dtype=np.int32))


def competition_of(**changes):
    return section(CompetitionParameters, **{"minutes": 30, "size": "tiny", **changes})


def plan_of(competition, num_processes=1):
    now = time.time()
    return make_plan(
        competition,
        Speed(100.0, 500.0, 5.0),
        num_processes=num_processes,
        num_folds=10,
        num_faces=6000,  # as many as on Kaggle, for a plan like those there
        num_test_faces=4,
        started_at=now,
        now=now,
    )


def result_of(task, value, failure=None, epochs=1.0):
    weights = [np.full(3, value, np.float32)]
    made = TrainingResult(
        [] if failure else weights,
        [] if failure else weights,
        HISTORY,
        *("float32", epochs, 2, len(task.training.samples), 3.0, "time budget"),
        failure=failure,
    )
    predictions = np.full((len(task.images), NUM_HEADS, 2), value, np.float32)
    return MemberResult(made, predictions * np.nan if failure else predictions)


@pytest.fixture
def trained(monkeypatch):
    """Replaces trainings: each predicts 40 + its number everywhere, or fails if named so."""

    def run(tasks, store, num_processes, workers):
        run.tasks = list(tasks)
        return [
            result_of(
                task,
                40 + i,
                "it diverged" if task.training.name in run.failing else None,
                run.epochs.get(task.training.name, 1.0),
            )
            for i, task in enumerate(tasks)
        ]

    run.failing, run.epochs = set(), {}
    monkeypatch.setattr(training, "run_members", run)
    return run


def first_stage(faces, folds, competition):
    return training.train_first_stage(
        faces, folds, plan_of(competition), competition, MemoryStore(), THIS_MACHINE
    )


def members(faces, tests, folds, competition, first=None, issues=NO_ISSUES):
    if first is None:
        weights = [[np.full(3, i, np.float32)] for i in range(2)]
        first = FirstStage(faces.keypoints.copy(), weights, np.array(["a", "b"]))
    return training.train_members(
        faces,
        tests,
        folds,
        first,
        issues,
        plan_of(competition),
        competition,
        MemoryStore(),
        THIS_MACHINE,
    )


def test_first_stage_predicts_the_half_that_it_was_not_trained_on(faces, folds, trained):
    found = first_stage(faces, folds, competition_of())
    even, odd = trained.tasks
    np.testing.assert_array_equal(even.training.samples.images, faces.images[::2])
    np.testing.assert_array_equal(even.images, faces.images[1::2])
    np.testing.assert_array_equal(odd.training.samples.images, faces.images[1::2])
    assert (found.predictions[1::2] == 40).all()
    assert (found.predictions[::2] == 41).all()
    assert [w[0][0] for w in found.weights] == [40, 41]
    assert found.fingerprints.tolist() == [even.fingerprint, odd.fingerprint]
    assert [task.training.name for task in trained.tasks] == [
        "first-stage model 1",
        "first-stage model 2",
    ]


@pytest.mark.fault("Training", "a first-stage model diverges", "its half has no predictions")
def test_failed_first_stage_model_leaves_its_half_without_predictions(faces, folds, trained):
    trained.failing = {"first-stage model 1"}
    found = first_stage(faces, folds, competition_of())
    assert np.isnan(found.predictions[1::2]).all()
    assert (found.predictions[::2] == 41).all()
    assert found.weights[0] == []


def test_first_stage_model_that_hardly_trained_counts_as_failed(faces, folds, trained, caplog):
    trained.epochs = {"first-stage model 1": 0.02}
    found = first_stage(faces, folds, competition_of())
    assert np.isnan(found.predictions[1::2]).all()
    assert (found.predictions[::2] == 41).all()
    assert found.weights[0] == []
    assert "first-stage model 1 is left out: it trained for 0.02 epochs" in caplog.text


def test_first_stage_is_over_in_its_part_of_the_budget(faces, folds, trained):
    competition = competition_of()
    plan = plan_of(competition)
    training.train_first_stage(faces, folds, plan, competition, MemoryStore(), THIS_MACHINE)
    deadlines = [task.training.deadline for task in trained.tasks]
    assert deadlines == sorted(deadlines)
    assert plan.started_at < deadlines[0] < deadlines[1]
    assert deadlines[1] < plan.started_at + plan.first_stage_seconds
    assert {task.training.span for task in trained.tasks} == {(0.0, plan.first_stage_fraction)}


def test_members_hold_out_a_fold_of_the_half_unseen_by_their_first_stage(faces, folds, trained):
    found = members(faces, faces.select(np.arange(4)), folds, competition_of(members=4))
    assert found.held_out.tolist() == [1, 0, 3, 2]
    for task, fold in zip(trained.tasks, found.held_out, strict=True):
        np.testing.assert_array_equal(
            task.training.samples.images, faces.images[folds.fold != fold]
        )
        np.testing.assert_array_equal(task.images[:2], faces.images[folds.fold == fold])
        np.testing.assert_array_equal(task.images[2:], faces.images[:4])
    assert found.test_predictions.shape == (4, 4, NUM_HEADS, 2)
    for member, fold in enumerate(found.held_out):
        held_out = folds.fold == fold
        assert (found.predictions[member, held_out] == 40 + member).all()
        assert np.isnan(found.predictions[member, ~held_out]).all()
    assert found.epochs.tolist() == [1.0] * 4
    assert found.steps.tolist() == [2] * 4


def test_first_members_continue_the_first_stage(faces, folds, trained):
    competition = competition_of(members=3)
    found = members(faces, faces, folds, competition)
    one, two, three = (task.training for task in trained.tasks)
    assert [one.initial_weights[0][0], two.initial_weights[0][0]] == [0, 1]
    assert three.initial_weights is None
    fraction = plan_of(competition).first_stage_fraction
    assert [each.span for each in (one, two, three)] == [(fraction, 1)] * 2 + [(0, 1)]
    assert len(found.fingerprints) == 3


def test_weights_that_are_not_finite_are_no_start(faces, folds, trained):
    weights = [[np.array([1.0, np.nan], np.float32)], []]
    first = FirstStage(faces.keypoints.copy(), weights, np.array(["a", "b"]))
    members(faces, faces, folds, competition_of(members=2), first)
    assert [task.training.initial_weights for task in trained.tasks] == [None, None]


def test_largest_seed_is_followed_by_the_smallest(faces, folds, trained):
    first_stage(faces, folds, competition_of(seed=2**32 - 1))
    assert [task.training.train.seed for task in trained.tasks] == [2**32 - 1, 0]


def test_epochs_of_each_model_are_bounded(faces, folds, trained):
    first_stage(faces, folds, competition_of(max_epochs=3))
    assert {task.training.train.epochs for task in trained.tasks} == {3}


def test_mirror_bias_is_subtracted_from_labels_and_added_to_predictions(
    faces, folds, trained, caplog
):
    """All labels lie 2 px to the right of the predictions on images and mirror images."""
    weights = [[np.zeros(3, np.float32)]]
    first = FirstStage(faces.keypoints - np.float32([2, 0]), weights, np.array(["a"]))
    with caplog.at_level("INFO"):
        found = members(faces, faces, folds, competition_of(members=1), first)
    assert "Population A: labels lie 2.00 px too far right on average" in caplog.text
    (task,) = trained.tasks
    rows = folds.fold != found.held_out[0]
    np.testing.assert_allclose(
        task.training.samples.targets[:, :NUM_KEYPOINTS],
        faces.keypoints[rows] - np.float32([2, 0]),
        atol=1e-4,
    )
    np.testing.assert_allclose(found.mirror_bias[:NUM_KEYPOINTS], [[2, 0]] * 15, atol=1e-4)
    of_a = found.test_predictions[:, :, :NUM_KEYPOINTS]
    np.testing.assert_allclose(of_a[..., 0], 42, atol=1e-4)
    np.testing.assert_allclose(of_a[..., 1], 40, atol=1e-4)
    held_out = found.predictions[0, ~rows, :NUM_KEYPOINTS]
    np.testing.assert_allclose(held_out[..., 0], 42, atol=1e-4)


def test_fingerprint_does_not_depend_on_the_mirror_bias(faces, folds, trained):
    """It comes from predictions, which may differ in the last bit from run to run."""
    weights = [[np.zeros(3, np.float32)]]
    competition = competition_of(members=1)
    fingerprints = set()
    for shift in (2, 3):
        predictions = faces.keypoints - np.float32([shift, 0])
        first = FirstStage(predictions, weights, np.array(["a"]))
        fingerprints.add(members(faces, faces, folds, competition, first).fingerprints[0])
    assert len(fingerprints) == 1


@pytest.mark.parametrize(
    ("label_issues", "weight"), [("exclude", 0), ("downweight", 0.1), ("keep", 1)]
)
def test_label_issues_have_their_weight(faces, folds, trained, label_issues, weight):
    issues = pd.DataFrame({"row": [5], "point": ["nose_tip"], "flagged": [True]})
    competition = competition_of(members=2, label_issues=label_issues)
    found = members(faces, faces, folds, competition, issues=issues)
    for task, fold in zip(trained.tasks, found.held_out, strict=True):
        weights = np.full((20, NUM_HEADS), 1.0)
        weights[:, NUM_KEYPOINTS:] = 0
        weights[4, 10] = weight
        expected = weights[folds.fold != fold]
        np.testing.assert_allclose(task.training.samples.weights, expected)
    # every member may predict a face that none was trained on
    predicted = np.isfinite(found.predictions[:, 4]).all(axis=(1, 2))
    assert predicted.all() == (label_issues == "exclude")


def test_rows_without_any_label_to_train_on_are_left_out(faces, folds, trained):
    issues = pd.DataFrame({"row": [5], "point": ["whole"], "flagged": [True]})
    found = members(faces, faces, folds, competition_of(members=1), issues=issues)
    (task,) = trained.tasks
    assert len(task.training.samples) == (folds.fold != found.held_out[0]).sum() - 1


@pytest.mark.fault("Training", "a member diverges", "the ensemble consists of the others")
def test_failed_member_is_left_out(faces, folds, trained):
    trained.failing = {"member 1"}
    found = members(faces, faces, folds, competition_of(members=3))
    assert found.held_out.tolist() == [0, 3]
    assert len(found.weights) == len(found.histories) == len(found.test_predictions) == 2
    assert np.isfinite(found.test_predictions).all()
    assert len(found.fingerprints) == 3  # all checkpoints become obsolete


@pytest.mark.fault(
    "Training", "a member's time is over before it begins", "the ensemble consists of the others"
)
def test_member_that_hardly_trained_is_left_out(faces, folds, trained, caplog):
    trained.epochs = {"member 1": 0.5, "member 3": 0.02}  # member 1 continues a model
    found = members(faces, faces, folds, competition_of(members=3))
    assert found.test_predictions[:, 0, 0, 0] - found.mirror_bias[0, 0] == pytest.approx([40, 41])
    assert "member 3 is left out: it trained for 0.02 epochs" in caplog.text


@pytest.mark.fault("Training", "every member diverges", "one line, with the parameter to change")
def test_ensemble_of_failed_members_is_an_input_error(faces, folds, trained):
    trained.failing = {"member 1", "member 2"}
    with pytest.raises(InputError, match=r"all ensemble members diverged.*train\.learning_rate"):
        members(faces, faces, folds, competition_of(members=2))


def test_speed_is_measured_on_a_training_like_that_of_members(faces):
    task = training.speed_task(faces, competition_of())
    assert task.samples.targets.shape[1:] == (NUM_HEADS, 2)
    assert task.settings["points"] == NUM_HEADS
    assert len(task.samples) == 256  # however few faces there are


@pytest.mark.parametrize(("size", "measured"), [("auto", "medium"), ("tiny", "tiny")])
def test_speed_is_measured_at_the_chosen_size(faces, size, measured):
    settings = training.speed_task(faces, competition_of(size=size)).settings
    assert settings == {**SIZES[measured], "points": NUM_HEADS}
