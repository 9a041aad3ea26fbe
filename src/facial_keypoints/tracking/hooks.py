"""The Kedro hooks that record a session, on top of kedro-mlflow's."""

import logging
import threading
import warnings
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mlflow
import pandas as pd
from filelock import FileLock
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.formatting import join_names
from facial_keypoints.tracking import records
from facial_keypoints.tracking.delivery import (
    Delivery,
    brief,
    is_away,
    limit_waits,
    see_that_it_answers,
)
from facial_keypoints.training.records import Training

with warnings.catch_warnings(record=True) as _warned:
    from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook
for _warning in _warned:
    # MLflow has advice for kedro-mlflow's own model class, and overrides filters to give it
    if "Add type hints" not in str(_warning.message):
        warnings.warn_explicit(
            _warning.message, _warning.category, _warning.filename, _warning.lineno
        )

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

_SQLITE: Final = "sqlite:///"


class _Session:
    """The runs of one ``kedro run``."""

    def __init__(self, parent: str | None, is_adopted: bool = False) -> None:
        self.parent = parent
        self.is_adopted = is_adopted  # opened by who started kedro, who closes it
        self.delivery = Delivery(lambda: MlflowClient().get_run(str(parent)))
        self.children: dict[str, str] = {}
        self.models: dict[str, str] = {}
        self.failed: set[str] = set()
        self._of_thread = threading.local()

    @property
    def variant(self) -> str | None:
        """The variant at work in this thread."""
        return getattr(self._of_thread, "variant", None)

    @variant.setter
    def variant(self, variant: str | None) -> None:
        self._of_thread.variant = variant

    def tell(self, what: str, record: Callable[..., object], *details: Any) -> None:
        """Call ``record`` with the run at hand and ``details`` as soon as MLflow listens."""
        variant = self.variant
        what = f"{what} of {variant}" if variant else what
        self.delivery.tell(what, lambda: record(self.run(variant), *details))

    def run(self, variant: str | None) -> str:
        """The run of a variant within this session, made when it is first needed; the parent for
        None.
        """
        if variant is None:
            return str(self.parent)
        if variant not in self.children:
            client = MlflowClient()
            parent = client.get_run(str(self.parent))
            child = client.create_run(
                parent.info.experiment_id,
                run_name=variant,
                tags={
                    MLFLOW_PARENT_RUN_ID: self.parent,
                    "variant": variant,
                    **{k: v for k, v in parent.data.tags.items() if k in {"git_commit", "env"}},
                },
            )
            self.children[variant] = child.info.run_id
        return self.children[variant]

    def log_training(self, variant: str, run_id: str, training: Training) -> None:
        """Record a training and its model; the model stays where an earlier session logged it."""
        uri = records.model_of(run_id, training.record) if training.reused else None
        records.log_training(run_id, training)
        if uri is None and training.failure is None:
            uri = records.log_model(run_id, training.load_model())
        if uri is not None:
            self.models[variant] = uri

    def register(self, run_id: str, champion: Champion) -> None:
        """Make the champion's model a version of the registered model."""
        variant = champion.variant
        uri = self.models.get(variant) or records.model_of(run_id, asdict(champion))
        if uri is None:
            logger.warning("MLflow holds no model of %s to register", variant)
        else:
            records.register(uri, run_id, variant)


_session = _Session(None)
_lacks_the_end = False


def active_run_id() -> str | None:
    """Id of the MLflow run of this node: the variant's where it has one; None where there is
    none (yet: MLflow may be away).
    """
    if _session.variant is None:
        return _session.parent
    return _session.children.get(_session.variant)


def session_run_id() -> str | None:
    """Id of the parent run; None where there is none."""
    return _session.parent


def epoch_callbacks() -> list["keras.callbacks.Callback"]:
    """Keras callbacks that record every epoch; none where there is no run."""
    if _session.parent is None:
        return []
    import keras

    tell = _session.tell

    class EpochMetrics(keras.callbacks.Callback):
        """Tells MLflow what the network is, and each epoch's figures."""

        def on_train_begin(self, logs: Any = None) -> None:
            lines: list[str] = []
            self.model.summary(print_fn=lambda line, line_break=False: lines.append(line))
            client = MlflowClient()
            tell("summary", client.log_text, "\n".join(lines), "model_summary.txt")

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            figures = pd.DataFrame([{"epoch": epoch + 1, **(logs or {})}])
            tell(f"epoch {epoch + 1}", records.log_epochs, figures)

    return [EpochMetrics()]


def record_figures(step: int, figures: dict[str, float]) -> None:
    """Record figures of a step, counted from 0, in the run of this node."""
    if _session.parent is not None:
        row = pd.DataFrame([{"epoch": step + 1, **figures}])
        _session.tell(f"step {step}", records.log_epochs, row)


def end_all_runs(status: str) -> None:
    """Close every run that this process holds open, as FINISHED, FAILED or KILLED."""
    global _lacks_the_end  # noqa: PLW0603
    if _session.parent is None:
        return
    _session.variant = None
    parent = [] if _session.is_adopted else [_session.parent]
    for run_id in (*_session.children.values(), *parent):
        _session.delivery.tell("end", partial(_end_if_running, run_id, status))
    left = _session.delivery.give_up()
    _lacks_the_end = bool(left)
    if left:
        logger.warning(
            "MLflow was away, and lacks: %s. All of it is in the data folder; the same "
            "command, typed again when MLflow answers, records it, and trains nothing again",
            join_names(left),
        )
    _forget(status)


def lacks_the_end() -> bool:
    """Whether MLflow could not be told that the last session's runs have ended."""
    return _lacks_the_end


def close_run(run_id: str, status: str) -> None:
    """Close a run and its children that a session has left RUNNING, by dying or while MLflow was
    away.
    """
    client = MlflowClient()
    try:
        experiment = client.get_run(run_id).info.experiment_id
        of_parent = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run_id}'"
        children = [run.info.run_id for run in client.search_runs([experiment], of_parent)]
        for each in (*children, run_id):
            _end_if_running(each, status)
    except MlflowException as error:  # another store than that of the run, or away just now
        logger.warning("MLflow's run %s is not closed: %s", run_id, brief(error))


def _end_if_running(run_id: str, status: str) -> None:
    client = MlflowClient()
    if client.get_run(run_id).info.status == "RUNNING":
        client.set_terminated(run_id, status)


def _forget(status: str) -> None:
    """Leave kedro-mlflow's run, which MLflow keeps in a stack of its own, and this session."""
    global _session  # noqa: PLW0603 (Keras' callback and the command line need it, too)
    while mlflow.active_run() is not None and not _session.is_adopted:
        try:
            mlflow.end_run(status)
        except Exception as error:  # it is off the stack all the same
            logger.debug("MLflow: %s", error)
    _session = _Session(None)


class TrackingHooks(MlflowHook):
    """See the package. kedro-mlflow configures MLflow and opens the parent run; what it would do
    at each node is done here, since it fails where MLflow is away.
    """

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Set MLflow up. A relative SQLite store lies in the project's folder, wherever kedro is
        typed.

        Raises:
            InputError: if a tracking server does not answer, or the store cannot be used.
        """
        logging.getLogger("kedro_mlflow").setLevel(logging.WARNING)  # it sets INFO on import
        limit_waits()
        config = context.config_loader["mlflow"]
        uri = str(config["server"]["mlflow_tracking_uri"])
        set_up: Callable[..., None] = super().after_context_created
        if uri.startswith(_SQLITE):
            file = context.project_path / uri.removeprefix(_SQLITE)
            config["server"]["mlflow_tracking_uri"] = f"{_SQLITE}{file}"
            set_up = _in_turn(file, set_up)
        context.config_loader["mlflow"] = config
        see_that_it_answers(uri)
        self._or_tell(set_up, context)

    @hook_impl(trylast=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Open the parent run, which every child belongs to."""
        global _session  # noqa: PLW0603
        self._or_tell(super().before_pipeline_run, run_params, pipeline, catalog)
        _session = _Session(self.run_id, self._already_active_mlflow)
        if self.run_id is not None:
            commit = records.git_commit(Path(run_params["project_path"]))
            _session.tell("commit", MlflowClient().set_tag, "git_commit", commit)

    @staticmethod
    def _or_tell(set_up: Callable[..., None], *arguments: Any) -> None:
        try:
            set_up(*arguments)
        except Exception as error:
            from sqlalchemy.exc import SQLAlchemyError  # MLflow loads it for databases alone

            if not (is_away(error) or isinstance(error, SQLAlchemyError | OSError)):
                raise
            raise InputError(
                f"MLflow cannot be used ({brief(error)}): see that its store "
                f"({mlflow.get_tracking_uri()}) is whole, can be written and is not in use by "
                "another program, then run again. A damaged one can be moved away: a new one is "
                "made, and what is trained stays"
            ) from error

    @hook_impl(trylast=True)
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        """Enter the variant's run, if the node is of a variant, and record parameters."""
        if _session.parent is None:
            return
        _session.variant = node.namespace
        if node.namespace:
            _session.tell("parameters", records.log_parameters, records.variant_parameters(inputs))
            _session.tell("status", _set_running)
        else:
            own = {k[7:]: v for k, v in inputs.items() if k.startswith("params:")}
            _session.tell("parameters", records.log_parameters, own)
        if "train_variant" in node.tags:
            faces = records.as_input(inputs["train_faces"], "training")
            _session.tell("samples", records.log_input, faces)

    @hook_impl
    def after_node_run(self, node: Node, outputs: dict[str, Any]) -> None:
        """Record what the node returned, and leave the variant's run."""
        if _session.parent is None:
            return
        for dataset, value in outputs.items():
            name = dataset.rpartition(".")[2]
            if records.is_recorded(name, value):  # arrays must not wait in memory
                _session.tell(name, records.log_output, name, value)
            if name == "champion":
                _session.tell("registration", _session.register, value)
            if isinstance(value, Training) and value.failure is not None and node.namespace:
                _session.failed.add(node.namespace)
        if node.namespace:
            failed = node.namespace in _session.failed
            _session.tell("end", _end_if_running, "FAILED" if failed else "FINISHED")
        _session.variant = None

    @hook_impl
    def after_dataset_saved(self, data: Any, node: Node) -> None:
        """Record a training once it lies safely on the disk: hours of work must not hang on it."""
        if _session.parent is None or not isinstance(data, Training) or not node.namespace:
            return
        _session.variant = node.namespace
        if _session.delivery.is_behind:  # models must not wait in memory, either
            _session.delivery.leave_out(f"training of {node.namespace}")
        else:
            _session.tell("training", partial(_session.log_training, node.namespace), data)
        _session.variant = None

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Close the session's runs."""
        if _session.parent is not None:
            end_all_runs("FINISHED")

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Close the session's runs as FAILED."""
        if _session.parent is not None:
            end_all_runs("FAILED")


def _in_turn(file: Path, set_up: Callable[..., None]) -> Callable[..., None]:
    """MLflow makes the tables of a new database step by step: two runs at once would collide."""

    def wait_and_set_up(*arguments: Any) -> None:
        with FileLock(file.with_name(f".{file.name}.lock")):
            set_up(*arguments)

    return wait_and_set_up


def _set_running(run_id: str) -> None:
    MlflowClient().update_run(run_id, status="RUNNING")
