"""Plot learning curves."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from facial_keypoints.plotting.style import BLUE, VERMILION, finish_axes, line_style, new_figure


def draw_curve(axis: Axes, history: pd.DataFrame, column: str, title: str) -> None:
    """Plot one metric by epoch, for training and validation.

    Args:
        axis: Where to plot.
        history: One row per epoch: ``epoch``, the metric, and the metric prefixed by ``val_``.
        column: The metric.
        title: Of the axis.
    """
    axis.plot(history["epoch"], history[column], "o-", ms=3, color=BLUE, label="training")
    validation = history[f"val_{column}"]
    axis.plot(history["epoch"], validation, "s--", ms=3, color=VERMILION, label="validation")
    axis.set(xlabel="epoch")
    axis.set_title(title, fontsize=11)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def draw_loss_and_accuracy(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Plot loss and the paper's accuracy by epoch, one row per training.

    Args:
        histories: By the name of a training, one row per epoch: ``epoch``, ``loss``,
            ``accuracy``, ``val_loss``, ``val_accuracy``.

    Source:
        The paper, Figures 2 and 3.
    """
    note = "A gap between the lines is overfitting; the loss has a logarithmic axis."
    figure = new_figure(9, 3.4 * len(histories), note)
    axes = figure.subplots(len(histories), 2, squeeze=False)
    for (name, history), (left, right) in zip(histories.items(), axes, strict=True):
        draw_curve(left, history, "loss", f"{name}: mean squared error (px²)")
        left.set_yscale("log")
        draw_curve(right, history, "accuracy", f"{name}: the paper's accuracy (0 to 1)")
        left.legend()
        finish_axes(left)
        finish_axes(right)
    return figure


def draw_learning_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Plot the validation RMSE by epoch, one line per variant.

    Args:
        histories: By variant, one row per epoch: ``epoch`` and ``val_rmse`` (pixels).
    """
    note = "Lower is better. The weights of each line's lowest point are kept."
    figure = new_figure(9, 4.5 + 0.05 * len(histories), note)
    axis = figure.subplots()
    for i, (name, history) in enumerate(histories.items()):
        axis.plot(
            history["epoch"], history["val_rmse"], marker="o", ms=3, label=name, **line_style(i)
        )
    axis.set(xlabel="epoch", ylabel="validation RMSE (px)", title="Learning curves", yscale="log")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    finish_axes(axis)
    figure.legend(loc="outside right upper", fontsize=8)
    return figure
