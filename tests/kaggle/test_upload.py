"""Sending a file to a fake of Kaggle, and reading its score."""

from pathlib import Path

import pytest
from fake_kaggle import SLUG, FakeKaggle

from facial_keypoints.errors import InputError
from facial_keypoints.kaggle.client import submit_file, wait_for_score
from facial_keypoints.kaggle.records import Submission

MESSAGE = "paper_8, MLflow run abc, commit 1234567, file 0123456789ab"
MARK = "0123456789ab"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "submission.csv"
    path.write_text("RowId,Location\n1,48.0\n")
    return path


def test_submission_is_sent_and_scored(kaggle: FakeKaggle, csv: Path):
    kaggle.submit_earlier(MESSAGE, reference=7)  # the same message, sent before
    kaggle.polls_until_scored = 2
    sent = submit_file(csv, MESSAGE, SLUG)
    kaggle.submit_earlier("of a team mate, later", reference=900)
    scored = wait_for_score(SLUG, sent, wait_minutes=10, poll_seconds=20)
    assert sent == Submission(sent.reference, description=MESSAGE)
    assert scored == Submission(sent.reference, "complete", 1.48413, 1.40046, MESSAGE)
    assert kaggle.pauses == [20, 20]
    assert kaggle.files == [csv.read_bytes()]
    assert kaggle.names() == [
        "ListSubmissions",
        "GetSubmissionLimits",
        "StartSubmissionUpload",
        "File",
        "CreateSubmission",
        *["ListSubmissions"] * 3,
    ]
    start, created = (
        one.body for one in kaggle.requests if one.name.endswith(("load", "eSubmission"))
    )
    assert start["competitionName"] == SLUG
    assert start["contentLength"] == csv.stat().st_size
    assert created["submissionDescription"] == MESSAGE
    assert created["blobFileTokens"] == "blob-0"


@pytest.mark.fault(
    "Upload", "Kaggle accepts the file without a reference", "found in Kaggle's list"
)
def test_submission_without_a_reference_is_found_by_its_description(kaggle: FakeKaggle, csv: Path):
    kaggle.submit_earlier(MESSAGE, reference=7)
    kaggle.gives_reference = False
    sent = submit_file(csv, MESSAGE, SLUG)
    assert sent.reference == kaggle.submissions[0]["ref"] != 7


@pytest.mark.fault(
    "Upload", "no score within the wait", "ends as pending, with the command to resume waiting"
)
def test_wait_is_bounded(kaggle: FakeKaggle, csv: Path, caplog: pytest.LogCaptureFixture):
    kaggle.polls_until_scored = 1000
    caplog.set_level("INFO")
    sent = submit_file(csv, MESSAGE, SLUG)
    waiting = wait_for_score(SLUG, sent, wait_minutes=1, poll_seconds=25)
    assert waiting == sent
    assert kaggle.pauses == [25, 25, 10]
    assert "(50 s of at most 60 s)" in caplog.text
    assert f"competitions/{SLUG}/submissions" in caplog.text
    assert "kedro run --pipeline=upload --params upload.wait_only=true" in caplog.text


def test_no_wait_sends_one_request(kaggle: FakeKaggle, csv: Path):
    sent = submit_file(csv, MESSAGE, SLUG)
    assert wait_for_score(SLUG, sent, wait_minutes=0, poll_seconds=10).status == "pending"
    assert wait_for_score(SLUG, sent, wait_minutes=0, poll_seconds=10).status == "complete"
    assert kaggle.pauses == []


def test_private_score_may_be_hidden(kaggle: FakeKaggle, csv: Path):
    kaggle.score = ("1.5", "")
    scored = wait_for_score(SLUG, submit_file(csv, MESSAGE, SLUG), 1, 1)
    assert (scored.public_score, scored.private_score) == (1.5, None)


@pytest.mark.fault("Upload", "Kaggle cannot score the file", "reported, with Kaggle's reason")
def test_reports_why_a_file_cannot_be_scored(kaggle: FakeKaggle, csv: Path):
    kaggle.cannot_score = "Row 3: no such RowId"
    scored = wait_for_score(SLUG, submit_file(csv, MESSAGE, SLUG), 1, 1)
    assert (scored.status, scored.error) == ("error", "Row 3: no such RowId")


@pytest.mark.fault(
    "Upload",
    "5xx or a reset at any step of sending",
    "repeated; one submission of the whole file; reported if it persists",
)
@pytest.mark.parametrize("name", ["StartSubmissionUpload", "File", "CreateSubmission"])
@pytest.mark.parametrize("status", [None, 503])
def test_retries_after_a_fault(name: str, status: int | None, kaggle: FakeKaggle, csv: Path):
    kaggle.fail(name, status, times=1)
    submit_file(csv, MESSAGE, SLUG)
    assert len(kaggle.submissions) == 1
    assert kaggle.files[-1] == csv.read_bytes()
    assert len(kaggle.pauses) == 1


@pytest.mark.fault(
    "Upload",
    "connection lost after Kaggle accepted the file",
    "found in Kaggle's list, not sent twice",
)
def test_submission_that_arrived_unconfirmed_is_sent_once(kaggle: FakeKaggle, csv: Path):
    kaggle.submit_earlier(MESSAGE, reference=7)
    kaggle.fail("CreateSubmission", None, times=1, after=True)
    sent = submit_file(csv, MESSAGE, SLUG)
    assert [one["ref"] for one in kaggle.submissions] == [sent.reference, 7]
    assert kaggle.names().count("CreateSubmission") == 1


@pytest.mark.fault(
    "Upload", "Kaggle's storage refuses the file", "reported; no submission is created"
)
def test_raises_input_error_where_the_storage_refuses_the_file(kaggle: FakeKaggle, csv: Path):
    kaggle.fail("File", 403)
    with pytest.raises(InputError, match=r"storage refused submission.csv \(403\)"):
        submit_file(csv, MESSAGE, SLUG)
    assert kaggle.submissions == []


@pytest.mark.fault(
    "Upload", "Kaggle refuses the file", "reported, with Kaggle's reason; not repeated"
)
@pytest.mark.parametrize("words", ["Could not submit to competition", ""])
def test_raises_input_error_for_a_refusal_with_status_200(
    words: str, kaggle: FakeKaggle, csv: Path
):
    kaggle.refuses = words
    with pytest.raises(InputError, match=f"did not accept the file: {words or 'no reason given'}"):
        submit_file(csv, MESSAGE, SLUG)


@pytest.mark.fault(
    "Upload", "Kaggle refuses the file", "reported, with Kaggle's reason; not repeated"
)
def test_raises_input_error_with_the_reason_of_a_refusal(kaggle: FakeKaggle, csv: Path):
    kaggle.fail("CreateSubmission", 400, message="You have used all 5 submissions of today.")
    with pytest.raises(InputError, match=r"\(400\): You have used all 5 submissions of today;"):
        submit_file(csv, MESSAGE, SLUG)
    assert kaggle.names().count("CreateSubmission") == 1


@pytest.mark.fault(
    "Upload", "rules not accepted (403)", "reported before sending, with the page to open"
)
def test_raises_input_error_for_unaccepted_rules_before_sending(kaggle: FakeKaggle, csv: Path):
    kaggle.fail("ListSubmissions", 403)
    with pytest.raises(InputError, match=f"{SLUG}/rules"):
        submit_file(csv, MESSAGE, SLUG)
    assert kaggle.names() == ["ListSubmissions"]


@pytest.mark.fault(
    "Upload",
    "5xx while waiting for the score",
    "repeated, then reported, with the reference of the accepted submission",
)
def test_error_while_waiting_says_that_the_file_arrived(kaggle: FakeKaggle, csv: Path):
    sent = submit_file(csv, MESSAGE, SLUG)
    kaggle.fail("ListSubmissions", 500)
    with pytest.raises(
        InputError, match=rf"submission {sent.reference}, which Kaggle has accepted: .*500"
    ):
        wait_for_score(SLUG, sent, wait_minutes=1, poll_seconds=1)


@pytest.mark.fault("Upload", "no credentials", "reported, with the page to submit by browser")
def test_error_without_credentials_names_the_submit_page(
    kaggle: FakeKaggle, csv: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    with pytest.raises(InputError, match=f"competitions/{SLUG}/submit"):
        submit_file(csv, MESSAGE, SLUG)


@pytest.mark.fault("Kaggle", "a proxy's page instead of a response", "reported as such")
@pytest.mark.parametrize(("status", "words"), [(200, "from a proxy"), (403, "rules")])
def test_raises_input_error_for_a_page_instead_of_a_response(
    status: int, words: str, kaggle: FakeKaggle, csv: Path
):
    kaggle.fail("ListSubmissions", status, message="<html>", Content_Type="text/html")
    with pytest.raises(InputError, match=words):
        submit_file(csv, MESSAGE, SLUG)


# Limits and repeated files


@pytest.mark.fault(
    "Upload", "the daily limit is reached", "reported before sending, with the time to send"
)
def test_raises_input_error_for_the_daily_limit_before_sending(kaggle: FakeKaggle, csv: Path):
    kaggle.submit_earlier("another", reference=7)
    kaggle.per_day = kaggle.today = 4
    with pytest.raises(InputError) as caught:
        submit_file(csv, MESSAGE, SLUG)
    for words in ("allows 4 submissions", "midnight UTC", "kedro run --pipeline=upload"):
        assert words in str(caught.value)
    assert kaggle.names() == ["ListSubmissions", "GetSubmissionLimits"]


@pytest.mark.fault("Upload", "the competition's total limit is reached", "reported before sending")
def test_raises_input_error_for_the_total_limit_before_sending(kaggle: FakeKaggle, csv: Path):
    kaggle.submit_earlier("another", reference=7)
    kaggle.per_day, kaggle.lifetime = 0, True
    with pytest.raises(InputError, match="all 1 that the competition allows are used"):
        submit_file(csv, MESSAGE, SLUG)
    assert kaggle.files == []


def test_last_submission_of_the_day_is_sent(kaggle: FakeKaggle, csv: Path):
    kaggle.per_day, kaggle.today = 4, 3
    submit_file(csv, MESSAGE, SLUG)
    assert kaggle.files == [csv.read_bytes()]


@pytest.mark.parametrize("earlier", [0, 3])
def test_sends_where_none_remains_and_none_was_sent_today(
    earlier: int, kaggle: FakeKaggle, csv: Path
):
    for reference in range(earlier):  # with none, as for a new team
        kaggle.submit_earlier("another", reference)
    kaggle.per_day = 0
    submit_file(csv, MESSAGE, SLUG)
    assert kaggle.files == [csv.read_bytes()]


@pytest.mark.fault("Upload", "the daily limit is unknown", "sent, with a warning")
@pytest.mark.parametrize("status", [404, 500])
def test_sends_where_the_limit_is_unknown(
    status: int, kaggle: FakeKaggle, csv: Path, caplog: pytest.LogCaptureFixture
):
    kaggle.fail("GetSubmissionLimits", status)
    submit_file(csv, MESSAGE, SLUG)
    assert kaggle.files == [csv.read_bytes()]
    assert "number of remaining submissions is unknown" in caplog.text


@pytest.mark.fault(
    "Upload", "the same file is sent again", "not sent; the score of the earlier one is read"
)
def test_same_file_is_sent_once(kaggle: FakeKaggle, csv: Path, caplog: pytest.LogCaptureFixture):
    first = submit_file(csv, MESSAGE, SLUG, MARK)
    wait_for_score(SLUG, first, wait_minutes=1, poll_seconds=1)
    kaggle.submit_earlier("another file", reference=900)
    kaggle.today = kaggle.per_day  # none remains, and none is needed
    caplog.set_level("INFO")
    again = submit_file(csv, f"another commit, file {MARK}", SLUG, MARK)
    assert again == Submission(first.reference, "complete", 1.48413, 1.40046, MESSAGE)
    assert f"submission {first.reference}" in caplog.text
    assert "public score: 1.48413" in caplog.text
    assert "upload.force=true" in caplog.text
    assert kaggle.names().count("CreateSubmission") == 1


def test_same_file_is_sent_again_without_a_marker(kaggle: FakeKaggle, csv: Path):
    references = {submit_file(csv, MESSAGE, SLUG).reference for _ in range(2)}
    assert len(references) == len(kaggle.files) == 2


def test_file_that_kaggle_could_not_score_is_sent_again(kaggle: FakeKaggle, csv: Path):
    kaggle.cannot_score = "out of memory"
    first = submit_file(csv, MESSAGE, SLUG, MARK)
    assert wait_for_score(SLUG, first, wait_minutes=1, poll_seconds=1).status == "error"
    assert submit_file(csv, MESSAGE, SLUG, MARK).reference != first.reference
    assert len(kaggle.files) == 2
