import numpy as np
import pytest

from facial_keypoints.keypoints import KEYPOINTS, LEFT_EYE, RIGHT_EYE
from facial_keypoints.label_audit.geometry import LabelIssue, find_label_issues

NOSE = KEYPOINTS.index("nose_tip")


@pytest.fixture
def faces(make_faces):
    """Faces without label issues: eyes 30 px apart, the left one at the larger x."""
    faces = make_faces(6, of_b=2)
    faces.keypoints[:, LEFT_EYE] = 65, 40
    faces.keypoints[:, RIGHT_EYE] = 35, 40
    return faces


def test_plausible_labels_have_no_issues(faces):
    assert find_label_issues(faces) == []
    faces.keypoints[1:3, RIGHT_EYE] = np.nan
    assert find_label_issues(faces) == []


def test_swapped_or_close_eyes_are_issues(faces):
    faces.keypoints[1, LEFT_EYE] = 20, 40
    faces.keypoints[3, LEFT_EYE] = 38, 44
    assert find_label_issues(faces) == [
        LabelIssue(2, "left and right eye are swapped"),
        LabelIssue(4, "eyes closer than 10 px"),
    ]


def test_eyes_that_are_swapped_and_close_have_one_reason(faces):
    faces.keypoints[1, LEFT_EYE] = 32, 40
    assert find_label_issues(faces) == [LabelIssue(2, "eyes closer than 10 px")]


def test_disagreeing_labels_of_one_image_are_issues(faces):
    faces.group[:] = [0, 1, 0, 3, 4, 3]  # rows 4 and 6 belong to different populations
    faces.keypoints[2] = faces.keypoints[0]
    faces.keypoints[5] = 90
    faces.keypoints[5, RIGHT_EYE] = 20
    assert find_label_issues(faces) == []
    faces.keypoints[2, NOSE, 1] += 10.5
    reason = "labels of the same image disagree"
    assert find_label_issues(faces) == [LabelIssue(1, reason), LabelIssue(3, reason)]


def test_missing_label_does_not_hide_a_disagreement(faces):
    faces.group[:3] = 0
    faces.keypoints[1] = faces.keypoints[2] = faces.keypoints[0]
    faces.keypoints[1, NOSE] += 20
    faces.keypoints[2, NOSE] = np.nan
    assert [issue.row for issue in find_label_issues(faces)] == [1, 2]
