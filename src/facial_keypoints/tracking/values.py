"""Parameters, inputs, metrics and curves of a run."""

from collections.abc import Mapping
from typing import Any, Final

import mlflow
import pandas as pd
from mlflow.entities import DatasetInput, InputTag, LifecycleStage, Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from pydantic import BaseModel

from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import VariantParameters
from facial_keypoints.tracking.delivery import is_away
from facial_keypoints.training.study_plan import StudyPlan

_METRICS_PER_CALL: Final = 1000
"""MLflow rejects more."""
_LONGEST_PARAMETER: Final = 6000
"""Characters; MLflow rejects longer ones."""


def is_active_run(run_id: str) -> bool:
    """Return whether the store has a run that is not deleted."""
    try:
        return bool(MlflowClient().get_run(run_id).info.lifecycle_stage == LifecycleStage.ACTIVE)
    except MlflowException as error:
        if is_away(error):
            raise
        return False


def log_parameters(run_id: str, parameters: Mapping[str, Any]) -> None:
    """Log the parameters that a run does not have yet.

    Args:
        run_id: Id of the run.
        parameters: Values by name.
    """
    client = MlflowClient()
    known = client.get_run(run_id).data.params
    new = [
        Param(name, str(value)[:_LONGEST_PARAMETER])
        for name, value in parameters.items()
        if name not in known
    ]
    client.log_batch(run_id, params=new)


def node_parameters(inputs: Mapping[str, Any], namespace: str | None) -> dict[str, Any]:
    """Return the parameters that a node's run is described by.

    Args:
        inputs: The node's inputs by dataset name.
        namespace: The node's namespace.

    Returns:
        Without a namespace, the node's parameters by name. Within one, the fields of the parameters
        that are named as the namespace is, at the study's scale, by their path ("train.epochs").
    """
    found = {
        name.removeprefix("params:"): value
        for name, value in inputs.items()
        if name.startswith("params:")
    }
    if namespace is None:
        return found
    own = [value for name, value in found.items() if name.rpartition(".")[2] == namespace]
    for plan in (value for value in inputs.values() if isinstance(value, StudyPlan)):
        own = [plan.apply(VariantParameters.model_validate(value)) for value in own]
    dumps = [v.model_dump(mode="json") if isinstance(v, BaseModel) else v for v in own]
    return {
        str(name): value
        for dump in dumps
        for name, value in pd.json_normalize(dump, sep=".").iloc[0].to_dict().items()
        if name != "name"
    }


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
    MlflowClient().log_inputs(run_id, [described])


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
