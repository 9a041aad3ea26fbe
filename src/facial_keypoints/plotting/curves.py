"""Plot learning curves."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


def draw_curve(axis: Axes, history: pd.DataFrame, column: str, title: str) -> None:
    """Plot one metric by epoch, for training and validation.

    Args:
        axis: Where to plot.
        history: One row per epoch: ``epoch``, the metric, and the metric prefixed by ``val_``.
        column: The metric.
        title: Of the axis.
    """
    axis.plot(history["epoch"], history[column], "o-", ms=3, label="training")
    axis.plot(history["epoch"], history[f"val_{column}"], "o-", ms=3, label="validation")
    axis.set(xlabel="epoch", title=title)
    axis.grid(alpha=0.3, which="both")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def draw_loss_and_accuracy(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Plot loss and the paper's accuracy by epoch, one row per training.

    Args:
        histories: By the name of a training, one row per epoch: ``epoch``, ``loss``,
            ``accuracy``, ``val_loss``, ``val_accuracy``.

    Source:
        The paper, Figures 2 and 3.
    """
    figure = Figure(figsize=(9, 3.4 * len(histories)), layout="constrained", dpi=130)
    axes = figure.subplots(len(histories), 2, squeeze=False)
    for (name, history), (left, right) in zip(histories.items(), axes, strict=True):
        draw_curve(left, history, "loss", f"{name}: mean squared error (px²)")
        left.set_yscale("log")
        draw_curve(right, history, "accuracy", f"{name}: the paper's accuracy")
        left.legend()
    return figure


def draw_learning_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Plot the validation RMSE by epoch, one line per variant.

    Args:
        histories: By variant, one row per epoch: ``epoch`` and ``val_rmse`` (pixels).
    """
    figure = Figure(figsize=(9, 4.5 + 0.05 * len(histories)), layout="constrained", dpi=110)
    axis = figure.subplots()
    colours = colormaps["turbo"](np.linspace(0.05, 0.95, len(histories)))
    for colour, (name, history) in zip(colours, histories.items(), strict=True):
        axis.plot(history["epoch"], history["val_rmse"], "o-", ms=3, label=name, color=colour)
    axis.set(xlabel="epoch", ylabel="validation RMSE (px)", title="Learning curves", yscale="log")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=8)
    return figure
