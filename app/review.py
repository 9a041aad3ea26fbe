"""The page's views of worst errors and label issues, which export corrections of labels."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import streamlit as st
from kedro.io import DataCatalog

from facial_keypoints.archive.corrections import LabelCorrection, corrections_table
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import KEYPOINTS, NUM_KEYPOINTS
from facial_keypoints.label_audit.review import (
    Points,
    ReviewCase,
    correct_row,
    issue_cases,
    worst_cases,
)
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


def show_worst_errors(catalog: DataCatalog, faces: FaceSet) -> None:
    """Step through the hold-out faces with the largest errors of a variant.

    Args:
        catalog: Of the environment.
        faces: All rows of training.csv.
    """
    predictions = holdout_predictions(catalog)
    if not predictions:
        st.info("There are no predictions on a hold-out yet: `full` makes them, `compete` none.")
        return
    name = st.selectbox("Variant", list(predictions))
    others = [other for other in predictions if other != name]
    other = st.selectbox("Compare with", [NONE, *others]) if others else NONE
    holdout: FaceSet = catalog.load("holdout_faces")
    case = choose_case(worst_cases(faces, holdout, predictions[name]), "Hold-out face, worst first")
    shown = [name] if other == NONE else [name, other]
    show_case(faces, case, {each: predictions[each][case.position] for each in shown})


def holdout_predictions(catalog: DataCatalog) -> dict[str, Points]:
    """Return the predictions on the hold-out, by variant, the best first."""
    if not (catalog.exists("leaderboard") and catalog.exists("holdout_faces")):
        return {}
    names = [f"{name}.holdout_predictions" for name in catalog.load("leaderboard")["variant"]]
    found = {name.partition(".")[0]: catalog.load(name) for name in names if catalog.exists(name)}
    count = len(catalog.load("holdout_faces"))
    return {
        name: points
        for name, points in found.items()
        if len(points) == count and np.isfinite(points).all()  # not those of a diverged one
    }


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
    at, count = case.row - 1, len(predicted)
    figure = draw_faces(
        np.repeat(faces.images[at][None], count, axis=0),
        list(predicted),
        truth=np.repeat(faces.keypoints[at][None], count, axis=0),
        predicted=np.stack(list(predicted.values())),
    )
    figure.set_size_inches(3.2 * count, 3.4)
    st.markdown(f"**Row {case.row}** of training.csv: {case.reason}")
    st.pyplot(figure, width="content")
    st.caption("Circles are labels, crosses are predictions.")
    offer_corrections(faces, case, next(iter(predicted.values())))


def offer_corrections(faces: FaceSet, case: ReviewCase, points: Points) -> None:
    """Let the user correct a row, and download the corrections of this session.

    Args:
        faces: All rows of training.csv.
        case: The row.
        points: (15, 2) in pixels, to move labels to.
    """
    corrections: dict[tuple[int, str], LabelCorrection] = st.session_state.setdefault(
        "corrections", {}
    )
    labelled = [name for i, name in enumerate(KEYPOINTS) if faces.labelled[case.row - 1, i]]
    options = [ALL, *labelled]
    start = options.index(case.keypoint) if case.keypoint in options else 0
    chosen = st.selectbox("Correct", options, start, key=f"keypoint of row {case.row}, {case}")
    keypoint = None if chosen == ALL else chosen
    with st.container(horizontal=True):
        drop, move = st.button("Drop the label"), st.button("Move it to the prediction")
        undo = st.button("Undo")
    for each in correct_row(faces, case.row, keypoint, points if move else None):
        key = (each.row, each.keypoint)
        if drop or move:
            corrections[key] = each
        elif undo:
            corrections.pop(key, None)
    if corrections:
        table = corrections_table(corrections.values())
        st.download_button(
            "Download corrections as CSV", table.to_csv(index=False), "corrections.csv", "text/csv"
        )
        st.caption("Use them: add `--params clean.corrections=corrections.csv` to `kedro run`.")
        st.table(table.set_index("row").style.format("{:.2f}", na_rep="dropped", subset=["x", "y"]))
