import math

import numpy as np
import pandas as pd
import pytest

from facial_keypoints.archive.submission import (
    SUBMISSION_COLUMNS,
    check_submission,
    format_submission,
    submission_rmse,
)
from facial_keypoints.errors import InputError

IMAGE_IDS = np.array([7, 3, 5], np.int32)


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
def predictions():
    return np.full((3, 15, 2), 50, np.float32)


def test_rows_follow_the_lookup_table(lookup, predictions):
    predictions[0, 10, 0] = 31.5
    table = format_submission(predictions, IMAGE_IDS, lookup)
    assert tuple(table.columns) == SUBMISSION_COLUMNS
    assert table["RowId"].tolist() == [4, 1, 3, 2]
    assert table["Location"].tolist() == [50, 50, 31.5, 50]


def test_locations_are_clipped_to_the_image(lookup, predictions):
    predictions[0, 0, 0] = -3
    predictions[2, 10, 1] = 99.5
    assert format_submission(predictions, IMAGE_IDS, lookup)["Location"].tolist() == [96, 0, 50, 50]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_predictions_become_nan(lookup, predictions, value):
    predictions[1, 10, 1] = value
    location = format_submission(predictions, IMAGE_IDS, lookup)["Location"]
    assert location.isna().tolist() == [False, False, False, True]


def test_raises_input_error_for_predictions_of_other_images(lookup, predictions):
    with pytest.raises(InputError, match="predictions for 2 images, but 3 test images"):
        format_submission(predictions[:2], IMAGE_IDS, lookup)


@pytest.mark.parametrize(
    ("ids", "locations", "message"),
    [
        ([4, 1, 3], [1, 1, 1], "has 3 rows and the lookup table 4"),
        ([4, 1, 2, 3], [1, 1, 1, 1], "in the same order"),
        ([4, 1, 3, 9], [1, 1, 1, 1], "the same RowIds"),
        ([4, 1, 3, 2], [1, 1, 96.01, -5], r"RowId 3 has Location 96\.01, .*\(2 such rows\)"),
        ([4, 1, 3, 2], [1, np.nan, 1, 1], "RowId 1 has Location nan"),
    ],
)
def test_check_raises_input_error_for_what_kaggle_would_refuse(lookup, ids, locations, message):
    table = pd.DataFrame({"RowId": ids, "Location": np.array(locations, float)})
    with pytest.raises(InputError, match=message):
        check_submission(table, lookup)


def test_check_accepts_a_valid_submission(lookup):
    table = pd.DataFrame({"RowId": [4, 1, 3, 2], "Location": [0.0, 96.0, 1.5, 7.0]})
    check_submission(table, lookup)


def test_rmse_covers_every_row_of_the_answer_key():
    submission = pd.DataFrame({"RowId": [4, 1, 3, 2], "Location": [10.0, 20.0, 30.0, 40.0]})
    key = pd.DataFrame({"RowId": [1, 2, 3, 4], "Location": [20.0, 43.0, 30.0, 14.0]})
    assert submission_rmse(submission, key) == pytest.approx(math.sqrt((3**2 + 4**2) / 4))


def test_rmse_raises_input_error_for_a_key_of_another_competition():
    submission = pd.DataFrame({"RowId": [1, 2], "Location": [10.0, 20.0]})
    key = pd.DataFrame({"RowId": [1, 77], "Location": [1.0, 2.0]})
    with pytest.raises(InputError, match="submission lacks RowId 77 of the answer key"):
        submission_rmse(submission, key)
