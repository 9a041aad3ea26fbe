"""Inputs, metrics and curves of a run."""

from collections.abc import Mapping
from typing import Final

import mlflow
import pandas as pd
from mlflow.entities import DatasetInput, InputTag, LifecycleStage, Metric
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from facial_keypoints.faces import FaceSet
from facial_keypoints.tracking.delivery import is_away, repeat_if_overtaken

_METRICS_PER_CALL: Final = 1000
"""MLflow rejects more."""


def is_active_run(run_id: str) -> bool:
    """Return whether the store has a run that is not deleted."""
    try:
        return bool(MlflowClient().get_run(run_id).info.lifecycle_stage == LifecycleStage.ACTIVE)
    except MlflowException as error:
        if is_away(error):
            raise
        return False


def describe_input(faces: FaceSet, context: str) -> DatasetInput:
    """Return MLflow's description of an input: size, shape and a digest of its content.

    Args:
        faces: The samples.
        context: What they are used for: "training".
    """
    dataset = mlflow.data.from_numpy(  # type: ignore[attr-defined]
        faces.images[:1].copy(),
        targets=faces.keypoints[:1].copy(),
        name=f"{context}_faces ({len(faces):,})",
        digest=faces.digest(),
    )
    tags = [InputTag("mlflow.data.context", context), InputTag("samples", str(len(faces)))]
    return DatasetInput(dataset._to_mlflow_entity(), tags)


def log_input(run_id: str, described: DatasetInput) -> None:
    """Log an input.

    Args:
        run_id: Id of the run.
        described: The input's description.
    """
    # MLflow adds the data set itself once for all runs of the experiment
    repeat_if_overtaken(MlflowClient().log_inputs, run_id, [described])


def log_curve(run_id: str, history: pd.DataFrame) -> None:
    """Log the metrics of epochs as steps from 0.

    Args:
        run_id: Id of the run.
        history: A row per epoch: the column ``epoch`` counts from 1, the others are metrics.
    """
    now = _milliseconds()
    points = [
        Metric(str(name), float(value), now, int(row["epoch"]) - 1)
        for row in history.to_dict("records")
        for name, value in row.items()
        if name != "epoch" and pd.notna(value)
    ]
    for start in range(0, len(points), _METRICS_PER_CALL):
        MlflowClient().log_batch(run_id, metrics=points[start : start + _METRICS_PER_CALL])


def log_metrics(run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
    """Log one value of each metric.

    Args:
        run_id: Id of the run.
        metrics: Values by name.
        step: The step that they belong to.
    """
    now = _milliseconds()
    points = [Metric(name, float(value), now, step) for name, value in metrics.items()]
    MlflowClient().log_batch(run_id, metrics=points)


def _milliseconds() -> int:
    return int(pd.Timestamp.now(tz="UTC").timestamp() * 1000)
