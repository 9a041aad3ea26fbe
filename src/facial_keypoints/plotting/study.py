"""The paper's Figures 1 to 4 again, and two that it does not have."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from facial_keypoints.evaluation.records import Champion
from facial_keypoints.faces import FaceSet
from facial_keypoints.plotting.curves import draw_curve
from facial_keypoints.plotting.faces import draw_faces
from facial_keypoints.training.records import Training

_POOLS_COMPARED = ("14cl-3mpl", "14cl-5mpl")
_FINAL = "15cl-5mpl-drop10"
_TEST_FACES = 8
_COLOURS = {"paper": "#7c8798", "test": "#2563eb", "unseen": "#dc2626"}
_WORDS = {
    "paper_test_loss": ("the paper, test", _COLOURS["paper"], "s--"),
    "test_loss": ("ours, test as the paper draws it", _COLOURS["test"], "o-"),
    "unseen_loss": ("ours, unseen faces", _COLOURS["unseen"], "^-"),
}


def draw_labelled_face(faces: FaceSet) -> Figure:
    """Figure 1: the first training face with all 15 points."""
    complete = np.flatnonzero(faces.complete)
    row = complete[:1] if len(complete) else np.array([0])
    figure = draw_faces(faces.images[row], [""], truth=faces.keypoints[row])
    figure.set_size_inches(4, 4)
    return figure


def draw_pool_curves(study: dict[str, Any], **trainings: Training) -> Figure:
    """Figure 2: curves with three pools (above) and with five (below), 14 convolutions each;
    an empty picture with a word on it where these are not trained.

    Args:
        study: what ``tabulate_study`` gives.
        trainings: keyed "<name>.training".
    """
    names = [name for name in (_first_training(study, v) for v in _POOLS_COMPARED) if name]
    if len(names) < len(_POOLS_COMPARED):
        return _empty(f"needs {' and '.join(_POOLS_COMPARED)}")
    return _curves([(name, trainings[f"{name}.training"]) for name in names])


def draw_final_curves(study: dict[str, Any], champion: Champion, **trainings: Training) -> Figure:
    """Figure 3: the curves of the paper's final model; of the champion where that one is not
    trained.
    """
    name = _first_training(study, _FINAL) or champion.variant
    return _curves([(name, trainings[f"{name}.training"])])


def draw_test_predictions(
    study: dict[str, Any],
    champion: Champion,
    test: FaceSet,
    **predictions: npt.NDArray[np.float32],
) -> Figure:
    """Figure 4: predictions of the same model on the first test pictures, which have no
    labels. ``predictions`` are keyed "<name>.test_predictions".
    """
    name = _first_training(study, _FINAL) or champion.variant
    count = min(_TEST_FACES, len(test))
    return draw_faces(
        test.images[:count],
        [f"test image {image}" for image in test.group[:count]],
        predicted=predictions[f"{name}.test_predictions"][:count],
        heading=name,
        columns=4,
    )


def draw_loss_by_depth(study: dict[str, Any]) -> Figure:
    """Test loss of Table 3's rows against the number of convolutions."""
    figure = Figure(figsize=(8, 4.5), layout="constrained", dpi=130)
    axis = figure.subplots()
    rows = [row for row in study["tables"].get("table_3", []) if row["trained"]]
    if not rows:
        return _empty("needs rows of Table 3")
    places = np.arange(len(rows))
    for measure, (label, colour, style) in _WORDS.items():
        values = np.array([_number(row[measure]) for row in rows])
        if np.isfinite(values).any():
            axis.plot(places, values, style, color=colour, ms=5, label=label)
            spread = np.array([_number(row.get(f"{measure}_sd")) for row in rows])
            axis.errorbar(places, values, spread, fmt="none", ecolor=colour, capsize=3)
    axis.set_xticks(places, [row["row"].replace(", ", "\n") for row in rows], fontsize=8)
    axis.set(ylabel="mean squared error (px²)", title="Loss by depth (Table 3)", yscale="log")
    axis.grid(alpha=0.3, which="both")
    axis.legend()
    return figure


def draw_loss_by_compute(study: dict[str, Any]) -> Figure:
    """Loss on unseen faces (on the hold-out where there are none) against the multiply-adds of
    one picture.
    """
    rows = {row["variant"]: row for row in _all_rows(study) if row["trained"]}
    measure = "unseen_loss"
    if all(row[measure] is None for row in rows.values()):
        measure = "test_loss"
    rows = {name: row for name, row in rows.items() if row[measure] is not None}
    figure = Figure(figsize=(8, 5), layout="constrained", dpi=130)
    axis = figure.subplots()
    by_loss = sorted(rows.items(), key=lambda item: float(item[1][measure]))
    for i, (name, row) in enumerate(by_loss):
        place = (row["multiply_adds"] / 1e6, row[measure])
        axis.plot(*place, "o", ms=5, color=_COLOURS["unseen"])
        side = 1 if i % 2 else -1  # neighbours in loss do not write over each other
        axis.annotate(
            name,
            place,
            xytext=(5 * side, 0),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            fontsize=7,
        )
    axis.margins(x=0.15)
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="million multiply-adds per picture",
        ylabel="mean squared error (px²)",
        title=f"Error by compute ({'unseen faces' if measure == 'unseen_loss' else 'test set'})",
    )
    axis.grid(alpha=0.3, which="both")
    return figure


def _curves(trainings: list[tuple[str, Training]]) -> Figure:
    """Loss and the paper's accuracy by epoch, a row per training."""
    figure = Figure(figsize=(9, 3.4 * len(trainings)), layout="constrained", dpi=130)
    axes = figure.subplots(len(trainings), 2, squeeze=False)
    for (name, training), (left, right) in zip(trainings, axes, strict=True):
        draw_curve(left, training.history, "loss", f"{name}: mean squared error (px²)")
        left.set_yscale("log")
        draw_curve(right, training.history, "accuracy", f"{name}: the paper's accuracy")
        left.legend()
    return figure


def _first_training(study: dict[str, Any], variant: str) -> str | None:
    """Name of the variant's training with the first of its seeds; None where there is none."""
    rows = (row for row in _all_rows(study) if row["variant"] == variant and row["trained"])
    return next((str(row["trainings"][0]) for row in rows), None)


def _empty(words: str) -> Figure:
    figure = Figure(figsize=(8, 1.2), dpi=130)
    figure.text(0.5, 0.5, f"Not drawn: {words}", ha="center", va="center", color="gray")
    return figure


def _all_rows(study: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for rows in study["tables"].values():
        yield from rows


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
