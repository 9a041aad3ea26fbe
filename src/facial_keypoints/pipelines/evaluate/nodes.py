"""Nodes of the evaluate stage."""

import logging
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints import metrics
from facial_keypoints.archive.lookup import requested_values
from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import NUM_KEYPOINTS, POPULATIONS
from facial_keypoints.parameters import EvaluateParameters, VariantParameters
from facial_keypoints.training.records import Training, check_origin, samples_origin

logger = logging.getLogger(__name__)

Points = npt.NDArray[np.float32]

MEAN_FACE = "(mean face)"
"""Name of the row that always answers the mean face of the training samples."""


def predict_faces(
    training: Training,
    variant: VariantParameters,
    train: FaceSet,
    validation: FaceSet,
    holdout: FaceSet,
    unseen: FaceSet,
    test: FaceSet,
) -> tuple[Points, Points, Points, Points]:
    """The trained model's points (n, 15, 2) in pixels for validation, hold-out, unseen and test
    pictures; NaN where the training failed.

    Raises:
        InputError: if the training is not of this configuration and these samples.
    """
    check_origin(training, variant, samples_origin(train, validation))
    model = training.load_model() if training.failure is None else None
    validation_points, holdout_points, unseen_points, test_points = (
        _predict(model, faces) for faces in (validation, holdout, unseen, test)
    )
    return validation_points, holdout_points, unseen_points, test_points


def _predict(model: Any, faces: FaceSet) -> Points:
    if not len(faces):
        return np.empty((0, NUM_KEYPOINTS, 2), np.float32)
    if model is None:
        return np.full((len(faces), NUM_KEYPOINTS, 2), np.nan, np.float32)
    answers = model.predict(faces.images, batch_size=128, verbose=0)
    return np.asarray(answers, np.float32).reshape(-1, NUM_KEYPOINTS, 2)


def measure_variant(
    training: Training,
    validation: FaceSet,
    validation_points: Points,
    holdout: FaceSet,
    holdout_points: Points,
    unseen: FaceSet,
    unseen_points: Points,
    split_summary: dict[str, Any],
    lookup: pd.DataFrame,
    evaluate: EvaluateParameters,
) -> dict[str, Any]:
    """Every figure of one variant, on the validation set, on the hold-out, and on faces that
    training never saw: the unseen set, or the hold-out where the split was by source. ``unseen``
    is null where there are none.

    Raises:
        InputError: if a set is not of the split that the account tells of.
    """
    for part, faces in (("validation", validation), ("holdout", holdout), ("unseen", unseen)):
        if faces.digest() != split_summary["digests"][part]:
            raise InputError(
                f"{part}_faces is not of the last split (it was interrupted, or its files were "
                "changed); run: kedro run --pipeline=split, with the same --env and --params"
            )
    figures = _measure_sets(
        (validation, validation_points),
        (holdout, holdout_points),
        (unseen, unseen_points),
        split_summary,
        lookup,
        evaluate,
    )
    return {"training": training.fingerprint, "failure": training.failure, **figures}


def _measure_sets(
    validation: tuple[FaceSet, Points],
    holdout: tuple[FaceSet, Points],
    unseen: tuple[FaceSet, Points],
    split_summary: dict[str, Any],
    lookup: pd.DataFrame,
    evaluate: EvaluateParameters,
) -> dict[str, Any]:
    how = (lookup, evaluate.failure_threshold)
    figures: dict[str, Any] = {
        "validation": measure(*validation, *how),
        "holdout": measure(*holdout, *how),
        "unseen": None,
    }
    if len(unseen[0]):
        figures["unseen"] = measure(*unseen, *how)
    elif split_summary["holdout_samples_with_a_sibling_in_training"] == 0:
        figures["unseen"] = figures["holdout"]
    return figures


def measure_mean_face(
    train: FaceSet,
    validation: FaceSet,
    holdout: FaceSet,
    unseen: FaceSet,
    split_summary: dict[str, Any],
    lookup: pd.DataFrame,
    evaluate: EvaluateParameters,
) -> tuple[dict[str, Any], Points]:
    """The figures of always answering the mean training face, and that face, (15, 2).

    Any network has to beat it by far.
    """
    mean = metrics.mean_face(train.keypoints)
    checked, held, never_seen = (
        (faces, np.broadcast_to(mean, faces.keypoints.shape))
        for faces in (validation, holdout, unseen)
    )
    return _measure_sets(checked, held, never_seen, split_summary, lookup, evaluate), mean


def measure(
    faces: FaceSet, predicted: Points, lookup: pd.DataFrame, failure_threshold: float
) -> dict[str, Any]:
    """Figures of predictions on one set; null where nothing was there to be measured.

    ``mse`` and ``paper_accuracy`` are the paper's: over all samples and all values, augmented
    and filled-in ones too. All others are over faces as they were photographed and labels that
    a person placed, as the competition asks: ``rmse`` (all, per population, per point, and
    ``rmse_leaderboard`` weighted by the values that the lookup table asks of each population),
    ``nme`` and ``failure_rate``.
    """
    original = ~faces.augmented
    truth, guess = faces.keypoints[original], predicted[original]
    genuine = faces.labelled[original]
    population = faces.population[original]
    by_population = {
        name: metrics.rmse(
            truth[population == code], guess[population == code], genuine[population == code]
        )
        for code, name in enumerate(POPULATIONS)
    }
    weights = requested_values(lookup)
    figures: dict[str, Any] = {
        "samples": len(faces),
        "faces": int(original.sum()),
        "mse": metrics.mse(faces.keypoints, predicted),
        "paper_accuracy": metrics.paper_accuracy(faces.keypoints, predicted),
        "rmse": metrics.rmse(truth, guess, genuine),
        **{f"rmse_{name}": value for name, value in by_population.items()},
        "rmse_leaderboard": metrics.weighted_rmse(by_population, weights),
        "nme": metrics.nme(truth, guess, genuine),
        "failure_rate": metrics.failure_rate(truth, guess, genuine, failure_threshold),
        "rmse_per_keypoint": metrics.rmse_per_keypoint(truth, guess, genuine),
    }
    return _null_for_nan(figures)


def compare_variants(
    mean_face_metrics: dict[str, Any], **results: Any
) -> tuple[pd.DataFrame, Champion]:
    """The leaderboard, best first, and the champion.

    The champion has the lowest RMSE on the validation set, weighted as the leaderboard weighs
    it; the hold-out is only reported, never chosen by.

    Args:
        mean_face_metrics: figures of the mean face, for comparison.
        results: by variant, ``metrics`` and ``training``, keyed "<variant>.metrics" and
            "<variant>.training".
    """
    names = [key.removesuffix(".metrics") for key in results if key.endswith(".metrics")]
    rows = [
        _leaderboard_row(name, results[f"{name}.metrics"], results[f"{name}.training"].record)
        for name in names
    ]
    table = pd.DataFrame(rows).sort_values("validation_rmse", ignore_index=True)
    best = table.iloc[0]
    name = str(best["variant"])
    if pd.isna(best["validation_rmse"]):
        told = "".join(
            f"\n  - {row['variant']}: {row['failure']}" for row in rows if row["failure"]
        )
        unlabelled = "it holds no label, or the networks answer no numbers"
        raise InputError(
            "no variant has an error on the validation set"
            + (f"; their trainings failed:{told}" if told else f": {unlabelled}")
        )
    record = results[f"{name}.training"].record
    champion = Champion(
        variant=name,
        fingerprint=record["fingerprint"],
        mlflow_run_id=record["mlflow_run_id"],
        validation_rmse=float(best["validation_rmse"]),
        holdout_rmse=float(best["holdout_rmse"]),
    )
    table = pd.concat(
        [table, pd.DataFrame([_leaderboard_row(MEAN_FACE, mean_face_metrics, {})])],
        ignore_index=True,
    )
    logger.info(
        "Champion by validation RMSE: %s (%.3f px; hold-out %.3f px, mean face %.3f px)",
        name,
        champion.validation_rmse,
        champion.holdout_rmse,
        table["holdout_rmse"].iloc[-1],
    )
    return table, champion


def _leaderboard_row(name: str, figures: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    validation, holdout = figures["validation"], figures["holdout"]
    return {
        "variant": name,
        "validation_rmse": _score(validation),
        "holdout_rmse": _score(holdout),
        "holdout_rmse_A": holdout["rmse_A"],
        "holdout_rmse_B": holdout["rmse_B"],
        "holdout_nme": holdout["nme"],
        "holdout_failure_rate": None if record.get("failure") else holdout["failure_rate"],
        "holdout_mse": holdout["mse"],
        "holdout_paper_accuracy": holdout["paper_accuracy"],
        "unseen_rmse": _score(figures["unseen"]) if figures["unseen"] else None,
        "parameters": record.get("parameters"),
        "epochs": record.get("epochs"),
        "minutes": record.get("minutes"),
        "failure": record.get("failure"),
    }


def _score(figures: dict[str, Any]) -> float | None:
    """RMSE as the leaderboard weighs it; plain where a population could not be measured; over
    all samples, copies too, where a small set holds no photographed face with labels.
    """
    for name in ("rmse_leaderboard", "rmse"):
        if figures[name] is not None:
            return float(figures[name])
    return None if figures["mse"] is None else math.sqrt(figures["mse"])


def _null_for_nan(figures: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: a figure that could not be measured is null."""
    return {
        key: _null_for_nan(value)
        if isinstance(value, dict)
        else (None if isinstance(value, float) and math.isnan(value) else value)
        for key, value in figures.items()
    }
