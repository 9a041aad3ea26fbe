import math

import numpy as np
import pandas as pd
import pytest

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import COORDINATE_COLUMNS
from facial_keypoints.pipelines.submit.nodes import (
    answer,
    check_submission,
    make_submission,
    score_submission,
)


@pytest.fixture
def asked_faces(make_faces):
    """Three pictures, by their ImageId 7, 3 and 5."""
    return FaceSet(**{**make_faces(3).arrays(), "group": np.array([7, 3, 5], np.int32)})


@pytest.fixture
def lookup():
    return pd.DataFrame(
        {
            "RowId": [4, 1, 3, 2],
            "ImageId": [5, 7, 7, 3],
            "FeatureName": ["nose_tip_y", "left_eye_center_x", "nose_tip_x", "nose_tip_y"],
        }
    )


@pytest.fixture
def points():
    """Each answer tells what it is of: 30 to a picture, in the order of Kaggle's columns."""
    return np.arange(90, dtype=np.float32).reshape(3, 15, 2)


NOSE_X = COORDINATE_COLUMNS.index("nose_tip_x")
CHAMPION = Champion("small", "0f0f", None)


def test_every_row_of_the_lookup_is_answered_in_its_order(asked_faces, lookup, points):
    other = np.zeros_like(points)
    table = make_submission(CHAMPION, asked_faces, lookup, other=other, small=points)
    assert list(table.columns) == ["RowId", "Location"]
    assert table["RowId"].tolist() == [4, 1, 3, 2]
    assert table["Location"].tolist() == [60 + NOSE_X + 1, 0, NOSE_X, 30 + NOSE_X + 1]


def test_answers_are_clipped_to_the_picture(asked_faces, lookup, points):
    points[0, 0, 0] = -3
    points[2, 10, 1] = 99.5
    table = make_submission(CHAMPION, asked_faces, lookup, small=points)
    assert table["Location"].tolist() == [96, 0, NOSE_X, 30 + NOSE_X + 1]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_no_number_is_refused(asked_faces, lookup, points, wrong):
    points[1, 10, 1] = wrong
    with pytest.raises(InputError, match="RowId 2 answers nan, which is no place in the picture"):
        make_submission(CHAMPION, asked_faces, lookup, small=points)


def test_what_nobody_asks_for_may_be_anything(asked_faces, lookup, points):
    points[1, 0] = np.nan
    assert len(make_submission(CHAMPION, asked_faces, lookup, small=points)) == 4


def test_predictions_of_other_pictures_are_refused(asked_faces, lookup, points):
    with pytest.raises(InputError, match="predictions for 2 pictures, but there are 3"):
        make_submission(CHAMPION, asked_faces, lookup, small=points[:2])


def test_a_champion_that_was_not_chosen_is_told(asked_faces, lookup, points):
    with pytest.raises(InputError, match=r"'small' is not among the chosen variants \(a, b\)"):
        make_submission(CHAMPION, asked_faces, lookup, a=points, b=points)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("ImageId", 6, "nose_tip_x of ImageId 6"), ("FeatureName", "nose", "nose of ImageId 7")],
)
def test_a_lookup_of_another_test_set_is_refused(asked_faces, lookup, points, column, value, said):
    lookup.loc[2, column] = value
    with pytest.raises(InputError, match=f"RowId 3 asks for {said}, which the test set does not"):
        answer(lookup, asked_faces, points)


@pytest.mark.parametrize(
    ("ids", "locations", "said"),
    [
        ([4, 1, 3], [1, 1, 1], "has 3 rows, the lookup table asks for 4"),
        ([4, 1, 2, 3], [1, 1, 1, 1], "in the same order"),
        ([4, 1, 3, 9], [1, 1, 1, 1], "must be the same"),
        ([4, 1, 3, 2], [1, 1, 96.01, -5], r"RowId 3 answers 96\.01, .*\(2 such rows\)"),
        ([4, 1, 3, 2], [1, np.nan, 1, 1], "RowId 1 answers nan"),
    ],
)
def test_a_submission_that_kaggle_would_refuse_is_refused(lookup, ids, locations, said):
    table = pd.DataFrame({"RowId": ids, "Location": np.array(locations, float)})
    with pytest.raises(InputError, match=said):
        check_submission(table, lookup)


def test_a_right_submission_passes(lookup):
    table = pd.DataFrame({"RowId": [4, 1, 3, 2], "Location": [0.0, 96.0, 1.5, 7.0]})
    assert check_submission(table, lookup) is None


# The offline score


def test_score_is_the_rmse_over_the_key(asked_faces, lookup):
    submission = pd.DataFrame({"RowId": [4, 1, 3, 2], "Location": [10.0, 20.0, 30.0, 40.0]})
    key = pd.DataFrame({"RowId": [1, 2, 3, 4], "Location": [20.0, 43.0, 30.0, 14.0]})
    mean_face = np.zeros((15, 2), np.float32)
    mean_face[0] = 21, 0
    mean_face[10] = 31, 42
    score = score_submission(submission, key, lookup, asked_faces, mean_face)
    assert score == {
        "rmse": pytest.approx(math.sqrt((3**2 + 4**2) / 4)),
        "mean_face_rmse": pytest.approx(math.sqrt((1 + 1 + 1 + 28**2) / 4)),
        "values": 4,
    }


def test_without_a_key_there_is_no_score(asked_faces, lookup):
    submission = pd.DataFrame({"RowId": [4, 1, 3, 2], "Location": [10.0, 20.0, 30.0, 40.0]})
    empty = pd.DataFrame({"RowId": pd.Series(dtype=int), "Location": pd.Series(dtype=float)})
    score = score_submission(submission, empty, lookup, asked_faces, np.zeros((15, 2), np.float32))
    assert score == {"rmse": None, "mean_face_rmse": None, "values": 0}


def test_a_key_of_another_competition_is_refused(asked_faces, lookup):
    submission = pd.DataFrame({"RowId": [4, 1, 3, 2], "Location": [10.0, 20.0, 30.0, 40.0]})
    key = pd.DataFrame({"RowId": [1, 2, 77], "Location": [1.0, 2.0, 3.0]})
    with pytest.raises(InputError, match="key holds RowId 77, the submission does not"):
        score_submission(submission, key, lookup, asked_faces, np.zeros((15, 2), np.float32))
