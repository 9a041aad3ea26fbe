"""Plots of the evaluate stage."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import KEYPOINTS
from facial_keypoints.metrics import point_errors
from facial_keypoints.parameters import EvaluateParameters
from facial_keypoints.pictures import face_sheet


def draw_learning_curves(**histories: pd.DataFrame) -> Figure:
    """Validation RMSE by epoch, one line per variant."""
    figure = Figure(figsize=(8, 4.5), layout="constrained", dpi=110)
    axis = figure.subplots()
    for name, history in histories.items():
        axis.plot(history["epoch"], history["val_rmse"], "o-", ms=3, label=name)
    axis.set(xlabel="epoch", ylabel="validation RMSE (px)", title="Learning curves")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    axis.legend()
    return figure


def draw_error_per_point(mean_face_metrics: dict[str, Any], **figures: dict[str, Any]) -> Figure:
    """Hold-out RMSE of each point, a bar per variant, and the mean face as a line."""
    figure = Figure(figsize=(11, 4.8), layout="constrained", dpi=110)
    axis = figure.subplots()
    places = np.arange(len(KEYPOINTS))
    width = 0.8 / len(figures)
    for i, (name, variant) in enumerate(figures.items()):
        axis.bar(places + (i + 0.5) * width - 0.4, _per_point(variant), width, label=name)
    axis.plot(places, _per_point(mean_face_metrics), "k_", ms=22, label="mean face")
    axis.set_xticks(places, [name.replace("_", " ") for name in KEYPOINTS], rotation=35, ha="right")
    axis.set(ylabel="hold-out RMSE (px)", title="Error per point")
    axis.legend()
    axis.grid(alpha=0.3, axis="y")
    return figure


def draw_best_and_worst(
    holdout: FaceSet,
    champion: dict[str, Any],
    evaluate: EvaluateParameters,
    **predictions: npt.NDArray[np.float32],
) -> Figure:
    """The champion's best and worst hold-out faces: labels as circles, predictions as crosses."""
    original = np.flatnonzero(~holdout.augmented)
    predicted = predictions[champion["variant"]][original]
    truth = np.where(holdout.labelled[original, :, None], holdout.keypoints[original], np.nan)
    errors = point_errors(truth, predicted)
    known = np.isfinite(errors).any(axis=1)
    mean = np.full(len(errors), np.nan)
    mean[known] = np.nanmean(errors[known], axis=1)
    order = np.argsort(mean)[: int(known.sum())]
    count = min(evaluate.sheet_faces, len(order) // 2)
    rows = np.concatenate([order[:count], order[len(order) - count :]])
    words = ["best"] * count + ["worst"] * count
    titles = [f"{word} {mean[row]:.1f} px" for word, row in zip(words, rows, strict=True)]
    return face_sheet(
        holdout.images[original][rows],
        titles,
        truth=truth[rows],
        predicted=predicted[rows],
        heading=f"{champion['variant']}: best and worst faces of the hold-out (mean error)",
    )


def _per_point(figures: dict[str, Any]) -> list[float]:
    """RMSE of each point; NaN, which draws nothing, where it could not be measured."""
    return [
        float("nan") if value is None else value
        for value in figures["holdout"]["rmse_per_point"].values()
    ]
