"""Confidence of predicted keypoints, calibrated on hold-out faces."""

import logging
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from facial_keypoints.evaluation.champion import ChampionModel
from facial_keypoints.formatting import format_count
from facial_keypoints.keypoints import LEFT_EYE, NUM_KEYPOINTS, RIGHT_EYE
from facial_keypoints.metrics import MIN_EYE_DISTANCE
from facial_keypoints.models.calibration import Calibration

logger = logging.getLogger(__name__)

TOLERANCE: Final = 0.05
"""Fraction of the distance between the eyes within which a point counts as right: 1.5 px in the
competition's images."""
_NO_CLUE: Final = 40.0
"""Spread, in pixels, of a heat map that is the same everywhere."""
MAX_FACES: Final = 600
"""Hold-out faces that are enough; more would take longer."""
_MIN_LABELS: Final = 50
"""Below, a calibration would be noise."""
_EPSILON: Final = 1e-6


def calibrate(
    fingerprint: str,
    truth: npt.NDArray[np.floating],
    predicted: npt.NDArray[np.floating],
    spread: npt.NDArray[np.floating],
) -> Calibration:
    """Fit the probability of a small error to the spread, by isotonic regression.

    Keypoints differ in how sharp their heat maps are and in how far they are off: each spread is
    first scaled to the usual error of its keypoint. Beyond the largest one of these faces, the
    confidence falls linearly to 0, which it reaches where a heat map is the same everywhere.

    Args:
        fingerprint: Of the champion's training.
        truth: Labels (n, 15, 2) in pixels, NaN where unlabelled.
        predicted: (n, 15, 2) in pixels, by models that were not trained on the faces.
        spread: (n, 15) in pixels.

    Source:
        Zadrozny and Elkan 2002.
    """
    from scipy.stats import spearmanr
    from sklearn.isotonic import IsotonicRegression

    eyes = np.linalg.norm(truth[:, LEFT_EYE] - truth[:, RIGHT_EYE], axis=1)
    eyes = np.where(eyes >= MIN_EYE_DISTANCE, eyes, np.nan)
    error = np.linalg.norm(predicted - truth, axis=2)
    known = np.isfinite(error / eyes[:, None]) & np.isfinite(spread)
    labels, faces = int(known.sum()), int(known.any(axis=1).sum())
    if labels < _MIN_LABELS:
        scale = [1.0] * NUM_KEYPOINTS
        return Calibration(fingerprint, scale, [0.0, _NO_CLUE], [1.0, 0.0], labels, faces, None)
    ratio = np.median(error[known]) / max(np.median(spread[known]), _EPSILON)
    scales = np.array(
        [
            np.median(error[own, point]) / max(np.median(spread[own, point]), _EPSILON)
            if own.sum() >= _MIN_LABELS
            else ratio
            for point, own in enumerate(known.T)
        ]
    )
    expected = (spread * scales)[known]
    right = (error / eyes[:, None])[known] < TOLERANCE
    fit = IsotonicRegression(increasing=False, y_min=0.0, y_max=1.0).fit(expected, right)
    knots, levels = fit.X_thresholds_.tolist(), fit.y_thresholds_.tolist()
    end = max(_NO_CLUE * float(np.median(scales)), knots[-1] + _EPSILON)
    return Calibration(
        fingerprint,
        scale=scales.tolist(),
        error=[*knots, end],
        confidence=[*levels, 0.0],
        labels=labels,
        faces=faces,
        rank_correlation=float(spearmanr(expected, error[known]).statistic),
    )


@dataclass(frozen=True)
class UnseenPredictions:
    """Predictions on faces that the champion was not trained on.

    Attributes:
        truth: float (n, 15, 2) in pixels, NaN where unlabelled.
        points: float (n, 15, 2) in pixels.
        spread: float (n, 15) in pixels.
    """

    truth: npt.NDArray[np.floating]
    points: npt.NDArray[np.floating]
    spread: npt.NDArray[np.floating]


def calibrate_champion(champion: ChampionModel, earlier: Calibration | None = None) -> Calibration:
    """Return the calibration of a champion by faces that it was not trained on.

    Args:
        champion: The model, and the faces.
        earlier: Of an earlier run, returned if it is of this model.
    """
    if earlier is not None and earlier.fingerprint == champion.training.fingerprint:
        return earlier
    found = predict_unseen(champion)
    return calibrate(champion.training.fingerprint, found.truth, found.points, found.spread)


def predict_unseen(champion: ChampionModel) -> UnseenPredictions:
    """Return predictions on up to 600 faces that a champion was not trained on.

    Each face goes through the member of an ensemble that was not trained on it. All members
    together predict a little better, so that an ensemble's confidence is slightly low.

    Args:
        champion: The model, and the faces.
    """
    from facial_keypoints.models.inference import make_predictor
    from facial_keypoints.models.spread import with_spread

    unseen = champion.load_unseen()
    of_a = np.flatnonzero((unseen.faces.population == 0) & unseen.faces.labelled.any(axis=1))
    rows = of_a if len(of_a) else np.arange(len(unseen.faces))
    if len(rows) > MAX_FACES:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:MAX_FACES])
    logger.info(
        "Calibrating the confidence on %s unseen in training",
        format_count(len(rows), "face"),
    )
    faces, member = unseen.faces.select(rows), unseen.member[rows]
    truth = np.where(faces.labelled[..., None], faces.keypoints, np.nan)
    predicted = np.full((len(faces), NUM_KEYPOINTS, 3), np.nan)
    model = champion.training.load_model()
    for number in np.unique(member).tolist():
        of_it = member == number
        predict = make_predictor(with_spread(model, None if number < 0 else [number]))
        predicted[of_it] = predict(faces.images[of_it])[:, :NUM_KEYPOINTS]
    return UnseenPredictions(truth, predicted[..., :2], predicted[..., 2])
