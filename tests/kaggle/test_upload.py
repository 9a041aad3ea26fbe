"""Sending a file to Kaggle's stand-in, and reading its score."""

from pathlib import Path

import pytest
from kaggle_stand_in import SLUG, KaggleStandIn

from facial_keypoints.errors import InputError
from facial_keypoints.kaggle.client import Submission, submit_file, wait_for_score

MESSAGE = "paper_8, MLflow run abc, commit 1234567, file 0123456789ab"
MARK = "0123456789ab"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "submission.csv"
    path.write_text("RowId,Location\n1,48.0\n")
    return path


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
        "GetSubmissionLimits",
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


@pytest.mark.fault(
    "Upload", "Kaggle takes the file and gives no number", "the number is found in Kaggle's list"
)
def test_submission_without_a_number_is_found_by_its_message(kaggle: KaggleStandIn, csv: Path):
    kaggle.submit_earlier(MESSAGE, reference=7)
    kaggle.gives_reference = False
    sent = submit_file(csv, MESSAGE, SLUG)
    assert sent.reference == kaggle.submissions[0]["ref"] != 7


@pytest.mark.fault(
    "Upload", "no score within the wait", "ends as pending, with the command to wait on"
)
def test_wait_is_bounded(kaggle: KaggleStandIn, csv: Path, caplog: pytest.LogCaptureFixture):
    kaggle.polls_until_scored = 1000
    caplog.set_level("INFO")
    sent = submit_file(csv, MESSAGE, SLUG)
    waiting = wait_for_score(SLUG, sent, wait_minutes=1, poll_seconds=25)
    assert waiting == sent
    assert kaggle.pauses == [25, 25, 10]
    assert "(50 s of at most 60 s)" in caplog.text
    assert f"competitions/{SLUG}/submissions" in caplog.text
    assert "kedro run --pipeline=upload --params upload.wait_only=true" in caplog.text


def test_no_wait_asks_once(kaggle: KaggleStandIn, csv: Path):
    sent = submit_file(csv, MESSAGE, SLUG)
    assert wait_for_score(SLUG, sent, wait_minutes=0, poll_seconds=10).status == "pending"
    assert wait_for_score(SLUG, sent, wait_minutes=0, poll_seconds=10).status == "complete"
    assert kaggle.pauses == []


def test_private_score_may_be_hidden(kaggle: KaggleStandIn, csv: Path):
    kaggle.score = ("1.5", "")
    scored = wait_for_score(SLUG, submit_file(csv, MESSAGE, SLUG), 1, 1)
    assert (scored.public_score, scored.private_score) == (1.5, None)


@pytest.mark.fault("Upload", "Kaggle cannot score the file", "told, with Kaggle's reason")
def test_file_that_cannot_be_scored(kaggle: KaggleStandIn, csv: Path):
    kaggle.cannot_score = "Row 3: no such RowId"
    scored = wait_for_score(SLUG, submit_file(csv, MESSAGE, SLUG), 1, 1)
    assert (scored.status, scored.error) == ("error", "Row 3: no such RowId")


@pytest.mark.fault(
    "Upload",
    "5xx or a reset at any step of sending",
    "repeated; one submission, the whole file; told if it lasts",
)
@pytest.mark.parametrize("name", ["StartSubmissionUpload", "File", "CreateSubmission"])
@pytest.mark.parametrize("status", [None, 503])
def test_upload_survives_a_fault(name: str, status: int | None, kaggle: KaggleStandIn, csv: Path):
    kaggle.fail(name, status, times=1)
    submit_file(csv, MESSAGE, SLUG)
    assert len(kaggle.submissions) == 1
    assert kaggle.files[-1] == csv.read_bytes()
    assert len(kaggle.pauses) == 1


@pytest.mark.fault(
    "Upload", "connection lost after Kaggle took the file", "found in Kaggle's list, not sent twice"
)
def test_submission_that_arrived_unconfirmed_is_not_sent_twice(kaggle: KaggleStandIn, csv: Path):
    kaggle.submit_earlier(MESSAGE, reference=7)
    kaggle.fail("CreateSubmission", None, times=1, after=True)
    sent = submit_file(csv, MESSAGE, SLUG)
    assert [one["ref"] for one in kaggle.submissions] == [sent.reference, 7]
    assert kaggle.names().count("CreateSubmission") == 1


@pytest.mark.fault("Upload", "Kaggle's storage refuses the file", "told; no submission is made")
def test_storage_that_refuses_the_file(kaggle: KaggleStandIn, csv: Path):
    kaggle.fail("File", 403)
    with pytest.raises(InputError, match=r"storage refused submission.csv \(403\)"):
        submit_file(csv, MESSAGE, SLUG)
    assert kaggle.submissions == []


@pytest.mark.fault("Upload", "Kaggle refuses the file", "told, with Kaggle's reason; not repeated")
@pytest.mark.parametrize("words", ["Could not submit to competition", ""])
def test_refusal_in_kind_words_is_an_error(words: str, kaggle: KaggleStandIn, csv: Path):
    kaggle.refuses = words
    with pytest.raises(InputError, match=f"did not take the file: {words or 'it gives no reason'}"):
        submit_file(csv, MESSAGE, SLUG)


@pytest.mark.fault("Upload", "Kaggle refuses the file", "told, with Kaggle's reason; not repeated")
def test_refused_submission_tells_why(kaggle: KaggleStandIn, csv: Path):
    kaggle.fail("CreateSubmission", 400, message="You have used all 5 submissions of today.")
    with pytest.raises(InputError, match=r"\(400\): You have used all 5 submissions of today;"):
        submit_file(csv, MESSAGE, SLUG)
    assert kaggle.names().count("CreateSubmission") == 1


@pytest.mark.fault(
    "Upload", "rules not accepted (403)", "told before anything is sent, with the page to open"
)
def test_rules_are_checked_before_anything_is_sent(kaggle: KaggleStandIn, csv: Path):
    kaggle.fail("ListSubmissions", 403)
    with pytest.raises(InputError, match=f"{SLUG}/rules"):
        submit_file(csv, MESSAGE, SLUG)
    assert kaggle.names() == ["ListSubmissions"]


@pytest.mark.fault(
    "Upload",
    "5xx while waiting for the score",
    "repeated, then told, with the number of the submission that Kaggle has",
)
def test_score_that_cannot_be_read_says_that_the_file_arrived(kaggle: KaggleStandIn, csv: Path):
    sent = submit_file(csv, MESSAGE, SLUG)
    kaggle.fail("ListSubmissions", 500)
    with pytest.raises(InputError, match=rf"submission {sent.reference}, which Kaggle has: .*500"):
        wait_for_score(SLUG, sent, wait_minutes=1, poll_seconds=1)


@pytest.mark.fault("Upload", "no credentials", "told, with the page to hand in by browser")
def test_without_credentials_an_upload_can_be_done_by_hand(
    kaggle: KaggleStandIn, csv: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    with pytest.raises(InputError, match=f"competitions/{SLUG}/submit"):
        submit_file(csv, MESSAGE, SLUG)


@pytest.mark.fault("Kaggle", "a proxy's page in place of an answer", "told as what it is")
@pytest.mark.parametrize(("status", "words"), [(200, "a proxy answered"), (403, "rules")])
def test_page_in_place_of_an_answer(status: int, words: str, kaggle: KaggleStandIn, csv: Path):
    kaggle.fail("ListSubmissions", status, message="<html>", Content_Type="text/html")
    with pytest.raises(InputError, match=words):
        submit_file(csv, MESSAGE, SLUG)


# -- not more than Kaggle allows, and not twice -------------------------------------------


@pytest.mark.fault(
    "Upload", "today's submissions are used up", "told before sending: the limit, and when to send"
)
def test_daily_limit_is_told_before_anything_is_sent(kaggle: KaggleStandIn, csv: Path):
    kaggle.submit_earlier("another", reference=7)
    kaggle.per_day = kaggle.today = 4
    with pytest.raises(InputError) as caught:
        submit_file(csv, MESSAGE, SLUG)
    for words in ("allows 4 submissions", "midnight UTC", "kedro run --pipeline=upload"):
        assert words in str(caught.value)
    assert kaggle.names() == ["ListSubmissions", "GetSubmissionLimits"]


@pytest.mark.fault(
    "Upload", "all submissions of the competition are used up", "told before sending"
)
def test_lifetime_limit_is_told_before_anything_is_sent(kaggle: KaggleStandIn, csv: Path):
    kaggle.submit_earlier("another", reference=7)
    kaggle.per_day, kaggle.lifetime = 0, True
    with pytest.raises(InputError, match="all 1 that the competition allows are used up"):
        submit_file(csv, MESSAGE, SLUG)
    assert kaggle.files == []


def test_last_submission_of_the_day_is_sent(kaggle: KaggleStandIn, csv: Path):
    kaggle.per_day, kaggle.today = 4, 3
    submit_file(csv, MESSAGE, SLUG)
    assert kaggle.files == [csv.read_bytes()]


@pytest.mark.parametrize("earlier", [0, 3])
def test_none_left_although_none_was_sent_today_is_for_kaggle_to_say(
    earlier: int, kaggle: KaggleStandIn, csv: Path
):
    for reference in range(earlier):  # with none, as of a team that Kaggle does not know yet
        kaggle.submit_earlier("another", reference)
    kaggle.per_day = 0
    submit_file(csv, MESSAGE, SLUG)
    assert kaggle.files == [csv.read_bytes()]


@pytest.mark.fault(
    "Upload", "Kaggle does not tell the daily limit", "sent all the same, with a word"
)
@pytest.mark.parametrize("status", [404, 500])
def test_limit_that_is_not_told_holds_nothing_up(
    status: int, kaggle: KaggleStandIn, csv: Path, caplog: pytest.LogCaptureFixture
):
    kaggle.fail("GetSubmissionLimits", status)
    submit_file(csv, MESSAGE, SLUG)
    assert kaggle.files == [csv.read_bytes()]
    assert "does not tell how many submissions are left" in caplog.text


@pytest.mark.fault(
    "Upload", "the same file is sent again", "not sent; the score of the earlier one is read"
)
def test_the_same_file_is_not_sent_twice(
    kaggle: KaggleStandIn, csv: Path, caplog: pytest.LogCaptureFixture
):
    first = submit_file(csv, MESSAGE, SLUG, MARK)
    wait_for_score(SLUG, first, wait_minutes=1, poll_seconds=1)
    kaggle.submit_earlier("another file", reference=900)
    kaggle.today = kaggle.per_day  # nothing is left to send, and nothing is needed
    caplog.set_level("INFO")
    again = submit_file(csv, f"another commit, file {MARK}", SLUG, MARK)
    assert again == Submission(first.reference, "complete", 1.48413, 1.40046, MESSAGE)
    assert f"submission {first.reference}" in caplog.text
    assert "public score: 1.48413" in caplog.text
    assert "upload.force=true" in caplog.text
    assert kaggle.names().count("CreateSubmission") == 1


def test_the_same_file_is_sent_again_by_force(kaggle: KaggleStandIn, csv: Path):
    references = {submit_file(csv, MESSAGE, SLUG).reference for _ in range(2)}
    assert len(references) == len(kaggle.files) == 2


def test_what_kaggle_could_not_score_is_sent_again(kaggle: KaggleStandIn, csv: Path):
    kaggle.cannot_score = "out of memory"
    first = submit_file(csv, MESSAGE, SLUG, MARK)
    assert wait_for_score(SLUG, first, wait_minutes=1, poll_seconds=1).status == "error"
    assert submit_file(csv, MESSAGE, SLUG, MARK).reference != first.reference
    assert len(kaggle.files) == 2
