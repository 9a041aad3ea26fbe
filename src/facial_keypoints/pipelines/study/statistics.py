"""What repeated trainings, and rows beside each other, tell."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from scipy import stats

MEASURES = ("val_loss", "val_acc", "test_loss", "test_acc", "unseen_loss", "unseen_acc")
"""Losses are mean squared errors in square pixels, "acc" is the paper's accuracy. Validation and
test as the paper measures them; unseen on faces of which training saw no sample."""

_CONFIDENCE = 0.95


def mean_and_spread(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Mean, and standard deviation (n - 1) where there are two or more; null where any of the
    values is, since the mean of the others would tell of something else.
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None, None
    return float(np.mean(known)), float(np.std(known, ddof=1)) if len(known) > 1 else None


def rank_correlation(a: Sequence[float | None], b: Sequence[float | None]) -> float | None:
    """Spearman's coefficient over the places where both are known; null for fewer than three,
    or where one side does not vary.
    """
    pairs = np.array(
        [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None], dtype=float
    )
    if len(pairs) < 3 or (np.ptp(pairs, axis=0) == 0).any():
        return None
    return float(stats.spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def least_significant_ratio(
    losses: Mapping[str, Sequence[float]], compared: int = 2
) -> float | None:
    """By which factor the geometric mean losses of two rows must differ to exceed the spread of
    seeds.

    Tukey's honestly significant difference on the logarithm of the loss, since seeds spread a
    large loss more than a small one: 95 % confidence that none of all pairs of ``compared`` rows
    exceeds it by chance (with two, a t-test), the spread pooled over all rows with two or more
    seeds, rows of the mean number of seeds. Null without repeated rows.

    Args:
        losses: by row, one loss per seed.
        compared: how many rows are compared with each other.
    """
    repeated = [np.log(row) for row in losses.values() if len(row) > 1 and min(row) > 0]
    freedom = sum(len(row) - 1 for row in repeated)
    if not freedom:
        return None
    variance = sum(((row - row.mean()) ** 2).sum() for row in repeated) / freedom
    seeds = np.mean([len(row) for row in repeated])
    return float(np.exp(_studentized_range(max(2, compared), freedom) * np.sqrt(variance / seeds)))


@cache
def _studentized_range(compared: int, freedom: int) -> float:
    return float(stats.studentized_range.ppf(_CONFIDENCE, compared, freedom))
