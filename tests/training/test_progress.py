import math
from types import SimpleNamespace

import pytest

keras = pytest.importorskip("keras")
progress_module = pytest.importorskip("facial_keypoints.training.progress")


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the test advances, as ``clock.now``."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(progress_module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def started(seconds=0.0, steps=0, budget_seconds=None, **options):
    progress = progress_module.Progress(**options)
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


def test_fraction_follows_the_steps_where_their_number_is_given(clock):
    """The clock must not decide on the learning rate of a budget that is never reached."""
    progress = started(budget_seconds=100, total_steps=1000)
    clock.now += 99
    assert progress.fraction == 0
    progress.steps = 10
    assert progress.fraction == 0.01


def log_of(name="5cl-3mpl", **options):
    progress = started(budget_seconds=options.pop("budget_seconds", None))
    defaults = {"first_epoch": 0, "epochs": 10, "steps_per_epoch": 4}
    return progress_module.ProgressLog(name, progress, **{**defaults, **options})


def test_epoch_is_one_line_of_70_characters_with_its_metrics(clock, caplog):
    log = log_of("15cl-5mpl-drop10", epochs=150)
    log.on_epoch_begin(11)
    clock.now += 24
    with caplog.at_level("INFO"):
        log.on_epoch_end(11, {"loss": 12.3456, "val_loss": 1.5, "val_rmse": 1.2345})
    line = "15cl-5mpl-drop10  epoch 12/150  loss 12.35  RMSE 1.234 px  5 min left"
    assert caplog.messages == [line]
    assert caplog.records[0].metrics == {"loss": 12.3456, "val_loss": 1.5, "val_rmse": 1.2345}
    assert (caplog.records[0].step, caplog.records[0].variant) == (11, "15cl-5mpl-drop10")


def test_metrics_of_a_member_are_named_after_it(clock, caplog):
    log = log_of("member 1", variant="ensemble", epochs=None, budget_seconds=80)
    with caplog.at_level("INFO"):
        log.on_epoch_end(0, {"loss": 0.5})
    assert caplog.messages == ["member 1  epoch 1  loss 0.5  80 s left"]
    assert caplog.records[0].metrics == {"member_1_loss": 0.5}
    assert caplog.records[0].variant == "ensemble"


def test_position_is_reported_twice_a_second(clock, monkeypatch):
    logged = []
    monkeypatch.setattr(
        progress_module.logger, "info", lambda *args, extra: logged.append(extra["position"])
    )
    log = log_of()
    log.on_epoch_begin(1)
    for batch in range(4):
        clock.now += 0.25
        log.on_train_batch_end(batch, {"loss": 1.0})
    log.on_train_end()
    assert [(each.epoch, each.fraction, each.ended) for each in logged] == [
        ("2/10", 0, False),
        ("2/10", 0.5, False),
        ("2/10", 1, False),
        ("", 0, True),
    ]
