from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kaggle_stand_in import SLUG, KaggleStandIn, kaggle_stand_in
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from facial_keypoints.errors import InputError
from facial_keypoints.parameters import DownloadParameters, UploadParameters
from facial_keypoints.pipelines.upload import create_pipeline
from facial_keypoints.pipelines.upload.nodes import send_submission, wait_for_kaggle_score

CHAMPION = {"variant": "paper_8", "validation_rmse": 1.5, "mlflow_run_id": "abc123"}
SUBMISSION = pd.DataFrame({"RowId": [1, 2], "Location": [66.25, 37.5]})


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[KaggleStandIn]:
    with kaggle_stand_in(monkeypatch, tmp_path) as stand_in:
        yield stand_in


def _run(**changes: Any) -> dict[str, Any]:
    inputs = {
        "submission": SUBMISSION,
        "champion": CHAMPION,
        "params:download": DownloadParameters(),
        "params:upload": UploadParameters(),
        **changes,
    }
    catalog = DataCatalog({name: MemoryDataset(value) for name, value in inputs.items()})
    outputs = SequentialRunner().run(create_pipeline(), catalog)
    score: dict[str, Any] = outputs["kaggle_score"].load()
    return score


def test_stage_brings_the_score_of_what_it_sent(kaggle: KaggleStandIn):
    score = _run()
    assert score == {
        "competition": SLUG,
        "reference": kaggle.submissions[0]["ref"],
        "status": "complete",
        "public_score": 1.48413,
        "private_score": 1.40046,
        "message": kaggle.submissions[0]["description"],
        "mlflow_run_id": "abc123",
    }
    assert kaggle.files == [b"RowId,Location\n1,66.25\n2,37.5\n"]


def test_message_names_variant_run_and_commit(
    kaggle: KaggleStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert _run()["message"] == "paper_8, MLflow run abc123, commit unknown"


def test_message_without_an_mlflow_run(kaggle: KaggleStandIn):
    score = _run(champion=CHAMPION | {"mlflow_run_id": None})
    assert score["mlflow_run_id"] is None
    assert score["message"].startswith("paper_8, MLflow run none, commit ")


def test_commit_is_unknown_without_git(
    kaggle: KaggleStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _run()["message"].endswith("commit unknown")


def test_score_may_still_be_pending(kaggle: KaggleStandIn):
    score = _run(**{"params:upload": UploadParameters(wait_minutes=0)})
    assert score["status"] == "pending"
    assert score["public_score"] is None
    assert score["private_score"] is None


def test_wait_can_be_taken_up_again_without_sending(kaggle: KaggleStandIn):
    receipt = send_submission(SUBMISSION, CHAMPION, DownloadParameters())
    for status in ("pending", "complete"):
        score = wait_for_kaggle_score(receipt, UploadParameters(wait_minutes=0))
        assert score["status"] == status
    assert len(kaggle.submissions) == 1


def test_file_that_kaggle_cannot_score_is_an_error(kaggle: KaggleStandIn):
    kaggle.cannot_score = "Row 3: no such RowId"
    with pytest.raises(InputError, match="could not score submission 101: Row 3"):
        _run()


def test_drawn_competition_is_not_sent(kaggle: KaggleStandIn):
    with pytest.raises(InputError, match="drawn"):
        _run(**{"params:download": DownloadParameters(source="drawn")})
    assert kaggle.asked == []
