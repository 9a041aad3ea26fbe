"""What the submission will score, estimated from faces that the nets have not been trained on."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from facial_keypoints.keypoints import POPULATIONS
from facial_keypoints.metrics import weighted_rmse
from facial_keypoints.models.heads import Points

Errors = tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]
"""Of each row, (n,): the sum of the squared errors of its coordinates, and how many there are."""
_DRAWS: Final = 2000
_INTERVAL: Final = (0.025, 0.975)


def squared_errors(labels: Points, found: Points) -> Errors:
    """The errors of what was found.

    Args:
        labels: (n, 15, 2), NaN where there is none that counts.
        found: (n, 15, 2), NaN where nothing was predicted.
    """
    squared = np.square(found.astype(np.float64) - labels).reshape(len(labels), -1)
    known = np.isfinite(squared)
    return np.where(known, squared, 0.0).sum(axis=1), known.sum(axis=1).astype(np.float64)


def ambiguity(members: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Variance of the members' answers (m, n, p, 2) about their mean, (n, p, 2).

    The squared error of an ensemble's mean is the mean squared error of its members less this
    (Krogh and Vedelsby 1995): what averaging gains is known without a label.
    """
    return np.asarray(np.var(members.astype(np.float64), axis=0))


def mean_of_others(labels: Points, folds: npt.NDArray[np.integer]) -> Points:
    """The mean of each point in the other folds' labels (n, 15, 2), for each row; NaN where none
    of them has it.
    """
    found = np.full(labels.shape, np.nan, np.float32)
    for fold in np.unique(folds):
        others = labels[folds != fold]
        known = np.isfinite(others).any(axis=(0, 2))
        found[np.ix_(folds == fold, known)] = np.nanmean(others[:, known], axis=0)
    return found


def estimate_mse(single: Errors, first: Errors, half: npt.NDArray[np.integer]) -> float:
    """Mean squared error of one net over all rows, where it is known for some of them only.

    A ratio estimate (Cochran 1977, chapter 6): the error on the rows held out, times what the
    scouts' error on all rows is to theirs on these. It takes out the luck of which faces were
    held out.

    Args:
        single: Of the nets that did not train on the row; a count of 0 where there are none.
        first: Of the scouts, for every row, or all but those whose scout failed.
        half: Of which half each row is, (n,): the two have scouts of their own, one of which may
            be better, so that each is compared with itself alone.
    """
    if not single[1].any():
        return float("nan")
    total = 0.0
    for code in np.unique(half):
        of_it = half == code
        these = of_it & (single[1] > 0)
        luck = 1.0
        if first[0][these].any():
            of_these = first[0][these].sum() / first[1][these].sum()
            luck = first[0][of_it].sum() / first[1][of_it].sum() / of_these
        total += single[0][these].sum() * luck
    return float(total / single[1].sum())


def interval(
    single: Errors,
    first: Errors,
    half: npt.NDArray[np.integer],
    groups: npt.NDArray[np.integer],
    test_pictures: int,
    random: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Draws of the mean squared error on the test set, less that of ``estimate_mse``, (draws,).

    They spread by the photographs that happen to be in training (drawn anew with replacement)
    and those that happen to be in the test set.
    """
    names, photograph = np.unique(groups, return_inverse=True)
    deviations = np.empty(_DRAWS)
    estimate = estimate_mse(single, first, half)
    rows = np.flatnonzero(single[1])
    per_row = single[0][rows] / single[1][rows]
    for draw in range(_DRAWS):
        times = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
        weight = times[photograph].astype(float)
        again = estimate_mse(
            (single[0] * weight, single[1] * weight), (first[0] * weight, first[1] * weight), half
        )
        luck = per_row[random.integers(len(rows), size=test_pictures)].mean() - per_row.mean()
        deviations[draw] = luck - (again - estimate)
    return deviations[np.isfinite(deviations)]


def summarise(
    by_population: dict[str, tuple[float, npt.NDArray[np.float64]]], asked: dict[str, int]
) -> dict[str, Any]:
    """RMSE of each population and as the leaderboard weighs them, each with its interval.

    Args:
        by_population: Mean squared error, and draws of its deviation (see ``interval``).
        asked: Values that the lookup table asks of each.
    """
    drawn = {name: np.maximum(mse + d, 0.0) for name, (mse, d) in by_population.items()}
    result: dict[str, Any] = {}
    for name in POPULATIONS:
        if name in by_population and np.isfinite(by_population[name][0]):
            result[name] = _figures(np.sqrt(by_population[name][0]), np.sqrt(drawn[name]))
    rmse = {name: float(np.sqrt(mse)) for name, (mse, _) in by_population.items()}
    share = {name: asked.get(name, 0) for name in by_population}
    total = sum(share.values())
    measured = all(name in by_population for name, values in asked.items() if values)
    shortest = min((len(d) for d in drawn.values()), default=0) if measured else 0
    together = np.zeros(shortest)
    for name, draws in drawn.items():
        together += share[name] * draws[:shortest] / max(total, 1)
    result["leaderboard"] = _figures(weighted_rmse(rmse, asked), np.sqrt(together))
    return result


def _figures(rmse: float, draws: npt.NDArray[np.float64]) -> dict[str, Any]:
    low, high = np.quantile(draws, _INTERVAL) if len(draws) else (np.nan, np.nan)
    figures = {"rmse": rmse, "low": low, "high": high}
    return {key: float(v) if np.isfinite(v) else None for key, v in figures.items()}
