"""Plot metrics of several variants."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from facial_keypoints.evaluation.records import VariantMetrics
from facial_keypoints.keypoints import KEYPOINTS
from facial_keypoints.plotting.style import new_figure

_DARK: Final = 0.7
"""Fraction of the mean face's error from which a cell is dark."""


def draw_error_per_keypoint(
    metrics: Mapping[str, VariantMetrics], mean_face: VariantMetrics
) -> Figure:
    """Plot a table of the hold-out RMSE per keypoint, coloured relative to the mean face's.

    Args:
        metrics: By variant.
        mean_face: Metrics of predicting the mean face.
    """
    names = [*metrics, "mean face"]
    errors = np.array(
        [[*m.holdout.rmse_per_keypoint.values()] for m in (*metrics.values(), mean_face)],
        dtype=float,  # None becomes NaN, which draws nothing
    )
    note = "Light cells are good; a dark one is no better than predicting the mean face."
    figure = new_figure(11, 2.6 + 0.3 * len(names), note)
    axis = figure.subplots()
    relative = errors / errors[-1]
    cells = axis.imshow(relative, cmap="YlGnBu", vmin=0, vmax=1.2, aspect="auto")
    for (row, column), error in np.ndenumerate(errors):
        if np.isfinite(error):
            colour = "white" if relative[row, column] > _DARK else "black"
            text = f"{error:.1f}"
            axis.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    keypoints = [name.replace("_", " ") for name in KEYPOINTS]
    axis.set_xticks(np.arange(len(keypoints)), keypoints, rotation=35, ha="right")
    axis.set_yticks(np.arange(len(names)), names)
    axis.set_title("Error per keypoint: hold-out RMSE (px)")
    bar = figure.colorbar(cells, ax=axis, pad=0.01)
    bar.ax.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    bar.set_label("of the RMSE of\nthe mean face", fontsize=8)
    return figure
