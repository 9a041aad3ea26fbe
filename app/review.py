"""The page's views of worst errors and label issues, which export corrections of labels."""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import streamlit as st
from kedro.io import DataCatalog

from facial_keypoints.archive.corrections import LabelCorrection, corrections_table
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import IMAGE_SIZE, KEYPOINTS, NUM_KEYPOINTS
from facial_keypoints.label_audit.review import (
    Points,
    ReviewCase,
    correct_row,
    corrected_labels,
    issue_cases,
    out_of_fold_points,
    worst_cases,
)
from facial_keypoints.parameters import ENSEMBLE
from facial_keypoints.photos.uploads import PhotoModel
from facial_keypoints.plotting.faces import draw_faces

ALL: Final = "all labels of the row"
NONE: Final = "none"


def show_label_issues(catalog: DataCatalog, faces: FaceSet, model: PhotoModel) -> None:
    """Step through the label audit's issues.

    Args:
        catalog: Of the environment.
        faces: All rows of training.csv.
        model: Predicts the points that are shown next to the labels.
    """
    if not catalog.exists("label_issues"):
        st.info("There are no label issues yet: the label audit is part of `compete`.")
        return
    cases = [c for c in issue_cases(catalog.load("label_issues")) if c.row <= len(faces)]
    if not cases:
        st.info("The label audit has flagged no label.")
        return
    case = choose_case(cases, "Label issue")
    image = faces.images[case.row - 1][None]
    points = model.predictor(image)[0, :NUM_KEYPOINTS, :2]
    show_case(faces, case, {model.champion.variant: points})


def show_worst_errors(catalog: DataCatalog, faces: FaceSet, fingerprint: str) -> None:
    """Step through the faces with the largest errors of a model that was not trained on them.

    Args:
        catalog: Of the environment.
        faces: All rows of training.csv.
        fingerprint: Of the champion.
    """
    predictions = unseen_predictions(fingerprint, catalog, faces)
    if not predictions:
        st.info(
            "There are no predictions yet on faces that a model was not trained on: `full` and "
            "`compete` make them."
        )
        return
    name = st.selectbox("Model", list(predictions))
    unseen, points = predictions[name]
    others = [other for other, (its, _) in predictions.items() if its is unseen and other != name]
    other = st.selectbox("Compare with", [NONE, *others]) if others else NONE
    case = choose_case(worst_cases(faces, unseen, points), "Face, worst first")
    shown = [name] if other == NONE else [name, other]
    show_case(faces, case, {each: predictions[each][1][case.position] for each in shown})


@st.cache_resource(max_entries=1)
def unseen_predictions(
    fingerprint: str, _catalog: DataCatalog, _faces: FaceSet
) -> dict[str, tuple[FaceSet, Points]]:
    """Return faces that models were not trained on, and predictions: the best variant first."""
    found = {}
    if _catalog.exists("leaderboard") and _catalog.exists("holdout_faces"):
        holdout = _catalog.load("holdout_faces")
        for variant in _catalog.load("leaderboard")["variant"]:
            name = f"{variant}.holdout_predictions"
            points = _catalog.load(name) if _catalog.exists(name) else np.empty(0)
            if len(points) == len(holdout) and np.isfinite(points).all():  # not of a diverged one
                found[variant] = holdout, points
    if _catalog.exists("ensemble_members"):
        predicted = _catalog.load("ensemble_members").predictions
        if predicted.shape[1] == len(_faces):
            rows, points = out_of_fold_points(_faces, predicted)
            found[f"{ENSEMBLE} (members that have not seen the face)"] = _faces.select(rows), points
    return found


def choose_case(cases: list[ReviewCase], label: str) -> ReviewCase:
    """Return the case that the user steps to.

    Args:
        cases: At least one.
        label: Of the field with the number.
    """
    return cases[int(st.number_input(f"{label} (1 to {len(cases)})", 1, len(cases))) - 1]


def show_case(faces: FaceSet, case: ReviewCase, predicted: Mapping[str, Points]) -> None:
    """Show a row with labels and predictions, and offer to correct it.

    Args:
        faces: All rows of training.csv.
        case: The row.
        predicted: (15, 2) in pixels, by model; labels are moved to those of the first one.
    """
    count = len(predicted)
    labels = corrected_labels(faces, case.row, corrections().values())
    figure = draw_faces(
        np.repeat(faces.images[case.row - 1][None], count, axis=0),
        list(predicted),
        truth=np.repeat(labels[None], count, axis=0),
        predicted=np.stack(list(predicted.values())),
    )
    figure.set_size_inches(3.2 * count, 3.4)
    st.markdown(f"**Row {case.row}** of training.csv: {case.reason}")
    st.pyplot(figure, width="content")
    st.caption("Circles are labels, as you correct them; crosses are predictions.")
    offer_corrections(faces, case, next(iter(predicted.values())), labels)
    show_corrections()


def corrections() -> dict[tuple[int, str], LabelCorrection]:
    """Return the corrections of this session, by row and keypoint."""
    found: dict[tuple[int, str], LabelCorrection]
    found = st.session_state.setdefault("corrections", {})
    return found


def offer_corrections(faces: FaceSet, case: ReviewCase, points: Points, labels: Points) -> None:
    """Let the user drop or move labels of a row.

    Args:
        faces: All rows of training.csv.
        case: The row.
        points: (15, 2) in pixels, to move labels to.
        labels: (15, 2) in pixels, as they are corrected; NaN where there is none.
    """
    labelled = [name for i, name in enumerate(KEYPOINTS) if faces.labelled[case.row - 1, i]]
    options = [ALL, *labelled]
    start = options.index(case.keypoint) if case.keypoint in options else 0
    chosen = st.selectbox("Correct", options, start, key=f"keypoint of row {case.row}, {case}")
    keypoint = None if chosen == ALL else chosen
    buttons: dict[str, Points | None] = {
        "Drop the label": None,
        "Move it to the prediction": points,
    }
    if keypoint is not None:
        buttons["Move it to x and y"] = choose_point(case.row, keypoint, points, labels)
    with st.container(horizontal=True):
        for text, to in buttons.items():
            st.button(text, on_click=correct, args=(correct_row(faces, case.row, keypoint, to),))
        undone = correct_row(faces, case.row, keypoint, None)
        st.button("Undo", on_click=correct, args=(undone, True))


def choose_point(row: int, keypoint: str, points: Points, labels: Points) -> Points:
    """Return points (15, 2) in pixels: where the user wants a keypoint, which starts at its label.

    Args:
        row: Of training.csv, from 1.
        keypoint: Its name.
        points: (15, 2) in pixels, taken where there is no label.
        labels: (15, 2) in pixels, NaN where there is none.
    """
    at = KEYPOINTS.index(keypoint)
    start = labels[at] if np.isfinite(labels[at]).all() else points[at]
    moved = points.copy()
    for axis, column, value in zip((0, 1), st.columns(2), start, strict=True):
        moved[at, axis] = column.number_input(
            f"{'xy'[axis]}, in pixels from the {('left', 'upper')[axis]} border",
            *(0.0, float(IMAGE_SIZE), float(np.clip(round(float(value), 2), 0, IMAGE_SIZE)), 0.5),
            key=f"{'xy'[axis]} of {keypoint} in row {row}, {value:.2f}",
        )
    return moved


def correct(changed: Iterable[LabelCorrection], undo: bool = False) -> None:
    """Add corrections to those of this session.

    Args:
        changed: The corrections.
        undo: Whether to take them back.
    """
    for each in changed:
        key = (each.row, each.keypoint)
        corrections().pop(key, None)
        if not undo:
            corrections()[key] = each


def show_corrections() -> None:
    """Show the corrections of this session, and offer them as a file."""
    if not corrections():
        return
    table = corrections_table(corrections().values())
    st.download_button(
        "Download corrections as CSV", table.to_csv(index=False), "corrections.csv", "text/csv"
    )
    st.caption("Use them: add `--params clean.corrections=corrections.csv` to `kedro run`.")
    st.table(table.set_index("row").style.format("{:.2f}", na_rep="dropped", subset=["x", "y"]))
