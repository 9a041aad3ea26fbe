import time

import numpy as np
import pytest
from spots import bright_spots, variant

from facial_keypoints.training.variants import fit_variant

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def spots():
    return bright_spots(32), bright_spots(16, seed=1)


@pytest.fixture(scope="module")
def training(spots):
    return fit_variant(variant(epochs=2), *spots, run_id="run")


def test_record_describes_the_training(training):
    record = training.record
    assert (record.variant, record.architecture) == ("tiny", "conv_stack")
    assert (record.samples, record.epochs, record.steps) == (32, 2, 4)
    assert (record.ended_by, record.precision) == ("all epochs", "float32")
    assert record.mlflow_run_id == "run"
    assert record.size.convs == 2
    assert record.minutes > 0
    assert training.is_final
    assert not training.reused


def test_model_of_a_training_is_loaded_on_demand(training, spots):
    model = training.load_model()
    points = np.asarray(model(spots[1].images)).reshape(-1, 15, 2)
    best = training.history.loc[training.record.best_epoch - 1, "val_rmse"]
    assert np.sqrt(np.nanmean((points - spots[1].keypoints) ** 2)) == pytest.approx(best, rel=1e-3)


@pytest.mark.fault("Training", "loss not finite", "the variant fails; the record has the reason")
def test_failed_training_has_a_reason_and_no_size(spots):
    failed = fit_variant(variant(epochs=1, learning_rate=1e30), *spots)
    assert "the loss became" in failed.failure
    assert failed.record.ended_by == "failure"
    assert failed.record.size is None
    assert failed.is_final


@pytest.mark.fault("Training", "study.minutes leaves no time", "stopped; the record says so")
def test_training_past_its_deadline_is_stopped_and_may_be_trained_again(spots):
    stopped = fit_variant(variant(epochs=50), *spots, deadline=0.0)
    assert stopped.record.ended_by == "study budget"
    assert stopped.record.steps < 4
    assert not stopped.is_final
    assert stopped.failure is None


def test_training_within_its_deadline_ends_as_without(spots, training):
    timed = fit_variant(variant(epochs=2), *spots, deadline=time.time() + 3600)
    assert timed.record.ended_by == "all epochs"
    assert timed.is_final
    assert timed.history.equals(training.history)


def test_own_budget_of_a_variant_is_final(spots):
    chosen = variant(epochs=10**5, max_minutes=1e-3)
    assert fit_variant(chosen, *spots, deadline=time.time() + 3600).record.ended_by == "time budget"
