import math
from types import SimpleNamespace

import numpy as np
import pytest

from facial_keypoints.errors import TrainingFailedError
from facial_keypoints.training import interruption

keras = pytest.importorskip("keras")
callbacks = pytest.importorskip("facial_keypoints.training.callbacks")


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the test advances, as ``clock.now``."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: clock.now))
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
    progress = callbacks.Progress(**options)
    progress.start(seconds, steps, budget_seconds)
    return progress


def test_progress_counts_steps_and_time_of_earlier_sessions(clock):
    progress = started(seconds=20, steps=8, budget_seconds=60)
    progress.on_epoch_begin(2)
    for batch in range(4):
        progress.on_train_batch_end(batch)
        clock.now += 5
    progress.on_epoch_begin(3)
    progress.on_train_batch_end(0)
    assert progress.steps == 13
    assert progress.seconds == 40
    assert progress.remaining_seconds == 20
    clock.now += 100
    assert progress.remaining_seconds == 0


def test_progress_counts_several_steps_per_callback(clock):
    """Keras calls back once for ``steps_per_execution`` steps, with the last one's number."""
    progress = started()
    progress.on_epoch_begin(0)
    for batch in (3, 7):
        progress.on_train_batch_end(batch)
    assert progress.steps == 8


def test_progress_without_budget_never_runs_out(clock):
    assert started().remaining_seconds == math.inf
    assert started().fraction == 0
    assert started(steps=5, total_steps=20).fraction == 0.25


def test_fraction_follows_the_clock_where_only_time_ends_training(clock):
    progress = started(budget_seconds=100)
    clock.now += 25
    assert progress.fraction == 0.25
    clock.now += 1000
    assert progress.fraction == 1


def test_fraction_is_within_the_span(clock):
    assert started(steps=5, total_steps=10, span=(0.2, 1.0)).fraction == pytest.approx(0.6)


def test_fraction_follows_the_steps_while_time_is_no_bound(clock):
    """The start of a training takes longer than its steps, and must not count."""
    progress = started(budget_seconds=100, total_steps=1000)
    clock.now += 15
    assert progress.fraction == 0
    progress.steps = 10
    assert progress.fraction == 0.01
    clock.now += 45
    assert progress.fraction == pytest.approx(0.5)  # now the clock is ahead
    clock.now += 40
    assert progress.fraction == 1


def test_interrupt_lost_in_a_destructor_ends_training_at_the_next_step(monkeypatch):
    progress = started()
    interruption._asked.set()
    try:
        with pytest.raises(KeyboardInterrupt):
            progress.on_train_batch_end(0)
    finally:
        interruption._asked.clear()


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


def rates(schedule, progress, steps):
    values = []
    for step in range(steps):
        progress.steps = step
        schedule.on_train_batch_begin(step)
        values.append(float(schedule.model.optimizer.learning_rate))
    return np.asarray(values)


def test_cosine_schedule_rises_and_falls(model):
    progress = started(total_steps=100)
    schedule = callbacks.CosineSchedule(progress, peak=0.1, warmup_steps=10)
    schedule.set_model(model)
    found = rates(schedule, progress, 100)
    assert found[0] == pytest.approx(0.01, rel=0.01)
    assert (np.diff(found[:10]) > 0).all()
    assert (np.diff(found[10:-1]) < 0).all()
    assert found[50] == pytest.approx(0.05, rel=1e-5)
    assert found[-1] == pytest.approx(1e-4)  # a thousandth of the peak, not zero


def test_cosine_schedule_continues_within_its_span(model):
    """A member that starts from a first-stage model has that part of the cosine behind it."""
    progress = started(total_steps=100, span=(0.5, 1.0))
    schedule = callbacks.CosineSchedule(progress, peak=0.1, warmup_steps=1)
    schedule.set_model(model)
    assert rates(schedule, progress, 1)[0] == pytest.approx(0.05)


def test_cooldown_lowers_the_rate_over_the_last_part_of_the_budget(model, clock):
    progress = started(budget_seconds=100)
    cooldown = callbacks.Cooldown(progress, seconds=40)
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
    progress = started()
    average = callbacks.ExponentialMovingAverage(progress, decay=0.5)
    average.build(model)
    expected = [np.asarray(variable) for variable in model.variables]
    assert any("moving" in variable.name for variable in model.variables)
    assert len(average.variables) == len(model.variables)
    random = np.random.default_rng(0)
    for step in range(20):
        average.on_train_batch_begin(step)
        model.set_weights([random.normal(size=w.shape) for w in model.get_weights()])
        progress.steps += 1
        average.on_train_batch_end(step)
        decay = min(0.5, (2 + step) / (11 + step))
        now = [np.asarray(variable) for variable in model.variables]
        expected = [decay * e + (1 - decay) * n for e, n in zip(expected, now, strict=True)]
    assert (1 + 1) / (10 + 1) < 0.5 < (1 + 20) / (10 + 20)  # both sides of the ramp
    for variable, value in zip(average.variables, expected, strict=True):
        np.testing.assert_allclose(np.asarray(variable), value, rtol=1e-4, atol=1e-6)


def test_averages_move_as_far_where_several_steps_are_one_callback(model):
    progress = started(steps=100)
    average = callbacks.ExponentialMovingAverage(progress, decay=0.9)
    average.build(model)
    before = [np.asarray(variable) for variable in average.variables]
    average.on_train_batch_begin(0)
    model.set_weights([w + 1 for w in model.get_weights()])
    progress.steps += 4
    average.on_train_batch_end(3)
    for variable, value in zip(average.variables, before, strict=True):
        if np.asarray(value).size:
            np.testing.assert_allclose(np.asarray(variable), value + 1 - 0.9**4, rtol=1e-4)


def test_stopwatch_measures_after_the_first_steps(model, clock):
    stopwatch = callbacks.Stopwatch(seconds=5)
    stopwatch.set_model(model)
    model.stop_training = False
    for batch, seconds in enumerate([30, 3, 1, 1, 1, 1, 1, 1]):
        assert not model.stop_training
        clock.now += seconds
        stopwatch.on_train_batch_end(batch, {"loss": 1.0})
        if model.stop_training:
            break
    assert stopwatch.set_up_seconds == 33
    assert stopwatch.seconds_per_step == 1
    assert batch == 6


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
    with pytest.raises(TrainingFailedError, match="^the validation loss became nan in epoch 1$"):
        guard.on_epoch_end(0, {"loss": 1.0, "val_loss": math.nan})


def log_of(name="5cl-3mpl", **options):
    progress = started(budget_seconds=options.pop("budget_seconds", None))
    defaults = {"first_epoch": 0, "epochs": 10, "steps_per_epoch": 4}
    return callbacks.ProgressLog(name, progress, **{**defaults, **options})


def test_epoch_is_logged_with_its_figures_as_metrics(clock, caplog):
    log = log_of(best=5.0)
    log.on_epoch_begin(0)
    clock.now += 30
    figures = {"loss": 9.0, "val_loss": 4.0, "val_rmse": 2.0}
    with caplog.at_level("INFO"):
        log.on_epoch_end(0, figures)
        log.on_epoch_begin(1)
        log.on_epoch_end(1, figures | {"val_loss": 4.5})
    first, second = caplog.records
    assert first.getMessage().split("  ") == [
        "5cl-3mpl",
        "epoch 1/10",
        "loss 9.000",
        "validation 4.000 (best)",
        "RMSE 2.000 px",
        "30 s",
        "about 4 min remaining",
    ]
    assert (first.metrics, first.step, first.variant) == (figures, 0, "5cl-3mpl")
    assert "(best)" not in second.getMessage()


def test_metrics_of_a_member_are_named_after_it(caplog):
    log = log_of("member 1", variant="ensemble", epochs=None, budget_seconds=90)
    log.on_epoch_begin(4)
    with caplog.at_level("INFO"):
        log.on_epoch_end(4, {"loss": 9.0})
    (record,) = caplog.records
    assert record.getMessage().startswith("member 1  epoch 5  loss 9.000")
    assert record.getMessage().endswith("about 90 s remaining")
    assert (record.metrics, record.step) == ({"member_1_loss": 9.0}, 4)
    assert record.variant == "ensemble"


def test_long_epochs_are_logged_every_half_minute(clock, caplog):
    log = log_of()
    log.on_epoch_begin(0)
    with caplog.at_level("INFO"):
        for batch in range(4):
            clock.now += 20
            log.on_train_batch_end(batch, {"loss": 3.0})
    assert [record.getMessage().split("  ")[2] for record in caplog.records] == [
        "step 2/4",
        "step 4/4",
    ]
