"""Plots that more than one stage draws."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from facial_keypoints.keypoints import IMAGE_SIZE

LABEL_COLOUR = "#31c48d"
PREDICTION_COLOUR = "#f05252"


def draw_curve(axis: Axes, history: pd.DataFrame, column: str, title: str) -> None:
    """One figure by epoch, for training and validation."""
    axis.plot(history["epoch"], history[column], "o-", ms=3, label="training")
    axis.plot(history["epoch"], history[f"val_{column}"], "o-", ms=3, label="validation")
    axis.set(xlabel="epoch", title=title)
    axis.grid(alpha=0.3, which="both")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def draw_faces(
    images: npt.NDArray[np.uint8],
    titles: Sequence[str],
    truth: npt.NDArray[np.floating] | None = None,
    predicted: npt.NDArray[np.floating] | None = None,
    heading: str = "",
    columns: int = 8,
) -> Figure:
    """Pictures in a grid with their points: labels as circles, predictions as crosses.

    Args:
        images: uint8 (n, 96, 96).
        titles: n short texts.
        truth: (n, 15, 2) in pixels, NaN where unknown.
        predicted: (n, 15, 2) in pixels.
        heading: the title of the whole.
        columns: pictures in a row.
    """
    columns = max(1, min(columns, len(images)))
    rows = max(1, math.ceil(len(images) / columns))
    figure = Figure(figsize=(1.7 * columns, 1.95 * rows + 0.5), layout="constrained", dpi=110)
    figure.suptitle(heading)
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axis in axes:
        axis.set_axis_off()
    for i, (axis, image, title) in enumerate(zip(axes, images, titles, strict=False)):
        # edge to edge, as keypoints.py states: pixel i covers i to i + 1
        axis.imshow(image, cmap="gray", vmin=0, vmax=255, extent=(0, IMAGE_SIZE, IMAGE_SIZE, 0))
        axis.set_title(title, fontsize=8)
        if truth is not None:
            axis.plot(*truth[i].T, "o", ms=3, mfc="none", mec=LABEL_COLOUR, mew=0.9)
        if predicted is not None:
            axis.plot(*predicted[i].T, "x", ms=3, mec=PREDICTION_COLOUR, mew=0.9)
        axis.set_xlim(0, IMAGE_SIZE)
        axis.set_ylim(IMAGE_SIZE, 0)
    return figure
