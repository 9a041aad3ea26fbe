import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from facial_keypoints.archive.submission import (
    SubmissionRecord,
    SubmissionScore,
    submission_fingerprint,
)
from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion, points_fingerprint
from facial_keypoints.faces import FaceSet
from facial_keypoints.pipelines.submit.nodes import make_submission, score_submission

CHAMPION = Champion("small", "0f0f", None)
SUBMISSION = pd.DataFrame({"RowId": [4, 1, 3, 2], "Location": [10.0, 20.0, 30.0, 40.0]})
RECORD = SubmissionRecord(submission_fingerprint(SUBMISSION), None, "small")


def of(**predictions):
    """Return the node's inputs by their names in the catalog."""
    return {f"{name}.test_predictions": points for name, points in predictions.items()}


@pytest.fixture
def test_faces(make_faces):
    """Three test images with the ImageIds 7, 3 and 5."""
    return FaceSet(**{**make_faces(3).arrays(), "group": np.array([7, 3, 5], np.int32)})


def test_submission_holds_the_champions_predictions(test_faces, lookup, predictions):
    predictions[0, 10, 0] = 31.5
    other = np.zeros_like(predictions)
    table, record = make_submission(
        CHAMPION, test_faces, lookup, **of(other=other, small=predictions)
    )
    assert record == SubmissionRecord(submission_fingerprint(table), None, "small")
    assert table["RowId"].tolist() == [4, 1, 3, 2]
    assert table["Location"].tolist() == [50, 50, 31.5, 50]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_raises_input_error_for_a_non_finite_prediction(test_faces, lookup, predictions, value):
    predictions[1, 10, 1] = value
    with pytest.raises(InputError, match=r"row 4: Location is missing.*see its learning curve"):
        make_submission(CHAMPION, test_faces, lookup, **of(small=predictions))


def test_predictions_that_are_not_requested_may_be_nan(test_faces, lookup, predictions):
    predictions[1, 0] = np.nan
    assert len(make_submission(CHAMPION, test_faces, lookup, **of(small=predictions))[0]) == 4


def test_raises_input_error_for_predictions_of_other_images(test_faces, lookup, predictions):
    with pytest.raises(InputError, match="predictions for 2 images, but 3 test images"):
        make_submission(CHAMPION, test_faces, lookup, **of(small=predictions[:2]))


def test_raises_input_error_for_a_champion_without_predictions(test_faces, lookup, predictions):
    with pytest.raises(InputError, match=r"'small' is not among the chosen variants \(a, b\)"):
        make_submission(CHAMPION, test_faces, lookup, **of(a=predictions, b=predictions))


@pytest.mark.fault(
    "Stale results",
    "predictions on the test images that are not the champion's",
    "reported, with the command",
)
def test_raises_input_error_for_predictions_that_the_champion_was_not_selected_with(
    test_faces, lookup, predictions
):
    champion = replace(CHAMPION, test_predictions=points_fingerprint(predictions))
    assert make_submission(champion, test_faces, lookup, **of(small=predictions))
    with pytest.raises(InputError, match=r"of small .* not those of the champion \(training 0f0f"):
        make_submission(champion, test_faces, lookup, **of(small=predictions + 1))


def test_message_about_the_ensemble_names_its_command(test_faces, lookup, predictions):
    champion = replace(CHAMPION, variant="ensemble")
    with pytest.raises(InputError, match="--pipeline=compete --from-nodes=make_submission"):
        make_submission(champion, test_faces, lookup, **of(a=predictions))


def test_raises_input_error_for_the_score_of_a_changed_submission(test_faces, lookup):
    changed = SUBMISSION.assign(Location=[10.0, 20.0, 30.0, 41.0])
    with pytest.raises(InputError, match="was changed after small wrote it"):
        score_submission(changed, RECORD, SUBMISSION, lookup, test_faces, np.zeros((15, 2)))


def test_score_is_the_rmse_of_the_submission_and_of_the_mean_face(test_faces, lookup):
    key = pd.DataFrame({"RowId": [1, 2, 3, 4], "Location": [20.0, 43.0, 30.0, 14.0]})
    mean_face = np.zeros((15, 2), np.float32)
    mean_face[0] = 21, 0
    mean_face[10] = 31, 42
    score = score_submission(SUBMISSION, RECORD, key, lookup, test_faces, mean_face)
    assert score == SubmissionScore(
        rmse=pytest.approx(math.sqrt((3**2 + 4**2) / 4)),
        mean_face_rmse=pytest.approx(math.sqrt((1 + 1 + 1 + 28**2) / 4)),
        num_values=4,
    )


def test_score_is_unknown_without_an_answer_key(test_faces, lookup):
    key = pd.DataFrame({"RowId": pd.Series(dtype=int), "Location": pd.Series(dtype=float)})
    mean_face = np.zeros((15, 2), np.float32)
    score = score_submission(SUBMISSION, RECORD, key, lookup, test_faces, mean_face)
    assert score == SubmissionScore(rmse=None, mean_face_rmse=None, num_values=0)
