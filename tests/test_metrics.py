import math

import numpy as np
import pytest

from facial_keypoints import metrics
from facial_keypoints.keypoints import KEYPOINTS, LEFT_EYE, RIGHT_EYE

NOSE = KEYPOINTS.index("nose_tip")


@pytest.fixture
def truth():
    """Labels of two faces: every keypoint at (40, 50), eye centres 20 px apart."""
    points = np.full((2, 15, 2), (40, 50), dtype=np.float32)
    points[:, LEFT_EYE] = 60, 30
    points[:, RIGHT_EYE] = 40, 30
    return points


def test_errors_of_one_displaced_keypoint(truth):
    predicted = truth.copy()
    predicted[0, NOSE] += (3, 4)  # 5 px away
    assert metrics.mse(truth, predicted) == pytest.approx(25 / 60)
    assert metrics.rmse(truth, predicted) == pytest.approx(math.sqrt(25 / 60))
    per_keypoint = metrics.rmse_per_keypoint(truth, predicted)
    assert per_keypoint["nose_tip"] == pytest.approx(math.sqrt(25 / 4))
    assert sum(per_keypoint.values()) == per_keypoint["nose_tip"]
    assert metrics.distances(truth, predicted)[0, NOSE] == pytest.approx(5)
    np.testing.assert_allclose(metrics.nme_per_face(truth, predicted), [5 / 15 / 20, 0], rtol=1e-6)
    assert metrics.nme(truth, predicted) == pytest.approx(5 / 15 / 20 / 2)


def test_missing_labels_and_masked_keypoints_do_not_count(truth):
    predicted = truth + 1
    predicted[0, 3] += 100
    predicted[1, 4] += 100
    truth[0, 3, 0] = np.nan  # half a label is none
    mask = np.ones((2, 15), bool)
    mask[1, 4] = False
    assert metrics.mse(truth, predicted, mask) == pytest.approx(1)
    assert metrics.rmse_per_keypoint(truth, predicted, mask)[KEYPOINTS[4]] == pytest.approx(1)
    errors = metrics.distances(truth, predicted, mask)
    assert np.isnan(errors[[0, 1], [3, 4]]).all()
    assert np.nanmax(errors) == pytest.approx(math.sqrt(2))
    np.testing.assert_allclose(
        metrics.nme_per_face(truth, predicted, mask), [math.sqrt(2) / 20] * 2, rtol=1e-5
    )


def test_without_counted_keypoints_every_metric_is_nan_without_a_warning(truth, recwarn):
    nothing = np.zeros((2, 15), bool)
    for figure in (metrics.mse, metrics.rmse, metrics.nme, metrics.failure_rate):
        assert math.isnan(figure(truth, truth, nothing))
    assert math.isnan(metrics.rmse_per_keypoint(truth, truth, nothing)["nose_tip"])
    assert math.isnan(metrics.paper_accuracy(np.full_like(truth, np.nan), truth))
    assert math.isnan(metrics.rmse(truth[:0], truth[:0]))
    assert not recwarn.list


def test_nme_skips_faces_without_usable_eye_distance(truth):
    predicted = truth + 3
    truth[0, LEFT_EYE] = truth[0, RIGHT_EYE] + (9.9, 0)
    assert np.isnan(metrics.nme_per_face(truth, predicted)).tolist() == [True, False]
    truth[1, RIGHT_EYE] = np.nan
    assert math.isnan(metrics.nme(truth, predicted))


def test_failure_rate_counts_faces_with_nme_over_threshold(truth):
    predicted = truth.copy()
    predicted[0] += (0, 2.5)  # NME 0.125
    predicted[1] += (0, 1.5)  # NME 0.075
    assert metrics.failure_rate(truth, predicted) == 0.5
    assert metrics.failure_rate(truth, predicted, threshold=0.07) == 1
    assert metrics.failure_rate(truth, predicted, threshold=0.2) == 0


def test_nan_prediction_makes_the_metric_nan_or_a_failure(truth):
    predicted = truth.copy()
    predicted[0, NOSE] = np.nan
    assert math.isnan(metrics.rmse(truth, predicted))
    assert math.isnan(metrics.nme(truth, predicted))
    assert metrics.failure_rate(truth, predicted) == 0.5


def test_mse_of_float32_predictions_is_computed_in_float64():
    truth = np.zeros((1000, 15, 2), np.float32)
    predicted = np.full_like(truth, 0.1)
    assert metrics.mse(truth, predicted) == pytest.approx(float(np.float32(0.1)) ** 2, rel=1e-12)


def test_paper_accuracy_compares_columns_of_largest_coordinate(truth):
    truth[0, 3] = 90, 10  # largest of face 0: column 6
    truth[1, 4] = 10, 91  # largest of face 1: column 9
    predicted = np.zeros_like(truth)
    predicted[:, 3, 0] = 1  # always predicts column 6
    assert metrics.paper_accuracy(truth, predicted) == 0.5
    assert metrics.paper_accuracy(truth, truth / 1000) == 1


def test_paper_accuracy_skips_faces_with_missing_coordinate(truth):
    predicted = truth.copy()
    predicted[0, 5, 0] = 1000
    assert metrics.paper_accuracy(truth, predicted) == 0.5
    truth[0, 7, 1] = np.nan
    assert metrics.paper_accuracy(truth, predicted) == 1


def test_paper_accuracy_equals_keras_categorical_accuracy(truth):
    keras = pytest.importorskip("keras")
    generator = np.random.default_rng(3)
    truth, predicted = generator.uniform(0, 96, (2, 200, 15, 2)).astype(np.float32)
    predicted[:90] = truth[:90] + generator.normal(0, 1, (90, 15, 2))
    metric = keras.metrics.CategoricalAccuracy()
    metric.update_state(truth.reshape(200, 30), predicted.reshape(200, 30))
    assert metrics.paper_accuracy(truth, predicted) == pytest.approx(float(metric.result()))


def test_weighted_rmse_averages_squared_errors():
    assert metrics.weighted_rmse({"A": 1.0, "B": 3.0}, {"A": 30, "B": 10}) == pytest.approx(
        math.sqrt((30 * 1 + 10 * 9) / 40)
    )


def test_weighted_rmse_is_nan_where_requested_population_is_unmeasured():
    assert metrics.weighted_rmse({"A": 2.0, "B": math.nan}, {"A": 30, "B": 0}) == 2
    assert math.isnan(metrics.weighted_rmse({"A": 2.0, "B": math.nan}, {"A": 30, "B": 1}))
    assert math.isnan(metrics.weighted_rmse({"A": 2.0}, {"A": 30, "B": 1}))
    assert math.isnan(metrics.weighted_rmse({"A": 2.0}, {"A": 0, "B": 0}))


def test_weighted_rmse_of_populations_is_rmse_of_all_values(make_faces):
    faces = make_faces(10, of_b=4)
    predicted = faces.keypoints + np.random.default_rng(1).normal(0, 2, faces.keypoints.shape)
    parts, weights = {}, {}
    for code, name in enumerate("AB"):
        here = faces.population == code
        parts[name] = metrics.rmse(faces.keypoints[here], predicted[here])
        weights[name] = 2 * int(faces.labelled[here].sum())
    whole = metrics.rmse(faces.keypoints, predicted)
    assert metrics.weighted_rmse(parts, weights) == pytest.approx(whole)


def test_mean_face_ignores_missing_labels():
    truth = np.random.default_rng(0).uniform(0, 96, (5, 15, 2)).astype(np.float32)
    truth[1:, 3] = np.nan
    truth[:, 7] = np.nan
    mean = metrics.mean_face(truth)
    np.testing.assert_allclose(mean[0], truth[:, 0].mean(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(mean[3], truth[0, 3])
    np.testing.assert_array_equal(mean[7], [48, 48])
