"""The submission: its format, its check, and its score where the true values are known."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.archive.lookup import select_requested
from facial_keypoints.errors import InputError
from facial_keypoints.keypoints import IMAGE_SIZE

SUBMISSION_COLUMNS: Final = ("RowId", "Location")
"""The columns of Kaggle's SampleSubmission.csv."""


@dataclass(frozen=True)
class SubmissionScore:
    """The score of a submission against an answer key.

    Attributes:
        rmse: Kaggle's score, RMSE in pixels; None without an answer key.
        mean_face_rmse: The same for predicting the mean face in every image.
        num_values: Number of scored values.
    """

    rmse: float | None = None
    mean_face_rmse: float | None = None
    num_values: int = 0


def format_submission(
    predictions: npt.NDArray[np.floating],
    image_ids: npt.NDArray[np.integer],
    lookup: pd.DataFrame,
) -> pd.DataFrame:
    """Return predictions in Kaggle's submission format.

    Args:
        predictions: Float (t, 15, 2), in pixels.
        image_ids: Int (t,), the ImageId of each test image.
        lookup: The lookup table: RowId, ImageId and FeatureName.

    Returns:
        RowId (int) and Location (float, pixels), in the order of the lookup table. Locations are
        clipped to [0, 96], which contains every label; infinite ones become NaN.

    Raises:
        InputError: if the predictions are of other images, or the lookup table requests an unknown
            image or coordinate.

    Example:
        >>> lookup = pd.DataFrame({"RowId": [1], "ImageId": [7], "FeatureName": ["nose_tip_y"]})
        >>> format_submission(np.full((1, 15, 2), 50.5), np.array([7]), lookup)
           RowId  Location
        0      1      50.5
    """
    if len(predictions) != len(image_ids):
        raise InputError(
            f"there are predictions for {len(predictions):,} images, but {len(image_ids):,} test "
            "images; run kedro run --pipeline=evaluate again"
        )
    location = select_requested(predictions, image_ids, lookup)
    location[np.isinf(location)] = np.nan  # clipping would turn it into a valid coordinate
    return pd.DataFrame(
        {"RowId": lookup["RowId"].to_numpy(), "Location": location.clip(0, IMAGE_SIZE)}
    )


def check_submission(submission: pd.DataFrame, lookup: pd.DataFrame) -> None:
    """Check that Kaggle will accept a submission.

    Args:
        submission: RowId and Location (pixels).
        lookup: The lookup table: RowId, ImageId and FeatureName.

    Raises:
        InputError: if RowIds are missing, unknown or in another order, or a Location is not a
            number in [0, 96].
    """
    expected = lookup["RowId"].to_numpy()
    given = submission["RowId"].to_numpy()
    if len(given) != len(expected) or (given != expected).any():
        raise InputError(
            f"the submission has {len(given):,} rows and the lookup table {len(expected):,}; both "
            "must have the same RowIds in the same order: run kedro run --pipeline=submit again"
        )
    invalid = ~submission["Location"].between(0, IMAGE_SIZE)  # also true for NaN
    if invalid.any():
        row = submission[invalid].iloc[0]
        raise InputError(
            f"the submission's RowId {int(row['RowId'])} has Location {row['Location']}, which is "
            f"not in [0, {IMAGE_SIZE}] ({int(invalid.sum()):,} such rows). The champion's "
            "predictions are unusable: see its learning curve"
        )


def submission_rmse(submission: pd.DataFrame, answer_key: pd.DataFrame) -> float:
    """Return the competition's score of a submission: the RMSE in pixels.

    Args:
        submission: RowId and Location (pixels).
        answer_key: RowId and the true Location (pixels).

    Raises:
        InputError: if the submission lacks a row of the answer key.
    """
    both = answer_key.merge(submission, on="RowId", suffixes=("_true", ""), how="left")
    if both["Location"].isna().any():
        missing = int(both.loc[both["Location"].isna(), "RowId"].iloc[0])
        raise InputError(
            f"the submission lacks RowId {missing} of the answer key; they belong to different "
            "competitions: run kedro run --pipeline=full again"
        )
    return float(np.sqrt(np.square(both["Location"] - both["Location_true"]).mean()))
