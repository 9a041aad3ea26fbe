"""What is asked of Kaggle: a competition's archive, the taking of a submission, its score."""

import logging
import math
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any, Final, Literal

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import format_duration
from facial_keypoints.kaggle.session import KaggleSession

logger = logging.getLogger(__name__)

_OTHER_ARCHIVES: Final = (
    "without the API: download the archive in a browser from "
    "https://www.kaggle.com/competitions/{slug}/data, then the same command with "
    "--params download.source=archive,download.archive=PATH",
    "without an account: kedro run --pipeline=full --env=demo (a drawn competition)",
)
_OTHER_UPLOADS: Final = (
    "without the API: hand in the submission CSV in a browser at "
    "https://www.kaggle.com/competitions/{slug}/submit",
)


@dataclass(frozen=True)
class Submission:
    """What Kaggle says of one submission.

    Attributes:
        reference: Kaggle's number of it.
        status: Whether it is still being scored, scored, or could not be scored.
        public_score: RMSE on the public part of the test set; None if not (yet) told.
        private_score: RMSE on the private part; None if not (yet) told.
        message: The description it was sent with.
        error: Why it could not be scored.
    """

    reference: int
    status: Literal["pending", "complete", "error"] = "pending"
    public_score: float | None = None
    private_score: float | None = None
    message: str = ""
    error: str = ""


def download_competition(slug: str, target: Path) -> None:
    """Download the zip of a competition's files to ``target``; it appears there only whole.

    Raises:
        InputError: if Kaggle refuses or cannot be reached, or the file cannot be written.
    """
    kaggle = KaggleSession(slug, _OTHER_ARCHIVES)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
            kaggle.ask(
                f"Downloading {slug}",
                lambda api: api.competition_download_files(
                    slug, path=folder, force=True, quiet=not sys.stderr.isatty()
                ),
            )
            served = [path for path in Path(folder).iterdir() if path.name == f"{slug}.zip"]
            if not served:
                raise InputError(f"Downloading {slug}: what Kaggle served is no zip; run again")
            served[0].replace(target)
    except OSError as error:
        raise InputError(
            f"{target}: cannot be written ({error}); free some space or choose another folder"
        ) from error


def submit_file(path: Path, message: str, slug: str, known_by: str | None = None) -> Submission:
    """Send a CSV file as a submission; Kaggle has it, and has yet to score it, on return.

    When the connection breaks, Kaggle's list is read before the file is sent again, so that it
    does not count twice.

    Args:
        path: The CSV file.
        message: Description shown beside the score on Kaggle.
        slug: The competition's name in Kaggle's addresses.
        known_by: What descriptions of the same file have in them. A submission that Kaggle
            lists with it, and did not fail to score, is returned in place of sending.

    Raises:
        InputError: if today's submissions are used up, or Kaggle refuses the file or cannot be
            reached.
    """
    kaggle = KaggleSession(slug, _OTHER_UPLOADS)
    doing = f"Sending {path.name} to {slug}"
    listed = kaggle.ask(doing, partial(_submissions, slug))
    scorable = [one for one in listed if one.status != "error"]
    sent = [one for one in scorable if known_by and known_by in one.message]
    if sent:
        logger.info(
            "Kaggle has this file already, as submission %d (%s; public score: %s): not sent again "
            "(upload.force=true sends it all the same)",
            sent[0].reference,
            sent[0].message,
            "none yet" if sent[0].public_score is None else sent[0].public_score,
        )
        return sent[0]
    _see_that_one_is_left(kaggle, slug)
    earlier = {one.reference for one in listed}
    attempts = count()

    def find(api: Any) -> Submission | None:
        since = [one for one in _submissions(slug, api) if one.reference not in earlier]
        return next((one for one in since if one.message.strip() == message.strip()), None)

    def send(api: Any) -> Submission:
        arrived = find(api) if next(attempts) else None
        if arrived is None:
            answer = api.competition_submit(str(path), message, slug, quiet=True)
            if answer.ref:
                return Submission(answer.ref, message=message)
            arrived = find(api)
            if arrived is None:
                reason = answer.message or "it gives no reason"
                raise InputError(f"{doing}: Kaggle did not take the file: {reason}")
        return arrived

    new = kaggle.ask(doing, send)
    logger.info("Kaggle has the submission, as number %d (%s)", new.reference, message)
    return new


def _see_that_one_is_left(kaggle: KaggleSession, slug: str) -> None:
    """Refuse to send where Kaggle would count one submission too many.

    Kaggle counts the team's valid submissions since midnight UTC; by that word, those that it
    could not score are not among them. Where none is left although none is counted, as before a
    team's first submission, Kaggle itself may refuse.
    """
    try:
        limits: Any = kaggle.ask(
            "Asking how many submissions are left today",
            lambda api: api.competition_get_submission_limits(slug),
        )
    except InputError:
        logger.warning("Kaggle does not tell how many submissions are left today; sending one")
        return
    if limits.num_allowed_now > 0:
        return
    if limits.limited_by_total and limits.num_total:
        raise InputError(
            f"Kaggle takes no more submissions to {slug} from your team: all "
            f"{limits.num_total} that the competition allows are used up; see "
            f"https://www.kaggle.com/competitions/{slug}/submissions"
        )
    if not limits.num_today:
        return
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    wait = format_duration((midnight - now).total_seconds())
    raise InputError(
        f"Kaggle allows {limits.num_today} submissions to {slug} a day, and your team has used "
        f"them up. The count starts again at midnight UTC, in {wait}: "
        "then run kedro run --pipeline=upload, with the same --env; the submission is kept"
    )


def wait_for_score(
    slug: str, sent: Submission, wait_minutes: float, poll_seconds: float
) -> Submission:
    """Wait until Kaggle has scored a submission, or until the time is up.

    Args:
        slug: The competition's name in Kaggle's addresses.
        sent: The submission, as ``submit_file`` returned it.
        wait_minutes: Bound of the wait; with 0, Kaggle is asked once.
        poll_seconds: Pause between two questions.

    Returns:
        The submission as Kaggle last described it: still "pending" if the time is up.

    Raises:
        InputError: if Kaggle refuses to answer or cannot be reached.
    """
    kaggle = KaggleSession(slug, _OTHER_UPLOADS)
    doing = f"Reading the score of submission {sent.reference}, which Kaggle has"
    waited, longest = 0.0, wait_minutes * 60
    while True:
        listed = kaggle.ask(doing, partial(_submissions, slug))
        latest = next((one for one in listed if one.reference == sent.reference), sent)
        pause = min(poll_seconds, longest - waited)
        if latest.status != "pending":
            return latest
        if pause <= 0:
            logger.warning(
                "Kaggle has not scored submission %d yet. Wait on with the same --env: kedro run "
                "--pipeline=upload --params upload.wait_only=true; or look at "
                "https://www.kaggle.com/competitions/%s/submissions",
                sent.reference,
                slug,
            )
            return latest
        logger.info(
            "Kaggle is scoring submission %d (%.0f s of at most %.0f s)",
            sent.reference,
            waited,
            longest,
        )
        sleep(pause)
        waited += pause


def _submissions(slug: str, api: Any) -> list[Submission]:
    """The newest submissions of the user's team, as many as Kaggle tells at once."""
    return [
        Submission(
            reference=one.ref,
            status=one.status.name.lower(),
            public_score=_score(one.public_score),
            private_score=_score(one.private_score),
            message=one.description or "",
            error=one.error_description or "",
        )
        for one in api.competition_submissions(slug, page_size=200) or []
    ]


def _score(text: str | None) -> float | None:
    """Kaggle's score; it is an empty text until it is told."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
