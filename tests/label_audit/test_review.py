"""Labels to look at."""

import numpy as np
import pandas as pd

from facial_keypoints.archive.corrections import LabelCorrection
from facial_keypoints.keypoints import KEYPOINTS, POPULATION_B_INDEX
from facial_keypoints.label_audit.review import (
    correct_row,
    corrected_labels,
    issue_cases,
    out_of_fold_points,
    worst_cases,
)


def test_flagged_issues_come_by_score():
    issues = pd.DataFrame(
        [(5, "nose_tip", 0.7, False), (2, "nose_tip", 1.2, True), (9, "whole", 3.0, True)],
        columns=["row", "point", "score", "flagged"],
    ).assign(distance=12.34, reason="far")
    first, second = issue_cases(issues)
    assert (first.row, first.keypoint) == (9, None)
    assert (second.row, second.keypoint) == (2, "nose_tip")
    assert second.reason == "far; 12.3 px from the prediction"


def test_worst_cases_have_rows_of_the_training_table(make_faces):
    """Two rows have one image: the labels tell which of them is in the hold-out."""
    faces = make_faces(6, of_b=2)
    faces.group[3] = 1
    holdout = faces.select(np.array([5, 3, 0]))
    predicted = np.where(np.isfinite(holdout.keypoints), holdout.keypoints, 0)
    predicted[:, 2] += np.array([[1.0], [8], [4]])
    predicted[1, 4, 0] += 20
    cases = worst_cases(faces, holdout, predicted)
    assert [case.row for case in cases] == [4, 1, 6][: len(cases)]
    assert [case.position for case in cases] == [1, 2, 0]
    assert cases[0].keypoint == KEYPOINTS[4]
    assert cases[0].reason.endswith("20.0 px off")


def test_whole_row_corrects_its_labels_only(make_faces):
    faces = make_faces(3, of_b=1)
    assert len(correct_row(faces, 3, None, None)) == 4
    (moved,) = correct_row(faces, 1, "nose_tip", np.full((15, 2), 100.0))
    assert moved.point == (96, 96)


def test_out_of_fold_points_are_those_of_members_that_have_not_seen_the_face(make_faces):
    faces = make_faces(4, of_b=1)
    predicted = np.full((2, 4, 19, 2), np.nan, np.float32)
    predicted[0, 0] = 10
    predicted[:, 3] = np.array([20.0, 22.0])[:, None, None]
    predicted[:, 3, 15:] += 5  # heads of population B
    rows, points = out_of_fold_points(faces, predicted)
    assert rows.tolist() == [0, 3]
    assert (points[0] == 10).all()
    of_b = np.isin(np.arange(15), POPULATION_B_INDEX)
    assert (points[1, of_b] == 26).all()
    assert (points[1, ~of_b] == 21).all()


def test_corrected_labels_are_moved_or_gone(make_faces):
    faces = make_faces(2)
    corrections = [
        LabelCorrection(1, KEYPOINTS[3], (1.0, 2.0)),
        LabelCorrection(1, KEYPOINTS[4], None),
        LabelCorrection(2, KEYPOINTS[5], None),
    ]
    labels = corrected_labels(faces, 1, corrections)
    assert labels[3].tolist() == [1, 2]
    assert np.isnan(labels[4]).all()
    np.testing.assert_array_equal(labels[5:], faces.keypoints[0, 5:])
