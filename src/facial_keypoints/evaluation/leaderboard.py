"""Rank variants and select the champion."""

import logging
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion, VariantMetrics
from facial_keypoints.training.records import Training, TrainingRecord

logger = logging.getLogger(__name__)

MEAN_FACE: Final = "(mean face)"
"""Leaderboard row of predicting the mean training face for every image."""


def rank_variants(
    metrics: Mapping[str, VariantMetrics],
    trainings: Mapping[str, Training],
    mean_face: VariantMetrics,
) -> pd.DataFrame:
    """Return the leaderboard.

    Args:
        metrics: By variant.
        trainings: By variant.
        mean_face: Metrics of predicting the mean face.

    Returns:
        One row per variant, sorted by the validation score (RMSE in pixels), best first; the mean
        face is the last row.
    """
    rows = [_row(name, metrics[name], trainings[name].record) for name in metrics]
    table = pd.DataFrame(rows).sort_values("validation_rmse", ignore_index=True)
    baseline = pd.DataFrame([_row(MEAN_FACE, mean_face, None)])
    return pd.concat([table, baseline], ignore_index=True)


def check_metrics(name: str, metrics: VariantMetrics, training: Training) -> None:
    """Check that metrics are of the current training.

    Args:
        name: The variant.
        metrics: Its metrics.
        training: Its training.

    Raises:
        InputError: if they are of another one.
    """
    if metrics.fingerprint != training.fingerprint:
        raise InputError(
            f"the metrics of {name} are of another training ({metrics.fingerprint}) than the "
            f"current one ({training.fingerprint}); run: kedro run --pipeline=evaluate, with the "
            "same --env and --params"
        )


def select_champion(leaderboard: pd.DataFrame, trainings: Mapping[str, Training]) -> Champion:
    """Select the variant with the lowest RMSE on the validation set.

    The hold-out does not take part in the selection, so that its error stays an estimate for new
    faces.

    Args:
        leaderboard: From ``rank_variants``.
        trainings: By variant.

    Raises:
        InputError: if no variant could be measured on the validation set.
    """
    best = leaderboard.iloc[0]
    if pd.isna(best["validation_rmse"]):
        raise InputError(_describe_failures(trainings))
    name = str(best["variant"])
    training = trainings[name]
    champion = Champion(
        variant=name,
        fingerprint=training.fingerprint,
        mlflow_run_id=training.record.mlflow_run_id,
        validation_rmse=float(best["validation_rmse"]),
        holdout_rmse=None if pd.isna(best["holdout_rmse"]) else float(best["holdout_rmse"]),
    )
    logger.info(
        "Champion: %s, validation RMSE %.3f px, hold-out %.3f px",
        *(name, best["validation_rmse"], best["holdout_rmse"]),
    )
    return champion


def _row(name: str, metrics: VariantMetrics, record: TrainingRecord | None) -> dict[str, Any]:
    holdout = metrics.holdout
    return {
        "variant": name,
        "validation_rmse": metrics.validation.score,
        "holdout_rmse": holdout.score,
        "holdout_rmse_a": holdout.rmse_a,
        "holdout_rmse_b": holdout.rmse_b,
        "holdout_nme": holdout.nme,
        "holdout_failure_rate": None if metrics.failure else holdout.failure_rate,
        "holdout_mse": holdout.mse,
        "holdout_paper_accuracy": holdout.paper_accuracy,
        "unseen_rmse": metrics.unseen.score if metrics.unseen else None,
        "parameters": record.size.parameters if record and record.size else None,
        "epochs": record.epochs if record else None,
        "minutes": record.minutes if record else None,
        "ended_by": record.ended_by if record else None,
        "failure": metrics.failure,
    }


def _describe_failures(trainings: Mapping[str, Training]) -> str:
    failures = "".join(
        f"\n  - {name}: {training.failure}"
        for name, training in trainings.items()
        if training.failure
    )
    reason = (
        f"; their trainings failed:{failures}"
        if failures
        else ": it holds no label, or all predictions are NaN"
    )
    return f"no variant has an error on the validation set{reason}"
