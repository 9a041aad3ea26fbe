import math
from types import SimpleNamespace

import numpy as np
import pytest

from facial_keypoints.errors import TrainingFailedError

keras = pytest.importorskip("keras")
callbacks = pytest.importorskip("facial_keypoints.training.callbacks")
progress = pytest.importorskip("facial_keypoints.training.progress")


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the test advances, as ``clock.now``."""
    clock = SimpleNamespace(now=1000.0)
    for module in (callbacks, progress):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def model():
    """A model with one weight and one bias, and batch normalisation."""
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1), keras.layers.BatchNormalization()]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def started(seconds=0.0, steps=0, budget_seconds=None, **options):
    started = progress.Progress(**options)
    started.start(seconds, steps, budget_seconds)
    return started


def budget_of(seconds, validation_batches):
    budget = callbacks.TimeBudget(started(budget_seconds=seconds), validation_batches)
    budget.set_model(SimpleNamespace(stop_training=False))
    return budget


def test_slow_first_step_does_not_exhaust_the_budget(clock):
    """Building the graph takes longer than all the steps of an epoch together."""
    budget = budget_of(60, validation_batches=8)
    for step, seconds in enumerate([20.0, 4.0, *[0.5] * 68]):
        budget.on_train_batch_begin(step)
        clock.now += seconds
        budget.on_train_batch_end(step)
        if budget.exhausted:
            break
    # 60 s, less a step and 8 validation batches at 0.4 of a step
    assert clock.now - 1000 == pytest.approx(60 - 0.5 * (1 + 8 * 0.4), abs=0.5)
    assert budget.model.stop_training


def test_no_epoch_starts_after_a_validation_that_took_too_long(clock):
    budget = budget_of(60, validation_batches=8)
    for step in range(4):
        budget.on_train_batch_begin(step)
        clock.now += 1
        budget.on_train_batch_end(step)
    assert not budget.exhausted
    budget.on_test_begin()
    clock.now += 30
    budget.on_test_end()
    budget.on_epoch_end(0)
    assert budget.exhausted  # 26 s remain, and a validation takes 30
    assert budget.model.stop_training


def test_training_without_validation_uses_the_whole_budget(clock):
    budget = budget_of(10, validation_batches=0)
    for step in range(100):
        budget.on_train_batch_begin(step)
        clock.now += 0.5
        budget.on_train_batch_end(step)
        if budget.exhausted:
            break
    assert 9 <= clock.now - 1000 <= 10


def rates(schedule, so_far, steps):
    values = []
    for step in range(steps):
        so_far.steps = step
        schedule.on_train_batch_begin(step)
        values.append(float(schedule.model.optimizer.learning_rate))
    return np.asarray(values)


def test_cosine_schedule_rises_and_falls(model):
    so_far = started(total_steps=100)
    schedule = callbacks.CosineSchedule(so_far, peak=0.1, warmup_steps=10)
    schedule.set_model(model)
    found = rates(schedule, so_far, 100)
    assert found[0] == pytest.approx(0.01, rel=0.01)
    assert (np.diff(found[:10]) > 0).all()
    assert (np.diff(found[10:-1]) < 0).all()
    assert found[50] == pytest.approx(0.05, rel=1e-5)
    assert found[-1] == pytest.approx(1e-4)  # a thousandth of the peak, not zero


def test_cosine_schedule_continues_within_its_span(model):
    """A member that starts from a first-stage model has that part of the cosine behind it."""
    so_far = started(total_steps=100, span=(0.5, 1.0))
    schedule = callbacks.CosineSchedule(so_far, peak=0.1, warmup_steps=1)
    schedule.set_model(model)
    assert rates(schedule, so_far, 1)[0] == pytest.approx(0.05)


def test_cooldown_lowers_the_rate_over_the_last_part_of_the_budget(model, clock):
    so_far = started(budget_seconds=100)
    cooldown = callbacks.Cooldown(so_far, seconds=40)
    cooldown.set_model(model)
    found = []
    for _ in range(4):
        cooldown.on_train_batch_begin(0)
        found.append(float(model.optimizer.learning_rate))
        clock.now += 30
    np.testing.assert_allclose(found, [0.01, 0.01, 0.01, 0.01 * 10 / 40], rtol=1e-5)
    assert cooldown.full_rate == pytest.approx(0.01)


def test_averages_follow_all_weights_with_a_rising_decay(model):
    """Also the moments of batch normalisation, which Keras' own average leaves out."""
    so_far = started()
    average = callbacks.ExponentialMovingAverage(so_far, decay=0.5)
    average.build(model)
    expected = [np.asarray(variable) for variable in model.variables]
    assert any("moving" in variable.name for variable in model.variables)
    assert len(average.variables) == len(model.variables)
    random = np.random.default_rng(0)
    for step in range(20):
        average.on_train_batch_begin(step)
        model.set_weights([random.normal(size=w.shape) for w in model.get_weights()])
        so_far.steps += 1
        average.on_train_batch_end(step)
        decay = min(0.5, (2 + step) / (11 + step))
        now = [np.asarray(variable) for variable in model.variables]
        expected = [decay * e + (1 - decay) * n for e, n in zip(expected, now, strict=True)]
    assert (1 + 1) / (10 + 1) < 0.5 < (1 + 20) / (10 + 20)  # both sides of the ramp
    for variable, value in zip(average.variables, expected, strict=True):
        np.testing.assert_allclose(np.asarray(variable), value, rtol=1e-4, atol=1e-6)


def test_averages_move_as_far_where_several_steps_are_one_callback(model):
    so_far = started(steps=100)
    average = callbacks.ExponentialMovingAverage(so_far, decay=0.9)
    average.build(model)
    before = [np.asarray(variable) for variable in average.variables]
    average.on_train_batch_begin(0)
    model.set_weights([w + 1 for w in model.get_weights()])
    so_far.steps += 4
    average.on_train_batch_end(3)
    for variable, value in zip(average.variables, before, strict=True):
        if np.asarray(value).size:
            np.testing.assert_allclose(np.asarray(variable), value + 1 - 0.9**4, rtol=1e-4)


def guard_at(epoch):
    guard = callbacks.DivergenceGuard()
    guard.on_epoch_begin(epoch)
    return guard


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (math.nan, "the loss became nan in epoch 3, step 11"),
        (math.inf, "the loss became inf in epoch 3, step 11"),
        (1e6, r"the loss became 1e\+06 in epoch 3, step 11"),
    ],
)
def test_diverged_loss_is_found_within_an_epoch(loss, message):
    guard = guard_at(2)
    guard.on_train_batch_end(10, {"loss": 9e5})
    guard.on_train_batch_end(11, {"loss": loss})  # is not looked at: that waits for the device
    with pytest.raises(TrainingFailedError, match=f"^{message}$"):
        guard.on_train_batch_end(10, {"loss": loss})


def test_diverged_validation_loss_is_found_after_an_epoch():
    guard = guard_at(0)
    guard.on_epoch_end(0, {"loss": 1.0, "val_loss": 1e9})  # large, but may still fall
    with pytest.raises(TrainingFailedError, match=r"^the validation loss became nan in epoch 1$"):
        guard.on_epoch_end(0, {"loss": 1.0, "val_loss": math.nan})
