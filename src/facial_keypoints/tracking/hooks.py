"""The Kedro hooks that record a session."""

import logging
import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import mlflow
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from facial_keypoints.evaluation.records import Champion, VariantMetrics
from facial_keypoints.formatting import join_names
from facial_keypoints.tracking.connection import connect, read_settings
from facial_keypoints.tracking.curves import MetricsHandler
from facial_keypoints.tracking.outputs import log_dataset, recording_of
from facial_keypoints.tracking.parameters import (
    log_parameters,
    node_parameters,
    session_parameters,
)
from facial_keypoints.tracking.runs import SessionRuns, create_parent, end_run, resume_run
from facial_keypoints.tracking.session import (
    command_started_at,
    describe_error,
    run_name,
    session_tags,
)
from facial_keypoints.tracking.store import VARIABLE, Store
from facial_keypoints.tracking.store_checks import store_errors
from facial_keypoints.tracking.trainings import log_keypoint_errors
from facial_keypoints.tracking.values import (
    describe_input,
    log_input,
    log_metrics,
)
from facial_keypoints.training.records import Training
from facial_keypoints.training.session import Session

logger = logging.getLogger(__name__)

SESSION: Final = "session"
"""Catalog entry of the ``Session`` that the hooks save for the nodes."""
_CURVES: Final = logging.getLogger("facial_keypoints.training")


class TrackingHooks:
    """Record each session in MLflow (see the package).

    Attributes:
        is_complete: Whether MLflow has all records of the last session.
    """

    def __init__(self) -> None:
        self.is_complete = True
        self._store: Store | None = None
        self._experiment_id: str | None = None
        self._catalog: DataCatalog | None = None
        self._runs: SessionRuns | None = None
        self._failed: set[str] = set()
        self._handler: MetricsHandler | None = None

    @property
    def run_id(self) -> str | None:
        """Id of the open parent run, or None outside a session."""
        return None if self._runs is None else self._runs.parent

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Connect to MLflow, unless the caller of Kedro has opened a run.

        Raises:
            InputError: if ``mlflow.yml`` is wrong, a server does not respond, or the store cannot
                be used.
        """
        if mlflow.active_run() is None:
            settings = read_settings(context.config_loader["mlflow"])
            self._store, self._experiment_id = connect(settings, context.project_path)

    @hook_impl(trylast=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Create the session's runs, and save the session for the nodes.

        Raises:
            InputError: if MLflow's store cannot be used.
        """
        self._catalog = catalog
        self.close("KILLED")  # a session that was interrupted in a notebook
        started_at = command_started_at()
        tags = session_tags(run_params)
        of_children = {k: v for k, v in tags.items() if k in {"git_commit", "env"}}
        namespaces = dict.fromkeys(node.namespace for node in pipeline.nodes if node.namespace)
        adopted = mlflow.active_run()
        with store_errors(self._store or Store(mlflow.get_tracking_uri(), VARIABLE)):
            if adopted is None:
                name = run_name(run_params.get("pipeline_names"), run_params.get("env"), started_at)
                parent = create_parent(str(self._experiment_id), name, tags)
            else:
                parent = adopted.info.run_id
            self._runs = SessionRuns(parent, namespaces, of_children, adopted is not None)
        sections = session_parameters(pipeline.inputs(), catalog.load)
        self._runs.send("parameters", None, log_parameters, sections)
        self._runs.write_notes()
        session = Session(started_at, tags["git_commit"], parent, self._runs.children)
        try:
            catalog.save(SESSION, session)
        except BaseException:
            self.close("FAILED")
            raise
        self._start_curves(self._runs)

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any, node: Node) -> None:
        """Log the digest of what a variant's node loads as an input."""
        if self._runs is None or self._catalog is None or not node.namespace:
            return
        recording = recording_of(dataset_name, self._catalog[dataset_name])
        if recording is not None and recording.input is not None:
            described = describe_input(data, recording.input)
            self._runs.send("samples", node.namespace, log_input, described)

    @hook_impl(trylast=True)
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        """Set the variant's run to RUNNING, and log its hyperparameters."""
        if self._runs is None or not node.namespace:
            return
        self._runs.send("status", node.namespace, resume_run)
        parameters = node_parameters(inputs, node.namespace)
        self._runs.send("parameters", node.namespace, log_parameters, parameters)

    @hook_impl
    def after_node_run(self, node: Node, outputs: dict[str, Any]) -> None:
        """End the variant's run until its next node."""
        if self._runs is None or not node.namespace:
            return
        if any(isinstance(v, Training) and v.failure is not None for v in outputs.values()):
            self._failed.add(node.namespace)
        status = "FAILED" if node.namespace in self._failed else "FINISHED"
        self._runs.send("end", node.namespace, end_run, status)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Log what is saved on disk: hours of work must not depend on MLflow."""
        if self._runs is None or self._catalog is None:
            return
        dataset, send = self._catalog[dataset_name], self._runs.send
        recording = recording_of(dataset_name, dataset)
        if recording is not None:
            value = data if recording.needs_data else None  # large values must not wait in memory
            log = partial(log_dataset, name=dataset_name, dataset=dataset, data=value)
            named = recording.namespace in self._runs.children
            namespace = recording.namespace if named else node.namespace
            send(dataset_name, namespace, partial(log, recording=recording))
            if named:
                self._runs.write_notes(namespace)
        if isinstance(data, VariantMetrics) and node.namespace:
            send("error per keypoint", node.namespace, log_keypoint_errors, data)
        if isinstance(data, Champion):
            send("registration", node.namespace, self._runs.register, data)
        if isinstance(data, Training) and node.namespace:
            if self._runs.delivery.is_behind:  # models must not wait in memory
                self._runs.delivery.skip(f"training of {node.namespace}")
            else:
                log_training = partial(self._runs.log_training, node.namespace)
                send("training", node.namespace, log_training, data)
        if isinstance(data, Champion | Training | VariantMetrics):
            self._runs.write_notes(node.namespace)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """End the session's runs as FINISHED."""
        self.close("FINISHED")

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """End the session's runs as FAILED, with the error in their note."""
        self.close("FAILED", error)

    def close(self, status: str, error: BaseException | None = None) -> None:
        """End the session's runs, if any are open.

        Args:
            status: FINISHED, FAILED or KILLED.
            error: What ended the session, if it failed.
        """
        if self._runs is None:
            return
        self._stop_curves()
        missing = self._runs.close(status, "" if error is None else describe_error(error))
        self._runs = None
        self._failed.clear()
        self.is_complete = not missing
        if missing:
            logger.warning(
                "MLflow did not respond and lacks %s. All of it is in the data folder: run the "
                "same command again to record it; finished trainings are reused",
                join_names(missing),
            )

    def _start_curves(self, runs: SessionRuns) -> None:
        def send(variant: str, step: int, metrics: Mapping[str, float]) -> None:
            known = {name: value for name, value in metrics.items() if not math.isnan(value)}
            runs.send(f"step {step}", variant, partial(log_metrics, metrics=known, step=step))

        self._handler = MetricsHandler(send)
        _CURVES.addHandler(self._handler)

    def _stop_curves(self) -> None:
        if self._handler is not None:
            _CURVES.removeHandler(self._handler)
        self._handler = None
