"""Nodes of the upload stage."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pandas as pd

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.kaggle.client import Submission, submit_file, wait_for_score
from facial_keypoints.parameters import DownloadParameters, UploadParameters
from facial_keypoints.training.session import Session

logger = logging.getLogger(__name__)

_FILE: Final = "submission.csv"
_ROWS_SHOWN: Final = 5


@dataclass(frozen=True)
class _Parcel:
    """What is sent: the CSV, and a description that holds its fingerprint."""

    csv: bytes
    fingerprint: str
    description: str


def show_submission(
    submission: pd.DataFrame,
    champion: Champion,
    answer_key: pd.DataFrame,
    download: DownloadParameters,
    session: Session,
) -> None:
    """Say what ``send_submission`` would send, and ask Kaggle nothing.

    Args:
        submission: Columns RowId and Location (pixels).
        champion: The model's ``variant`` and ``mlflow_run_id``.
        answer_key: Empty but for a drawn competition.
        download: Names the competition.
        session: Gives the commit for the description.

    Raises:
        InputError: if the competition is a drawn one.
    """
    parcel = _pack(submission, champion, answer_key, download, session)
    rows = parcel.csv.decode().splitlines()
    logger.info(
        "This would be sent to Kaggle; nothing has been (upload.dry_run)\n"
        "  competition  %s\n"
        "  file         %s, %s rows, %s bytes\n"
        "  fingerprint  %s\n"
        "  description  %s\n"
        "  begins with  %s\n"
        "To send it, with the same --env: kedro run --pipeline=upload",
        download.competition,
        _FILE,
        f"{len(submission):,}",
        f"{len(parcel.csv):,}",
        parcel.fingerprint,
        parcel.description,
        ("\n" + " " * 15).join(rows[: 1 + _ROWS_SHOWN]),
    )


def send_submission(
    submission: pd.DataFrame,
    champion: Champion,
    answer_key: pd.DataFrame,
    download: DownloadParameters,
    session: Session,
    upload: UploadParameters,
) -> dict[str, Any]:
    """Send the submission to Kaggle, unless Kaggle has this very file, and keep the receipt.

    Args:
        submission: Columns RowId and Location (pixels).
        champion: The model's ``variant`` and ``mlflow_run_id``, which go into the description.
        answer_key: Empty but for a drawn competition.
        download: Names the competition.
        session: Gives the commit for the description.
        upload: Says whether to send again what Kaggle has (``force``).

    Returns:
        competition, reference, message, fingerprint and mlflow_run_id.

    Raises:
        InputError: if the competition is a drawn one, or Kaggle does not take the file.
    """
    parcel = _pack(submission, champion, answer_key, download, session)
    known_by = None if upload.force else parcel.fingerprint
    with ExitStack() as stack:
        try:
            path = Path(stack.enter_context(TemporaryDirectory())) / _FILE
            path.write_bytes(parcel.csv)
        except OSError as error:
            raise InputError(
                f"The file to send cannot be written ({error}); free some space, or name another "
                "folder for temporary files in TMPDIR"
            ) from error
        sent = submit_file(path, parcel.description, download.competition, known_by)
    return {
        "competition": download.competition,
        "reference": sent.reference,
        "message": sent.message,
        "fingerprint": parcel.fingerprint,
        "mlflow_run_id": champion.mlflow_run_id,
    }


def wait_for_kaggle_score(receipt: dict[str, Any], upload: UploadParameters) -> dict[str, Any]:
    """Wait for the score of a sent submission, within ``upload.wait_minutes``.

    Returns:
        The receipt with status ("complete", or "pending" if the time is up), public_score and
        private_score (RMSE in pixels, None where Kaggle does not tell it).

    Raises:
        InputError: if Kaggle cannot score the file, or cannot be reached.
    """
    competition = receipt["competition"]
    sent = Submission(receipt["reference"], message=receipt["message"])
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
        **receipt,
        "status": scored.status,
        "public_score": scored.public_score,
        "private_score": scored.private_score,
    }


def _pack(
    submission: pd.DataFrame,
    champion: Champion,
    answer_key: pd.DataFrame,
    download: DownloadParameters,
    session: Session,
) -> _Parcel:
    if download.source == "synthetic" or not answer_key.empty:
        raise InputError(
            "This submission is for the drawn competition (download.source: synthetic), which "
            "Kaggle does not know; its score is in the report of the full run. To hand in at "
            "Kaggle, make a submission from Kaggle's own data: kedro run --pipeline=full, "
            "then kedro run --pipeline=upload, both with the --env that you want"
        )
    csv = submission.to_csv(index=False, lineterminator="\n").encode()
    fingerprint = sha256(csv).hexdigest()[:12]
    run = champion.mlflow_run_id or "none"
    description = (
        f"{champion.variant}, MLflow run {run}, commit {session.git_commit}, file {fingerprint}"
    )
    return _Parcel(csv, fingerprint, description)
