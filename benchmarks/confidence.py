"""Fit and check the constants of ``models.deployment.confidence``.

Each member of an ensemble that ``compete`` has trained predicts the faces that it was not trained
on, without the labels that the label audit flags. One half of the faces fits the constants by the
likelihood of "the point is within the radius"; the other half checks them:

    python benchmarks/confidence.py data
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize

from facial_keypoints.faces import FaceSet
from facial_keypoints.framework.datasets import ChampionTrainingDataset
from facial_keypoints.keypoints import LEFT_EYE, NUM_KEYPOINTS, RIGHT_EYE
from facial_keypoints.label_audit.audit import flagged_keypoints
from facial_keypoints.models import deployment

Floats = npt.NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="data folder of a run of compete")
    variance, error, eyes, face = predict(parser.parse_args().data)
    right = error < deployment.CONFIDENCE_RADIUS * eyes
    fitted = np.random.default_rng(0).random(face.max() + 1)[face] < 0.5

    def loss(logarithms: Floats, rows: npt.NDArray[np.bool_]) -> float:
        confidence = _confidence(np.exp(logarithms), variance[rows], eyes[rows])
        clipped = np.clip(confidence, 1e-6, 1 - 1e-6)
        return float(-np.log(np.where(right[rows], clipped, 1 - clipped)).mean())

    found = minimize(loss, np.zeros(2), args=(fitted,), method="Nelder-Mead")
    constants = np.exp(found.x)
    print(f"{len(np.unique(face)):,} faces, {len(error):,} points")
    print(f"_ERROR_AT_ZERO = {constants[0]:.2f}, _ERROR_SLOPE = {constants[1]:.3f}")
    confidence = _confidence(constants, variance, eyes)[~fitted]
    now = np.array([deployment._ERROR_AT_ZERO, deployment._ERROR_SLOPE])
    base = right[fitted].mean()
    entropy = -(base * np.log(base) + (1 - base) * np.log(1 - base))
    print(
        f"log loss on the other half: {loss(found.x, ~fitted):.3f}; with the constants in use "
        f"{loss(np.log(now), ~fitted):.3f}; with the mean {entropy:.3f}"
    )
    table = pd.DataFrame(
        {"confidence": confidence, "within": right[~fitted], "error": error[~fitted]}
    )
    table = table.groupby(pd.qcut(table["confidence"], 8), observed=True).agg(
        points=("within", "size"),
        confidence=("confidence", "mean"),
        within=("within", "mean"),
        error_px=("error", "mean"),
    )
    print(table.round(3).to_string(index=False))


def predict(data: Path) -> tuple[Floats, Floats, Floats, npt.NDArray[np.int64]]:
    """Return squared spread, error, distance between the eyes, and face of each labelled point."""
    from facial_keypoints.models.spread import with_spread

    training = ChampionTrainingDataset(
        filepath=str(data / "07_model_output/champion.json"),
        trainings={"filepath": str(data / "06_models")},
    ).load()
    with np.load(data / "02_intermediate/labelled_faces.npz") as arrays:
        faces = FaceSet(**arrays)
    issues = pd.read_csv(data / "08_reporting/label_issues.csv")
    known = (
        faces.labelled & ~flagged_keypoints(issues, len(faces)) & (faces.population == 0)[:, None]
    )
    fold = np.load(data / "05_model_input/folds.npz")["fold"]
    held_out = np.load(data / "06_models/ensemble_members.npz")["held_out"]
    model = training.load_model()
    parts = []
    for number, own in enumerate(held_out.tolist()):
        rows = np.flatnonzero((fold == own) & known.any(axis=1))
        predicted = with_spread(model, [number]).predict(faces.images[rows], verbose=0)
        points, spread = np.split(predicted[:, :NUM_KEYPOINTS], [2], axis=2)
        variance = np.square(spread[..., 0])
        error = np.linalg.norm(points - faces.keypoints[rows], axis=2)
        eyes = np.linalg.norm(points[:, LEFT_EYE] - points[:, RIGHT_EYE], axis=1)
        which = known[rows]
        whose = np.broadcast_to(rows[:, None], which.shape)
        across = np.broadcast_to(eyes[:, None], which.shape)
        parts.append([each[which] for each in (variance, error, across, whose)])
    variance, error, eyes, face = (np.concatenate(part) for part in zip(*parts, strict=True))
    return variance, error, eyes, face


def _confidence(constants: Floats, variance: Floats, eyes: Floats) -> Floats:
    expected = constants[0] + constants[1] * variance
    return np.asarray(1 - np.exp(-((deployment.CONFIDENCE_RADIUS * eyes) ** 2) / expected))


if __name__ == "__main__":
    main()
