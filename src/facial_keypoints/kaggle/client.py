"""Download a competition's archive from Kaggle, send submissions and read their scores."""

import logging
import math
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any, Final

from tenacity import RetryCallState, Retrying, retry_if_result

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import format_duration
from facial_keypoints.kaggle.credentials import log_unread_settings
from facial_keypoints.kaggle.records import Submission
from facial_keypoints.kaggle.session import KaggleSession

logger = logging.getLogger(__name__)

_DOWNLOAD_ALTERNATIVES: Final = (
    "without the API: download the archive in a browser from "
    "https://www.kaggle.com/competitions/{slug}/data, then run the same command with "
    "--params download.source=archive,download.archive=PATH",
    "without an account: kedro run --pipeline=full --env=demo (a synthetic competition)",
)
_UPLOAD_ALTERNATIVES: Final = (
    "without the API: submit the CSV in a browser at "
    "https://www.kaggle.com/competitions/{slug}/submit",
)
_PAGE_SIZE: Final = 200
"""Submissions per request: Kaggle's maximum."""


def download_competition(slug: str, target: Path) -> None:
    """Download the zip of a competition's files; it appears at ``target`` only when complete.

    Args:
        slug: The competition's name in Kaggle's URLs.
        target: The zip file; its folder is created.

    Raises:
        InputError: if Kaggle refuses or cannot be reached, or the file cannot be written.
    """
    kaggle = KaggleSession(slug, _DOWNLOAD_ALTERNATIVES)
    log_unread_settings()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
            kaggle.call(
                f"Downloading {slug}",
                lambda api: api.competition_download_files(
                    slug, path=folder, force=True, quiet=not sys.stderr.isatty()
                ),
            )
            archive = Path(folder) / f"{slug}.zip"
            if not archive.exists():
                raise InputError(f"Downloading {slug}: Kaggle did not send a zip; run again")
            archive.replace(target)
    except OSError as error:
        raise InputError(
            f"{target}: cannot be written ({error}); free some space or choose another folder"
        ) from error


def submit_file(path: Path, description: str, slug: str, marker: str | None = None) -> Submission:
    """Send a CSV file to Kaggle as a submission, unless Kaggle has it already.

    If the connection breaks, Kaggle's list is read before the file is sent again, so that the
    submission counts only once.

    Args:
        path: The CSV file.
        description: Shown with the score on Kaggle.
        slug: The competition's name in Kaggle's URLs.
        marker: Part of the description of every submission of the same file. A listed submission
            with this marker, unless Kaggle could not score it, is returned instead of sending.

    Returns:
        The submission, which Kaggle has accepted but not yet scored.

    Raises:
        InputError: if no submissions remain today, or Kaggle refuses the file or cannot be reached.
    """
    kaggle = KaggleSession(slug, _UPLOAD_ALTERNATIVES)
    log_unread_settings()
    action = f"Sending {path.name} to {slug}"
    listed = kaggle.call(action, partial(_list_submissions, slug))
    known = _find_marked(listed, marker)
    if known is not None:
        return known
    _check_limits(kaggle, slug)
    earlier = {submission.reference for submission in listed}
    attempts = count()

    def find(api: Any) -> Submission | None:
        new = [one for one in _list_submissions(slug, api) if one.reference not in earlier]
        return next((one for one in new if one.description.strip() == description.strip()), None)

    def send(api: Any) -> Submission:
        arrived = find(api) if next(attempts) else None  # an earlier attempt may have succeeded
        if arrived is not None:
            return arrived
        response = api.competition_submit(str(path), description, slug, quiet=True)
        if response.ref:
            return Submission(response.ref, description=description)
        arrived = find(api)
        if arrived is None:
            reason = response.message or "no reason given"
            raise InputError(f"{action}: Kaggle did not accept the file: {reason}")
        return arrived

    submission = kaggle.call(action, send)
    logger.info("Kaggle has accepted submission %d (%s)", submission.reference, description)
    return submission


def wait_for_score(
    slug: str, sent: Submission, wait_minutes: float, poll_seconds: float
) -> Submission:
    """Wait until Kaggle has scored a submission, or until the time is up.

    Args:
        slug: The competition's name in Kaggle's URLs.
        sent: The submission, as ``submit_file`` returned it.
        wait_minutes: Longest wait; with 0, Kaggle is asked once.
        poll_seconds: Seconds between two requests.

    Returns:
        The submission as Kaggle last listed it; still "pending" if the time is up.

    Raises:
        InputError: if Kaggle refuses or cannot be reached.
    """
    kaggle = KaggleSession(slug, _UPLOAD_ALTERNATIVES)
    action = f"Reading the score of submission {sent.reference}, which Kaggle has accepted"
    limit = wait_minutes * 60

    def read() -> Submission:
        listed = kaggle.call(action, partial(_list_submissions, slug))
        return next((one for one in listed if one.reference == sent.reference), sent)

    def log_progress(state: RetryCallState) -> None:
        waited = state.idle_for - state.upcoming_sleep
        message = "Kaggle is scoring submission %d (%.0f s of at most %.0f s)"
        logger.info(message, sent.reference, waited, limit)

    poll = Retrying(
        retry=retry_if_result(lambda latest: latest.status == "pending"),
        wait=lambda state: min(poll_seconds, limit - state.idle_for),
        stop=lambda state: state.idle_for >= limit,
        sleep=sleep,
        before_sleep=log_progress,
        retry_error_callback=lambda state: state.outcome and state.outcome.result(),
    )
    latest: Submission = poll(read)
    if latest.status == "pending":
        logger.warning(
            "Kaggle has not scored submission %d yet. To resume waiting, with the same --env: "
            "kedro run --pipeline=upload --params upload.wait_only=true; or see "
            "https://www.kaggle.com/competitions/%s/submissions",
            sent.reference,
            slug,
        )
    return latest


def _find_marked(listed: list[Submission], marker: str | None) -> Submission | None:
    marked = [
        one for one in listed if marker and marker in one.description and one.status != "error"
    ]
    if not marked:
        return None
    logger.info(
        "Kaggle has this file already, as submission %d (%s; public score: %s): not sent again "
        "(upload.force=true sends it)",
        marked[0].reference,
        marked[0].description,
        "none yet" if marked[0].public_score is None else marked[0].public_score,
    )
    return marked[0]


def _check_limits(kaggle: KaggleSession, slug: str) -> None:
    """Raise an InputError where no submissions remain, before a file is sent.

    Kaggle counts the team's valid submissions since midnight UTC. If none remain although none is
    counted, as before a team's first submission, the file is sent and Kaggle decides.
    """
    try:
        limits: Any = kaggle.call(
            "Reading the submission limits",
            lambda api: api.competition_get_submission_limits(slug),
        )
    except InputError:
        logger.warning("The number of remaining submissions is unknown; sending the file")
        return
    if limits.num_allowed_now > 0:
        return
    if limits.limited_by_total and limits.num_total:
        raise InputError(
            f"Kaggle accepts no more submissions to {slug} from your team: all "
            f"{limits.num_total} that the competition allows are used; see "
            f"https://www.kaggle.com/competitions/{slug}/submissions"
        )
    if not limits.num_today:
        return
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    remaining = format_duration((midnight - now).total_seconds())
    raise InputError(
        f"Kaggle allows {limits.num_today} submissions to {slug} a day, and your team has used "
        f"all of them. The limit resets at midnight UTC, in {remaining}: then run kedro run "
        "--pipeline=upload, with the same --env; the submission is kept"
    )


def _list_submissions(slug: str, api: Any) -> list[Submission]:
    """Return the latest submissions of the user's team, newest first."""
    return [
        Submission(
            reference=one.ref,
            status=one.status.name.lower(),
            public_score=_parse_score(one.public_score),
            private_score=_parse_score(one.private_score),
            description=one.description or "",
            error=one.error_description or "",
        )
        for one in api.competition_submissions(slug, page_size=_PAGE_SIZE) or []
    ]


def _parse_score(text: str | None) -> float | None:
    """Return Kaggle's score, or None for the empty text that stands for an unknown one."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
