import numpy as np
import pytest

from facial_keypoints.photos.smoothing import OneEuroFilter


def smoothed(points, min_cutoff=1.0, eyes=30.0):
    smooth = OneEuroFilter(min_cutoff, rate=30)
    return np.array([smooth(each, eyes) for each in points])


@pytest.fixture
def still():
    return 50 + 0.1 * np.random.default_rng(0).normal(size=(90, 15, 2))


def test_still_points_jitter_less(still):
    before, after = (np.abs(np.diff(p[30:], axis=0)).mean() for p in (still, smoothed(still)))
    assert after < before / 3


def test_moving_points_lag_little():
    line = np.arange(60)[:, None, None] * np.ones((1, 15, 2))  # an eye distance a second
    assert np.abs(smoothed(line) - line)[30:].max() < 1


def test_size_of_the_face_does_not_matter(still):
    np.testing.assert_allclose(smoothed(still) * 7, smoothed(still * 7, eyes=7 * 30))


def test_cutoff_of_zero_smooths_nothing(still):
    np.testing.assert_array_equal(smoothed(still, 0.0), still)
