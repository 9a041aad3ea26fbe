import numpy as np
import pytest

from facial_keypoints.evaluation.measurement import measure, measure_sets

REQUESTED = {"A": 3, "B": 1}


def test_augmented_copies_and_filled_labels_count_for_the_papers_metrics_only(mixed_faces):
    predicted = mixed_faces.keypoints.copy()
    predicted[0, 9] += 50  # wrong on the filled-in label
    predicted[1] += 50  # wrong on the augmented copy
    predicted[0, 10] += (3, 4)
    measured = measure(mixed_faces, predicted, REQUESTED, failure_threshold=0.1)
    assert measured.faces == 2
    assert measured.samples == 3
    assert measured.rmse_a == pytest.approx(np.sqrt(25 / 28), rel=1e-5)
    assert measured.rmse_b == 0
    assert measured.rmse_leaderboard == pytest.approx(np.sqrt(0.75 * 25 / 28), rel=1e-5)
    assert measured.rmse_per_keypoint["nose_tip"] == pytest.approx(np.sqrt(25 / 4), rel=1e-5)
    assert measured.mse > 1000
    assert measured.nme == pytest.approx(5 / 14 / 30 / 2, rel=1e-5)
    assert measured.failure_rate == 0


def test_metric_that_cannot_be_measured_is_none(mixed_faces):
    only_a = mixed_faces.select(np.array([True, False, False]))
    measured = measure(only_a, only_a.keypoints, REQUESTED, failure_threshold=0.1)
    assert measured.rmse_b is None
    assert measured.rmse_leaderboard is None
    assert measured.rmse_per_keypoint["right_eyebrow_outer_end"] is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_metrics_of_non_finite_predictions_are_none(mixed_faces, value):
    predicted = np.full_like(mixed_faces.keypoints, value)
    measured = measure(mixed_faces, predicted, REQUESTED, failure_threshold=0.1)
    assert measured.mse is None
    assert measured.rmse is None
    assert measured.score is None


@pytest.mark.parametrize(
    ("with_unseen", "leaks", "expected"), [(True, True, 4), (False, False, 1), (False, True, None)]
)
def test_unseen_metrics_are_those_of_the_unseen_set_or_of_a_holdout_without_leak(
    mixed_faces, with_unseen, leaks, expected
):
    points = mixed_faces.keypoints
    unseen = slice(None) if with_unseen else slice(0)
    measured = measure_sets(
        (mixed_faces, points),
        (mixed_faces, points + 1),
        (mixed_faces.select(unseen), points[unseen] + 2),
        leaks,
        REQUESTED,
        failure_threshold=0.1,
    )
    assert measured.holdout.mse == pytest.approx(1)
    if expected is None:
        assert measured.unseen is None
    else:
        assert measured.unseen.mse == pytest.approx(expected)
