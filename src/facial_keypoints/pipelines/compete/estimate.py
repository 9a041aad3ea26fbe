"""Statistics of the score estimate, from faces that the models have not been trained on."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from facial_keypoints.keypoints import POPULATIONS
from facial_keypoints.metrics import weighted_rmse
from facial_keypoints.models.heads import Points

Errors = tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]
"""Of each row, (n,): the sum of the squared errors of its coordinates, and how many there are."""
_DRAWS: Final = 2000
_INTERVAL: Final = (0.025, 0.975)


@dataclass(frozen=True)
class Interval:
    """An RMSE in pixels with its 95 % interval; None where unknown."""

    rmse: float | None
    low: float | None
    high: float | None


def squared_errors(labels: Points, predicted: Points) -> Errors:
    """Return the squared errors of each row.

    Args:
        labels: (n, 15, 2) in pixels, NaN where none counts.
        predicted: (n, 15, 2) in pixels, NaN where there is no prediction.
    """
    squared = np.square(predicted.astype(np.float64) - labels).reshape(len(labels), -1)
    known = np.isfinite(squared)
    return np.where(known, squared, 0.0).sum(axis=1), known.sum(axis=1).astype(np.float64)


def ambiguity(members: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the variance of the members' predictions about their mean.

    The squared error of an ensemble's mean is the mean squared error of its members less this
    (Krogh and Vedelsby 1995): what averaging gains is known without a label.

    Args:
        members: (m, n, p, 2).

    Returns:
        (n, p, 2).
    """
    return np.asarray(np.var(members.astype(np.float64), axis=0))


def mean_of_other_folds(labels: Points, folds: npt.NDArray[np.integer]) -> Points:
    """Return, for each row, the mean of each keypoint in the other folds' labels.

    Args:
        labels: (n, 15, 2) in pixels, NaN where unknown.
        folds: (n,).

    Returns:
        float32 (n, 15, 2); NaN where no other fold has the keypoint.
    """
    means = np.full(labels.shape, np.nan, np.float32)
    for fold in np.unique(folds):
        others = labels[folds != fold]
        known = np.isfinite(others).any(axis=(0, 2))
        means[np.ix_(folds == fold, known)] = np.nanmean(others[:, known], axis=0)
    return means


def estimate_mse(single: Errors, first: Errors, half: npt.NDArray[np.integer]) -> float:
    """Return the mean squared error of one member over all rows, where it is known for some only.

    A ratio estimate (Cochran 1977, chapter 6): the error on the held-out rows, times what the
    first stage's error on all rows is to theirs on these. It takes out the luck of which faces were
    held out.

    Args:
        single: Of the members that did not train on the row; a count of 0 where there are none.
        first: Of the first-stage models, for every row, or all but those whose model diverged.
        half: Of which half each row is, (n,): the two have models of their own, one of which may
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


def draw_deviations(
    single: Errors,
    first: Errors,
    half: npt.NDArray[np.integer],
    groups: npt.NDArray[np.integer],
    test_images: int,
    random: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Draw the mean squared error on the test set, less that of ``estimate_mse``.

    The draws spread by the photographs that happen to be in training (a bootstrap) and those that
    happen to be in the test set.

    Args:
        single: See ``estimate_mse``.
        first: See ``estimate_mse``.
        half: See ``estimate_mse``.
        groups: (n,), the photograph of each row.
        test_images: Number of test images.
        random: Source of the draws.

    Returns:
        (draws,).
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
        luck = per_row[random.integers(len(rows), size=test_images)].mean() - per_row.mean()
        deviations[draw] = luck - (again - estimate)
    return deviations[np.isfinite(deviations)]


def summarise(
    by_population: dict[str, tuple[float, npt.NDArray[np.float64]]], requested: dict[str, int]
) -> dict[str, Interval]:
    """Return the RMSE of each population and as the leaderboard weighs them, with intervals.

    Args:
        by_population: Mean squared error, and draws of its deviation (see ``draw_deviations``).
        requested: Values that the lookup table requests of each population.
    """
    drawn = {name: np.maximum(mse + d, 0.0) for name, (mse, d) in by_population.items()}
    result: dict[str, Interval] = {
        str(name): _interval(np.sqrt(by_population[name][0]), np.sqrt(drawn[name]))
        for name in POPULATIONS
        if name in by_population and np.isfinite(by_population[name][0])
    }
    rmse = {name: float(np.sqrt(mse)) for name, (mse, _) in by_population.items()}
    weights = {name: requested.get(name, 0) for name in by_population}
    total = sum(weights.values())
    measured = all(name in by_population for name, values in requested.items() if values)
    shortest = min((len(d) for d in drawn.values()), default=0) if measured else 0
    together = np.zeros(shortest)
    for name, draws in drawn.items():
        together += weights[name] * draws[:shortest] / max(total, 1)
    result["leaderboard"] = _interval(weighted_rmse(rmse, requested), np.sqrt(together))
    return result


def _interval(rmse: float, draws: npt.NDArray[np.float64]) -> Interval:
    low, high = np.quantile(draws, _INTERVAL) if len(draws) else (np.nan, np.nan)
    return Interval(*(float(v) if np.isfinite(v) else None for v in (rmse, low, high)))
