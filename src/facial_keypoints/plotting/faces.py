"""Plot grids of face images with their keypoints."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from facial_keypoints.augmentation.offline import AugmentationSummary
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.metrics import distances
from facial_keypoints.plotting.style import ORANGE, SKY_BLUE, new_figure

LABEL_COLOUR = SKY_BLUE
PREDICTION_COLOUR = ORANGE

_MAX_COPIES = 24


def draw_faces(
    images: npt.NDArray[np.uint8],
    titles: Sequence[str],
    truth: npt.NDArray[np.floating] | None = None,
    predicted: npt.NDArray[np.floating] | None = None,
    heading: str = "",
    columns: int = 8,
) -> Figure:
    """Plot images in a grid with their keypoints: labels as circles, predictions as crosses.

    Args:
        images: uint8 (n, 96, 96).
        titles: N short texts.
        truth: Labels (n, 15, 2) in pixels, NaN where unlabelled.
        predicted: Predictions (n, 15, 2) in pixels.
        heading: Title of the figure.
        columns: Images in a row.
    """
    columns = max(1, min(columns, len(images)))
    rows = max(1, math.ceil(len(images) / columns))
    marks = {"Circles: labels.": truth, "Crosses: predictions.": predicted}
    note = " ".join(text for text, points in marks.items() if points is not None)
    figure = new_figure(1.7 * columns, 1.95 * rows + 0.5, note)
    figure.suptitle(heading)
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axis in axes:
        axis.set_axis_off()
    for i, (axis, image, title) in enumerate(zip(axes, images, titles, strict=False)):
        # edge to edge, as keypoints.py defines: pixel i covers i to i + 1
        axis.imshow(image, cmap="gray", vmin=0, vmax=255, extent=(0, IMAGE_SIZE, IMAGE_SIZE, 0))
        axis.set_title(title, fontsize=8)
        if truth is not None:
            axis.plot(*truth[i].T, "o", ms=3, mfc="none", mec=LABEL_COLOUR, mew=0.9)
        if predicted is not None:
            axis.plot(*predicted[i].T, "x", ms=3, mec=PREDICTION_COLOUR, mew=0.9)
        axis.set_xlim(0, IMAGE_SIZE)
        axis.set_ylim(IMAGE_SIZE, 0)
    return figure


def draw_labelled_face(faces: FaceSet) -> Figure:
    """Plot the first face with all 15 keypoints (the first face where none is complete).

    Source:
        The paper, Figure 1.
    """
    complete = np.flatnonzero(faces.complete)
    row = complete[:1] if len(complete) else np.array([0])
    figure = draw_faces(faces.images[row], [""], truth=faces.keypoints[row])
    figure.set_size_inches(4, 4)
    return figure


def draw_augmentation_grid(augmented: FaceSet, summary: AugmentationSummary) -> Figure:
    """Plot one face and all its transformed copies with their keypoints.

    Args:
        augmented: Originals and copies, ordered by step.
        summary: Number of samples by step.
    """
    copies = np.flatnonzero(augmented.augmented)
    group = augmented.group[copies[0]] if len(copies) else augmented.group[0]
    rows = np.flatnonzero(augmented.group == group)[:_MAX_COPIES]
    steps = np.repeat(list(summary.by_step), list(summary.by_step.values()))
    return draw_faces(
        augmented.images[rows],
        steps[rows].tolist(),
        truth=augmented.keypoints[rows],
        heading="Augmentation of one face",
    )


def draw_best_and_worst(
    faces: FaceSet, predicted: npt.NDArray[np.floating], count: int, heading: str
) -> Figure:
    """Plot the faces with the smallest and the largest mean error, with labels and predictions.

    Augmented copies and labels that no person placed are left out.

    Args:
        faces: N labelled faces.
        predicted: Predictions (n, 15, 2) in pixels.
        count: Number of best and of worst faces.
        heading: Title of the figure.
    """
    original = np.flatnonzero(~faces.augmented)
    truth = np.where(faces.labelled[original, :, None], faces.keypoints[original], np.nan)
    error = _mean_distance(truth, predicted[original])
    order = np.argsort(error)[: int(np.isfinite(error).sum())]  # NaN comes last
    count = min(count, len(order) // 2)
    rows = np.concatenate([order[:count], order[len(order) - count :]])
    labels = ["best"] * count + ["worst"] * count
    return draw_faces(
        faces.images[original][rows],
        [f"{label} {error[row]:.1f} px" for label, row in zip(labels, rows, strict=True)],
        truth=truth[rows],
        predicted=predicted[original][rows],
        heading=heading,
    )


def _mean_distance(
    truth: npt.NDArray[np.floating], predicted: npt.NDArray[np.floating]
) -> npt.NDArray[np.floating]:
    """Return the mean error (n,) of each face in pixels, NaN where nothing could be measured."""
    errors = distances(truth, predicted)
    known = np.isfinite(errors).any(axis=1)
    mean = np.full(len(errors), np.nan)
    mean[known] = np.nanmean(errors[known], axis=1)
    return mean
