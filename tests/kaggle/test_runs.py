"""`kedro run --pipeline=download` and `--pipeline=upload` against a fake of Kaggle."""

import json
import shutil
from pathlib import Path

import mlflow
import pytest
from fake_kaggle import CREDENTIALS, SECRETS, SLUG, FakeKaggle, give_credentials, leaks
from limits import largest_file
from sessions import make_project, read, run, statuses

from facial_keypoints.cli import user_message
from facial_keypoints.kaggle import transfer as kaggle_transfer

pytestmark = pytest.mark.session

FROM_KAGGLE = {"source": "kaggle"}
CSV = b"RowId,Location\n1,48.0\n2,37.5\n"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a submission to send, of a model without an MLflow run."""
    project = make_project(tmp_path_factory.mktemp("clone"))
    output = project / "data" / "test" / "07_model_output"
    output.mkdir(parents=True)
    (output / "submission.csv").write_bytes(CSV)
    champion = {"variant": "tiny-2cl", "fingerprint": "0f0f", "mlflow_run_id": None}
    (output / "champion.json").write_text(json.dumps(champion))
    return project


@pytest.fixture
def project(clone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(clone)
    for folder in ("01_raw", "08_reporting"):
        shutil.rmtree(clone / "data" / "test" / folder, ignore_errors=True)
    raw = clone / "data" / "test" / "01_raw"
    raw.mkdir(parents=True)
    (raw / "answer_key.csv").write_text("RowId,Location\n")
    return clone


@pytest.fixture
def raw(project: Path, kaggle: FakeKaggle, archive_path: Path) -> Path:
    """The folder of an earlier archive, which is corrupt, so that it is replaced."""
    kaggle.archive = archive_path.read_bytes()
    folder = project / "data" / "test" / "01_raw"
    (folder / f"{SLUG}.zip").write_bytes(b"earlier")
    return folder


@pytest.fixture(autouse=True)
def nothing_left_open_or_leaked(project: Path, caplog: pytest.LogCaptureFixture):
    yield
    assert mlflow.active_run() is None
    assert [place for secret in SECRETS for place in leaks(project, caplog.text, secret)] == []


def failure(project: Path, pipeline: str, **parameters) -> str:
    """The error message of a run that fails."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 (Kedro wraps what a dataset raises)
        run(project, pipeline, download=FROM_KAGGLE, **parameters)
    message = user_message(caught.value)
    assert message is not None, caught.value
    return message


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.iterdir() if path.suffix not in {".lock", ".csv"})
    return {path.name: path.read_bytes() for path in files}


def upload(project: Path, **parameters):
    return run(project, "upload", download=FROM_KAGGLE, upload=parameters)


# Download


def test_download_replaces_an_earlier_archive(project, raw, kaggle):
    run(project, "download", download=FROM_KAGGLE)
    assert (raw / f"{SLUG}.zip").read_bytes() == kaggle.archive
    assert statuses(project)[-1] == "FINISHED"


@pytest.mark.parametrize("way", CREDENTIALS)
def test_download_and_upload_with_credentials_from_each_place(
    project, raw, kaggle, monkeypatch, tmp_path, way
):
    give_credentials(monkeypatch, tmp_path / "home", way)
    run(project, "download", download=FROM_KAGGLE)
    upload(project)
    assert (raw / f"{SLUG}.zip").read_bytes() == kaggle.archive
    assert kaggle.files == [CSV]


@pytest.mark.fault("Kaggle", "download fails every time", "the earlier archive is unchanged")
@pytest.mark.parametrize(
    ("name", "fault", "expected"),
    [
        ("DownloadDataFiles", {"status": 401}, "not accept the credentials"),
        ("DownloadDataFiles", {"status": 403}, f"competitions/{SLUG}/rules"),
        ("DownloadDataFiles", {"status": 404}, f"no competition '{SLUG}'"),
        ("DownloadDataFiles", {"status": 429, "Retry_After": "7200"}, "run again in 120 min"),
        ("Archive", {"status": 500}, "server failed (500), 5 times"),
        ("Archive", {"status": None}, "connection to Kaggle failed"),
    ],
)
def test_failed_download_keeps_the_earlier_archive(project, raw, kaggle, name, fault, expected):
    kaggle.fail(name, **fault)
    message = failure(project, "download")
    assert expected in message
    assert contents(raw) == {f"{SLUG}.zip": b"earlier"}
    assert statuses(project)[-1] == "FAILED"


@pytest.mark.fault(
    "Kaggle",
    "no credentials",
    "reported, with all ways to give them and the alternatives; no request is sent",
)
def test_download_without_credentials_fails(project, raw, kaggle, monkeypatch):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    message = failure(project, "download")
    assert "No Kaggle credentials were found" in message
    assert "download.source=archive" in message
    assert kaggle.requests == []
    assert contents(raw) == {f"{SLUG}.zip": b"earlier"}


def corrupted(archive: bytes) -> bytes:
    """With one byte of a member's content changed, so that its checksum is wrong."""
    place = archive.index(b"IdLookupTable.csv") + len("IdLookupTable.csv") + 3
    return archive[:place] + bytes([archive[place] ^ 1]) + archive[place + 1 :]


@pytest.mark.fault(
    "Kaggle",
    "archive of a wrong size or checksum",
    "rejected; the earlier archive is unchanged",
)
@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda archive: archive[:-40], "truncated"),
        (corrupted, "'IdLookupTable.csv' is corrupt (wrong checksum)"),
        (lambda archive: b"PK\x05\x06" + bytes(18), "lacks training.zip"),
    ],
    ids=["cut", "checksum", "empty"],
)
def test_unsound_archive_is_rejected(project, raw, kaggle, spoil, expected):
    kaggle.archive = spoil(kaggle.archive)
    assert expected in failure(project, "download")
    assert contents(raw) == {f"{SLUG}.zip": b"earlier"}


@pytest.mark.fault(
    "Kaggle",
    "archive of a wrong size or checksum",
    "rejected; the earlier archive is unchanged",
)
@pytest.mark.parametrize(("more", "expected"), [(-40, "truncated"), (40, "connection to Kaggle")])
def test_archive_of_another_length_than_announced_is_rejected(project, raw, kaggle, more, expected):
    kaggle.length = len(kaggle.archive) + more
    assert expected in failure(project, "download")
    assert contents(raw) == {f"{SLUG}.zip": b"earlier"}


@pytest.mark.fault(
    "Kaggle",
    "a download that is too slow",
    "a timeout: repeated after growing random pauses, at most five times, then reported",
)
def test_slow_download_fails(project, raw, kaggle, monkeypatch):
    monkeypatch.setattr(kaggle_transfer, "_PACE_SECONDS", 0.1)
    kaggle.trickles = [0] * 100
    assert "did not respond in time, or too slowly" in failure(project, "download")
    assert contents(raw) == {f"{SLUG}.zip": b"earlier"}


@pytest.mark.fault(
    "Disk",
    "full disk while downloading",
    "reported, with a remedy; the earlier archive stays, no partial one",
)
def test_full_disk(project, raw, kaggle, archive_path):
    run(project, "upload", download=FROM_KAGGLE, upload={"dry_run": True})  # MLflow's store is made
    largest = max(path.stat().st_size for path in project.glob("mlflow.db*")) + 2_000_000
    kaggle.archive = archive_path.read_bytes() + bytes(largest)
    with largest_file(largest):
        message = failure(project, "download")
    assert "cannot be written" in message
    assert "free some space" in message
    assert contents(raw) == {f"{SLUG}.zip": b"earlier"}
    assert statuses(project)[-1] == "FAILED"


# Upload


def test_upload_reads_the_score_and_sends_a_file_once(project, kaggle, caplog):
    upload(project)
    first = read(project / "data/test/08_reporting/kaggle_score.json")
    assert (first["status"], first["public_score"]) == ("complete", 1.48413)
    assert kaggle.files == [CSV]
    caplog.set_level("INFO", "facial_keypoints")
    upload(project)
    assert kaggle.files == [CSV]
    assert read(project / "data/test/08_reporting/kaggle_score.json") == first
    assert f"has this file already, as submission {first['reference']}" in caplog.text
    upload(project, force=True)
    assert kaggle.files == [CSV, CSV]


def test_dry_run_sends_no_request_and_writes_no_file(project, kaggle, caplog):
    caplog.set_level("INFO", "facial_keypoints")
    upload(project, dry_run=True)
    assert "submission.csv, 2 rows" in caplog.text
    assert kaggle.requests == []
    assert not (project / "data/test/08_reporting").exists()
    assert statuses(project)[-1] == "FINISHED"


@pytest.mark.fault(
    "Upload", "no score within the wait", "ends as pending, with the command to resume waiting"
)
def test_wait_is_resumed_later(project, kaggle, caplog):
    kaggle.polls_until_scored = 2
    upload(project, wait_minutes=0)
    score = project / "data/test/08_reporting/kaggle_score.json"
    assert read(score)["status"] == "pending"
    assert "kedro run --pipeline=upload --params upload.wait_only=true" in caplog.text
    upload(project, wait_only=True, wait_minutes=0)
    upload(project, wait_only=True, wait_minutes=0)
    assert read(score)["status"] == "complete"
    assert kaggle.names().count("CreateSubmission") == 1


@pytest.mark.fault("Upload", "wait without a submission", "reported, with the command")
def test_wait_without_a_receipt_fails(project, kaggle):
    message = failure(project, "upload", upload={"wait_only": True})
    assert "nothing has been sent to Kaggle yet" in message
    assert "kedro run --pipeline=upload" in message
    assert kaggle.requests == []


def test_wait_only_with_dry_run_fails_before_the_run(project, kaggle):
    runs = len(statuses(project))
    message = failure(project, "upload", upload={"wait_only": True, "dry_run": True})
    assert "upload: wait_only and dry_run exclude each other" in message
    assert len(statuses(project)) == runs


@pytest.mark.fault(
    "Upload", "the daily limit is reached", "reported before sending, with the time to send"
)
def test_upload_beyond_the_daily_limit_fails(project, kaggle):
    kaggle.submit_earlier("another", reference=7)
    kaggle.per_day = kaggle.today = 5
    message = failure(project, "upload")
    assert "allows 5 submissions" in message
    assert "midnight UTC" in message
    assert kaggle.files == []
    assert not (project / "data/test/08_reporting/kaggle_receipt.json").exists()


@pytest.mark.fault(
    "Upload",
    "5xx or a reset at any step of sending",
    "repeated; one submission of the whole file; reported if it persists",
)
@pytest.mark.parametrize("status", [None, 500])
@pytest.mark.parametrize("name", ["ListSubmissions", "StartSubmissionUpload", "File"])
def test_failed_upload_leaves_no_receipt(project, kaggle, name, status):
    kaggle.fail(name, status)
    message = failure(project, "upload")
    assert "server failed (500), 5 times" in message or "connection to Kaggle failed" in message
    assert kaggle.submissions == []
    assert not (project / "data/test/08_reporting/kaggle_receipt.json").exists()
