"""The MLflow store and experiment of a project, from ``conf/<env>/mlflow.yml``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import mlflow
from filelock import FileLock
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict, ValidationError

from facial_keypoints.errors import InputError
from facial_keypoints.tracking.delivery import brief, check_server, is_away, limit_waits

_SQLITE: Final = "sqlite:///"


class TrackingSettings(BaseModel):
    """The content of ``mlflow.yml``.

    Attributes:
        tracking_uri: MLflow's store: a server (http), a database, or a folder. A relative SQLite
            file lies in the project's folder.
        experiment: Name of the experiment; the registered model has the same.
        artifact_location: Folder or URI for files of a new experiment; None leaves it to MLflow.
        experiment_tags: Tags of a new experiment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tracking_uri: str
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
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
        )
        known = ", ".join(TrackingSettings.model_fields)
        raise InputError(
            f"conf/<env>/mlflow.yml: {wrong}. The keys are {known}; see conf/base/mlflow.yml"
        ) from None


def connect(settings: TrackingSettings, project: Path) -> str:
    """Point MLflow to the store, and create the experiment where it does not exist.

    Args:
        settings: Store and experiment.
        project: Folder that relative paths refer to.

    Returns:
        The experiment's id.

    Raises:
        InputError: if a server does not respond, or the store cannot be used.
    """
    limit_waits()
    uri = settings.tracking_uri
    check_server(uri)
    if not uri.startswith(_SQLITE):
        mlflow.set_tracking_uri(uri)
        with store_errors():
            return _experiment_id(settings, project)
    database = project / uri.removeprefix(_SQLITE)
    mlflow.set_tracking_uri(f"{_SQLITE}{database}")
    # MLflow creates a new database's tables step by step: two runs at once would collide
    with store_errors(), FileLock(database.with_name(f".{database.name}.lock")):
        return _experiment_id(settings, project)


@contextmanager
def store_errors() -> Iterator[None]:
    """Convert the error of an MLflow store that cannot be used into an InputError.

    Raises:
        InputError: if the store is damaged, read-only, locked or away.
    """
    try:
        yield
    except Exception as error:
        from sqlalchemy.exc import SQLAlchemyError  # MLflow loads it for databases alone

        if not (is_away(error) or isinstance(error, SQLAlchemyError | OSError)):
            raise
        raise InputError(
            f"MLflow's store {mlflow.get_tracking_uri()} cannot be used ({brief(error)}). Check "
            "that it is writable and not locked by another program, then run the command again. "
            "Move a damaged one away: a new one is created, and finished trainings are kept"
        ) from error


def _experiment_id(settings: TrackingSettings, project: Path) -> str:
    client = MlflowClient()
    experiment = client.get_experiment_by_name(settings.experiment)
    if experiment is None:
        location = settings.artifact_location
        if location is not None and not urlsplit(location).scheme:
            location = (project / location).as_uri()
        return client.create_experiment(settings.experiment, location, settings.experiment_tags)
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)
