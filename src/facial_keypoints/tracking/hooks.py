"""The Kedro hooks that record a session."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import mlflow
import pandas as pd
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from facial_keypoints.formatting import join_names
from facial_keypoints.tracking import records
from facial_keypoints.tracking.connection import connect, read_settings, store_errors
from facial_keypoints.tracking.curves import MetricsHandler
from facial_keypoints.tracking.runs import SessionRuns, create_parent, end_run, resume_run
from facial_keypoints.tracking.session import command_started_at, git_commit
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
        self._experiment_id: str | None = None
        self._runs: SessionRuns | None = None
        self._failed: set[str] = set()
        self._handler: MetricsHandler | None = None
        self._level = logging.NOTSET

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
            self._experiment_id = connect(settings, context.project_path)

    @hook_impl(trylast=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Create the session's runs, and save the session for the nodes.

        Raises:
            InputError: if MLflow's store cannot be used.
        """
        self.close("KILLED")  # a session that was interrupted in a notebook
        tags = {name: str(value) for name, value in run_params.items() if value}
        tags["git_commit"] = git_commit(Path(run_params["project_path"]))
        of_children = {k: v for k, v in tags.items() if k in {"git_commit", "env"}}
        namespaces = dict.fromkeys(node.namespace for node in pipeline.nodes if node.namespace)
        adopted = mlflow.active_run()
        with store_errors():
            if adopted is None:
                name = "+".join(run_params.get("pipeline_names") or ["__default__"])
                parent = create_parent(str(self._experiment_id), name, tags)
            else:
                parent = adopted.info.run_id
            self._runs = SessionRuns(parent, namespaces, of_children, adopted is not None)
        session = Session(command_started_at(), tags["git_commit"], parent, self._runs.children)
        try:
            catalog.save(SESSION, session)
        except BaseException:
            self.close("FAILED")
            raise
        self._start_curves(self._runs)

    @hook_impl(trylast=True)
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        """Set the variant's run to RUNNING, and log parameters and samples."""
        if self._runs is None:
            return
        send = self._runs.send
        if node.namespace:
            parameters = records.variant_parameters(inputs)
            send("status", node.namespace, resume_run)
        else:
            parameters = {k[7:]: v for k, v in inputs.items() if k.startswith("params:")}
        send("parameters", node.namespace, records.log_parameters, parameters)
        if "train_variant" in node.tags:
            faces = records.as_input(inputs["train_faces"], "training")
            send("samples", node.namespace, records.log_input, faces)

    @hook_impl
    def after_node_run(self, node: Node, outputs: dict[str, Any]) -> None:
        """Log what the node returned, and end the variant's run until its next node."""
        if self._runs is None:
            return
        namespace, send = node.namespace, self._runs.send
        for dataset, value in outputs.items():
            name = dataset.rpartition(".")[2]
            if records.is_recorded(name, value):  # arrays must not wait in memory
                send(name, namespace, records.log_output, name, value)
            if name == "champion":
                send("registration", namespace, self._runs.register, value)
            if isinstance(value, Training) and value.failure is not None and namespace:
                self._failed.add(namespace)
        if namespace:
            send("end", namespace, end_run, "FAILED" if namespace in self._failed else "FINISHED")

    @hook_impl
    def after_dataset_saved(self, data: Any, node: Node) -> None:
        """Log a training after it is saved on disk: hours of work must not depend on MLflow."""
        if self._runs is None or not isinstance(data, Training) or not node.namespace:
            return
        if self._runs.delivery.is_behind:  # models must not wait in memory
            self._runs.delivery.leave_out(f"training of {node.namespace}")
        else:
            log = partial(self._runs.log_training, node.namespace)
            self._runs.send("training", node.namespace, log, data)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """End the session's runs as FINISHED."""
        self.close("FINISHED")

    @hook_impl
    def on_pipeline_error(self) -> None:
        """End the session's runs as FAILED."""
        self.close("FAILED")

    def close(self, status: str) -> None:
        """End the session's runs, if any are open.

        Args:
            status: FINISHED, FAILED or KILLED.
        """
        if self._runs is None:
            return
        self._stop_curves()
        missing = self._runs.close(status)
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
            row = pd.DataFrame([{"epoch": step + 1, **metrics}])
            runs.send(f"step {step}", variant, records.log_epochs, row)

        self._handler = MetricsHandler(send)
        self._level = _CURVES.level
        _CURVES.addHandler(self._handler)
        _CURVES.setLevel(logging.DEBUG)  # metrics between the lines of the console

    def _stop_curves(self) -> None:
        if self._handler is not None:
            _CURVES.removeHandler(self._handler)
            _CURVES.setLevel(self._level)
        self._handler = None
