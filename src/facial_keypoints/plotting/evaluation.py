"""Plots of the evaluate stage."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from facial_keypoints.evaluation.records import Champion
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import KEYPOINTS
from facial_keypoints.metrics import distances
from facial_keypoints.parameters import EvaluateParameters
from facial_keypoints.plotting.faces import draw_faces
from facial_keypoints.training.records import Training


def draw_learning_curves(leaderboard: pd.DataFrame, **trainings: Training) -> Figure:
    """Validation RMSE by epoch, one line per variant, in the order of the leaderboard.

    Args:
        leaderboard: best first.
        trainings: keyed "<variant>.training".
    """
    order = [name for name in leaderboard["variant"] if f"{name}.training" in trainings]
    figure = Figure(figsize=(9, 4.5 + 0.05 * len(trainings)), layout="constrained", dpi=110)
    axis = figure.subplots()
    colours = colormaps["turbo"](np.linspace(0.05, 0.95, len(trainings)))
    for colour, name in zip(colours, order, strict=True):
        history = trainings[f"{name}.training"].history
        axis.plot(history["epoch"], history["val_rmse"], "o-", ms=3, label=name, color=colour)
    axis.set(xlabel="epoch", ylabel="validation RMSE (px)", title="Learning curves", yscale="log")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=8)
    return figure


def draw_error_per_point(mean_face_metrics: dict[str, Any], **figures: dict[str, Any]) -> Figure:
    """Hold-out RMSE of each point for each variant and for the mean face, as a table whose
    colours tell how much of the mean face's error is left.
    """
    names = [*figures, "mean face"]
    errors = np.array([_per_point(f) for f in (*figures.values(), mean_face_metrics)])
    figure = Figure(figsize=(11, 2.2 + 0.27 * len(names)), layout="constrained", dpi=110)
    axis = figure.subplots()
    picture = axis.imshow(errors / errors[-1], cmap="RdYlGn_r", vmin=0, vmax=1.2, aspect="auto")
    for (row, column), error in np.ndenumerate(errors):
        if np.isfinite(error):
            axis.text(column, row, f"{error:.1f}", ha="center", va="center", fontsize=8)
    points = [name.replace("_", " ") for name in KEYPOINTS]
    axis.set_xticks(np.arange(len(points)), points, rotation=35, ha="right")
    axis.set_yticks(np.arange(len(names)), names)
    axis.set_title("Error per point: hold-out RMSE (px)")
    figure.colorbar(picture, ax=axis, label="share of the mean face's error", pad=0.01)
    return figure


def draw_best_and_worst(
    holdout: FaceSet,
    champion: Champion,
    evaluate: EvaluateParameters,
    **predictions: npt.NDArray[np.float32],
) -> Figure:
    """The champion's best and worst hold-out faces: labels as circles, predictions as crosses."""
    original = np.flatnonzero(~holdout.augmented)
    predicted = predictions[champion.variant][original]
    truth = np.where(holdout.labelled[original, :, None], holdout.keypoints[original], np.nan)
    errors = distances(truth, predicted)
    known = np.isfinite(errors).any(axis=1)
    mean = np.full(len(errors), np.nan)
    mean[known] = np.nanmean(errors[known], axis=1)
    order = np.argsort(mean)[: int(known.sum())]
    count = min(evaluate.grid_faces, len(order) // 2)
    rows = np.concatenate([order[:count], order[len(order) - count :]])
    words = ["best"] * count + ["worst"] * count
    titles = [f"{word} {mean[row]:.1f} px" for word, row in zip(words, rows, strict=True)]
    return draw_faces(
        holdout.images[original][rows],
        titles,
        truth=truth[rows],
        predicted=predicted[rows],
        heading=f"{champion.variant}: best and worst faces of the hold-out (mean error)",
    )


def _per_point(figures: dict[str, Any]) -> list[float]:
    """RMSE of each point; NaN, which draws nothing, where it could not be measured."""
    return [
        float("nan") if value is None else value
        for value in figures["holdout"]["rmse_per_keypoint"].values()
    ]
