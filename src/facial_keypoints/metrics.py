"""Errors in pixels where labels may be missing.

Every function takes points of shape (n, 15, 2) in pixels. A point counts where ``mask`` (n, 15)
is true and its label is a number. A figure without a single counted point is NaN.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.keypoints import (
    IMAGE_SIZE,
    KEYPOINTS,
    LEFT_EYE,
    NUM_KEYPOINTS,
    POPULATION_B_POINTS,
    POPULATIONS,
    RIGHT_EYE,
)

Points = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

MIN_EYE_DISTANCE = 10.0
"""Faces whose eye centres are closer than this many pixels are left out of NME: the four such
rows on Kaggle are mislabelled, and dividing by a few pixels would drown all others."""


def counted(truth: Points, mask: Mask | None = None) -> Mask:
    """Bool (n, 15): the points whose label is known and that ``mask`` lets through."""
    known = np.isfinite(truth).all(axis=2)
    return np.asarray(known if mask is None else known & mask)


def _mean(values: npt.NDArray[np.floating]) -> float:
    return float(values.mean()) if values.size else float("nan")


def mse(truth: Points, predicted: Points, mask: Mask | None = None) -> float:
    """Mean squared error over all counted coordinates, in square pixels."""
    squared = np.square(predicted.astype(np.float64) - truth)
    return _mean(squared[counted(truth, mask)])


def rmse(truth: Points, predicted: Points, mask: Mask | None = None) -> float:
    """Root of ``mse``, in pixels: the competition's score."""
    return float(np.sqrt(mse(truth, predicted, mask)))


def rmse_per_point(truth: Points, predicted: Points, mask: Mask | None = None) -> dict[str, float]:
    """RMSE of each of the 15 points by its name, in pixels."""
    known = counted(truth, mask)
    squared = np.square(predicted.astype(np.float64) - truth)
    return {
        name: float(np.sqrt(_mean(squared[known[:, point], point])))
        for point, name in enumerate(KEYPOINTS)
    }


def point_errors(
    truth: Points, predicted: Points, mask: Mask | None = None
) -> npt.NDArray[np.floating]:
    """Distance of each point to its label in pixels, (n, 15); NaN where it does not count."""
    distance = np.linalg.norm(predicted.astype(np.float64) - truth, axis=2)
    return np.where(counted(truth, mask), distance, np.nan)


def normalised_mean_errors(
    truth: Points, predicted: Points, mask: Mask | None = None
) -> npt.NDArray[np.floating]:
    """NME of each face, (n,): mean point distance over the distance between the eye centres.

    NaN for faces without both eye centres, with eyes closer than ``MIN_EYE_DISTANCE``, or
    without a counted point. Infinite where a counted point is predicted to be no number.
    """
    known = counted(truth, mask)
    errors = np.nan_to_num(point_errors(truth, predicted, mask), nan=np.inf)
    eyes = np.linalg.norm(truth[:, LEFT_EYE] - truth[:, RIGHT_EYE], axis=1)
    eyes = np.where(eyes >= MIN_EYE_DISTANCE, eyes, np.nan)
    count = known.sum(axis=1)
    total = errors.sum(axis=1, where=known)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan) / eyes)


def nme(truth: Points, predicted: Points, mask: Mask | None = None) -> float:
    """Mean of ``normalised_mean_errors`` over the faces that have one; NaN if it is infinite."""
    errors = normalised_mean_errors(truth, predicted, mask)
    mean = _mean(errors[~np.isnan(errors)])
    return mean if np.isfinite(mean) else float("nan")


def failure_rate(
    truth: Points, predicted: Points, mask: Mask | None = None, threshold: float = 0.1
) -> float:
    """Share of faces whose NME exceeds ``threshold`` (0.1 is the usual one)."""
    errors = normalised_mean_errors(truth, predicted, mask)
    return _mean((errors[~np.isnan(errors)] > threshold).astype(float))


def mean_face(truth: Points) -> npt.NDArray[np.float32]:
    """Mean of the known labels of each point, (15, 2); the picture's centre for a point that no
    face has. Always answering it is what any network has to beat.
    """
    known = np.isfinite(truth)
    total = np.where(known, truth, 0).sum(axis=0, dtype=np.float64)
    count = known.sum(axis=0)
    mean = np.where(count > 0, total / np.maximum(count, 1), IMAGE_SIZE / 2)
    return mean.astype(np.float32)


def paper_accuracy(truth: Points, predicted: Points) -> float:
    """What the paper calls accuracy: Keras' ``metrics=["accuracy"]`` on a 30-wide output.

    Keras resolves it to categorical accuracy: the share of faces where the largest of the 30
    true coordinates and the largest of the 30 predicted ones are the same column. It says
    nothing about distances, and a constant answer scores over 0.5. Faces with a missing
    coordinate do not count; NaN if a prediction is no number.
    """
    if np.isnan(predicted).any():
        return float("nan")
    rows = np.isfinite(truth).all(axis=(1, 2))
    true, guess = (p[rows].reshape(-1, 2 * NUM_KEYPOINTS) for p in (truth, predicted))
    return _mean((true.argmax(axis=1) == guess.argmax(axis=1)).astype(float))


def requested_values(lookup: pd.DataFrame) -> dict[str, int]:
    """How many values the lookup table asks of each population, by its name.

    A test image belongs to A if any of its asked points is one that B never carries (see
    ``lookup_populations``).
    """
    population = lookup["ImageId"].map(lookup_populations(lookup))
    return {name: int((population == code).sum()) for code, name in enumerate(POPULATIONS)}


def lookup_populations(lookup: pd.DataFrame) -> pd.Series:
    """Population code of each test image: a series indexed by ImageId."""
    point = lookup["FeatureName"].str[:-2]
    only_b = point.isin(POPULATION_B_POINTS).groupby(lookup["ImageId"]).all()
    return only_b.astype("int8").rename("population")


def weighted_rmse(rmse_by_population: dict[str, float], weights: dict[str, int]) -> float:
    """RMSE as the leaderboard weighs it: squared errors averaged by the values asked of each
    population. A population that is asked for but was not measured makes it NaN; one that is
    not asked for does not matter.
    """
    asked = {name: weight for name, weight in weights.items() if weight > 0}
    total = sum(asked.values())
    if not total:
        return float("nan")
    squares = (
        weight * rmse_by_population.get(name, float("nan")) ** 2 for name, weight in asked.items()
    )
    return float(np.sqrt(sum(squares) / total))
