"""`kedro run --pipeline=download` and `--pipeline=upload` against a fake of Kaggle."""

import json
import shutil
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from fake_kaggle import SECRETS, SLUG, FakeKaggle, leaks
from limits import largest_file
from sessions import make_project, read, run, runs_of, statuses

from facial_keypoints.archive.submission import submission_fingerprint
from facial_keypoints.cli import user_message

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
    submission = pd.DataFrame({"RowId": [1, 2], "Location": [48.0, 37.5]})
    fingerprint = submission_fingerprint(submission)
    record = {"model": "tiny-2cl", "fingerprint": fingerprint, "mlflow_run_id": None}
    (output / "submission_record.json").write_text(json.dumps(record))
    lookup = project / "data" / "test" / "03_primary" / "lookup.csv"
    lookup.parent.mkdir()
    lookup.write_text("RowId,ImageId,FeatureName\n1,1,nose_tip_x\n2,1,nose_tip_y\n")
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


@pytest.mark.fault("Kaggle", "download fails every time", "the earlier archive is unchanged")
def test_failed_download_keeps_the_earlier_archive(project, raw, kaggle):
    kaggle.fail("DownloadDataFiles", 403)
    assert f"competitions/{SLUG}/rules" in failure(project, "download")
    assert contents(raw) == {f"{SLUG}.zip": b"earlier"}
    assert statuses(project)[-1] == "FAILED"


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


def test_score_of_an_own_file_is_recorded_on_the_run_that_sent_it(project, kaggle, tmp_path):
    path = tmp_path / "blend.csv"
    path.write_text("RowId,Location\n2,40.5\n1,50\n")
    upload(project, file=str(path))
    assert kaggle.files == [b"RowId,Location\n1,50.0\n2,40.5\n"]
    run = runs_of(project)[1][-1]
    assert run.data.metrics["kaggle_public_score"] == 1.48413
    assert (
        f"own file blend.csv, MLflow run {run.info.run_id}" in kaggle.submissions[0]["description"]
    )


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
    "Upload",
    "5xx or a reset at any step of sending",
    "repeated; one submission of the whole file; reported if it persists",
)
def test_failed_upload_leaves_no_receipt(project, kaggle):
    kaggle.fail("File", 500)
    assert "server failed (500), 5 times" in failure(project, "upload")
    assert kaggle.submissions == []
    assert not (project / "data/test/08_reporting/kaggle_receipt.json").exists()
    assert statuses(project)[-1] == "FAILED"
