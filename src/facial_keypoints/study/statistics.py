"""Summarise repeated trainings and compare rows of a table."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np

_CONFIDENCE: Final = 0.95


def mean_and_deviation(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Return mean and standard deviation (n - 1).

    Args:
        values: One per seed.

    Returns:
        The mean, and the deviation where there are two or more values; None where any value is,
        since the mean of the others would describe other trainings.
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None, None
    return float(np.mean(known)), float(np.std(known, ddof=1)) if len(known) > 1 else None


def rank_correlation(a: Sequence[float | None], b: Sequence[float | None]) -> float | None:
    """Return Spearman's rank correlation.

    Args:
        a: N values.
        b: N values.

    Returns:
        The coefficient over the positions where both are known; None for fewer than three
        positions, or where one side does not vary.
    """
    pairs = np.array(
        [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None], dtype=float
    )
    if len(pairs) < 3 or (np.ptp(pairs, axis=0) == 0).any():
        return None
    from scipy import stats

    return float(stats.spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def least_significant_ratio(
    losses: Mapping[str, Sequence[float]], num_rows: int = 2
) -> float | None:
    """Return the smallest significant ratio between the geometric mean losses of two rows.

    Tukey's honestly significant difference of the logarithms, since the deviation between seeds
    grows with the loss. With 95 % confidence no pair among ``num_rows`` rows exceeds the ratio by
    chance; for two rows it is a t-test. The variance is pooled over all rows with two or more
    seeds, and the rows count as having the mean number of seeds.

    Args:
        losses: By row, one loss per seed.
        num_rows: Number of rows that are compared with each other.

    Returns:
        The ratio, greater than 1; None without repeated rows.

    Source:
        Tukey, "Comparing Individual Means in the Analysis of Variance" (1949).
    """
    repeated = [np.log(row) for row in losses.values() if len(row) > 1 and min(row) > 0]
    freedom = sum(len(row) - 1 for row in repeated)
    if not freedom:
        return None
    variance = sum(((row - row.mean()) ** 2).sum() for row in repeated) / freedom
    seeds = np.mean([len(row) for row in repeated])
    return float(np.exp(_studentized_range(max(2, num_rows), freedom) * np.sqrt(variance / seeds)))


def loss_ratio(better: Sequence[float], worse: Sequence[float]) -> float | None:
    """Return the ratio of the geometric mean losses of two rows.

    Args:
        better: Losses of one row, one per seed; empty where unknown.
        worse: Losses of the other row.

    Returns:
        The second mean over the first; None where a loss is unknown or not positive.

    >>> loss_ratio([1.0, 4.0], [4.0, 4.0])
    2.0
    """
    if not better or not worse or min(*better, *worse) <= 0:
        return None
    return float(np.exp(np.log(worse).mean() - np.log(better).mean()))


@cache
def _studentized_range(num_rows: int, freedom: int) -> float:
    from scipy import stats

    return float(stats.studentized_range.ppf(_CONFIDENCE, num_rows, freedom))
