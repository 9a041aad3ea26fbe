"""Plot the study's losses against depth and compute."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from facial_keypoints.plotting.style import BLUE, GREY, VERMILION, finish_axes, new_figure
from facial_keypoints.study.records import StudyResult, StudyRow, TrainedVariant

_PAPER_COLOUR: Final = GREY
_TEST_COLOUR: Final = BLUE
_UNSEEN_COLOUR: Final = VERMILION
_NAMED: Final = 6
"""Variants whose names do not cover each other."""
_NOTE: Final = "Best at the bottom left: small errors for little compute."
_NOTE_ON_NAMES: Final = "Named: the networks than which no other is better in both."


def draw_loss_by_depth(study: StudyResult) -> Figure:
    """Plot the losses of Table 3's trained rows, the paper's and ours.

    Args:
        study: The study; without such rows the figure is a message.
    """
    rows = [row for row in study.tables.get("table_3", []) if row.ours]
    if not rows:
        return draw_message("needs rows of Table 3")
    note = "From left to right deeper networks: falling lines support the paper's conclusion."
    figure = new_figure(8, 4.5, note)
    axis = figure.subplots()
    positions = np.arange(len(rows))
    paper = _numbers([row.paper.test_loss for row in rows])
    axis.plot(positions, paper, "s--", color=_PAPER_COLOUR, ms=5, label="the paper, test")
    for measure, label, colour, style in (
        ("test_loss", "ours, test", _TEST_COLOUR, "o-"),
        ("unseen_loss", "ours, unseen faces", _UNSEEN_COLOUR, "^-"),
    ):
        losses, deviations = _ours(rows, measure)
        if np.isfinite(losses).any():
            axis.plot(positions, losses, style, color=colour, ms=5, label=label)
            axis.errorbar(positions, losses, deviations, fmt="none", ecolor=colour, capsize=3)
    axis.set_xticks(positions, [row.row.replace(", ", "\n") for row in rows], fontsize=8)
    axis.set(ylabel="mean squared error (px²)", title="Loss by depth (Table 3)", yscale="log")
    finish_axes(axis)
    axis.legend()
    return figure


def draw_loss_by_compute(study: StudyResult) -> Figure:
    """Plot every variant's loss on unseen faces against the multiply-adds of one image.

    Args:
        study: The study; the loss is that on the hold-out where there are no unseen faces.
    """
    trained = study.trained()
    has_unseen = any(ours.mean.unseen_loss is not None for ours in trained.values())
    losses = {name: _loss(ours, has_unseen) for name, ours in trained.items()}
    points = {
        name: (trained[name].multiply_adds / 1e6, loss)
        for name, loss in losses.items()
        if loss is not None
    }
    best = _unbeaten(points)
    figure = new_figure(8, 5, _NOTE if len(points) <= _NAMED else f"{_NOTE} {_NOTE_ON_NAMES}")
    axis = figure.subplots()
    for name, point in points.items():
        axis.plot(*point, "o", ms=5, color=_UNSEEN_COLOUR if name in best else GREY)
        if name in best or len(points) <= _NAMED:
            # nothing lies to the left of an unbeaten one and below it
            side, corner = (-1, ("right", "top")) if name in best else (1, ("left", "bottom"))
            axis.annotate(
                name,
                point,
                xytext=(4 * side, 3 * side),
                textcoords="offset points",
                ha=corner[0],
                va=corner[1],
                fontsize=7,
            )
    axis.margins(x=0.15)
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="million multiply-adds per image",
        ylabel="mean squared error (px²)",
        title=f"Error by compute ({'unseen faces' if has_unseen else 'test set'})",
    )
    finish_axes(axis)
    return figure


def _unbeaten(points: Mapping[str, tuple[float, float]]) -> set[str]:
    """Return the variants than which no other needs less compute and has a lower loss."""
    best: dict[str, float] = {}
    for name, (_, loss) in sorted(points.items(), key=lambda item: item[1]):
        if loss < min(best.values(), default=np.inf):
            best[name] = loss
    return set(best)


def draw_message(message: str) -> Figure:
    """Return a figure that says why there is nothing to plot."""
    figure = new_figure(8, 1.2)
    figure.text(0.5, 0.5, f"Not plotted: {message}", ha="center", va="center", color="gray")
    return figure


def _loss(ours: TrainedVariant, has_unseen: bool) -> float | None:
    return ours.mean.unseen_loss if has_unseen else ours.mean.test_loss


def _ours(
    rows: Sequence[StudyRow], measure: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and deviation of one measure of each row, NaN where unknown."""
    trained = [row.ours for row in rows if row.ours]
    return (
        _numbers([getattr(ours.mean, measure) for ours in trained]),
        _numbers([getattr(ours.deviation, measure) for ours in trained]),
    )


def _numbers(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array(values, dtype=np.float64)  # None becomes NaN
