import io
import json
import random
import socket
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path

import pytest
from kaggle_stand_in import KEY, SLUG, TOKEN, USERNAME, KaggleStandIn, kaggle_stand_in, redirect

from facial_keypoints import kaggle_session
from facial_keypoints.errors import InputError
from facial_keypoints.kaggle_client import (
    Submission,
    download_competition,
    submit_file,
    wait_for_score,
)

MESSAGE = "paper_8, MLflow run abc, commit 1234567"


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[KaggleStandIn]:
    with kaggle_stand_in(monkeypatch, tmp_path) as stand_in:
        stand_in.archive = _zip()
        yield stand_in


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data" / "01_raw" / "competition.zip.part"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "submission.csv"
    path.write_text("RowId,Location\n1,48.0\n")
    return path


@cache
def _zip() -> bytes:
    """A zip of more than two of the pieces (1 MiB) that the package writes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("training.zip", random.Random(0).randbytes(2_500_000))  # noqa: S311
    return stream.getvalue()


def _left_in(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


# -- download -----------------------------------------------------------------------------


def test_download_is_what_kaggle_serves(kaggle: KaggleStandIn, target: Path):
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert _left_in(target) == [target.name]
    assert kaggle.names() == ["DownloadDataFiles", "Archive"]
    assert kaggle.asked[-2].body == {"competitionName": SLUG}
    assert kaggle.pauses == []


def test_download_shows_progress_on_a_terminal(
    kaggle: KaggleStandIn,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    download_competition(SLUG, target)
    shown = capsys.readouterr()
    assert "100%" in shown.err
    assert shown.out == ""


def test_download_shows_nothing_in_a_log_file(
    kaggle: KaggleStandIn, target: Path, capsys: pytest.CaptureFixture[str]
):
    download_competition(SLUG, target)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


def test_cut_download_is_resumed(kaggle: KaggleStandIn, target: Path):
    kaggle.cuts = [1_500_000]
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert len(kaggle.pauses) == 1
    assert kaggle.asked[-1].headers["Range"] == "bytes=1048576-"


def test_cut_download_is_repeated_where_it_cannot_be_resumed(kaggle: KaggleStandIn, target: Path):
    kaggle.ranges, kaggle.cuts = False, [1_100_000, 2_200_000]
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert len(kaggle.pauses) == 2


def test_download_cut_every_time_is_never_taken_for_whole(kaggle: KaggleStandIn, target: Path):
    kaggle.ranges, kaggle.cuts = False, [1_100_000] * 100
    with pytest.raises(InputError, match=r"Downloading .* connection to Kaggle failed"):
        download_competition(SLUG, target)
    assert _left_in(target) == []
    assert kaggle.names().count("DownloadDataFiles") == kaggle_session._ATTEMPTS


def test_old_file_stays_when_a_download_fails(kaggle: KaggleStandIn, target: Path):
    target.parent.mkdir(parents=True)
    target.write_bytes(b"old")
    kaggle.fail("Archive", 503)
    with pytest.raises(InputError, match=r"out of order \(503\)"):
        download_competition(SLUG, target)
    assert target.read_bytes() == b"old"


def test_what_is_no_zip_is_refused(kaggle: KaggleStandIn, target: Path):
    kaggle.extension = "html"
    with pytest.raises(InputError, match="no zip"):
        download_competition(SLUG, target)
    assert _left_in(target) == []


def test_folder_that_cannot_be_written_is_told(kaggle: KaggleStandIn, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        download_competition(SLUG, tmp_path / "file" / "archive.zip")


# -- credentials --------------------------------------------------------------------------


def test_without_credentials_the_ways_on_are_told(
    kaggle: KaggleStandIn,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    stdin = io.StringIO("kept")
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(InputError) as caught:
        download_competition(SLUG, target)
    message = str(caught.value)
    for words in (
        "No Kaggle credentials",
        "KAGGLE_API_TOKEN",
        "~/.kaggle/access_token",
        "KAGGLE_USERNAME and KAGGLE_KEY",
        "~/.kaggle/kaggle.json",
        "--params download.source=archive,download.archive=PATH",
        "--env=demo",
    ):
        assert words in message
    assert kaggle.asked == []
    assert "".join(capsys.readouterr()) == ""
    assert stdin.read() == "kept"


def test_without_credentials_an_upload_can_be_done_by_hand(
    kaggle: KaggleStandIn, csv: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    with pytest.raises(InputError, match=f"competitions/{SLUG}/submit"):
        submit_file(csv, MESSAGE, SLUG)


@pytest.mark.parametrize("way", ["token", "token file", "name and key", "kaggle.json"])
def test_credentials_can_be_given_in_four_ways(
    way: str, kaggle: KaggleStandIn, target: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    folder = tmp_path / "home" / ".kaggle"
    if way != "token":
        monkeypatch.delenv("KAGGLE_API_TOKEN")
    if way == "token file":
        (folder / "access_token").write_text(f"{TOKEN}\n")
    if way == "name and key":
        monkeypatch.setenv("KAGGLE_USERNAME", USERNAME)
        monkeypatch.setenv("KAGGLE_KEY", KEY)
    if way == "kaggle.json":
        (folder / "kaggle.json").write_text(json.dumps({"username": USERNAME, "key": KEY}))
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    scheme = "Bearer" if "token" in way else "Basic"
    asked = next(one for one in kaggle.asked if one.name == "DownloadDataFiles")
    assert asked.headers["Authorization"].startswith(scheme)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"KAGGLE_API_TOKEN": "wrong-secret"}, "KAGGLE_API_TOKEN"),
        ({"KAGGLE_USERNAME": USERNAME, "KAGGLE_KEY": "wrong-secret"}, "KAGGLE_USERNAME"),
        (
            {
                "KAGGLE_API_TOKEN": "wrong-secret",
                "KAGGLE_USERNAME": USERNAME,
                "KAGGLE_KEY": KEY,
            },
            "KAGGLE_API_TOKEN",
        ),
    ],
    ids=["token", "key", "token before a right key"],
)
def test_wrong_credentials_are_told_from_none(
    variables: dict[str, str],
    named: str,
    kaggle: KaggleStandIn,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"not accept the credentials from {named}") as caught:
        download_competition(SLUG, target)
    assert "401" in str(caught.value)
    assert "--env=demo" in str(caught.value)
    assert "wrong-secret" not in str(caught.value)
    assert kaggle.pauses == []


def test_token_refused_with_401_while_signing_in(kaggle: KaggleStandIn, target: Path):
    kaggle.fail("IntrospectToken", 401)
    with pytest.raises(InputError, match="does not accept the credentials"):
        download_competition(SLUG, target)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 500])
@pytest.mark.parametrize("name", ["DownloadDataFiles", "IntrospectToken"])
def test_token_is_in_no_message(
    name: str,
    status: int,
    kaggle: KaggleStandIn,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
):
    from kaggle.api.kaggle_api_extended import KaggleApi

    monkeypatch.setattr(KaggleApi, "args", ["--verbose"])  # as VERBOSE=1: prints all headers
    kaggle.fail(name, status, message=f"you sent {TOKEN}")
    with caplog.at_level("INFO"), pytest.raises(InputError) as caught:
        download_competition(SLUG, target)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert TOKEN not in str(caught.value) + caplog.text + "".join(capsys.readouterr())


# -- refusals and faults ------------------------------------------------------------------


def test_rules_not_accepted(kaggle: KaggleStandIn, target: Path):
    kaggle.fail("DownloadDataFiles", 403, message="You must accept this competition's rules.")
    with pytest.raises(InputError) as caught:
        download_competition(SLUG, target)
    assert f"https://www.kaggle.com/competitions/{SLUG}/rules" in str(caught.value)
    assert "You must accept this competition's rules" in str(caught.value)
    assert kaggle.names() == ["DownloadDataFiles"]


def test_unknown_competition(kaggle: KaggleStandIn, target: Path):
    kaggle.fail("DownloadDataFiles", 404)
    with pytest.raises(InputError, match="no competition 'no-such-thing'"):
        download_competition("no-such-thing", target)
    assert kaggle.pauses == []


@pytest.mark.parametrize("as_date", [False, True])
def test_too_many_requests_waits_as_long_as_kaggle_asks(
    as_date: bool, kaggle: KaggleStandIn, target: Path
):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=200), usegmt=True)
    kaggle.fail("DownloadDataFiles", 429, times=1, Retry_After=date if as_date else "137")
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    (pause,) = kaggle.pauses
    assert pause >= 137


def test_too_long_a_pause_is_left_to_the_user(kaggle: KaggleStandIn, target: Path):
    kaggle.fail("DownloadDataFiles", 429, Retry_After="3600")
    with pytest.raises(InputError, match=r"fewer requests \(429\); run again in 60 min"):
        download_competition(SLUG, target)
    assert kaggle.pauses == []


def test_two_faults_of_the_server_are_overcome(
    kaggle: KaggleStandIn, target: Path, caplog: pytest.LogCaptureFixture
):
    kaggle.fail("DownloadDataFiles", 503, times=2)
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert len(kaggle.pauses) == 2
    assert "503; attempt 3 of 5" in caplog.text


def test_faults_of_the_server_are_not_tried_for_ever(kaggle: KaggleStandIn, target: Path):
    kaggle.fail("DownloadDataFiles", 502)
    with pytest.raises(InputError, match=r"out of order \(502\)"):
        download_competition(SLUG, target)
    assert len(kaggle.pauses) == kaggle_session._ATTEMPTS - 1


@pytest.mark.parametrize(("status", "words"), [(200, "a proxy answered"), (403, "rules")])
def test_page_in_place_of_an_answer(status: int, words: str, kaggle: KaggleStandIn, csv: Path):
    kaggle.fail("ListSubmissions", status, message="<html>", Content_Type="text/html")
    with pytest.raises(InputError, match=words):
        submit_file(csv, MESSAGE, SLUG)


@pytest.mark.parametrize("name", ["IntrospectToken", "DownloadDataFiles", "Archive"])
def test_broken_connection_is_overcome(name: str, kaggle: KaggleStandIn, target: Path):
    kaggle.fail(name, None, times=1)
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert len(kaggle.pauses) == 1


def test_kaggle_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: Path):
    with kaggle_stand_in(monkeypatch, tmp_path) as gone:
        pauses: list[float] = []
        with socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))  # bound, but not listening: refuses
            address = f"http://127.0.0.1:{unheard.getsockname()[1]}"
            redirect(monkeypatch, address, tmp_path / "home", pauses.append)
            with pytest.raises(InputError, match=r"connection to Kaggle failed.*online") as caught:
                download_competition(SLUG, target)
    assert gone.asked == []
    assert "127.0.0.1" not in str(caught.value)
    assert len(pauses) == kaggle_session._ATTEMPTS - 1


def test_kaggle_that_never_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kaggle: KaggleStandIn, target: Path
):
    monkeypatch.setattr(kaggle_session, "_TIME_LIMITS", (0.05, 0.05))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        redirect(monkeypatch, address, tmp_path / "home", kaggle.pauses.append)
        with pytest.raises(InputError, match="did not answer in time"):
            download_competition(SLUG, target)
    assert len(kaggle.pauses) == kaggle_session._ATTEMPTS - 1


# -- upload -------------------------------------------------------------------------------


def test_submission_is_sent_and_scored(kaggle: KaggleStandIn, csv: Path):
    kaggle.submit_earlier(MESSAGE, reference=7)  # the same message, sent before
    kaggle.polls_until_scored = 2
    sent = submit_file(csv, MESSAGE, SLUG)
    kaggle.submit_earlier("of a team mate, later", reference=900)
    scored = wait_for_score(SLUG, sent, wait_minutes=10, poll_seconds=20)
    assert sent == Submission(sent.reference, message=MESSAGE)
    assert scored == Submission(sent.reference, "complete", 1.48413, 1.40046, MESSAGE)
    assert kaggle.pauses == [20, 20]
    assert kaggle.files == [csv.read_bytes()]
    assert kaggle.names() == [
        "ListSubmissions",
        "StartSubmissionUpload",
        "File",
        "CreateSubmission",
        *["ListSubmissions"] * 3,
    ]
    start, created = (
        one.body for one in kaggle.asked if one.name.endswith(("load", "eSubmission"))
    )
    assert start["competitionName"] == SLUG
    assert start["contentLength"] == csv.stat().st_size
    assert created["submissionDescription"] == MESSAGE
    assert created["blobFileTokens"] == "blob-0"


def test_submission_without_a_number_is_found_by_its_message(kaggle: KaggleStandIn, csv: Path):
    kaggle.submit_earlier(MESSAGE, reference=7)
    kaggle.gives_reference = False
    sent = submit_file(csv, MESSAGE, SLUG)
    assert sent.reference == kaggle.submissions[0]["ref"] != 7


def test_wait_is_bounded(kaggle: KaggleStandIn, csv: Path, caplog: pytest.LogCaptureFixture):
    kaggle.polls_until_scored = 1000
    caplog.set_level("INFO")
    sent = submit_file(csv, MESSAGE, SLUG)
    waiting = wait_for_score(SLUG, sent, wait_minutes=1, poll_seconds=25)
    assert waiting == sent
    assert kaggle.pauses == [25, 25, 10]
    assert "(50 s of at most 60 s)" in caplog.text
    assert f"competitions/{SLUG}/submissions" in caplog.text


def test_no_wait_asks_once(kaggle: KaggleStandIn, csv: Path):
    sent = submit_file(csv, MESSAGE, SLUG)
    assert wait_for_score(SLUG, sent, wait_minutes=0, poll_seconds=10).status == "pending"
    assert wait_for_score(SLUG, sent, wait_minutes=0, poll_seconds=10).status == "complete"
    assert kaggle.pauses == []


def test_private_score_may_be_hidden(kaggle: KaggleStandIn, csv: Path):
    kaggle.score = ("1.5", "")
    scored = wait_for_score(SLUG, submit_file(csv, MESSAGE, SLUG), 1, 1)
    assert (scored.public_score, scored.private_score) == (1.5, None)


def test_file_that_cannot_be_scored(kaggle: KaggleStandIn, csv: Path):
    kaggle.cannot_score = "Row 3: no such RowId"
    scored = wait_for_score(SLUG, submit_file(csv, MESSAGE, SLUG), 1, 1)
    assert (scored.status, scored.error) == ("error", "Row 3: no such RowId")


@pytest.mark.parametrize("name", ["StartSubmissionUpload", "File", "CreateSubmission"])
@pytest.mark.parametrize("status", [None, 503])
def test_upload_survives_a_fault(name: str, status: int | None, kaggle: KaggleStandIn, csv: Path):
    kaggle.fail(name, status, times=1)
    submit_file(csv, MESSAGE, SLUG)
    assert len(kaggle.submissions) == 1
    assert kaggle.files[-1] == csv.read_bytes()
    assert len(kaggle.pauses) == 1


def test_submission_that_arrived_unconfirmed_is_not_sent_twice(kaggle: KaggleStandIn, csv: Path):
    kaggle.submit_earlier(MESSAGE, reference=7)
    kaggle.fail("CreateSubmission", None, times=1, after=True)
    sent = submit_file(csv, MESSAGE, SLUG)
    assert [one["ref"] for one in kaggle.submissions] == [sent.reference, 7]
    assert kaggle.names().count("CreateSubmission") == 1


def test_storage_that_refuses_the_file(kaggle: KaggleStandIn, csv: Path):
    kaggle.fail("File", 403)
    with pytest.raises(InputError, match=r"storage refused submission.csv \(403\)"):
        submit_file(csv, MESSAGE, SLUG)
    assert kaggle.submissions == []


@pytest.mark.parametrize("words", ["Could not submit to competition", ""])
def test_refusal_in_kind_words_is_an_error(words: str, kaggle: KaggleStandIn, csv: Path):
    kaggle.refuses = words
    with pytest.raises(InputError, match=f"did not take the file: {words or 'it gives no reason'}"):
        submit_file(csv, MESSAGE, SLUG)


def test_refused_submission_tells_why(kaggle: KaggleStandIn, csv: Path):
    kaggle.fail("CreateSubmission", 400, message="You have used all 5 submissions of today.")
    with pytest.raises(InputError, match=r"\(400\): You have used all 5 submissions of today;"):
        submit_file(csv, MESSAGE, SLUG)
    assert kaggle.names().count("CreateSubmission") == 1


def test_rules_are_checked_before_anything_is_sent(kaggle: KaggleStandIn, csv: Path):
    kaggle.fail("ListSubmissions", 403)
    with pytest.raises(InputError, match=f"{SLUG}/rules"):
        submit_file(csv, MESSAGE, SLUG)
    assert kaggle.names() == ["ListSubmissions"]


def test_score_that_cannot_be_read_says_that_the_file_arrived(kaggle: KaggleStandIn, csv: Path):
    sent = submit_file(csv, MESSAGE, SLUG)
    kaggle.fail("ListSubmissions", 500)
    with pytest.raises(InputError, match=rf"submission {sent.reference}, which Kaggle has: .*500"):
        wait_for_score(SLUG, sent, wait_minutes=1, poll_seconds=1)
