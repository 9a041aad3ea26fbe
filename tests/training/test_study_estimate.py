import re
from dataclasses import replace

import pytest
from parameters import base_parameters, section
from places import Places
from spots import bright_spots, variant
from trainings import make_record

from facial_keypoints.parameters import StudyParameters
from facial_keypoints.pipelines.train import create_pipeline
from facial_keypoints.training import speed, study_estimate
from facial_keypoints.training.fingerprints import fingerprint, origin_of, samples_origin
from facial_keypoints.training.records import Training
from facial_keypoints.training.session import Session
from facial_keypoints.training.speed import TrainingSpeed
from facial_keypoints.training.study_estimate import estimate_study, schedule_study
from facial_keypoints.training.study_plan import StudyPlan
from facial_keypoints.training.workers import THIS_MACHINE

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def spots():
    return bright_spots(32), bright_spots(16, seed=1)


@pytest.fixture(scope="module")
def training(spots):
    """An earlier one of ``variant(epochs=2)`` on the same samples."""
    name = fingerprint(origin_of(variant(epochs=2), samples_origin(*spots)))
    return Training(make_record(fingerprint=name), None, lambda: None)


PLAN = StudyPlan(
    0.5, minutes=2, training_seconds={"a": 10, "b": 20}, save_seconds=3, afterwards_seconds=24
)


def test_deadlines_share_the_budget_in_the_order_of_training():
    scheduled = schedule_study(PLAN, ["b", "a"], ["c"], Session(1000.0), 1030.0)
    # 66 of 120 seconds remain, for slots of 10 and 20 seconds and 3 to save each; the first one has
    # twice its slot
    assert scheduled.deadlines == {
        "a": pytest.approx(1030 + 2 * 13 - 3),
        "b": pytest.approx(1030 + 66 - 3),
    }
    assert scheduled.minutes == {"a": pytest.approx(1 / 6), "b": pytest.approx(1 / 3)}
    assert scheduled.already_trained == ["c"]


@pytest.mark.parametrize("at_a_time", [2, 16])
def test_trainings_that_all_run_side_by_side_have_the_whole_budget(at_a_time):
    scheduled = schedule_study(PLAN, ["b", "a"], [], Session(1000.0), 1030.0, at_a_time)
    assert scheduled.deadlines == dict.fromkeys("ab", pytest.approx(1030 + 66 - 3))


def test_deadlines_of_an_exhausted_budget_are_over():
    scheduled = schedule_study(PLAN, ["a"], [], Session(1000.0), 2000.0)
    assert scheduled.deadlines["a"] <= 2000.0


def test_schedule_of_a_study_that_is_trained_already_is_empty():
    assert schedule_study(PLAN, [], ["a", "b"], Session(1000.0), 1030.0).deadlines == {}


def test_deadlines_are_in_the_order_in_which_kedro_trains():
    names = [*base_parameters().variants]
    nodes = create_pipeline(names).nodes
    trained = [node.namespace for node in nodes if node.name.endswith("train_variant")]
    scheduled = schedule_study(StudyPlan(0.5, minutes=9), names, [], Session(1000.0), 1030.0)
    assert [*scheduled.deadlines] == trained


@pytest.fixture
def measured(monkeypatch):
    """Names of the variants whose speed is measured: 100 images/s, less for more convolutions."""
    names = []

    def measure(tasks, seconds, workers, at_a_time):
        names.extend(task.name for task in tasks)
        return {task.name: TrainingSpeed(100.0 / task.settings["convs"], 6.0) for task in tasks}

    monkeypatch.setattr(study_estimate, "measure_trainings", measure)
    return names


def named(name, convs=2, **train):
    settings = {"convs": convs, "pools": 0, "width": 0.1}
    return variant(**train).model_copy(update={"name": name, "settings": settings})


def estimate(spots, *chosen, earlier=None, workers=THIS_MACHINE, **study):
    by_name = {each.name: each for each in chosen}
    earlier = {name: (earlier or {}).get(name, {}) for name in by_name}
    return estimate_study(*spots, section(StudyParameters, **study), by_name, earlier, workers)


def test_estimate_is_every_epoch_or_the_time_budget(spots, measured):
    found = estimate(spots, named("a", epochs=10), named("b", epochs=10, max_minutes=0.05))
    assert found.minutes["a"] == pytest.approx((6 + 10 * 32 / 50) / 60)
    assert found.minutes["b"] == 0.05
    assert found.total_minutes == pytest.approx(sum(found.minutes.values()))
    assert found.images_per_second == {"a": 50, "b": 50}


@pytest.mark.parametrize(("places", "minutes"), [(1, 6), (2, 4), (16, 3)])
def test_trainings_side_by_side_take_less_in_sum(spots, measured, caplog, places, minutes):
    chosen = (named(name, epochs=None, max_minutes=m) for name, m in (("a", 1), ("b", 2), ("c", 3)))
    with caplog.at_level("INFO"):
        found = estimate(spots, *chosen, workers=Places(places))
    assert (found.total_minutes, found.at_a_time) == (minutes, min(places, 3))
    shown = {1: "", 2: ", 2 at a time", 16: ", 3 at a time"}[places]
    assert f"Training takes about {minutes} min for 3 variants{shown}\n" in caplog.text


def test_estimate_without_epochs_is_the_time_budget(spots, measured):
    found = estimate(spots, named("a", epochs=None, max_minutes=3))
    assert found.minutes == {"a": 3}


def test_three_of_many_variants_are_measured_and_the_others_lie_between(spots, measured):
    found = estimate(spots, *(named(f"c{convs}", convs, epochs=1) for convs in (5, 3, 1, 2, 4)))
    assert measured == ["c1", "c3", "c5"]
    minutes = [found.minutes[f"c{convs}"] for convs in (1, 2, 3, 4, 5)]
    assert minutes == sorted(set(minutes))


@pytest.mark.fault("Stale results", "nothing has changed", "the earlier training takes no time")
def test_earlier_training_is_not_measured(spots, measured, training):
    chosen = variant(epochs=2)
    earlier = {"tiny": {training.fingerprint: training}}
    found = estimate(spots, chosen, earlier=earlier)
    assert (found.minutes, found.already_trained) == ({}, ["tiny"])
    assert measured == []
    assert list(estimate(spots, chosen, earlier=earlier, reuse=False).minutes) == ["tiny"]


def test_training_that_lacked_memory_is_measured_again(spots, measured, training):
    record = replace(training.record, failure="memory is exhausted", may_pass=True)
    earlier = {"tiny": {training.fingerprint: replace(training, record=record)}}
    found = estimate(spots, variant(epochs=2), earlier=earlier)
    assert (list(found.minutes), found.already_trained) == (["tiny"], [])


@pytest.mark.parametrize(
    ("epochs", "line"),
    [(1, "1 epoch takes"), (10, "10 epochs take"), (None, "training takes 3 min")],
)
def test_estimate_is_logged(spots, measured, caplog, epochs, line):
    with caplog.at_level("INFO"):
        estimate(spots, named("a", epochs=epochs, max_minutes=3))
    assert f"a: 50 images/s, {line}" in caplog.text
    assert re.search(r"Training takes about [\w ]+ for 1 variant$", caplog.text, re.MULTILINE)


def test_study_of_days_is_warned_of(spots, measured, caplog):
    estimate(spots, named("a", epochs=10**9), named("b", epochs=10**8))
    assert "Stop with Ctrl-C" in caplog.text
    assert "study.only=b" in caplog.text


@pytest.mark.fault("Training", "memory is exhausted", "not measured; the study continues")
def test_variant_without_enough_memory_is_not_measured(spots, monkeypatch, caplog):
    def fail(task, seconds):
        raise MemoryError("OOM when allocating tensor with shape[9,9]")

    monkeypatch.setattr(speed, "measure_training", fail)
    found = estimate(spots, named("a", epochs=1))
    assert found.minutes == {"a": 0.0}
    assert "a: not measured, memory is exhausted" in caplog.text


def test_record_of_another_variant_is_no_earlier_training(spots, measured):
    other = Training(make_record(fingerprint="0" * 12), None, lambda: None)
    found = estimate(spots, named("a", epochs=1), earlier={"a": {other.fingerprint: other}})
    assert list(found.minutes) == ["a"]
