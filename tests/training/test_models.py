import numpy as np
import pytest
from spots import bright_spots, task

from facial_keypoints import metrics
from facial_keypoints.training.keras_session import keras_session
from facial_keypoints.training.models import build_training_model


@pytest.fixture(scope="module")
def faces():
    return bright_spots(64)


def test_training_starts_at_the_mean_face(faces):
    chosen = task(faces)
    with keras_session(chosen.train, "float32"):
        bias = build_training_model(chosen).get_layer("coordinates").get_weights()[1]
    np.testing.assert_allclose(bias.reshape(15, 2), metrics.mean_face(faces.keypoints))


def test_huber_loss_is_linear_for_far_labels(faces):
    chosen = task(faces, loss="huber", huber_delta=2.0)
    with keras_session(chosen.train, "float32"):
        model = build_training_model(chosen)
    truth = np.array([[[10.0, 1.5], [0, 0]]])
    predicted = np.array([[[40.0, 1.0], [50, 50]]])
    loss = model.loss(truth, predicted, sample_weight=np.array([[1.0, 0.0]]))
    # of the mean over x and y: 2 (30 - 1) and 0.5²/2
    assert float(loss) == pytest.approx((2 * (30 - 1) + 0.125) / 2)


def test_loss_is_the_mean_over_known_labels(faces):
    """So that a batch with few labels counts no less than one with many."""
    chosen = task(faces)
    with keras_session(chosen.train, "float32"):
        model = build_training_model(chosen)
    random = np.random.default_rng(3)
    truth = random.uniform(0, 96, (12, 15, 2)).astype(np.float32)
    predicted = truth + random.normal(0, 3, truth.shape).astype(np.float32)
    truth[random.random((12, 15)) < 0.5] = np.nan
    known = np.isfinite(truth).all(axis=2)
    loss = model.loss(np.nan_to_num(truth), predicted, sample_weight=known.astype(np.float32))
    assert float(loss) == pytest.approx(np.nanmean(np.square(predicted - truth)), rel=1e-5)
    assert float(model.loss(truth * 0, predicted, sample_weight=np.zeros((12, 15)))) == 0
