"""Nodes of the submit stage."""

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import COORDINATE_COLUMNS, IMAGE_SIZE

logger = logging.getLogger(__name__)


def make_submission(
    champion: Champion,
    test: FaceSet,
    lookup: pd.DataFrame,
    **predictions: npt.NDArray[np.float32],
) -> pd.DataFrame:
    """The champion's answer to every row of the lookup table, in its order.

    Returns:
        RowId and Location in pixels, clipped to [0, 96]: labels never lie outside.

    Raises:
        InputError: if the champion's predictions are not those of these test pictures.
    """
    name = champion.variant
    if name not in predictions:
        raise InputError(
            f"the champion {name!r} is not among the chosen variants "
            f"({', '.join(predictions)}); run kedro run --pipeline=evaluate again"
        )
    points = predictions[name]
    if len(points) != len(test):
        raise InputError(
            f"{name} has predictions for {len(points)} pictures, but there are {len(test)} test "
            "pictures; run kedro run --pipeline=evaluate again"
        )
    submission = answer(lookup, test, points)
    check_submission(submission, lookup)
    logger.info("%s answers of %s are complete and in range", f"{len(submission):,}", name)
    return submission


def answer(lookup: pd.DataFrame, test: FaceSet, points: npt.NDArray[np.float32]) -> pd.DataFrame:
    """Points (n, 15, 2) of the test pictures as a table of RowId and Location.

    Raises:
        InputError: if the lookup table asks for a picture or a feature that there is not.
    """
    image = pd.Index(test.group).get_indexer(pd.Index(lookup["ImageId"]))
    column = pd.Index(COORDINATE_COLUMNS).get_indexer(pd.Index(lookup["FeatureName"]))
    unknown = (image < 0) | (column < 0)
    if unknown.any():
        row = lookup[unknown].iloc[0]
        raise InputError(
            f"the lookup table's RowId {row['RowId']} asks for {row['FeatureName']} of ImageId "
            f"{row['ImageId']}, which the test set does not hold; run kedro run --pipeline=clean "
            "again"
        )
    location = points.reshape(len(points), -1)[image, column].astype(np.float64)
    location[np.isinf(location)] = np.nan  # clipping would make a place of it
    return pd.DataFrame(
        {"RowId": lookup["RowId"].to_numpy(), "Location": location.clip(0, IMAGE_SIZE)}
    )


def check_submission(submission: pd.DataFrame, lookup: pd.DataFrame) -> None:
    """See that Kaggle will take the table.

    Raises:
        InputError: if ids are missing, extra or out of order, or a value is no number in
            [0, 96].
    """
    expected = lookup["RowId"].to_numpy()
    given = submission["RowId"].to_numpy()
    if len(given) != len(expected) or (given != expected).any():
        raise InputError(
            f"the submission has {len(given):,} rows, the lookup table asks for "
            f"{len(expected):,}; their RowIds must be the same, in the same order"
        )
    wrong = ~submission["Location"].between(0, IMAGE_SIZE)  # NaN is not between either
    if wrong.any():
        row = submission[wrong].iloc[0]
        raise InputError(
            f"the submission's RowId {int(row['RowId'])} answers {row['Location']}, which is no "
            f"place in the picture ({int(wrong.sum()):,} such rows); the champion's predictions "
            "are not usable: look at its learning curve"
        )


def score_submission(
    submission: pd.DataFrame,
    answer_key: pd.DataFrame,
    lookup: pd.DataFrame,
    test: FaceSet,
    mean_face: npt.NDArray[np.float32],
) -> dict[str, Any]:
    """The competition's score, RMSE in pixels, where the answer key is known (see download);
    and that of answering the mean face. Null where it is not.

    Raises:
        InputError: if the key does not hold every row of the submission.
    """
    if answer_key.empty:
        logger.info("No answer key for this competition: only Kaggle can score the submission")
        return {"rmse": None, "mean_face_rmse": None, "values": 0}
    everyone = np.broadcast_to(mean_face, (len(test), *mean_face.shape))
    score = _rmse_by_key(submission, answer_key)
    mean_score = _rmse_by_key(answer(lookup, test, everyone), answer_key)
    logger.info("Offline score: %.4f px (the mean face scores %.4f px)", score, mean_score)
    return {"rmse": score, "mean_face_rmse": mean_score, "values": len(answer_key)}


def _rmse_by_key(submission: pd.DataFrame, answer_key: pd.DataFrame) -> float:
    both = answer_key.merge(submission, on="RowId", suffixes=("_true", ""), how="left")
    if both["Location"].isna().any():
        missing = int(both.loc[both["Location"].isna(), "RowId"].iloc[0])
        raise InputError(
            f"the answer key holds RowId {missing}, the submission does not; they are of two "
            "competitions: run kedro run --pipeline=full again"
        )
    return float(np.sqrt(np.square(both["Location"] - both["Location_true"]).mean()))
