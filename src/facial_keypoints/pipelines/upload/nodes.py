"""Nodes of the upload pipeline."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pandas as pd

from facial_keypoints.archive.submission import (
    SubmissionRecord,
    check_submission,
    check_unchanged,
    read_submission,
    submission_fingerprint,
)
from facial_keypoints.errors import InputError
from facial_keypoints.kaggle.client import submit_file, wait_for_score
from facial_keypoints.kaggle.records import KaggleReceipt, KaggleScore, Submission
from facial_keypoints.parameters import DownloadParameters, UploadParameters
from facial_keypoints.training.session import Session

logger = logging.getLogger(__name__)

_FILE: Final = "submission.csv"
_ROWS_SHOWN: Final = 5


@dataclass(frozen=True)
class _SubmissionFile:
    """The CSV to send, and a description that contains its fingerprint."""

    csv: bytes
    description: str


def read_own_submission(
    upload: UploadParameters, lookup: pd.DataFrame, session: Session
) -> tuple[pd.DataFrame, SubmissionRecord]:
    """Return a submission that no model of this project wrote.

    Args:
        upload: Names the file.
        lookup: The lookup table: RowId, ImageId and FeatureName.
        session: Its MLflow run gets the score.

    Returns:
        RowId and Location (pixels), in the order of the lookup table; the record.

    Raises:
        InputError: if the file cannot be read, or Kaggle would not accept it.
    """
    assert upload.file is not None  # noqa: S101 (the pipeline has this node only then)
    name = str(upload.file)
    try:
        with upload.file.open("rb") as stream:
            submission = read_submission(stream, name)
    except OSError as error:
        raise InputError(
            f"upload.file={name}: cannot be read ({error.strerror}); give the path of a CSV file"
        ) from error
    submission = check_submission(submission, lookup, name, "Correct the file, then run again")
    return submission, SubmissionRecord(
        fingerprint=submission_fingerprint(submission),
        mlflow_run_id=session.mlflow_run_id,
        file=name,
    )


def show_submission(
    submission: pd.DataFrame,
    submission_record: SubmissionRecord,
    lookup: pd.DataFrame,
    answer_key: pd.DataFrame,
    download: DownloadParameters,
    session: Session,
) -> None:
    """Log what ``send_submission`` would send, without a request to Kaggle.

    Args:
        submission: RowId and Location (pixels).
        submission_record: Its origin, which the description names.
        lookup: The lookup table, which it must agree with.
        answer_key: No rows for Kaggle's data.
        download: Names the competition.
        session: Gives the commit for the description.

    Raises:
        InputError: if the competition is synthetic, or the file is not the one of its record, or
            not one that Kaggle accepts.
    """
    file = _make_file(submission, submission_record, lookup, answer_key, download, session)
    rows = file.csv.decode().splitlines()
    logger.info(
        "Dry run (upload.dry_run): nothing was sent to Kaggle\n"
        "  competition  %s\n"
        "  file         %s, %s rows, %s bytes\n"
        "  fingerprint  %s\n"
        "  description  %s\n"
        "  first rows   %s\n"
        "To send it, with the same --env: %s",
        download.competition,
        _FILE,
        f"{len(submission):,}",
        f"{len(file.csv):,}",
        submission_record.fingerprint,
        file.description,
        ("\n" + " " * 15).join(rows[: 1 + _ROWS_SHOWN]),
        submission_record.upload_command,
    )


def send_submission(
    submission: pd.DataFrame,
    submission_record: SubmissionRecord,
    lookup: pd.DataFrame,
    answer_key: pd.DataFrame,
    download: DownloadParameters,
    session: Session,
    upload: UploadParameters,
) -> KaggleReceipt:
    """Send the submission to Kaggle, unless Kaggle has this file already.

    Args:
        submission: RowId and Location (pixels).
        submission_record: Its origin, which the description names.
        lookup: The lookup table, which it must agree with.
        answer_key: No rows for Kaggle's data.
        download: Names the competition.
        session: Gives the commit for the description.
        upload: With ``force``, a file that Kaggle has is sent again.

    Returns:
        All that waiting for the score needs.

    Raises:
        InputError: as ``show_submission``, or if Kaggle does not accept the file.
    """
    file = _make_file(submission, submission_record, lookup, answer_key, download, session)
    marker = None if upload.force else submission_record.fingerprint
    with _temporary_file(file.csv) as path:
        sent = submit_file(path, file.description, download.competition, marker)
    return KaggleReceipt(
        competition=download.competition,
        reference=sent.reference,
        description=sent.description,
        fingerprint=submission_record.fingerprint,
        mlflow_run_id=submission_record.mlflow_run_id,
    )


def wait_for_kaggle_score(receipt: KaggleReceipt, upload: UploadParameters) -> KaggleScore:
    """Wait until Kaggle has scored an accepted submission.

    Args:
        receipt: The submission.
        upload: The longest wait (``wait_minutes``) and the pause between requests.

    Returns:
        The score; its status is "pending" if the time is up.

    Raises:
        InputError: if Kaggle cannot score the file, or cannot be reached.
    """
    sent = Submission(receipt.reference, description=receipt.description)
    latest = wait_for_score(receipt.competition, sent, upload.wait_minutes, upload.poll_seconds)
    if latest.status == "error":
        raise InputError(
            f"Kaggle could not score submission {latest.reference}: "
            f"{latest.error or 'no reason given'}; see "
            f"https://www.kaggle.com/competitions/{receipt.competition}/submissions"
        )
    if latest.status == "complete":
        message = "Kaggle's score: public %s, private %s"
        logger.info(message, latest.public_score, latest.private_score)
    return KaggleScore(
        **asdict(receipt),
        status=latest.status,
        public_score=latest.public_score,
        private_score=latest.private_score,
    )


def _make_file(
    submission: pd.DataFrame,
    record: SubmissionRecord,
    lookup: pd.DataFrame,
    answer_key: pd.DataFrame,
    download: DownloadParameters,
    session: Session,
) -> _SubmissionFile:
    if download.source == "synthetic" or not answer_key.empty:
        raise InputError(
            "This submission is for the synthetic competition (download.source: synthetic), which "
            "Kaggle does not have; the full run has reported its score. To submit to Kaggle, train "
            "on Kaggle's data: kedro run --pipeline=full --env=local, then "
            "kedro run --pipeline=upload --env=local"
        )
    remedy = f"Write it again: {record.write_command}, with the same --env and --params"
    submission = check_submission(submission, lookup, _FILE, remedy)
    check_unchanged(submission, record)
    csv = submission.to_csv(index=False, lineterminator="\n").encode()
    run = record.mlflow_run_id or "none"
    description = (
        f"{record.source}, MLflow run {run}, commit {session.git_commit}, file {record.fingerprint}"
    )
    return _SubmissionFile(csv, description)


@contextmanager
def _temporary_file(content: bytes) -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            path = Path(stack.enter_context(TemporaryDirectory())) / _FILE
            path.write_bytes(content)
        except OSError as error:
            raise InputError(
                f"The temporary submission file cannot be written ({error}); free some space, or "
                "name another folder for temporary files in TMPDIR"
            ) from error
        yield path
