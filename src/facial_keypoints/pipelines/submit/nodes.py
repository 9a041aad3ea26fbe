"""Nodes of the submit pipeline."""

import logging

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.archive.submission import (
    SubmissionScore,
    check_submission,
    format_submission,
    submission_rmse,
)
from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.faces import FaceSet
from facial_keypoints.pipelines import by_variant

logger = logging.getLogger(__name__)


def make_submission(
    champion: Champion,
    test: FaceSet,
    lookup: pd.DataFrame,
    **inputs: npt.NDArray[np.float32],
) -> pd.DataFrame:
    """Return the champion's predictions in Kaggle's format, checked.

    Args:
        champion: Names the model.
        test: The t test images; ``group`` is their ImageId.
        lookup: The lookup table: RowId, ImageId and FeatureName.
        inputs: "test_predictions" of every variant: float32 (t, 15, 2), in pixels.

    Returns:
        RowId and Location (pixels in [0, 96]), in the order of the lookup table.

    Raises:
        InputError: if there are no predictions of the champion, or they do not fit the test images
            or are not finite.
    """
    name = champion.variant
    predictions = by_variant(inputs, "test_predictions")
    if name not in predictions:
        raise InputError(
            f"the champion {name!r} is not among the chosen variants "
            f"({', '.join(predictions)}); run kedro run --pipeline=evaluate again"
        )
    submission = format_submission(predictions[name], test.group, lookup)
    check_submission(submission, lookup)
    logger.info("%s: submission of %s values, all in range", name, f"{len(submission):,}")
    return submission


def score_submission(
    submission: pd.DataFrame,
    answer_key: pd.DataFrame,
    lookup: pd.DataFrame,
    test: FaceSet,
    mean_face: npt.NDArray[np.float32],
) -> SubmissionScore:
    """Return the competition's score where the answer key is known.

    Args:
        submission: RowId and Location (pixels).
        answer_key: RowId and the true Location (pixels); no rows where only Kaggle knows them.
        lookup: The lookup table: RowId, ImageId and FeatureName.
        test: The test images; ``group`` is their ImageId.
        mean_face: Float32 (15, 2), in pixels: the baseline.

    Returns:
        The score of the submission and of the baseline.

    Raises:
        InputError: if the submission lacks a row of the answer key.
    """
    if answer_key.empty:
        logger.info("No answer key for this competition: only Kaggle can score the submission")
        return SubmissionScore()
    repeated = np.broadcast_to(mean_face, (len(test), *mean_face.shape))
    baseline = submission_rmse(format_submission(repeated, test.group, lookup), answer_key)
    rmse = submission_rmse(submission, answer_key)
    logger.info("Offline score: %.4f px (mean face: %.4f px)", rmse, baseline)
    return SubmissionScore(rmse, baseline, len(answer_key))
