from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fake_kaggle import CREDENTIALS, SLUG, FakeKaggle, give_credentials
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from limits import largest_file
from parameters import section

from facial_keypoints.archive.submission import SubmissionRecord, submission_fingerprint
from facial_keypoints.errors import InputError
from facial_keypoints.kaggle.records import KaggleScore
from facial_keypoints.parameters import DownloadParameters, UploadParameters
from facial_keypoints.pipelines.upload import create_pipeline
from facial_keypoints.pipelines.upload.nodes import send_submission
from facial_keypoints.training.session import Session

CSV = b"RowId,Location\n1,66.25\n2,37.5\n"
SUBMISSION = pd.DataFrame({"RowId": [1, 2], "Location": [66.25, 37.5]})
FINGERPRINT = submission_fingerprint(SUBMISSION)
RECORD = SubmissionRecord(FINGERPRINT, "abc123", "paper_8")
LOOKUP = pd.DataFrame(
    {"RowId": [1, 2], "ImageId": [1, 1], "FeatureName": ["nose_tip_x", "nose_tip_y"]}
)


def _run(upload: dict[str, Any] | None = None, **changes: Any) -> KaggleScore | None:
    """Run the pipeline; return the score, if any."""
    parameters = section(UploadParameters, **(upload or {}))
    inputs = {
        "submission": SUBMISSION,
        "submission_record": RECORD,
        "lookup": LOOKUP,
        "answer_key": SUBMISSION[:0],
        "params:download": section(DownloadParameters),
        "params:upload": parameters,
        "session": Session(0.0, git_commit="0123456789ab", mlflow_run_id="session"),
        **changes,
    }
    catalog = DataCatalog({name: MemoryDataset(value) for name, value in inputs.items()})
    outputs = SequentialRunner().run(create_pipeline(parameters), catalog)
    return outputs["kaggle_score"].load() if "kaggle_score" in outputs else None


def test_pipeline_returns_the_score_of_the_submission(kaggle: FakeKaggle):
    score = _run()
    assert score == KaggleScore(
        competition=SLUG,
        reference=kaggle.submissions[0]["ref"],
        status="complete",
        public_score=1.48413,
        private_score=1.40046,
        description=kaggle.submissions[0]["description"],
        fingerprint=FINGERPRINT,
        mlflow_run_id="abc123",
    )
    assert kaggle.files == [CSV]


def test_description_names_variant_run_and_commit(
    kaggle: FakeKaggle,
):
    expected = f"paper_8, MLflow run abc123, commit 0123456789ab, file {FINGERPRINT}"
    assert _run().description == expected


def test_description_without_an_mlflow_run(kaggle: FakeKaggle):
    score = _run(submission_record=replace(RECORD, mlflow_run_id=None))
    assert score.mlflow_run_id is None
    assert score.description.startswith("paper_8, MLflow run none, commit ")


def test_score_may_still_be_pending(kaggle: FakeKaggle):
    score = _run({"wait_minutes": 0})
    assert score.status == "pending"
    assert score.public_score is None
    assert score.private_score is None


def test_wait_is_resumed_without_sending(kaggle: FakeKaggle):
    receipt = send_submission(
        SUBMISSION,
        RECORD,
        LOOKUP,
        SUBMISSION[:0],
        section(DownloadParameters),
        Session(0.0),
        section(UploadParameters),
    )
    sent = len(kaggle.requests)
    for status in ("pending", "complete"):
        score = _run({"wait_only": True, "wait_minutes": 0}, kaggle_receipt=receipt)
        assert score.status == status
        assert score.fingerprint == FINGERPRINT
    assert {one.name for one in kaggle.requests[sent:]} == {"IntrospectToken", "ListSubmissions"}


@pytest.mark.parametrize(("force", "times"), [(False, 1), (True, 2)])
def test_same_submission_is_sent_twice_only_with_force(force: bool, times: int, kaggle: FakeKaggle):
    first = _run()
    other_model = replace(RECORD, mlflow_run_id="def456")
    again = _run({"force": force}, submission_record=other_model)
    assert len(kaggle.files) == times
    assert (again.reference == first.reference) is not force
    assert again.public_score == first.public_score
    assert again.mlflow_run_id == "def456"


def test_dry_run_logs_the_submission_without_requests(
    kaggle: FakeKaggle, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO", "facial_keypoints")
    assert _run({"dry_run": True}) is None
    shown = caplog.messages[-1]
    for words in (
        SLUG,
        "submission.csv, 2 rows, 30 bytes",
        FINGERPRINT,
        "paper_8, MLflow run abc123, commit",
        "RowId,Location",
        "1,66.25",
        "kedro run --pipeline=upload",
    ):
        assert words in shown
    assert kaggle.requests == []


EDITED = pytest.mark.fault(
    "Stale results",
    "the submission is edited before it is uploaded",
    "reported, with the fault or as changed; no request is sent",
)


@EDITED
@pytest.mark.parametrize("upload", [{}, {"dry_run": True}])
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({1: 66.25}, "1 of the 2 RowIds in the lookup table are missing"),
        ({1: 66.25, 2: 37.5, 3: 1.5}, "RowId 3 is not in the lookup table"),
        ({1: 6375.5, 2: 37.5}, r"row 1: Location is 6375\.5"),
        ({1: 66.25, 2: 38.5}, "was changed after paper_8 wrote it"),
    ],
)
def test_raises_input_error_for_an_edited_submission(
    upload: dict[str, Any], rows: dict[int, float], message: str, kaggle: FakeKaggle
):
    edited = pd.DataFrame({"RowId": [*rows], "Location": [*rows.values()]})
    with pytest.raises(InputError, match=rf"submission\.csv.*{message}") as caught:
        _run(upload, submission=edited)
    assert "kedro run --pipeline=submit, with the same --env" in str(caught.value)
    assert kaggle.requests == []


def test_rows_in_another_order_are_sent_as_the_model_wrote_them(kaggle: FakeKaggle):
    assert _run(submission=SUBMISSION[::-1]).mlflow_run_id == "abc123"
    assert kaggle.files == [CSV]


# A file of the user's own


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    path = tmp_path / "blend.csv"
    path.write_text("RowId,Location\n2.0,38.5\n1.0,60\n")
    return path


def test_own_file_is_sent_as_what_it_is(own_file: Path, kaggle: FakeKaggle):
    score = _run({"file": own_file})
    assert kaggle.files == [b"RowId,Location\n1,60.0\n2,38.5\n"]
    assert score.description.startswith("own file blend.csv, MLflow run session, commit ")
    assert score.mlflow_run_id == "session"
    assert score.public_score == 1.48413


def test_dry_run_of_an_own_file_names_the_command(
    own_file: Path, kaggle: FakeKaggle, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO", "facial_keypoints")
    _run({"file": own_file, "dry_run": True})
    assert f"kedro run --pipeline=upload --params upload.file={own_file}" in caplog.messages[-1]
    assert "own file blend.csv" in caplog.messages[-1]
    assert kaggle.requests == []


@pytest.mark.fault(
    "Upload", "a file of the user's own that Kaggle would refuse", "reported; no request is sent"
)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b",RowId,Location\n0,1,60\n1,2,38.5\n", "the header"),
        (b"RowId;Location\n1;60,5\n2;38,5\n", "separated by semicolons"),
        (b"RowId,Location\n1,60\n", "are missing, the first is 2"),
        (b"PK\x03\x04\xff\xfe", "not UTF-8 text"),
        (None, "cannot be read"),
    ],
)
def test_raises_input_error_for_an_own_file_that_is_no_submission(
    content: bytes | None, message: str, own_file: Path, kaggle: FakeKaggle
):
    own_file.unlink()
    if content is not None:
        own_file.write_bytes(content)
    with pytest.raises(InputError, match=rf"{own_file}.*{message}"):
        _run({"file": own_file})
    assert kaggle.requests == []


def test_wait_only_excludes_an_own_file(own_file: Path):
    with pytest.raises(ValueError, match="excludes file"):
        section(UploadParameters, wait_only=True, file=own_file)


def test_wait_only_excludes_dry_run():
    with pytest.raises(ValueError, match="set one of them"):
        section(UploadParameters, wait_only=True, dry_run=True)


@pytest.mark.parametrize("way", CREDENTIALS)
def test_pipeline_accepts_credentials_from_each_place(
    way: str, kaggle: FakeKaggle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    give_credentials(monkeypatch, tmp_path / "home", way)
    _run()
    assert kaggle.files == [CSV]


@pytest.mark.fault(
    "Upload",
    "5xx or a reset at any step of sending",
    "repeated; one submission of the whole file; reported if it persists",
)
@pytest.mark.parametrize(
    ("status", "message"),
    [(None, "connection to Kaggle failed"), (500, r"server failed \(500\), 5 times")],
)
@pytest.mark.parametrize("name", ["ListSubmissions", "StartSubmissionUpload", "File"])
def test_raises_input_error_for_a_failure_that_persists(
    name: str, status: int | None, message: str, kaggle: FakeKaggle
):
    kaggle.fail(name, status)
    with pytest.raises(InputError, match=message):
        _run()
    assert kaggle.submissions == []


@pytest.mark.fault("Upload", "Kaggle cannot score the file", "reported, with Kaggle's reason")
def test_raises_input_error_for_a_file_that_cannot_be_scored(kaggle: FakeKaggle):
    kaggle.cannot_score = "Row 3: no such RowId"
    with pytest.raises(InputError, match="could not score submission 101: Row 3"):
        _run()


@pytest.mark.fault(
    "Upload", "submission of the synthetic competition", "rejected; no request is sent"
)
@pytest.mark.parametrize("upload", [{}, {"dry_run": True}])
@pytest.mark.parametrize(
    "synthetic",
    [
        {"params:download": section(DownloadParameters, source="synthetic")},
        {"answer_key": SUBMISSION},
    ],
    ids=["by the parameters", "by the answer key"],
)
def test_raises_input_error_for_the_synthetic_competition(
    upload: dict[str, Any], synthetic: dict[str, Any], kaggle: FakeKaggle
):
    with pytest.raises(InputError, match="synthetic"):
        _run(upload, **synthetic)
    assert kaggle.requests == []


@pytest.mark.fault("Disk", "full disk while sending", "reported before sending")
def test_raises_input_error_for_a_full_disk_before_sending(kaggle: FakeKaggle):
    with largest_file(len(CSV) - 1), pytest.raises(InputError, match=r"cannot be written.*TMPDIR"):
        _run()
    assert kaggle.requests == []
