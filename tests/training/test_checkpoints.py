import json
import logging

import numpy as np
import pandas as pd
import pytest
from spots import (
    BATCH_SIZE,
    PowerCutError,
    all_transforms,
    assert_same_weights,
    bright_spots,
    cut_power,
    task,
)
from stores import MemoryCheckpoint

from facial_keypoints.errors import StorageError
from facial_keypoints.framework.datasets import TrainingDataset, TrainingFolderDataset
from facial_keypoints.framework.datasets.training_folder import CheckpointFile
from facial_keypoints.training.fingerprints import fingerprint, origin_of, samples_origin
from facial_keypoints.training.trainer import train_model
from facial_keypoints.training.variants import fit_variant

pytestmark = pytest.mark.training

STEPS = 4  # of an epoch
VARIANT = {
    "epochs": 6,
    "learning_rate": 0.02,
    "reduce_on_plateau": {"factor": 0.5, "patience": 0},
}
MEMBER = {
    "epochs": 6,
    "optimizer": "adamw",
    "global_clipnorm": 5.0,
    "loss": "huber",
    "learning_rate": 0.02,
    "schedule": "cosine",
    "warmup_steps": 6,
    "ema_decay": 0.9,
    "augmentation": all_transforms().model_dump(),
    "initial_strength": 1.0,
}


@pytest.fixture(scope="module")
def spots():
    return bright_spots(STEPS * BATCH_SIZE - 5), bright_spots(32, seed=1)


@pytest.fixture(scope="module")
def tasks(spots):
    """A variant with validation, and a member without."""
    return {"variant": task(*spots, **VARIANT), "member": task(spots[0], **MEMBER)}


@pytest.fixture(scope="module")
def whole(tasks):
    """The results of both, trained without interruption."""
    return {kind: train_model(each) for kind, each in tasks.items()}


@pytest.fixture
def file(tmp_path):
    return CheckpointFile(str(tmp_path / "unfinished.npz"))


class CountingCheckpoint(MemoryCheckpoint):
    saves = 0

    def save(self, data):
        self.saves += 1
        super().save(data)


class FailingCheckpoint(CountingCheckpoint):
    """Fails to save the second time."""

    def save(self, data):
        if self.saves == 1:
            self.saves += 1
            raise StorageError("no space")
        super().save(data)


def train_until(step, chosen, store):
    with pytest.MonkeyPatch.context() as patch:
        cut_power(patch, step)
        with pytest.raises(PowerCutError):
            train_model(chosen, store)


@pytest.mark.fault(
    "Killed", "in mid-epoch, after the checkpoint of the epoch before", "resumes; same weights"
)
@pytest.mark.parametrize(
    ("kind", "cuts"),
    [
        ("variant", [1, 4]),
        ("member", [3]),
        *(pytest.param("variant", [cut], marks=pytest.mark.slow) for cut in (2, 3, 5)),
        pytest.param("member", [1, 2, 5], marks=pytest.mark.slow),
    ],
)
def test_resumed_training_equals_an_uninterrupted_one(tasks, whole, file, kind, cuts):
    for epoch in cuts:
        train_until(STEPS * epoch + 2, tasks[kind], file)
    resumed, expected = train_model(tasks[kind], file), whole[kind]
    assert resumed.interruptions == cuts
    assert expected.interruptions == []
    pd.testing.assert_frame_equal(resumed.history, expected.history, check_exact=True)
    assert_same_weights(resumed.weights, expected.weights)
    assert_same_weights(resumed.predicting_weights, expected.predicting_weights)
    for same in ("epochs", "steps", "best_epoch", "ended_by"):
        assert getattr(resumed, same) == getattr(expected, same)


def test_learning_rate_of_the_compared_trainings_fell(whole):
    """Otherwise the tests above would not show that the schedule is resumed, too."""
    assert whole["variant"].history["learning_rate"].min() < VARIANT["learning_rate"]


@pytest.mark.fault("Killed", "after the last epoch, before the training is saved", "not repeated")
def test_finished_training_is_not_trained_again(spots):
    store = CountingCheckpoint()
    stuck = task(*spots, epochs=50, learning_rate=1e-12, early_stopping_patience=1)
    first = train_model(stuck, store)
    saves = store.saves
    again = train_model(stuck, store)
    assert store.saves == saves
    assert again.ended_by == first.ended_by == "early stopping"
    assert again.steps == first.steps < 50 * STEPS
    assert_same_weights(again.weights, first.weights)


def test_time_before_the_interruption_counts_for_the_budget(spots):
    store = CountingCheckpoint()
    train_until(STEPS + 2, task(*spots, epochs=10**6, max_minutes=60), store)
    facts = json.loads(str(store.arrays["facts"]))
    store.arrays["facts"] = np.asarray(json.dumps(facts | {"seconds": 3599.9}))
    resumed = train_model(task(*spots, epochs=10**6, max_minutes=60), store)
    assert resumed.ended_by == "time budget"
    assert resumed.steps == STEPS + 1
    assert resumed.seconds == pytest.approx(3600, abs=20)


def flip_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def write_other_file(path):
    np.savez(path, facts=np.asarray("{}"))


def drop_an_array(path):
    with np.load(path) as arrays:
        state = dict(arrays)
    del state["optimizer/3"]
    np.savez(path, **state)


def write_other_shape(path):
    with np.load(path) as arrays:
        state = dict(arrays)
    np.savez(path, **state | {"model/0": np.zeros((3, 3, 1, 7), np.float32)})


@pytest.mark.fault(
    "Killed", "the checkpoint is damaged, or of another network", "logged; training starts over"
)
@pytest.mark.parametrize(
    "damage", [flip_bit, cut_in_half, empty, write_other_file, drop_an_array, write_other_shape]
)
def test_unusable_checkpoint_is_refused_with_a_warning(tasks, spots, tmp_path, damage, caplog):
    """The weights are as before: all of the checkpoint is restored, or nothing."""
    from facial_keypoints.training.checkpoints import Checkpoint
    from facial_keypoints.training.models import build_training_model

    model = build_training_model(task(*spots))
    before = model.get_weights()
    path = tmp_path / "unfinished.npz"
    variables = {"model": model.variables, "optimizer": model.optimizer.variables}
    facts = {"epochs": [{"loss": 1.0}], "seconds": 1.0, "steps": 4, "budget_seconds": None}
    facts |= {"interruptions": [], "ended_by": None, "precision": "float32", "callbacks": {}}
    arrays = {
        f"{p}/{i}": np.asarray(v) + 1 for p, vs in variables.items() for i, v in enumerate(vs)
    }
    np.savez(path, facts=np.asarray(json.dumps(facts)), **arrays)
    damage(path)
    checkpoint = Checkpoint("tiny", "float32", CheckpointFile(str(path)))
    checkpoint.restore(model, None)
    assert "tiny: the checkpoint cannot be used, training starts over" in caplog.text
    assert checkpoint.epochs == checkpoint.interruptions == []
    assert_same_weights(model.get_weights(), before)


@pytest.mark.slow
@pytest.mark.fault("Killed", "the checkpoint is damaged", "logged; same result as without it")
def test_training_starts_over_from_a_damaged_checkpoint(tasks, whole, tmp_path, file, caplog):
    train_until(2 * STEPS + 2, tasks["variant"], file)
    flip_bit(tmp_path / "unfinished.npz")
    again = train_model(tasks["variant"], file)
    assert "training starts over" in caplog.text
    assert again.interruptions == []
    pd.testing.assert_frame_equal(again.history, whole["variant"].history, check_exact=True)
    assert_same_weights(again.weights, whole["variant"].weights)


@pytest.mark.fault("Disk", "full while checkpoints are written", "logged once; training continues")
def test_unsaved_checkpoints_are_reported_once(spots, tmp_path, caplog):
    (tmp_path / "no-folder").write_text("a file where the folder should be")
    file = CheckpointFile(str(tmp_path / "no-folder" / "unfinished.npz"))
    result = train_model(task(spots[0], epochs=3), file)
    assert caplog.text.count("the checkpoint of epoch 1 cannot be saved") == 1
    assert caplog.text.count("cannot be saved") == 1
    assert result.ended_by == "all epochs"


@pytest.mark.fault("Disk", "full while one checkpoint is written", "the next one is saved")
def test_checkpoint_is_saved_after_the_next_epoch(spots):
    store = FailingCheckpoint()
    train_until(4 * STEPS + 2, task(spots[0], epochs=6), store)
    assert store.saves == 4
    assert len(json.loads(str(store.arrays["facts"]))["epochs"]) == 4


@pytest.mark.fault("Training", "memory is exhausted after some epochs", "the next run resumes")
def test_training_resumes_after_memory_was_exhausted(spots, tmp_path, monkeypatch):
    import tensorflow as tf
    from spots import variant

    from facial_keypoints.training import callbacks

    class OutOfMemory(callbacks.DivergenceGuard):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    trainings = TrainingDataset(filepath=str(tmp_path / "tiny"))
    name = fingerprint(origin_of(variant(epochs=2), samples_origin(*spots)))
    store = TrainingFolderDataset(filepath=str(tmp_path / "tiny")).load().checkpoint(name)
    with monkeypatch.context() as patch:
        patch.setattr(callbacks, "DivergenceGuard", OutOfMemory)
        failed = fit_variant(variant(epochs=2), *spots, store)
    assert "memory is exhausted" in failed.failure
    trainings.save(failed)
    again = fit_variant(variant(epochs=2), *spots, store)
    assert again.record.interrupted_after_epochs == [1]
    trainings.save(again)
    assert trainings.load().failure is None
    assert not store.exists()


def test_resuming_in_another_precision_is_reported(spots, caplog):
    store = CountingCheckpoint()
    train_until(STEPS + 2, task(spots[0], epochs=2), store)
    with caplog.at_level(logging.INFO):
        train_model(task(spots[0], epochs=2, precision="mixed_bfloat16"), store)
    assert "tiny: started in float32, resumed in mixed_bfloat16" in caplog.text
    assert "tiny: resumed after epoch 1" in caplog.text
