"""The MLflow store and experiment of a project, from ``conf/<env>/mlflow.yml``."""

import logging
import os
import shlex
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from filelock import FileLock
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict, ValidationError

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import suggest
from facial_keypoints.tracking.delivery import configure_client, repeat_if_overtaken
from facial_keypoints.tracking.relocation import local_path, relocate_project
from facial_keypoints.tracking.store import Store, choose_store, use_store
from facial_keypoints.tracking.store_checks import check_registry, check_store, store_errors
from facial_keypoints.tracking.views import save_view

logger = logging.getLogger(__name__)

_ARTIFACT_FOLDER: Final = "mlruns"
_LOCK_TIMEOUT: Final = 120.0
"""Seconds to wait for another run that creates the database."""
_MISSING_LEVELS: Final = 2
"""MLflow creates ``mlruns/<experiment>`` in a folder that exists."""
_UNUSED: Final = {
    "MLFLOW_RUN_ID": "each kedro run has its own run",
    "MLFLOW_EXPERIMENT_NAME": "conf/<env>/mlflow.yml sets the experiment",
    "MLFLOW_EXPERIMENT_ID": "conf/<env>/mlflow.yml sets the experiment",
    "MLFLOW_ACTIVE_MODEL_ID": "metrics belong to runs and to the models of this session",
    "MLFLOW_DEFAULT_ARTIFACT_ROOT": "conf/<env>/mlflow.yml sets artifact_location",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "records are delivered in order",
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "runs have the metrics of trainings alone",
}
"""MLflow's variables that a session does not follow, and why."""


class TrackingSettings(BaseModel):
    """The content of ``mlflow.yml``.

    Attributes:
        tracking_uri: MLflow's store: a server (http) or a database. A relative SQLite file lies in
            the project's folder. None: that of ``MLFLOW_TRACKING_URI``, else ``mlflow.db``.
        experiment: Name of the experiment; the registered model has the same.
        artifact_location: Folder or URI for files of a new experiment. None: a server decides; with
            a database, ``mlruns`` in the project's folder.
        experiment_tags: Tags of a new experiment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tracking_uri: str | None = None
    experiment: str
    artifact_location: str | None = None
    experiment_tags: dict[str, str] = {}


def read_settings(content: dict[str, Any]) -> TrackingSettings:
    """Check the content of ``mlflow.yml``.

    Raises:
        InputError: if a key is unknown, missing or has a value of the wrong type.
    """
    try:
        return TrackingSettings.model_validate(content)
    except ValidationError as error:
        fields = TrackingSettings.model_fields
        known = ", ".join(fields)
        wrong = "; ".join(
            f"unknown key {name!r}{suggest(name, fields)}"
            if each["type"] == "extra_forbidden"
            else f"{name}: {each['msg']}"
            for each in error.errors()
            for name in [".".join(map(str, each["loc"]))]
        )
        raise InputError(
            f"conf/<env>/mlflow.yml: {wrong}. The keys are {known}; see conf/base/mlflow.yml"
        ) from None


def connect(settings: TrackingSettings, project: Path) -> tuple[Store, str]:
    """Point MLflow to the store, and create the experiment where it does not exist.

    Args:
        settings: Store and experiment.
        project: Folder that relative paths refer to.

    Returns:
        The store and the experiment's id.

    Raises:
        InputError: if a server does not respond, or the store cannot be used.
    """
    unused = {name: os.environ.get(name) for name in _UNUSED}
    configure_client()
    store = choose_store(settings.tracking_uri, project)
    check_registry()
    # MLflow creates a new database's tables step by step: two runs at once would collide
    with store_errors(store), _lock(store):
        check_store(store)
        use_store(store)
        experiment_id = repeat_if_overtaken(_experiment_id, settings, project, store)
    for name, value in unused.items():
        if value and value.lower() not in {"false", "0", experiment_id, settings.experiment}:
            logger.warning("%s=%s is not used: %s", name, value, _UNUSED[name])
    return store, experiment_id


def _lock(store: Store) -> AbstractContextManager[object]:
    if store.database is None:
        return nullcontext()
    return FileLock(store.database.with_name(f".{store.database.name}.lock"), _LOCK_TIMEOUT)


def _experiment_id(settings: TrackingSettings, project: Path, store: Store) -> str:
    client = MlflowClient()
    location = _artifact_folder(settings, project, store)
    if isinstance(location, Path) and location.is_relative_to(project) and store.is_sql:
        relocate_project(store, location, project, settings.experiment)
    experiment = client.get_experiment_by_name(settings.experiment)
    if experiment is None:
        if isinstance(location, Path):
            _check_folder(location, settings.experiment, store)
        address = location.as_uri() if isinstance(location, Path) else location
        created = client.create_experiment(settings.experiment, address, settings.experiment_tags)
        experiment = client.get_experiment(created)
    experiment_id = str(experiment.experiment_id)
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment_id)
        logger.warning("MLflow: restored the deleted experiment %s", settings.experiment)
    save_view(experiment)
    address = str(experiment.artifact_location)
    if settings.artifact_location and local_path(address) != location != address:
        logger.warning(
            "artifact_location=%s in conf/<env>/mlflow.yml is not used: the experiment %s keeps "
            "its files in %s",
            settings.artifact_location,
            settings.experiment,
            address,
        )
    folder = local_path(address)
    if folder is not None:
        _check_folder(folder, settings.experiment, store)
    return experiment_id


def _artifact_folder(settings: TrackingSettings, project: Path, store: Store) -> Path | str | None:
    """The folder or URI for files of a new experiment; None leaves it to a server."""
    location = settings.artifact_location
    if location is None:
        return project / _ARTIFACT_FOLDER if store.is_sql else None
    return location if urlsplit(location).scheme else project / location


def _check_folder(folder: Path, experiment: str, store: Store) -> None:
    """Check that an experiment's files can be written.

    Raises:
        InputError: if the folder is not writable, or lies below one that does not exist.
    """
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    if existing.is_dir() and not os.access(existing, os.W_OK):
        problem, remedy = "cannot be written", f"Run: chmod u+w {shlex.quote(str(existing))}"
    elif not existing.is_dir():
        problem, remedy = f"cannot be created: {existing} is a file", "Move that file away"
    elif len(folder.relative_to(existing).parts) > _MISSING_LEVELS:
        problem = "does not exist on this computer"
        remedy = (
            "Start the server with --artifacts-destination, so that it takes them"
            if store.is_server
            else f"Mount it, or create it: mkdir -p {shlex.quote(str(folder))}"
        )
    else:
        return
    raise InputError(
        f"MLflow's experiment {experiment} keeps its files in {folder}, which {problem}. {remedy}"
    )
