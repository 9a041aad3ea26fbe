import keras
import numpy as np
import pytest
import tensorflow as tf
from facial_keypoints.models.losses import (
    MaskedMeanSquaredError,
    PaperAccuracy,
    RootMeanSquaredError,
)

from facial_keypoints import metrics


@pytest.fixture
def coordinates():
    generator = np.random.default_rng(3)
    truth = generator.uniform(0, 96, (12, 30)).astype(np.float32)
    predicted = truth + generator.normal(0, 3, truth.shape).astype(np.float32)
    truth[4:] = np.where(np.repeat(generator.random((8, 15)) < 0.5, 2, axis=1), np.nan, truth[4:])
    return truth, predicted


def test_loss_is_the_mean_over_known_coordinates(coordinates):
    truth, predicted = coordinates
    expected = np.nanmean(np.square(predicted - truth))
    assert float(MaskedMeanSquaredError()(truth, predicted)) == pytest.approx(expected, rel=1e-5)


def test_missing_labels_do_not_poison_the_gradient(coordinates):
    truth, predicted = coordinates
    answer = tf.Variable(predicted)
    with tf.GradientTape() as tape:
        loss = MaskedMeanSquaredError()(truth, answer)
    gradient = tape.gradient(loss, answer).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient[np.isnan(truth)] == 0).all()
    assert (gradient[~np.isnan(truth)] != 0).all()


def test_a_batch_without_any_label_costs_nothing():
    truth = np.full((2, 30), np.nan, dtype=np.float32)
    assert float(MaskedMeanSquaredError()(truth, np.ones_like(truth))) == 0


def test_metrics_over_batches_agree_with_those_over_all(coordinates):
    truth, predicted = coordinates
    rmse, accuracy = RootMeanSquaredError(), PaperAccuracy()
    for rows in (slice(0, 5), slice(5, 12)):
        rmse.update_state(truth[rows], predicted[rows])
        accuracy.update_state(truth[rows], predicted[rows])
    points = truth.reshape(-1, 15, 2), predicted.reshape(-1, 15, 2)
    assert float(rmse.result()) == pytest.approx(metrics.rmse(*points), rel=1e-5)
    assert float(accuracy.result()) == pytest.approx(metrics.paper_accuracy(*points))


def test_accuracy_is_what_keras_makes_of_the_word(coordinates):
    truth, predicted = coordinates[0][:4], coordinates[1][:4]  # the complete rows
    keras_accuracy = keras.metrics.CategoricalAccuracy()
    keras_accuracy.update_state(truth, predicted)
    ours = PaperAccuracy()
    ours.update_state(truth, predicted)
    assert float(ours.result()) == float(keras_accuracy.result())
