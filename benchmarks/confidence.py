"""Fit and check the constants of ``models.deployment.confidence``, next to the calibration.

A champion with heat maps predicts the faces that it was not trained on, without the labels that the
label audit flags. One half of the faces fits the constants by the likelihood of "the point is
within the radius", and the calibration of ``predict``; the other half checks them. In the project's
folder, after ``compete``:

    python benchmarks/confidence.py
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from facial_keypoints.framework.project_catalog import load_catalog
from facial_keypoints.keypoints import LEFT_EYE, NUM_KEYPOINTS, RIGHT_EYE
from facial_keypoints.models import deployment
from facial_keypoints.photos.confidence import UnseenPredictions, calibrate, predict_unseen

Floats = npt.NDArray[np.floating]
_SHRINKAGE = 0.002
"""Of the keypoints' logarithms to their mean: there are about a hundred labels of each."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", "-e", default="local")
    parser.add_argument("--project", type=Path, default=Path.cwd(), help="its folder")
    arguments = parser.parse_args()
    champion = load_catalog(arguments.project, arguments.env).load("champion_model")
    found = predict_unseen(champion)
    error = np.linalg.norm(found.points - found.truth, axis=2)
    right = error < deployment.CONFIDENCE_RADIUS * _eyes(found.truth)
    known = np.isfinite(error / _eyes(found.truth))
    half = np.random.default_rng(0).random(len(error)) < 0.5
    fitted, checked = known & half[:, None], known & ~half[:, None]

    def loss(confidence: Floats, rows: npt.NDArray[np.bool_]) -> float:
        sure = np.clip(confidence, 1e-3, 1 - 1e-3)
        return float(-np.log(np.where(right, sure, 1 - sure))[rows].mean())

    def of(logarithms: Floats) -> Floats:
        constants = np.exp(logarithms)
        return _confidence(constants[:-1], constants[-1], found)

    start = np.append(np.zeros(NUM_KEYPOINTS), -3.0)
    best = minimize(lambda x: loss(of(x), fitted) + _SHRINKAGE * np.var(x[:-1]), start).x
    whole = calibrate("", *(each[half] for each in (found.truth, found.points, found.spread)))
    confidences = {
        "the mean of all keypoints": np.full(error.shape, right[fitted].mean()),
        "the constants, as the registered model": _confidence(
            np.array(deployment._ERROR_AT_ZERO), deployment._ERROR_SLOPE, found
        ),
        "these constants": of(best),
        "calibration, as predict and export": whole.apply(found.spread),
    }
    print(f"{champion.champion.variant}: {known.any(axis=1).sum():,} faces, {known.sum():,} labels")
    print(f"_ERROR_AT_ZERO = {np.exp(best[:-1]).round(2).tolist()}")
    print(f"_ERROR_SLOPE = {np.exp(best[-1]):.4f}")
    *_, calibrated = confidences.values()
    for name, confidence in confidences.items():
        difference = np.abs(confidence - calibrated)[checked].mean()
        print(
            f"{name:38} log loss {loss(confidence, checked):.3f}, mean "
            f"{confidence[checked].mean():.2f} where {right[checked].mean():.2f} are right, "
            f"mean difference from the calibration {difference:.3f}"
        )


def _eyes(points: Floats) -> Floats:
    return np.asarray(np.linalg.norm(points[:, LEFT_EYE] - points[:, RIGHT_EYE], axis=1)[:, None])


def _confidence(at_zero: Floats, slope: float, found: UnseenPredictions) -> Floats:
    expected = at_zero * (1 + slope * found.spread**2)
    radius = deployment.CONFIDENCE_RADIUS * _eyes(found.points)
    return np.asarray(1 - np.exp(-(radius**2) / expected))


if __name__ == "__main__":
    main()
