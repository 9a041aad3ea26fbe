"""Datasets that are recorded, as the catalog's ``metadata: {mlflow: ...}`` configures it."""

import logging
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict, ValidationError

from facial_keypoints.errors import InputError
from facial_keypoints.tracking.values import is_active_run, log_metrics

logger = logging.getLogger(__name__)


class Recording(BaseModel):
    """What MLflow gets of a dataset when a node saves it.

    Attributes:
        artifact: Whether to log the file as it is saved.
        table: Whether to log a data frame as a table of the MLflow UI.
        metrics: Either a prefix, to log all numbers of a record by their path, or metric names with
            the path of a number in the record ("holdout.score"); a name that ends with "/" takes
            all numbers of the record there, not of those below it. Of a data frame: the number of
            rows in which a column is true.
        tags: Tag names with the record's fields.
        namespace: Namespace whose run is used where the session has one.
        run_field: The record's field with the id of the run; by default the node's run is used.
        input: Context ("training") in which the nodes of a variant load the dataset; its digest is
            then logged as an input of the variant's run.

    Example:
        >>> Recording(metrics={"kaggle_public_score": "public_score"}).values(
        ...     {"public_score": 1.5, "private_score": None}
        ... )
        {'kaggle_public_score': 1.5}
        >>> Recording(metrics="holdout_").values({"rmse": 1.5, "A": {"rmse": 1.25}})
        {'holdout_rmse': 1.5, 'holdout_A_rmse': 1.25}
        >>> Recording(metrics={"rmse_a": "A.rmse", "A/": "A"}).values({"A": {"rmse": 1.25}})
        {'rmse_a': 1.25, 'A/rmse': 1.25}
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    artifact: bool = False
    table: bool = False
    metrics: str | dict[str, str] | None = None
    tags: dict[str, str] = {}
    run_field: str | None = None
    namespace: str | None = None
    input: str | None = None

    @property
    def needs_data(self) -> bool:
        """Whether the saved value itself is recorded, not only its file."""
        return self.table or self.metrics is not None or bool(self.tags)

    def values(self, data: Any) -> dict[str, float]:
        """Return the metrics of a record or data frame by name; those that are None are left out.

        Args:
            data: The saved value.
        """
        if self.metrics is None:
            return {}
        if isinstance(self.metrics, str):
            return dict(flat_numbers(_as_mapping(data), self.metrics))
        values: dict[str, float] = {}
        for name, path in self.metrics.items():
            value = _value_at(data, path)
            if name.endswith("/"):
                numbers = {k: v for k, v in _as_mapping(value).items() if _is_number(v)}
                values |= flat_numbers(numbers, name)
            elif value is not None:
                values[name] = float(value)
        return values


def _as_mapping(record: Any) -> dict[str, Any]:
    if record is None or isinstance(record, dict):
        return record or {}
    return asdict(record)


def _value_at(data: Any, path: str) -> Any:
    """Return what a dotted path leads to; None where a part of it is missing or None."""
    if isinstance(data, pd.DataFrame):
        return data[path].astype(bool).sum()
    for name in path.split("."):
        data = data.get(name) if isinstance(data, dict) else getattr(data, name, None)
    return data


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def recording_of(name: str, dataset: Any) -> Recording | None:
    """Return what is recorded of a dataset.

    Args:
        name: The dataset's name in the catalog.
        dataset: The dataset.

    Returns:
        The recording, or None where the catalog has none.

    Raises:
        InputError: if the metadata has unknown keys or wrong types.
    """
    metadata = (getattr(dataset, "metadata", None) or {}).get("mlflow")
    if metadata is None:
        return None
    try:
        return Recording.model_validate(metadata)
    except ValidationError as error:
        known = ", ".join(Recording.model_fields)
        raise InputError(
            f"conf/base/catalog.yml: {name}: metadata.mlflow is invalid "
            f"({error.errors()[0]['msg']}). The keys are {known}"
        ) from None


def log_dataset(run_id: str, name: str, dataset: Any, data: Any, recording: Recording) -> None:
    """Log a dataset that was saved.

    Args:
        run_id: The run of the node.
        name: The dataset's name in the catalog.
        dataset: The dataset; of an artifact, one with ``path`` and ``content``.
        data: The value, where ``recording.needs_data``.
        recording: What to log.
    """
    client = MlflowClient()
    if recording.artifact:
        _log_file(run_id, dataset.path.name, dataset.content())
    if recording.table:
        client.log_table(run_id, data, f"{name}.json")
    if recording.metrics is None and not recording.tags:
        return
    target: str | None = _value_at(data, recording.run_field) if recording.run_field else run_id
    if target is None:  # the model was trained without MLflow
        return
    if not is_active_run(target):
        logger.warning(
            "MLflow does not have run %s (deleted, or of another store); %s is recorded in this "
            "command's run",
            target,
            name,
        )
        target = run_id
    log_metrics(target, recording.values(data))
    for tag, field in recording.tags.items():
        client.set_tag(target, tag, _value_at(data, field))


def flat_numbers(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers of nested records, named by their path.

    Args:
        record: Names with numbers or further records; anything else is left out.
        prefix: Start of each name.

    Yields:
        Name, the parts of its path joined by "_", and value.

    Example:
        >>> list(flat_numbers({"a": {"b": 1}, "c": None}, "x_"))
        [('x_a_b', 1.0)]
    """
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from flat_numbers(value, f"{prefix}{key}_")
        elif _is_number(value):
            yield f"{prefix}{key}", float(value)


def _log_file(run_id: str, name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        MlflowClient().log_artifact(run_id, str(path))
