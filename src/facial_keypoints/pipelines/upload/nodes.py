"""Nodes of the upload stage."""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from facial_keypoints.errors import InputError
from facial_keypoints.kaggle_client import Submission, submit_file, wait_for_score
from facial_keypoints.parameters import DownloadParameters, UploadParameters
from facial_keypoints.tracking import git_commit

logger = logging.getLogger(__name__)


def send_submission(
    submission: pd.DataFrame, champion: dict[str, Any], download: DownloadParameters
) -> dict[str, Any]:
    """Send the submission to Kaggle and keep the receipt.

    Args:
        submission: Columns RowId and Location (pixels).
        champion: The model's ``variant`` and ``mlflow_run_id``, which go into the description.
        download: Names the competition.

    Returns:
        competition, reference, message and mlflow_run_id.

    Raises:
        InputError: if the competition is a drawn one, or Kaggle does not take the file.
    """
    if download.source == "drawn":
        raise InputError(
            "This submission is for the drawn competition (download.source: drawn), which "
            "Kaggle does not know; its score is in the report of the full run. To hand in at "
            "Kaggle, make a submission from Kaggle's own data: kedro run --pipeline=full, "
            "then kedro run --pipeline=upload"
        )
    message = _description(champion)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "submission.csv"
        submission.to_csv(path, index=False)
        sent = submit_file(path, message, download.competition)
    logger.info("Kaggle has the submission, as number %d (%s)", sent.reference, message)
    return {
        "competition": download.competition,
        "reference": sent.reference,
        "message": message,
        "mlflow_run_id": champion.get("mlflow_run_id"),
    }


def wait_for_kaggle_score(receipt: dict[str, Any], upload: UploadParameters) -> dict[str, Any]:
    """Wait for the score of a sent submission, within ``upload.wait_minutes``.

    Returns:
        The receipt with status ("complete", or "pending" if the time is up), public_score and
        private_score (RMSE in pixels, None where Kaggle does not tell it).

    Raises:
        InputError: if Kaggle cannot score the file, or cannot be reached.
    """
    competition, message = receipt["competition"], receipt["message"]
    sent = Submission(receipt["reference"], message=message)
    scored = wait_for_score(competition, sent, upload.wait_minutes, upload.poll_seconds)
    if scored.status == "error":
        raise InputError(
            f"Kaggle could not score submission {scored.reference}: "
            f"{scored.error or 'it gives no reason'}; see "
            f"https://www.kaggle.com/competitions/{competition}/submissions"
        )
    if scored.status == "complete":
        logger.info(
            "Kaggle's score: public %s, private %s", scored.public_score, scored.private_score
        )
    return {
        "competition": competition,
        "reference": scored.reference,
        "status": scored.status,
        "public_score": scored.public_score,
        "private_score": scored.private_score,
        "message": message,
        "mlflow_run_id": receipt["mlflow_run_id"],
    }


def _description(champion: dict[str, Any]) -> str:
    """What is shown beside the score on Kaggle: variant, MLflow run and commit."""
    run = champion.get("mlflow_run_id") or "none"
    return f"{champion['variant']}, MLflow run {run}, commit {git_commit(Path.cwd())}"
