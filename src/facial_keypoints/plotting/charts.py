"""Charts to zoom into, as data and layout of Plotly, for Kedro-Viz."""

import math
from typing import Any, Final

import numpy as np
import pandas as pd

from facial_keypoints.plotting.style import BLUE, COLOURS, GREY

_SETS: Final = {"loss": "training", "val_loss": "validation"}
_LINES: Final = COLOURS[:-1]
"""All but black, as the page is dark."""
_EPOCHS_NAMED: Final = 8
_LABELLED: Final = 8
"""Variants whose names do not cover each other; of more, the pointer shows the name."""
_MARGIN: Final = 0.25
"""Beside the points, in powers of ten."""
_TICKS: Final = [digit * 10**power for power in range(3, 9) for digit in (1, 2, 5)]

Chart = dict[str, Any]
"""``data`` (traces) and ``layout``."""


def chart_loss(history: pd.DataFrame, title: str) -> Chart:
    """Return the losses of a training by epoch.

    Args:
        history: One row per epoch: ``epoch``, and losses: ``loss`` and ``val_loss`` of a variant,
            ``member_1_loss`` and so on of an ensemble.
        title: Of the chart.
    """
    traces = []
    losses = [name for name in map(str, history) if name == "loss" or name.endswith("_loss")]
    for i, column in enumerate(losses):
        line = history[["epoch", column]].dropna()
        name = _SETS.get(column, column.removesuffix("_loss").replace("_", " "))
        colour = {"color": _LINES[i % len(_LINES)]}
        x, y = line["epoch"].tolist(), line[column].tolist()
        traces.append({"x": x, "y": y, "name": name, "line": colour})
    layout = _layout(title, "epoch", "loss", "y")
    layout["xaxis"]["dtick"] = math.ceil(len(history) / _EPOCHS_NAMED)
    return {"data": traces, "layout": layout}


def chart_leaderboard(leaderboard: pd.DataFrame) -> Chart:
    """Return the hold-out RMSE of every variant by its number of weights.

    Args:
        leaderboard: One row per variant; the last row is the mean face.
    """
    measured = leaderboard.dropna(subset=["parameters", "holdout_rmse"])
    variants = {
        "x": measured["parameters"].astype(int).tolist(),
        "y": measured["holdout_rmse"].tolist(),
        "text": measured["variant"].tolist(),
        "customdata": measured["minutes"].round(1).tolist(),
        "hovertemplate": "%{text}<br>%{y:.3f} px, %{x:,} weights<br>"
        "trained in %{customdata} min<extra></extra>",
        "mode": "markers+text" if len(measured) <= _LABELLED else "markers",
        "cliponaxis": False,
        "textposition": "top center",
        "marker": {"color": BLUE, "size": 9},
    }
    layout = _layout("Error by size", "weights of the network", "hold-out RMSE (px)", "x")
    if len(measured):
        low, high = np.log10(measured["parameters"].astype(float).agg(["min", "max"]))
        layout["xaxis"] |= {"range": [low - _MARGIN, high + _MARGIN], "tickvals": _TICKS}
    level = {"xref": "paper", "y": float(leaderboard["holdout_rmse"].iloc[-1])}
    line = {"type": "line", "x0": 0, "x1": 1, "y0": level["y"], "y1": level["y"], "xref": "paper"}
    layout["shapes"] = [line | {"line": {"color": GREY, "dash": "dash"}}]
    layout["annotations"] = [
        level | {"x": 1, "text": "mean face", "showarrow": False, "yanchor": "bottom"}
    ]
    return {"data": [variants], "layout": layout}


def _layout(title: str, x: str, y: str, logarithmic: str) -> dict[str, Any]:
    axes: dict[str, dict[str, Any]] = {
        "xaxis": {"title": {"text": x}},
        "yaxis": {"title": {"text": y}},
    }
    axes[f"{logarithmic}axis"]["type"] = "log"
    return {"title": {"text": title}, **axes}
