"""Nodes of the train stage."""

import logging
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from facial_keypoints import tracking
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import StudyParameters, VariantParameters
from facial_keypoints.pipelines.train.trainer import fit_variant, seconds_per_step
from facial_keypoints.words import duration

logger = logging.getLogger(__name__)

_LONG_STUDY_HOURS = 12


def estimate_training_time(
    train: FaceSet, study: StudyParameters, variants: dict[str, Any]
) -> dict[str, Any]:
    """How long the chosen variants will train on this machine, measured by a few steps each.

    The estimate is that of the longest case: every epoch, no early stopping, or the whole time
    budget where that is shorter.

    Args:
        train: samples to train on.
        study: which variants are chosen.
        variants: all of them by name, typed already where a node asks for one by itself.

    Returns:
        ``minutes`` and ``images_per_second`` by variant, and ``total_minutes``.
    """
    minutes: dict[str, float] = {}
    speeds: dict[str, float] = {}
    for name, raw in variants.items():
        if study.only is not None and name not in study.only:
            continue
        variant = VariantParameters.model_validate(raw)
        how = variant.train
        step = seconds_per_step(variant, train)
        speeds[name] = how.batch_size / step
        whole = -(-len(train) // how.batch_size) * how.epochs * step / 60
        minutes[name] = whole if how.max_minutes is None else min(whole, how.max_minutes)
        logger.info(
            "%s  %.0f images/s: %d epochs take %s%s",
            name,
            speeds[name],
            how.epochs,
            duration(60 * whole),
            "" if minutes[name] == whole else f", stopped after {duration(60 * minutes[name])}",
        )
    total = sum(minutes.values())
    logger.info("Training %d variant(s) takes about %s", len(minutes), duration(60 * total))
    if total > 60 * _LONG_STUDY_HOURS:
        logger.warning(
            "That is long. Ctrl-C now, and choose fewer (--params study.only=%s) or set a "
            "budget per variant (--params train.max_minutes=20)",
            min(minutes, key=lambda name: minutes[name]),
        )
    return {"minutes": minutes, "images_per_second": speeds, "total_minutes": total}


def train_variant(
    train: FaceSet,
    validation: FaceSet,
    estimate: dict[str, Any],
    variant: VariantParameters,
) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """The trained Keras model, its curve (a row per epoch), and a record of how it came about.

    The estimate is an input so that every variant's time is told before the first one trains.
    (Kedro resolves the annotations of nodes, so that Keras' types cannot be named here without
    loading TensorFlow.)
    """
    training = fit_variant(variant, train, validation, tracking.epoch_callbacks())
    record = {**training.record, "mlflow_run_id": tracking.active_run_id()}
    logger.info(
        "%s  trained for %s, %d epochs (ended by: %s); best epoch %s",
        variant.name,
        duration(60 * record["minutes"]),
        record["epochs"],
        record["ended_by"],
        record["best_epoch"],
    )
    return training.model, training.history, record


def draw_learning_curve(history: pd.DataFrame, variant: VariantParameters) -> Figure:
    """Loss and the paper's accuracy by epoch, for training and validation (as in Figure 3)."""
    figure = Figure(figsize=(9, 3.6), layout="constrained", dpi=110)
    left, right = figure.subplots(1, 2)
    for axis, column, label in (
        (left, "loss", "mean squared error (px²)"),
        (right, "accuracy", "the paper's accuracy"),
    ):
        axis.plot(history["epoch"], history[column], "o-", ms=3, label="training")
        axis.plot(history["epoch"], history[f"val_{column}"], "o-", ms=3, label="validation")
        axis.set_xlabel("epoch")
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.legend()
    figure.suptitle(variant.name)
    return figure
