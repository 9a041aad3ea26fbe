"""The MLflow runs of one session: a parent, and a child for each namespace (variant)."""

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from facial_keypoints.evaluation.records import Champion
from facial_keypoints.tracking import models, trainings
from facial_keypoints.tracking.delivery import Delivery, brief
from facial_keypoints.tracking.notes import (
    COMMAND_TAG,
    ERROR_TAG,
    children_of,
    write_child_note,
    write_note,
)
from facial_keypoints.training.records import Training

logger = logging.getLogger(__name__)


class SessionRuns:
    """The runs of one ``kedro run``.

    Args:
        parent: Id of the parent run.
        namespaces: Namespaces of the pipeline; a child run is created for each.
        tags: Tags of the children.
        is_adopted: Whether the parent was opened by the caller of Kedro, who also ends it.

    Attributes:
        children: Id of each namespace's run.
        delivery: The records on their way to MLflow.
    """

    def __init__(
        self,
        parent: str,
        namespaces: Iterable[str],
        tags: Mapping[str, str],
        is_adopted: bool = False,
    ) -> None:
        self.parent = parent
        self.delivery = Delivery(lambda: MlflowClient().get_run(parent))
        self._is_adopted = is_adopted
        self._models: dict[str, str] = {}
        self.children = {name: _create_child(parent, name, tags) for name in namespaces}

    def send(
        self, what: str, namespace: str | None, record: Callable[..., object], *details: Any
    ) -> None:
        """Call MLflow as soon as it responds.

        Args:
            what: Description of the record for the log.
            namespace: Namespace of the run; None for the parent.
            record: Function that writes the record; it gets the run's id and ``details``.
            *details: Further arguments of ``record``.
        """
        run_id = self.parent if namespace is None else self.children[namespace]
        description = what if namespace is None else f"{what} of {namespace}"
        self.delivery.send(description, partial(record, run_id, *details))

    def log_training(self, variant: str, run_id: str, training: Training) -> None:
        """Log a training, and its model unless an earlier session logged it.

        Args:
            variant: Name of the variant.
            run_id: The variant's run.
            training: The training as it was saved.
        """
        record = training.record
        uri = None
        if training.reused:
            uri = models.find_model(run_id, training.fingerprint, record.mlflow_run_id)
        trainings.log_training(run_id, training)
        if uri is None and training.failure is None:
            uri = models.log_model(run_id, training.load_model())
        if uri is not None:
            self._models[variant] = uri

    def register(self, run_id: str, champion: Champion) -> None:
        """Register the champion's model as a new version.

        Args:
            run_id: A run of this session.
            champion: The selected model.
        """
        variant = champion.variant
        uri = self._models.get(variant) or models.find_model(
            run_id, champion.fingerprint, champion.mlflow_run_id
        )
        if uri is None:
            logger.warning(
                "MLflow does not have the model of %s, or its files are gone: it is not "
                "registered. Run the command that trained it again; finished trainings are reused",
                variant,
            )
            models.remove_lost_champion(run_id)
        else:
            models.register_model(uri, run_id, champion)

    def write_notes(self, namespace: str | None = None) -> None:
        """Write the notes of the session's run and of one child.

        Args:
            namespace: The child's namespace; None for the session's run alone.
        """
        if namespace is not None:
            self.send("note", namespace, write_child_note)
        if not self._is_adopted:
            self.send("note", None, write_note)

    def close(self, status: str, error: str = "") -> list[str]:
        """End the runs that are still open.

        Args:
            status: FINISHED, FAILED or KILLED.
            error: What ended the session, if it failed.

        Returns:
            Descriptions of the records that MLflow does not have.
        """
        parent = [] if self._is_adopted else [self.parent]
        for run_id in (*self.children.values(), *parent):
            self.delivery.send("end", partial(end_run, run_id, status))
        if error:
            self.send("error", None, _tag_error, error)
        self.write_notes()
        return self.delivery.close()


def create_parent(experiment_id: str, name: str, tags: Mapping[str, str]) -> str:
    """Create the parent run of a session.

    Args:
        experiment_id: Id of the experiment.
        name: Name of the run.
        tags: Tags of the run, in addition to MLflow's own (user, source).

    Returns:
        The run's id.
    """
    run = MlflowClient().create_run(experiment_id, run_name=name, tags=resolve_tags(dict(tags)))
    return str(run.info.run_id)


def close_run(run_id: str, status: str) -> None:
    """End a run and its children that an earlier session left open, killed or without MLflow.

    Args:
        run_id: Id of the parent run.
        status: FINISHED, FAILED or KILLED.
    """
    client = MlflowClient()
    try:
        for each in (*(child.info.run_id for child in children_of(run_id)), run_id):
            end_run(each, status)
        if COMMAND_TAG in client.get_run(run_id).data.tags:  # else the caller of Kedro opened it
            write_note(run_id)
    except MlflowException as error:  # another store than that of the run, or away now
        logger.warning("MLflow run %s is not closed: %s", run_id, brief(error))


def end_run(run_id: str, status: str) -> None:
    """End a run that is open; one that never started counts as KILLED where others failed.

    Args:
        run_id: Id of the run.
        status: FINISHED, FAILED or KILLED.
    """
    client = MlflowClient()
    current = client.get_run(run_id).info.status
    if current == "SCHEDULED" and status == "FAILED":
        status = "KILLED"
    if current in {"SCHEDULED", "RUNNING"}:
        client.set_terminated(run_id, status)


def _tag_error(run_id: str, error: str) -> None:
    MlflowClient().set_tag(run_id, ERROR_TAG, error)


def resume_run(run_id: str) -> None:
    """Set a run to RUNNING."""
    MlflowClient().update_run(run_id, status="RUNNING")


def _create_child(parent: str, namespace: str, tags: Mapping[str, str]) -> str:
    client = MlflowClient()
    child = client.create_run(
        client.get_run(parent).info.experiment_id,
        run_name=namespace,
        tags=resolve_tags({**tags, MLFLOW_PARENT_RUN_ID: parent, "variant": namespace}),
    )
    client.update_run(child.info.run_id, status="SCHEDULED")
    return str(child.info.run_id)
