"""Ensemble members: their training and prediction, in this process and in others."""

import logging
import os
from dataclasses import replace

import numpy as np
import process_tasks
import pytest
from spots import assert_same_weights, bright_spots, member_training
from stores import MemoryStore

from facial_keypoints.errors import InputError, TrainingFailedError
from facial_keypoints.framework.datasets import TrainingFolderDataset
from facial_keypoints.models.heads import NUM_HEADS
from facial_keypoints.training import members
from facial_keypoints.training.members import (
    MemberTask,
    measure_speeds,
    member_fingerprint,
    train_member,
    train_members,
)
from facial_keypoints.training.speed import Speed

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def spots():
    return bright_spots(32)


@pytest.fixture(scope="module")
def tasks(spots):
    """Two members that differ in their seeds."""
    trainings = [
        replace(member_training(spots, seed=seed), name=f"member {seed}", variant="ensemble")
        for seed in (1, 2)
    ]
    return [MemberTask(t, member_fingerprint(t), spots.images[:5]) for t in trainings]


@pytest.fixture(scope="module")
def trained(tasks):
    """The results of one process, and the checkpoints."""
    store = MemoryStore()
    return train_members(tasks, store), store


def test_member_is_trained_and_predicts_with_averaged_weights(trained):
    results, _ = trained
    for result in results:
        assert result.training.ended_by == "all epochs"
        assert result.predictions.shape == (5, NUM_HEADS, 2)
        assert np.isfinite(result.predictions).all()
        weights, averaged = result.training.weights, result.training.predicting_weights
        assert [w.shape for w in weights] == [a.shape for a in averaged]
        assert any((w != a).any() for w, a in zip(weights, averaged, strict=True))
    assert not np.array_equal(results[0].predictions, results[1].predictions)


def test_finished_member_is_restored_from_its_checkpoint(tasks, trained, caplog):
    results, store = trained
    with caplog.at_level("INFO"):
        again = train_member(tasks[0], store.checkpoint(tasks[0].fingerprint))
    assert "member 1: resumed after epoch 1" in caplog.text
    assert_same_weights(again.training.weights, results[0].training.weights)
    np.testing.assert_array_equal(again.predictions, results[0].predictions)


def test_two_processes_give_the_results_of_one(tasks, trained, caplog, tmp_path, monkeypatch):
    """Log records reach this process with the figures of each epoch, for MLflow."""
    # sums of another number of threads differ, and training enlarges the difference
    monkeypatch.setattr(members, "_core_sets", lambda processes: [[]] * processes)
    store = TrainingFolderDataset(filepath=str(tmp_path / "ensemble")).load()
    with caplog.at_level("INFO"):
        results = train_members(tasks, store, num_processes=2)
    for one, other in zip(results, trained[0], strict=True):
        assert_same_weights(one.training.weights, other.training.weights)
        np.testing.assert_array_equal(one.predictions, other.predictions)
    epochs = [record for record in caplog.records if hasattr(record, "metrics")]
    assert {next(iter(record.metrics)) for record in epochs} == {"member_1_loss", "member_2_loss"}
    assert {record.variant for record in epochs} == {"ensemble"}


def test_fingerprint_is_of_all_but_the_clock(spots, tasks):
    training = tasks[0].training
    plain = member_fingerprint(training, 15, 2)
    timed = replace(training, deadline=77.0, span=(0.5, 1.0), name="another")
    assert member_fingerprint(timed, 15, 2) == plain
    others = [
        member_fingerprint(training, 60, 2),
        member_fingerprint(tasks[1].training, 15, 2),
        member_fingerprint(replace(training, initial_weights=[np.zeros(3, np.float32)]), 15, 2),
        member_fingerprint(replace(training, settings={**training.settings, "blocks": 2}), 15, 2),
    ]
    samples = training.samples
    for change in ("images", "targets", "weights"):
        changed = replace(samples, **{change: getattr(samples, change)[::-1].copy()})
        if change == "weights":
            changed = replace(samples, weights=samples.weights * 0.5)
        others.append(member_fingerprint(replace(training, samples=changed), 15, 2))
    assert len({plain, *others}) == 1 + len(others)


@pytest.mark.fault("Training", "a member diverges", "logged; its predictions are missing")
def test_failed_member_has_no_predictions(tasks, monkeypatch, caplog):
    failed = replace(tasks[0].training, samples=replace(tasks[0].training.samples))
    result = members.TrainingResult(
        *([], [], None, "float32", 0.0, 0, 32, 1.0, "failure"), failure="the loss became nan"
    )
    monkeypatch.setattr(members, "train_model", lambda task, store: result)
    found = train_member(replace(tasks[0], training=failed))
    assert "member 1 failed: the loss became nan" in caplog.text
    assert np.isnan(found.predictions).all()
    assert found.predictions.shape == (5, NUM_HEADS, 2)


def test_speed_is_the_mean_of_processes(spots, monkeypatch):
    speeds = iter([Speed(100.0, 300.0, 2.0), Speed(200.0, 500.0, 5.0)])
    monkeypatch.setattr(
        members, "_map", lambda work, arguments, processes: [next(speeds) for _ in arguments]
    )
    assert measure_speeds(member_training(spots), 2) == Speed(150.0, 400.0, 5.0)


def test_lack_of_memory_while_speed_is_measured_names_the_parameters(spots, monkeypatch):
    def fail(task):
        raise TrainingFailedError("memory is exhausted", may_pass=True)

    monkeypatch.setattr(members, "measure_speed", fail)
    with pytest.raises(InputError, match=r"memory is exhausted; a smaller competition\.size"):
        measure_speeds(member_training(spots))


@pytest.fixture(scope="module")
def doubled():
    """The results of three tasks in two processes, and their log records."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger("facial_keypoints.test")
    logger.addHandler(handler)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
        results = members._map(process_tasks.double, [(1,), (2,), (3,)], 2)
    logger.removeHandler(handler)
    return results, records


def test_results_come_in_the_order_of_the_tasks(doubled):
    results, _ = doubled
    assert [value for value, *_ in results] == [2, 4, 6]
    assert os.getpid() not in {process for _, process, *_ in results}


def test_log_records_of_processes_reach_this_one(doubled):
    _, records = doubled
    messages = sorted(record.getMessage() for record in records)
    assert messages == ["doubling 1", "doubling 2", "doubling 3"]


def test_processes_use_onednn(doubled):
    assert {onednn for *_, onednn in doubled[0]} == {"1"}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux has affinities")
@pytest.mark.skipif(members.number_of_cores() < 2, reason="needs two cores")
def test_processes_have_their_own_cores(doubled):
    sets = members._core_sets(2)
    assert not set(sets[0]) & set(sets[1])
    assert all(sorted(cores) in [sorted(own) for own in sets] for *_, cores, _ in doubled[0])


@pytest.mark.fault("Killed", "a training process, as for a lack of memory", "one line says so")
def test_killed_process_is_an_input_error():
    with pytest.raises(InputError, match=r"was killed, most likely for a lack of memory; a small"):
        members._map(process_tasks.kill_itself, [(1,), (2,)], 2)


def test_first_error_of_a_process_ends_all():
    with pytest.raises(InputError, match="no more than 1"):
        members._map(process_tasks.fail, [(1,), (1,)], 2)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux has affinities")
def test_quota_of_fewer_cores_leaves_processes_unbound(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3})
    monkeypatch.setattr(members, "number_of_cores", lambda: 2)
    assert members._core_sets(2) == [[], []]
    monkeypatch.setattr(members, "number_of_cores", lambda: 4)
    assert members._core_sets(2) == [[0, 1], [2, 3]]
    assert members._core_sets(3) == [[0], [1], [2]]
