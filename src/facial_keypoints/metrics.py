"""Measure errors of predicted keypoints where labels may be missing.

Every function takes ``truth`` and ``predicted`` of shape (n, 15, 2), float, in pixels. A keypoint
counts where ``mask`` (n, 15), bool, is true and its label is finite. Without a single counted
keypoint the result is NaN, and so it is where a counted keypoint was predicted as NaN.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from facial_keypoints.keypoints import (
    IMAGE_SIZE,
    KEYPOINTS,
    LEFT_EYE,
    NUM_KEYPOINTS,
    RIGHT_EYE,
)

Points = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

MIN_EYE_DISTANCE = 10.0
"""In pixels. The NME leaves out faces whose eye centres are closer: the four such rows on Kaggle
are mislabelled, and a division by a few pixels would dominate the mean."""


def counted(truth: Points, mask: Mask | None = None) -> Mask:
    """Return the keypoints that count.

    Args:
        truth: Labels (n, 15, 2) in pixels, NaN where unlabelled.
        mask: Bool (n, 15), keypoints to consider; None for all.

    Returns:
        Bool (n, 15), true where the label is finite and ``mask`` is true.
    """
    known = np.isfinite(truth).all(axis=2)
    return np.asarray(known if mask is None else known & mask)


def _mean(values: npt.NDArray[np.floating]) -> float:
    return float(values.mean()) if values.size else float("nan")


def mse(truth: Points, predicted: Points, mask: Mask | None = None) -> float:
    """Return the mean squared error over all counted coordinates.

    Args:
        truth: Labels (n, 15, 2) in pixels, NaN where unlabelled.
        predicted: Predictions (n, 15, 2) in pixels.
        mask: Bool (n, 15), keypoints to consider; None for all.

    Returns:
        The error in square pixels.
    """
    squared = np.square(predicted.astype(np.float64) - truth)
    return _mean(squared[counted(truth, mask)])


def rmse(truth: Points, predicted: Points, mask: Mask | None = None) -> float:
    """Return the root mean squared error in pixels: the competition's score.

    Args:
        truth: Labels (n, 15, 2) in pixels, NaN where unlabelled.
        predicted: Predictions (n, 15, 2) in pixels.
        mask: Bool (n, 15), keypoints to consider; None for all.

    Source:
        https://www.kaggle.com/c/facial-keypoints-detection, "Evaluation".

    >>> truth = np.full((1, 15, 2), 40.0)
    >>> rmse(truth, truth + 2)
    2.0
    """
    return float(np.sqrt(mse(truth, predicted, mask)))


def rmse_per_keypoint(
    truth: Points, predicted: Points, mask: Mask | None = None
) -> dict[str, float]:
    """Return the RMSE of each of the 15 keypoints in pixels, by its name.

    Args:
        truth: Labels (n, 15, 2) in pixels, NaN where unlabelled.
        predicted: Predictions (n, 15, 2) in pixels.
        mask: Bool (n, 15), keypoints to consider; None for all.
    """
    known = counted(truth, mask)
    squared = np.square(predicted.astype(np.float64) - truth)
    return {
        name: float(np.sqrt(_mean(squared[known[:, index], index])))
        for index, name in enumerate(KEYPOINTS)
    }


def distances(
    truth: Points, predicted: Points, mask: Mask | None = None
) -> npt.NDArray[np.floating]:
    """Return the distance of each predicted keypoint from its label.

    Args:
        truth: Labels (n, 15, 2) in pixels, NaN where unlabelled.
        predicted: Predictions (n, 15, 2) in pixels.
        mask: Bool (n, 15), keypoints to consider; None for all.

    Returns:
        Float (n, 15) in pixels; NaN where the keypoint does not count.
    """
    distance = np.linalg.norm(predicted.astype(np.float64) - truth, axis=2)
    return np.where(counted(truth, mask), distance, np.nan)


def nme_per_face(
    truth: Points, predicted: Points, mask: Mask | None = None
) -> npt.NDArray[np.floating]:
    """Return the normalised mean error of each face.

    The NME is the mean distance over the counted keypoints, divided by the distance between the
    labelled eye centres.

    Args:
        truth: Labels (n, 15, 2) in pixels, NaN where unlabelled.
        predicted: Predictions (n, 15, 2) in pixels.
        mask: Bool (n, 15), keypoints to consider; None for all.

    Returns:
        Float (n,), without unit. NaN for a face without both eye centres, with eye centres closer
        than ``MIN_EYE_DISTANCE``, or without a counted keypoint. Infinite where a counted
        keypoint is predicted as NaN.

    Source:
        Sagonas et al., "300 Faces In-The-Wild Challenge: database and results" (2016), with eye
        centres in place of the outer eye corners, which only a third of the rows have.
    """
    known = counted(truth, mask)
    errors = np.nan_to_num(distances(truth, predicted, mask), nan=np.inf)
    eyes = np.linalg.norm(truth[:, LEFT_EYE] - truth[:, RIGHT_EYE], axis=1)
    eyes = np.where(eyes >= MIN_EYE_DISTANCE, eyes, np.nan)
    count = known.sum(axis=1)
    total = errors.sum(axis=1, where=known)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan) / eyes)


def nme(truth: Points, predicted: Points, mask: Mask | None = None) -> float:
    """Return the mean of ``nme_per_face`` over the faces that have one.

    Args:
        truth: Labels (n, 15, 2) in pixels, NaN where unlabelled.
        predicted: Predictions (n, 15, 2) in pixels.
        mask: Bool (n, 15), keypoints to consider; None for all.

    Returns:
        The mean, without unit; NaN if it is infinite.
    """
    errors = nme_per_face(truth, predicted, mask)
    mean = _mean(errors[~np.isnan(errors)])
    return mean if np.isfinite(mean) else float("nan")


def failure_rate(
    truth: Points, predicted: Points, mask: Mask | None = None, threshold: float = 0.1
) -> float:
    """Return the fraction of faces whose NME exceeds a threshold.

    Args:
        truth: Labels (n, 15, 2) in pixels, NaN where unlabelled.
        predicted: Predictions (n, 15, 2) in pixels.
        mask: Bool (n, 15), keypoints to consider; None for all.
        threshold: The NME above which a face counts as failed; 0.1 is customary.
    """
    errors = nme_per_face(truth, predicted, mask)
    return _mean((errors[~np.isnan(errors)] > threshold).astype(float))


def mean_face(truth: Points) -> npt.NDArray[np.float32]:
    """Return the mean label of each keypoint: the constant prediction that a network has to beat.

    Args:
        truth: Labels (n, 15, 2) in pixels, NaN where unlabelled.

    Returns:
        Float32 (15, 2) in pixels; the image's centre for a keypoint without any label.
    """
    known = np.isfinite(truth)
    total = np.where(known, truth, 0).sum(axis=0, dtype=np.float64)
    count = known.sum(axis=0)
    mean = np.where(count > 0, total / np.maximum(count, 1), IMAGE_SIZE / 2)
    return mean.astype(np.float32)


def paper_accuracy(truth: Points, predicted: Points) -> float:
    """Return what the paper calls accuracy: Keras' ``metrics=["accuracy"]`` on 30 outputs.

    Keras resolves it to categorical accuracy: the fraction of faces where the largest of the 30
    true coordinates and the largest of the 30 predicted ones are the same column. It does not
    measure distances; a constant prediction scores more than 0.5.

    Args:
        truth: Labels (n, 15, 2) in pixels; faces with a missing coordinate do not count.
        predicted: Predictions (n, 15, 2) in pixels.

    Returns:
        The accuracy, from 0 to 1; NaN if any prediction is NaN.

    Source:
        The paper, Tables 3 to 5, "accuracy".
    """
    if np.isnan(predicted).any():
        return float("nan")
    rows = np.isfinite(truth).all(axis=(1, 2))
    true, guess = (p[rows].reshape(-1, 2 * NUM_KEYPOINTS) for p in (truth, predicted))
    return _mean((true.argmax(axis=1) == guess.argmax(axis=1)).astype(float))


def weighted_rmse(rmse_by_population: Mapping[str, float], weights: Mapping[str, int]) -> float:
    """Return the RMSE as the leaderboard weights the populations.

    Args:
        rmse_by_population: RMSE in pixels by the name of a population.
        weights: Number of requested values by the name of a population.

    Returns:
        The root of the mean squared error over all requested values, in pixels; NaN where a
        requested population has no RMSE.

    >>> weighted_rmse({"A": 1.0, "B": 3.0}, {"A": 7, "B": 1})
    1.4142135623730951
    """
    requested = {name: weight for name, weight in weights.items() if weight > 0}
    if not requested:
        return float("nan")
    squares = (
        weight * rmse_by_population.get(name, float("nan")) ** 2
        for name, weight in requested.items()
    )
    return float(np.sqrt(sum(squares) / sum(requested.values())))
