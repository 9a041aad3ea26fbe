"""Inputs of runs."""

from mlflow.tracking import MlflowClient
from races import overtaken

from facial_keypoints.tracking.values import describe_input, log_input


def test_input_that_another_session_adds_at_the_same_moment_is_logged(
    new_run, make_faces, monkeypatch
):
    monkeypatch.setattr(MlflowClient, "log_inputs", overtaken(MlflowClient.log_inputs))
    run_id, described = new_run(), describe_input(make_faces(3), "training")
    log_input(run_id, described)
    (logged,) = MlflowClient().get_run(run_id).inputs.dataset_inputs
    assert logged.dataset.digest == described.dataset.digest
