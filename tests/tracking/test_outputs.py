from dataclasses import dataclass

import pandas as pd
import pytest
from mlflow.tracking import MlflowClient
from sessions import empty_database

from facial_keypoints.errors import InputError
from facial_keypoints.framework.datasets import AtomicTextDataset
from facial_keypoints.tracking.connection import TrackingSettings, connect
from facial_keypoints.tracking.outputs import Recording, flat_numbers, log_dataset, recording_of
from facial_keypoints.tracking.runs import create_parent


@dataclass(frozen=True)
class Score:
    rmse: float | None
    run: str | None = None
    status: str = "complete"


@pytest.fixture(scope="module")
def experiment_id(tmp_path_factory):
    settings = TrackingSettings(
        tracking_uri="sqlite:///mlflow.db", experiment="test", artifact_location="mlruns"
    )
    project = tmp_path_factory.mktemp("project")
    (project / "mlflow.db").write_bytes(empty_database())
    return connect(settings, project)[1]


@pytest.fixture
def run_id(experiment_id):
    return create_parent(experiment_id, "full", {"env": "test"})


def log(run_id, data, **metadata):
    log_dataset(run_id, "score", None, data, Recording(**metadata))
    return MlflowClient().get_run(run_id).data


def test_flat_numbers_names_numbers_by_path_and_leaves_out_the_rest():
    record = {"a": {"b": 1, "c": {"d": 2.5}}, "e": None, "f": "text", "g": True}
    assert dict(flat_numbers(record)) == {"a_b": 1.0, "a_c_d": 2.5}


def test_recording_is_none_without_metadata():
    assert recording_of("page", AtomicTextDataset(filepath="page.html")) is None


def test_recording_raises_input_error_for_unknown_key():
    dataset = AtomicTextDataset(filepath="page.html", metadata={"mlflow": {"artefact": True}})
    with pytest.raises(InputError, match=r"page: metadata\.mlflow is .* keys are artifact,"):
        recording_of("page", dataset)


@pytest.mark.parametrize("data", [{"rmse": 1.5}, Score(1.5)], ids=["dict", "record"])
@pytest.mark.parametrize("metrics", ["score_", {"score_rmse": "rmse"}], ids=["prefix", "mapping"])
def test_log_dataset_logs_metrics(run_id, data, metrics):
    assert log(run_id, data, metrics=metrics).metrics == {"score_rmse": 1.5}


def test_log_dataset_leaves_out_unknown_metrics(run_id):
    assert log(run_id, Score(None), metrics={"score_rmse": "rmse"}).metrics == {}


def test_log_dataset_logs_tags(run_id):
    assert log(run_id, Score(None), tags={"score_status": "status"}).tags["score_status"] == (
        "complete"
    )


def test_log_dataset_logs_to_the_run_that_a_field_names(run_id):
    recording = Recording(metrics="score_", run_field="run")
    log_dataset("another run", "score", None, Score(1.5, run_id), recording)
    assert MlflowClient().get_run(run_id).data.metrics == {"score_rmse": 1.5}


@pytest.mark.parametrize("lost", ["never there", "deleted"])
def test_log_dataset_logs_to_the_present_run_where_that_run_is_gone(
    run_id, experiment_id, caplog, lost
):
    gone = create_parent(experiment_id, "train", {}) if lost == "deleted" else "0" * 32
    if lost == "deleted":
        MlflowClient().delete_run(gone)
    logged = log(run_id, Score(1.5, gone), metrics="score_", run_field="run")
    assert logged.metrics == {"score_rmse": 1.5}
    assert f"MLflow does not have run {gone}" in caplog.text


def test_log_dataset_logs_nothing_where_the_field_names_no_run(run_id):
    assert log(run_id, Score(1.5), metrics="score_", run_field="run").metrics == {}


def test_log_dataset_logs_the_file_as_saved(run_id, tmp_path):
    dataset = AtomicTextDataset(filepath=str(tmp_path / "study.html"))
    dataset.save("a page")
    log_dataset(run_id, "study_page", dataset, None, Recording(artifact=True))
    (artifact,) = MlflowClient().list_artifacts(run_id)
    assert (artifact.path, artifact.file_size) == ("study.html", len("a page"))


def test_log_dataset_logs_a_table(run_id):
    log(run_id, pd.DataFrame({"variant": ["a"]}), table=True)
    assert [file.path for file in MlflowClient().list_artifacts(run_id)] == ["score.json"]


def test_metrics_of_a_path_that_is_missing_are_left_out():
    record = {"A": {"rmse": 1.5, "per_keypoint": {"nose": 1.0}}, "B": None}
    metrics = {"rmse_a": "A.rmse", "rmse_b": "B.rmse", "low": "C.low", "A/": "A", "B/": "B"}
    assert Recording(metrics=metrics).values(record) == {"rmse_a": 1.5, "A/rmse": 1.5}


def test_metric_of_a_table_counts_the_rows_in_which_a_column_is_true():
    table = pd.DataFrame({"flagged": [True, False, True]})
    assert Recording(metrics={"label_issues": "flagged"}).values(table) == {"label_issues": 2.0}
