import logging
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from parameters import section
from spots import bright_spots, variant
from stores import MemoryStore

from facial_keypoints.metrics import mean_face
from facial_keypoints.parameters import StudyParameters
from facial_keypoints.pipelines.train.nodes import (
    draw_learning_curve,
    estimate_training_time,
    train_variant,
)
from facial_keypoints.training.precision import choose_precision, processor_has_bfloat16
from facial_keypoints.training.records import Training
from facial_keypoints.training.session import Session
from facial_keypoints.training.trainer import fit_variant, seconds_per_step


@pytest.fixture(scope="module")
def spots():
    return bright_spots(160), bright_spots(32, seed=1)


def test_a_net_learns_where_the_spot_is(spots):
    training = fit_variant(variant(epochs=12, learning_rate=0.005), *spots, callbacks=[])
    curve = training.history
    assert list(curve["epoch"]) == list(range(1, 13))
    still = np.sqrt(np.nanmean((spots[1].keypoints - mean_face(spots[0].keypoints)) ** 2))
    assert curve["val_rmse"].min() < 0.6 * still
    assert training.record["ended_by"] == "all epochs"
    assert training.record["steps"] == 12 * 10
    assert training.record["best_epoch"] == curve.loc[curve["val_loss"].idxmin(), "epoch"]


def test_the_best_weights_are_kept_and_the_model_is_not_compiled(spots):
    train, validation = spots
    training = fit_variant(variant(epochs=4, learning_rate=0.02), train, validation, callbacks=[])
    points = training.load_model().predict(validation.images, verbose=0).reshape(-1, 15, 2)
    rmse = np.sqrt(np.nanmean((points - validation.keypoints) ** 2))
    assert rmse == pytest.approx(training.history["val_rmse"].min(), rel=1e-3)
    assert not training.load_model().compiled


def test_a_net_trained_in_mixed_precision_answers_in_float32(spots):
    mixed = variant(epochs=1, precision="mixed_bfloat16")
    training = fit_variant(mixed, *spots, callbacks=[])
    assert training.record["precision"] == "mixed_bfloat16"
    assert training.load_model().get_layer("conv2").compute_dtype == "float32"


def test_a_time_budget_ends_training_with_a_valid_model(spots):
    budget_minutes = 4 / 60
    training = fit_variant(
        variant(epochs=100_000, max_minutes=budget_minutes, early_stopping_patience=100_000),
        *spots,
        callbacks=[],
    )
    assert training.record["ended_by"] == "time budget"
    assert 0 < training.record["epochs"] < 100_000
    assert training.history["val_loss"].notna().all()
    assert np.isfinite(training.load_model().predict(spots[1].images, verbose=0)).all()


def test_a_slow_first_step_does_not_use_the_budget_up(monkeypatch):
    """Building the graph takes longer than all the steps of an epoch together."""
    from facial_keypoints.training import callbacks

    now = [0.0]
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])
    budget = callbacks.TimeBudget(started=0.0, minutes=1.0, validation_batches=8)
    budget.set_model(SimpleNamespace(stop_training=False))
    for step, seconds in enumerate([20.0, 4.0, *[0.5] * 68]):
        budget.on_train_batch_begin(step)
        now[0] += seconds
        budget.on_train_batch_end(step)
        if budget.ran_out:
            break
    # 60 s, less a step and 8 validation batches at 0.4 of a step
    assert now[0] == pytest.approx(60 - 0.5 * (1 + 8 * 0.4), abs=0.5)
    assert budget.model.stop_training


def test_no_epoch_begins_after_a_validation_that_took_too_long(monkeypatch):
    from facial_keypoints.training import callbacks

    now = [0.0]
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])
    budget = callbacks.TimeBudget(started=0.0, minutes=1.0, validation_batches=8)
    budget.set_model(SimpleNamespace(stop_training=False))
    for step in range(4):
        budget.on_train_batch_begin(step)
        now[0] += 1
        budget.on_train_batch_end(step)
    assert not budget.ran_out
    budget.on_test_begin()
    now[0] += 30
    budget.on_test_end()
    budget.on_epoch_end(0)
    assert budget.ran_out  # 26 s are left, and a validation takes 30
    assert budget.model.stop_training


def test_a_budget_that_runs_out_with_the_last_epoch_did_not_end_training(spots):
    from facial_keypoints.training import callbacks

    class RunsOutInTheEnd(callbacks.TimeBudget):
        def on_epoch_end(self, epoch, logs=None):
            self.deadline = 0.0
            super().on_epoch_end(epoch, logs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callbacks, "TimeBudget", RunsOutInTheEnd)
        one = fit_variant(variant(epochs=1, max_minutes=60), *spots, callbacks=[])
        two = fit_variant(variant(epochs=2, max_minutes=60), *spots, callbacks=[])
    assert one.record["ended_by"] == "all epochs"
    assert two.record["ended_by"] == "time budget"
    assert two.record["epochs"] == 1


def test_early_stopping_ends_training_that_no_longer_improves(spots):
    stuck = variant(epochs=50, learning_rate=1e-12, early_stopping_patience=1)
    training = fit_variant(stuck, *spots, callbacks=[])
    assert training.record["ended_by"] == "early stopping"
    assert training.record["epochs"] < 50


def test_the_cooldown_lets_the_learning_rate_fall():
    import keras

    from facial_keypoints.training.callbacks import Cooldown

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    early, late = (Cooldown(time.monotonic() + left, 100.0) for left in (1000.0, 50.0))
    for callback in (early, late):
        callback.set_model(model)
    early.on_train_batch_begin(0)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    late.on_train_batch_begin(0)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.005, rel=0.01)


def test_the_same_seed_gives_the_same_weights(spots):
    weights = [
        fit_variant(variant(epochs=1, deterministic=True, seed=seed), *spots, callbacks=[])
        .load_model()
        .get_layer("coordinates")
        .get_weights()[0]
        for seed in (5, 5, 6)
    ]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_a_set_smaller_than_a_batch_trains(spots):
    few = spots[0].select(np.arange(5))
    training = fit_variant(variant(epochs=1), few, few, callbacks=[])
    assert training.record["steps"] == 1


def estimate(spots, earlier=None, **variants):
    given = {f"{name}.parameters": chosen.model_dump() for name, chosen in variants.items()}
    given |= {f"{n}.training_store": MemoryStore((earlier or {}).get(n, {})) for n in variants}
    return estimate_training_time(*spots, section(StudyParameters), **given)


def test_the_estimate_is_measured_and_bounded_by_the_budget(spots):
    found = estimate(spots, a=variant(epochs=10), b=variant(epochs=10, max_minutes=1e-9))
    assert list(found["minutes"]) == ["a", "b"]
    assert found["minutes"]["b"] == pytest.approx(1e-9)
    seconds = 10 * len(spots[0]) / found["measured_images_per_second"]["a"]
    expected = (found["set_up_seconds"] + seconds) / 60
    assert found["minutes"]["a"] == pytest.approx(expected)
    assert found["total_minutes"] == pytest.approx(sum(found["minutes"].values()))


def test_of_many_variants_three_are_measured_and_the_others_lie_between(spots, monkeypatch):
    from facial_keypoints.pipelines.train import nodes

    asked = []

    def seconds(variant, train):
        asked.append(variant.settings["convs"])
        return 16 * float(variant.settings["convs"])

    monkeypatch.setattr(nodes, "seconds_per_step", seconds)
    variants = {f"c{n}": variant(epochs=1) for n in (1, 2, 3, 4, 5)}
    for n, one in enumerate(variants.values(), start=1):
        one.settings.update(convs=n, pools=0)
    minutes = estimate(spots, **variants)["minutes"]
    assert sorted(asked) == [1, 3, 5]
    assert sorted(minutes.values()) == list(minutes.values())
    assert minutes["c1"] < minutes["c2"] < minutes["c3"] < minutes["c4"] < minutes["c5"]


@pytest.mark.fault("Stale results", "nothing has changed", "reused, and said so")
def test_what_is_trained_already_is_neither_timed_nor_trained(spots, caplog, monkeypatch):
    from facial_keypoints.pipelines.train import nodes

    caplog.set_level(logging.INFO)
    how = variant(epochs=1)
    study = section(StudyParameters)
    first = train_variant(*spots, {}, how, study, MemoryStore(), Session(0.0))
    again = how.model_copy(update={"name": "another-name"})
    earlier = {first.fingerprint: first}
    found = estimate(spots, {"a": earlier}, a=again)
    assert found["minutes"] == {}
    assert found["already_trained"] == ["a"]
    monkeypatch.setattr(nodes, "fit_variant", None)
    assert train_variant(*spots, {}, again, study, MemoryStore(earlier), Session(0.0)) is first
    assert "reused" in caplog.text


@pytest.mark.fault(
    "Stale results", "settings, seed, data or switch have changed", "trained again, and said why"
)
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"train": {"epochs": 2}}, "train.epochs 1, now 2"),
        ({"train": {"seed": 7}}, "train.seed 0, now 7"),
        ({"settings": {"convs": 5}}, "settings.convs 6, now 5"),
        ({"data": 1}, "other training samples"),
        ({"study": {"reuse": False}}, "study.reuse is false"),
    ],
)
def test_what_is_made_from_something_else_is_trained_again(
    spots, caplog, monkeypatch, change, told
):
    from facial_keypoints.pipelines.train import nodes

    caplog.set_level(logging.INFO)
    record = {"minutes": 0.0, "epochs": 1, "ended_by": "all epochs", "best_epoch": 1}
    monkeypatch.setattr(
        nodes, "fit_variant", lambda *_: Training(dict(record), pd.DataFrame(), lambda: None)
    )
    how = variant(epochs=1)
    train, validation = spots
    first = train_variant(
        train, validation, {}, how, section(StudyParameters), MemoryStore(), Session(0.0)
    )
    changed = how.model_copy(
        update={
            "train": how.train.model_copy(update=change.get("train", {})),
            "settings": how.settings | change.get("settings", {}),
        }
    )
    if "data" in change:
        train = train.select(np.arange(len(train) - change["data"]))
    study = section(StudyParameters, **change.get("study", {}))
    second = train_variant(
        train, validation, {}, changed, study, MemoryStore({first.fingerprint: first}), Session(0.0)
    )
    assert second is not first
    assert (second.fingerprint == first.fingerprint) == ("study" in change)
    assert f"trained again: {told}" in caplog.text


def test_a_study_of_days_is_warned_of(spots, caplog):
    estimate(spots, a=variant(epochs=10**9))
    assert any("Ctrl-C now" in record.message for record in caplog.records)


def test_timing_leaves_the_precision_as_it_was(spots):
    import keras

    seconds_per_step(variant(precision="mixed_bfloat16"), spots[0])
    assert keras.config.dtype_policy().name == "float32"


def test_precision_is_asked_for_or_chosen(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags\t\t: fpu avx512_bf16 sse\n")
    assert processor_has_bfloat16(cpuinfo)
    cpuinfo.write_text("flags\t\t: fpu sse avx2\n")
    assert not processor_has_bfloat16(cpuinfo)
    assert not processor_has_bfloat16(tmp_path / "nowhere")
    assert choose_precision("float32") == ("float32", "as asked")
    assert choose_precision("auto")[0] in {"float32", "mixed_bfloat16"}
    with pytest.raises(ValueError, match="unknown precision"):
        choose_precision("half")


@pytest.mark.parametrize(
    ("capabilities", "chosen"),
    [
        ([(9, 0)], "mixed_bfloat16"),
        ([(8, 0), (8, 6)], "mixed_bfloat16"),
        ([(8, 0), (7, 5)], "float32"),
        ([None], "float32"),  # no Nvidia GPU, or one that does not tell
    ],
)
def test_bfloat16_is_chosen_where_every_gpu_multiplies_it(monkeypatch, capabilities, chosen):
    import tensorflow as tf

    def details(gpu):
        return {} if gpu is None else {"compute_capability": gpu}

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: capabilities)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details)
    assert choose_precision("auto")[0] == chosen


def test_the_learning_curve_shows_training_and_validation():
    history = pd.DataFrame(
        {"epoch": [1, 2], "loss": [9.0, 4.0], "val_loss": [10.0, 5.0]}
        | {"accuracy": [0.1, 0.5], "val_accuracy": [0.1, 0.4]}
    )
    axes = draw_learning_curve(Training({}, history, lambda: None), variant()).axes
    assert [line.get_ydata().tolist() for line in axes[0].lines] == [[9.0, 4.0], [10.0, 5.0]]
    assert [line.get_ydata().tolist() for line in axes[1].lines] == [[0.1, 0.5], [0.1, 0.4]]
