"""Ensemble members: their training and prediction, in this process and in others."""

from dataclasses import replace

import numpy as np
import pytest
from spots import assert_same_weights, bright_spots, member_training
from stores import MemoryStore

from facial_keypoints.errors import InputError, TrainingFailedError
from facial_keypoints.framework.datasets import TrainingFolderDataset
from facial_keypoints.models.heads import NUM_HEADS
from facial_keypoints.training import members, workers
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
    monkeypatch.setattr(workers, "_core_sets", lambda processes: [[]] * processes)
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


def test_speed_is_the_mean_of_processes(spots):
    class Workers:
        def map(self, work, tasks, processes):
            assert len(tasks) == processes
            return [Speed(100.0, 300.0, 2.0), Speed(200.0, 500.0, 5.0)]

    assert measure_speeds(member_training(spots), 2, Workers()) == Speed(150.0, 400.0, 5.0)


def test_lack_of_memory_while_speed_is_measured_names_the_parameters(spots, monkeypatch):
    def fail(task):
        raise TrainingFailedError("memory is exhausted", may_pass=True)

    monkeypatch.setattr(members, "measure_speed", fail)
    with pytest.raises(InputError, match=r"memory is exhausted; a smaller competition\.size"):
        measure_speeds(member_training(spots))
