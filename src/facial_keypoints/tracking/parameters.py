"""Parameters of runs: plain values by dotted names, as ``--params`` takes them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from mlflow.entities import Param
from mlflow.tracking import MlflowClient
from pydantic import BaseModel

from facial_keypoints.parameters import VariantParameters
from facial_keypoints.training.study_plan import StudyPlan

_LONGEST: Final = 6000
"""Characters; MLflow rejects longer ones."""
_PER_CALL: Final = 100
"""MLflow rejects more."""
_PREFIX: Final = "params:"
_NO_SETTINGS: Final = {"paper", "variant", "variants"}
"""Sections that the parent run does not have: the paper's figures, and what its children have."""
_OF_THE_MODEL: Final = {"filters", "dense_layers"}
"""Settings that the built model has another value of (a narrower or shorter one)."""


def log_parameters(run_id: str, parameters: Mapping[str, Any]) -> None:
    """Log the parameters that a run does not have yet.

    Args:
        run_id: Id of the run.
        parameters: Values by name; nested ones get dotted names.
    """
    client = MlflowClient()
    known = client.get_run(run_id).data.params
    new = [
        Param(name, text[:_LONGEST]) for name, text in plain_values(parameters) if name not in known
    ]
    for start in range(0, len(new), _PER_CALL):
        client.log_batch(run_id, params=new[start : start + _PER_CALL])


def plain_values(parameters: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested parameters as texts, by dotted names.

    Args:
        parameters: Values by name; a value is a number, a text, a list, a section or None.
        prefix: Start of each name.

    Yields:
        Name and text; lists, true, false and null are written as in JSON.

    Example:
        >>> dict(plain_values({"train": {"epochs": 30, "ema_decay": None, "shuffle": True}}))
        {'train.epochs': '30', 'train.ema_decay': 'null', 'train.shuffle': 'true'}
    """
    for name, given in parameters.items():
        value = given.model_dump(mode="json") if isinstance(given, BaseModel) else given
        if isinstance(value, Mapping) and value:
            yield from plain_values(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            yield f"{prefix}{name}", text


def session_parameters(inputs: Iterable[str], load: Callable[[str], Any]) -> dict[str, Any]:
    """Return the parameter sections that a pipeline uses.

    Args:
        inputs: Names of the pipeline's free inputs.
        load: Loads a dataset of the catalog by its name.

    Returns:
        Sections by name; ``train``, which variants inherit, where there are any.
    """
    names = [name.removeprefix(_PREFIX) for name in inputs if name.startswith(_PREFIX)]
    sections = {name for name in names if name.partition(".")[0] not in _NO_SETTINGS}
    if any(name.startswith("variants.") for name in names):
        sections.add("train")
    return {name: load(f"{_PREFIX}{name}") for name in sorted(sections)}


def node_parameters(inputs: Mapping[str, Any], namespace: str | None) -> dict[str, Any]:
    """Return the hyperparameters that a node adds to its variant's run.

    Args:
        inputs: The node's inputs by dataset name.
        namespace: The node's namespace.

    Returns:
        Of a variant, at the study's scale: ``architecture``, its settings by their own names
        ("convs"), and ``train``.
        Of the ensemble, which no section is named after: ``train`` and ``competition``. Nothing
        without a namespace.
    """
    if namespace is None:
        return {}
    found = {
        name.removeprefix(_PREFIX): value
        for name, value in inputs.items()
        if name.startswith(_PREFIX)
    }
    own = next((v for name, v in found.items() if name.rpartition(".")[2] == namespace), None)
    if own is not None:
        for plan in (value for value in inputs.values() if isinstance(value, StudyPlan)):
            own = plan.apply(VariantParameters.model_validate(own))
        fields = own.model_dump(mode="json") if isinstance(own, BaseModel) else dict(own)
        fields.pop("name", None)
        return {**model_settings(fields.pop("settings", {})), **fields}
    given = found.get("competition", {})
    competition = given.model_dump(mode="json") if isinstance(given, BaseModel) else dict(given)
    train = competition.pop("train", {})
    return {"train": train, "competition": competition} if competition else {}


def model_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return an architecture's settings without those that the built model tells better."""
    return {name: value for name, value in settings.items() if name not in _OF_THE_MODEL}
