"""What a variant's run shows of its training and of its errors."""

from dataclasses import asdict

import pandas as pd
from mlflow.entities import RunTag
from mlflow.tracking import MlflowClient

from facial_keypoints.evaluation.records import VariantMetrics
from facial_keypoints.tracking.parameters import log_parameters, model_settings
from facial_keypoints.tracking.values import log_curve, log_metrics
from facial_keypoints.training.records import Training


def log_training(run_id: str, training: Training) -> None:
    """Log the record of a saved training, and epochs of earlier sessions that its run lacks.

    Args:
        run_id: The variant's run.
        training: The training.
    """
    record = training.record
    client = MlflowClient()
    interrupted = record.interrupted_after_epochs or [0]
    elsewhere = training.history if training.reused else training.history[: interrupted[-1]]
    # a training that was resumed within the session has logged its first epochs already
    logged = [metric.step for metric in client.get_metric_history(run_id, "loss")]
    log_curve(run_id, elsewhere[~(elsewhere["epoch"] - 1).isin(logged)])
    client.log_dict(run_id, asdict(record), "training_record.json")
    size = {} if record.size is None else asdict(record.size)
    names = ("architecture", "precision", "samples")
    layers = {name: size[name] for name in ("convs", "pools", "dense") if name in size}
    log_parameters(run_id, {name: getattr(record, name) for name in names} | layers)
    log_parameters(run_id, model_settings(record.settings))
    numbers = {
        **{name: getattr(record, name) for name in ("epochs", "minutes", "best_epoch")},
        "images_per_second": None if training.failure else record.images_per_second,
        **{name: size.get(name) for name in ("parameters", "multiply_adds")},
    }
    log_metrics(run_id, {name: value for name, value in numbers.items() if value is not None})
    tags = {name: getattr(record, name) for name in ("ended_by", "fingerprint", "failure")}
    if record.size is not None:  # no parameter: comparisons would begin with its texts
        tags["filters"] = record.size.filters
    if training.reused:
        tags["reused_from"] = record.mlflow_run_id
    given = [RunTag(name, str(value)) for name, value in tags.items() if value is not None]
    client.log_batch(run_id, tags=given)


def log_keypoint_errors(run_id: str, metrics: VariantMetrics) -> None:
    """Log the RMSE of each keypoint on each set as a table.

    Args:
        run_id: The variant's run.
        metrics: Its metrics.
    """
    sets = {"validation": metrics.validation, "holdout": metrics.holdout, "unseen": metrics.unseen}
    known = {name: each.rmse_per_keypoint for name, each in sets.items() if each is not None}
    table = pd.DataFrame(known).rename_axis("keypoint").reset_index()
    if len(table):
        MlflowClient().log_table(run_id, table, "rmse_per_keypoint.json")
