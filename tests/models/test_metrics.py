import numpy as np
import pytest

from facial_keypoints import metrics

keras = pytest.importorskip("keras")


@pytest.fixture
def points():
    """Keypoints (12, 15, 2) of which the last eight faces lack some, and predictions."""
    generator = np.random.default_rng(3)
    truth = generator.uniform(0, 96, (12, 15, 2)).astype(np.float32)
    predicted = truth + generator.normal(0, 3, truth.shape).astype(np.float32)
    truth[4:][generator.random((8, 15)) < 0.5] = np.nan
    return truth, predicted


def paper_accuracy_of(batches):
    from facial_keypoints.models.metrics import PaperAccuracy

    metric = PaperAccuracy()
    for truth, predicted in batches:
        known = np.isfinite(truth).all(axis=2)
        metric.update_state(np.nan_to_num(truth), predicted, known.astype(np.float32))
    return float(metric.result())


def test_accuracy_over_batches_equals_that_over_all(points):
    truth, predicted = points
    found = paper_accuracy_of([(truth[:5], predicted[:5]), (truth[5:], predicted[5:])])
    assert found == pytest.approx(metrics.paper_accuracy(truth, predicted))
    assert 0 < found < 1


def test_accuracy_is_keras_categorical_accuracy(points):
    """What Keras computes for the string "accuracy", which the paper reports."""
    truth, predicted = (each[:4] for each in points)  # the complete faces
    expected = keras.metrics.CategoricalAccuracy()
    expected.update_state(truth.reshape(4, 30), predicted.reshape(4, 30))
    assert paper_accuracy_of([(truth, predicted)]) == float(expected.result())


def test_accuracy_without_weights_counts_all_faces(points):
    from facial_keypoints.models.metrics import PaperAccuracy

    truth, predicted = (each[:4] for each in points)
    metric = PaperAccuracy()
    metric.update_state(truth, predicted)
    assert float(metric.result()) == pytest.approx(metrics.paper_accuracy(truth, predicted))


def test_accuracy_without_a_complete_face_is_zero(points):
    truth, predicted = points
    assert paper_accuracy_of([(np.full_like(truth, np.nan), predicted)]) == 0
    assert paper_accuracy_of([]) == 0


def test_rmse_of_keras_with_weights_is_that_over_known_labels(points):
    truth, predicted = points
    metric = keras.metrics.RootMeanSquaredError()
    for rows in (slice(0, 5), slice(5, 12)):
        known = np.isfinite(truth[rows]).all(axis=2).astype(np.float32)
        metric.update_state(np.nan_to_num(truth[rows]), predicted[rows], known)
    assert float(metric.result()) == pytest.approx(metrics.rmse(truth, predicted), rel=1e-5)


def test_missing_labels_do_not_affect_the_gradient(points):
    tf = pytest.importorskip("tensorflow")
    truth, predicted = points
    known = np.isfinite(truth).all(axis=2)
    loss = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    variable = tf.Variable(predicted)
    with tf.GradientTape() as tape:
        value = loss(np.nan_to_num(truth), variable, sample_weight=known.astype(np.float32))
    gradient = tape.gradient(value, variable).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient[~known] == 0).all()
    assert (gradient[known] != 0).all()


def test_batch_without_any_label_has_a_loss_of_zero(points):
    truth, predicted = points
    loss = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    assert float(loss(truth * 0, predicted, sample_weight=np.zeros((12, 15)))) == 0
