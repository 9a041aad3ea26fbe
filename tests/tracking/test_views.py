"""The saved view of MLflow's list of runs."""

import json

from mlflow.tracking import MlflowClient

from facial_keypoints.tracking.views import save_view

TAG = "mlflow.sharedViewState.variants"


def test_view_has_the_metrics_to_compare(new_run):
    run = MlflowClient().get_run(new_run())
    experiment = MlflowClient().get_experiment(run.info.experiment_id)
    save_view(experiment)
    tags = MlflowClient().get_experiment(run.info.experiment_id).tags
    state = json.loads(json.loads(tags[TAG])["state"])
    assert {"metrics.`holdout_rmse`", "params.`convs`"} <= set(state["selectedColumns"])


def test_view_of_an_earlier_version_is_replaced(new_run):
    experiment_id = MlflowClient().get_run(new_run()).info.experiment_id
    MlflowClient().set_experiment_tag(experiment_id, TAG, "old")
    save_view(MlflowClient().get_experiment(experiment_id))
    assert "state" in MlflowClient().get_experiment(experiment_id).tags[TAG]
