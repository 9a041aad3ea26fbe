import time
from dataclasses import replace

import numpy as np
import pytest
from spots import (
    assert_same_weights,
    bright_spots,
    task,
)

from facial_keypoints import metrics
from facial_keypoints.parameters import RandomTransformParameters
from facial_keypoints.training import trainer
from facial_keypoints.training.models import build_trained_model
from facial_keypoints.training.trainer import train_model

pytestmark = pytest.mark.training

keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def spots():
    return bright_spots(160), bright_spots(32, seed=1)


@pytest.fixture(scope="module")
def trained(spots):
    """A variant's training of eight epochs, the last of which is not its best."""
    return train_model(task(*spots, epochs=8, learning_rate=0.01))


def model_of(result, chosen):
    return build_trained_model(chosen.architecture, chosen.settings, result.predicting_weights)


def test_network_learns_where_the_spot_is(spots, trained):
    mean = metrics.mean_face(spots[0].keypoints)
    assert trained.history["val_rmse"].min() < 0.6 * metrics.rmse(spots[1].keypoints, mean)


def test_result_describes_the_training(trained):
    history = trained.history
    assert list(history["epoch"]) == list(range(1, 9))
    assert {"loss", "rmse", "accuracy", "val_loss", "val_rmse", "val_accuracy"} < set(history)
    assert (trained.ended_by, trained.steps, trained.epochs) == ("all epochs", 80, 8)
    assert trained.best_epoch == history.loc[history["val_loss"].idxmin(), "epoch"]
    assert trained.images_per_second == pytest.approx(8 * 160 / trained.seconds)
    assert trained.failure is None


def test_best_weights_are_restored_and_figures_are_those_of_metrics(spots, trained):
    """Missing labels count neither in Keras' figures nor in ours."""
    validation = spots[1]
    model = model_of(trained, task(*spots))
    points = model.predict(validation.images, verbose=0).reshape(-1, 15, 2)
    best = trained.history.iloc[trained.best_epoch - 1]
    assert metrics.rmse(validation.keypoints, points) == pytest.approx(best["val_rmse"], rel=1e-3)
    expected = metrics.paper_accuracy(validation.keypoints, points)
    assert best["val_accuracy"] == pytest.approx(expected, abs=0.05)
    assert not model.compiled


def test_early_stopping_ends_training_that_no_longer_improves(spots):
    result = train_model(task(*spots, epochs=50, learning_rate=1e-12, early_stopping_patience=1))
    assert result.ended_by == "early stopping"
    assert result.steps < 50 * 10
    assert result.history["learning_rate"].iloc[-1] == pytest.approx(1e-12)


def test_trained_model_is_in_float32_after_mixed_precision(spots):
    mixed = task(spots[0].select(np.arange(20)), epochs=1, precision="mixed_bfloat16")
    result = train_model(mixed)
    assert result.precision == "mixed_bfloat16"
    assert model_of(result, mixed).get_layer("conv2").compute_dtype == "float32"
    assert all(array.dtype == np.float32 for array in result.weights if array.dtype.kind == "f")
    assert keras.config.dtype_policy().name == "float32"


def test_time_budget_ends_training_with_a_validated_epoch(spots):
    result = train_model(task(*spots, epochs=10**5, max_minutes=1e-6))
    assert result.ended_by == "time budget"
    assert result.steps == 1
    assert result.history["val_loss"].notna().all()
    assert all(np.isfinite(array).all() for array in result.weights)


def test_at_least_one_step_is_trained_after_the_deadline(spots):
    late = replace(task(spots[0], schedule="cosine"), deadline=time.time() - 100)
    result = train_model(late)
    assert (result.steps, result.ended_by) == (1, "time budget")
    assert all(np.isfinite(array).all() for array in result.weights)


@pytest.mark.parametrize(("epochs", "ended_by"), [(1, "all epochs"), (2, "time budget")])
def test_budget_exhausted_by_the_last_epoch_did_not_end_training(
    spots, monkeypatch, epochs, ended_by
):
    from facial_keypoints.training import callbacks

    class ExhaustedAfterAnEpoch(callbacks.TimeBudget):
        def on_epoch_end(self, epoch, logs=None):
            self._progress.budget_seconds = 1e-9
            super().on_epoch_end(epoch, logs)

    monkeypatch.setattr(callbacks, "TimeBudget", ExhaustedAfterAnEpoch)
    result = train_model(task(spots[0], epochs=epochs, max_minutes=60))
    assert (result.ended_by, result.steps) == (ended_by, 10)


def test_resumed_training_keeps_its_first_deadline(spots):
    """A later deadline, of the same command typed again, does not prolong it."""
    from facial_keypoints.training.trainer import _budget_seconds

    late = replace(task(spots[0]), deadline=time.time() + 500)
    restored = {"seconds": 30.0, "budget_seconds": 100.0}
    assert _budget_seconds(late, restored) == 100
    assert _budget_seconds(late, {}) == pytest.approx(500, abs=5)
    soon = replace(late, deadline=time.time() + 20)
    assert _budget_seconds(soon, restored) == pytest.approx(50, abs=5)
    short = replace(late, train=late.train.model_copy(update={"max_minutes": 1.0}))
    assert _budget_seconds(short, {}) == 60


def test_same_seed_gives_the_same_weights_and_another_seed_others(spots):
    few = spots[0].select(np.arange(32))
    first, same, other = (train_model(task(few, epochs=1, seed=seed)).weights for seed in (5, 5, 6))
    assert_same_weights(first, same)
    assert not np.array_equal(first[0], other[0])


def test_budget_that_is_not_reached_leaves_the_same_weights(spots):
    """Only the number of epochs decides then, whatever the clock says."""
    few = spots[0].select(np.arange(48))
    member = task(
        few,
        epochs=2,
        schedule="cosine",
        warmup_steps=2,
        ema_decay=0.9,
        augmentation=RandomTransformParameters.none().model_dump() | {"shift": 8.0},
    )
    first, second = (
        train_model(replace(member, deadline=time.time() + seconds)) for seconds in (600, 3000)
    )
    assert first.steps == second.steps == 6
    assert_same_weights(first.predicting_weights, second.predicting_weights)


def test_labels_of_weight_0_and_unknown_ones_teach_nothing(spots):
    few = spots[0].select(np.arange(16))
    plain = task(few, epochs=2, loss="huber")
    weights = plain.samples.weights.copy()
    weights[:, 3] = 0
    results = []
    for wrong in (0, 30):
        targets = few.keypoints.copy()
        targets[:, 3] += wrong
        samples = replace(plain.samples, targets=targets, weights=weights)
        results.append(train_model(replace(plain, samples=samples, train=from_zero(plain.train))))
    assert_same_weights(results[0].weights, results[1].weights)
    assert all(np.isfinite(array).all() for array in results[0].weights)


def from_zero(train):
    """The mean face is one of all labels: start without it."""
    return train.model_copy(update={"start_at_mean": False})


def test_training_continues_from_initial_weights(spots, trained):
    """An epoch at a tiny learning rate leaves the given weights almost as they are."""
    continued = replace(task(*spots, epochs=1, learning_rate=1e-9), initial_weights=trained.weights)
    result = train_model(continued)
    np.testing.assert_allclose(result.weights[0], trained.weights[0], atol=1e-6)
    assert result.history["val_rmse"][0] < 1.5 * trained.history["val_rmse"].min()


def test_fewer_samples_than_a_batch_are_one_batch(spots):
    few = spots[0].select(np.arange(5))
    result = train_model(task(few, few, epochs=1))
    assert (result.steps, result.epochs) == (1, 1.0)


def test_epochs_are_counted_as_keras_does(spots):
    """The last batch of an epoch is filled up, which makes it no longer an epoch."""
    result = train_model(task(spots[0].select(np.arange(20)), epochs=1))
    assert (result.steps, result.epochs) == (2, 1.0)


@pytest.mark.fault("Training", "loss not finite", "the training fails, with its epoch")
def test_training_with_a_loss_that_is_not_finite_fails(spots):
    result = train_model(task(*spots, epochs=3, learning_rate=1e30))
    assert "the loss became nan in epoch 1" in result.failure
    assert result.ended_by == "failure"
    assert not result.may_pass
    assert result.weights == []
    assert result.best_epoch is None


@pytest.mark.fault("Training", "loss explodes", "the training fails, with its epoch")
def test_training_with_an_exploding_loss_fails(spots):
    few = spots[0].select(np.arange(32))
    result = train_model(task(few, epochs=30, learning_rate=3000.0))
    assert "the loss became" in result.failure
    assert "nan" not in result.failure
    assert "inf" not in result.failure


@pytest.mark.parametrize("error", ["TensorFlow's", "Python's"])
def test_lack_of_memory_is_a_failure_that_may_pass(spots, monkeypatch, error):
    import tensorflow as tf

    message = "{{function_node f}} OOM when allocating tensor with shape[9,9] and type float"
    raised = {
        "TensorFlow's": tf.errors.ResourceExhaustedError(None, None, message),
        "Python's": MemoryError("OOM when allocating tensor with shape[9,9]"),
    }[error]

    def build(chosen):
        raise raised

    monkeypatch.setattr(trainer, "build_training_model", build)
    result = train_model(task(spots[0], epochs=1))
    assert "memory is exhausted (OOM when allocating tensor with shape[9,9])" in result.failure
    assert "train.batch_size" in result.failure
    assert result.may_pass
    assert result.ended_by == "failure"
    assert list(result.history["loss"]) == []


@pytest.mark.slow  # TensorFlow waits ten seconds for memory
@pytest.mark.fault("Training", "memory is exhausted", "the training fails; the next run retries")
def test_training_without_enough_memory_fails(spots):
    chosen = task(spots[0], epochs=1)
    huge = replace(chosen, settings=chosen.settings | {"dense_layers": 2, "dense_units": 10**10})
    result = train_model(huge)
    assert "memory is exhausted (OOM when allocating tensor" in result.failure
    assert result.may_pass
