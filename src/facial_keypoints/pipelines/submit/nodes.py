"""Nodes of the submit pipeline."""

import logging

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.archive.submission import (
    COMPETE,
    SubmissionRecord,
    SubmissionScore,
    check_submission,
    check_unchanged,
    format_submission,
    submission_fingerprint,
    submission_rmse,
)
from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion, points_fingerprint
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import join_names
from facial_keypoints.parameters import ENSEMBLE
from facial_keypoints.pipelines import by_variant

logger = logging.getLogger(__name__)


def make_submission(
    champion: Champion,
    test: FaceSet,
    lookup: pd.DataFrame,
    **inputs: npt.NDArray[np.float32],
) -> tuple[pd.DataFrame, SubmissionRecord]:
    """Return the champion's predictions in Kaggle's format, checked, and where they come from.

    Args:
        champion: Names the model.
        test: The t test images; ``group`` is their ImageId.
        lookup: The lookup table: RowId, ImageId and FeatureName.
        inputs: "test_predictions" of every variant: float32 (t, 15, 2), in pixels.

    Returns:
        RowId and Location (pixels in [0, 96]), in the order of the lookup table; the record.

    Raises:
        InputError: if there are no predictions of the champion, or they are not those that it was
            selected with, do not fit the test images or are not finite.
    """
    name = champion.variant
    predictions = by_variant(inputs, "test_predictions")
    if name not in predictions:
        raise InputError(_unknown_champion(name, list(predictions)))
    submission = format_submission(predictions[name], test.group, lookup)
    if champion.test_predictions not in {None, points_fingerprint(predictions[name])}:
        raise InputError(
            f"the predictions of {name} on the test images are not those of the champion (training "
            f"{champion.fingerprint}): evaluate was interrupted, or a file was changed. Predict "
            "again: kedro run --pipeline=evaluate, with the same --env and --params"
        )
    submission = check_submission(
        submission,
        lookup,
        f"the submission of {name}",
        "The champion's predictions are unusable: see its learning curve",
    )
    logger.info("%s: submission of %s values, all in range", name, f"{len(submission):,}")
    return submission, SubmissionRecord(
        fingerprint=submission_fingerprint(submission),
        mlflow_run_id=champion.mlflow_run_id,
        model=name,
    )


def _unknown_champion(name: str, chosen: list[str]) -> str:
    if name == ENSEMBLE:
        return f"the champion is that of compete; its submission: {COMPETE}, with the same --env"
    return (
        f"the champion {name!r} is not among the chosen variants ({join_names(chosen)}); run "
        "kedro run --pipeline=evaluate again, with the same --env and --params"
    )


def score_submission(
    submission: pd.DataFrame,
    submission_record: SubmissionRecord,
    answer_key: pd.DataFrame,
    lookup: pd.DataFrame,
    test: FaceSet,
    mean_face: npt.NDArray[np.float32],
) -> SubmissionScore:
    """Return the competition's score where the answer key is known.

    Args:
        submission: RowId and Location (pixels).
        submission_record: Names the model that wrote it.
        answer_key: RowId and the true Location (pixels); no rows where only Kaggle knows them.
        lookup: The lookup table: RowId, ImageId and FeatureName.
        test: The test images; ``group`` is their ImageId.
        mean_face: Float32 (15, 2), in pixels: the baseline.

    Returns:
        The score of the submission and of the baseline.

    Raises:
        InputError: if the submission was changed, or lacks a row of the answer key.
    """
    check_unchanged(submission, submission_record)
    if answer_key.empty:
        logger.info("No answer key: only Kaggle can score the submission")
        return SubmissionScore()
    repeated = np.broadcast_to(mean_face, (len(test), *mean_face.shape))
    baseline = submission_rmse(format_submission(repeated, test.group, lookup), answer_key)
    rmse = submission_rmse(submission, answer_key)
    logger.info("Offline score: %.4f px (mean face: %.4f px)", rmse, baseline)
    return SubmissionScore(rmse, baseline, len(answer_key))
