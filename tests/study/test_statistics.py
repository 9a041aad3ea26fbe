import numpy as np
import pytest

from facial_keypoints.study.statistics import (
    least_significant_ratio,
    loss_ratio,
    mean_and_deviation,
    rank_correlation,
)


def test_rank_correlation_of_equal_and_reversed_orders():
    assert rank_correlation([1, 2, 3, 4], [10, 20, 30, 35]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3, None], [3, 2, 1, 99]) == pytest.approx(-1)


@pytest.mark.parametrize(("a", "b"), [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3])])
def test_rank_correlation_is_none_without_enough_information(a, b):
    assert rank_correlation(a, b) is None


def test_mean_and_deviation():
    assert mean_and_deviation([1.0, 3.0]) == (2.0, pytest.approx(np.sqrt(2)))
    assert mean_and_deviation([1.0]) == (1.0, None)


@pytest.mark.parametrize("values", [[1.0, 2.0, None], [None], []])
def test_mean_and_deviation_are_none_if_any_value_is(values):
    assert mean_and_deviation(values) == (None, None)


@pytest.mark.parametrize("num_rows", [2, 4])
def test_least_significant_ratio_has_a_false_positive_rate_of_5_percent(num_rows):
    generator = np.random.default_rng(0)
    exceeded = []
    for _ in range(1000):
        rows = np.exp(generator.normal(1, 0.3, (4, 3)))  # equal but for the seed
        losses = {str(i): row.tolist() for i, row in enumerate(rows)}
        ratio = least_significant_ratio(losses, num_rows)
        means = np.log(rows).mean(axis=1)[:num_rows]
        exceeded.append(np.ptp(means) > np.log(ratio))
    assert 0.03 < np.mean(exceeded) < 0.07


@pytest.mark.parametrize("losses", [{"a": [1.0], "b": [2.0]}, {}])
def test_least_significant_ratio_is_none_without_repeated_rows(losses):
    assert least_significant_ratio(losses) is None


def test_loss_ratio_is_that_of_geometric_means():
    assert loss_ratio([1.0, 4.0], [4.0, 4.0]) == pytest.approx(2.0)


@pytest.mark.parametrize(("better", "worse"), [([], [4.0]), ([4.0], []), ([0.0], [4.0])])
def test_loss_ratio_is_none_for_unknown_or_zero_loss(better, worse):
    assert loss_ratio(better, worse) is None
