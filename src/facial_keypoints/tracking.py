"""MLflow: one parent run per ``kedro run``, one child run per variant.

kedro-mlflow opens the parent run. The hooks here open a child run around every node of a
variant's namespace, log what the nodes return, and see that no run is left as RUNNING,
whatever becomes of the session. Nothing else in the project speaks to MLflow.
"""

import contextlib
import io
import logging
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import pandas as pd
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node
from matplotlib.figure import Figure
from mlflow.entities import Metric, Param, RunStatus
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from facial_keypoints.faces import FaceSet
from facial_keypoints.trainings import Training

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

CHAMPION_ALIAS = "champion"
_SQLITE = "sqlite:///"
_METRICS_PER_CALL = 1000  # more are refused


def active_run_id() -> str | None:
    """Id of the MLflow run of this node: the variant's where it has one."""
    run = mlflow.active_run()
    return None if run is None else str(run.info.run_id)


def epoch_callbacks() -> list["keras.callbacks.Callback"]:
    """Keras callbacks that log every epoch to the active run; none where there is no run."""
    if mlflow.active_run() is None:
        return []
    from mlflow.keras import MlflowCallback

    class EpochMetrics(MlflowCallback):
        """MLflow's own callback, less the second copy of the validation metrics."""

        def on_test_end(self, logs: Any = None) -> None:
            """Validation metrics are among the epoch's."""

    return [EpochMetrics()]  # type: ignore[no-untyped-call]


def end_all_runs(status: str) -> None:
    """Close every run that this process holds open, as FINISHED, FAILED or KILLED."""
    while mlflow.active_run() is not None:
        mlflow.end_run(status)


def git_commit(project: Path) -> str:
    """Short hash of the commit at hand, with "+" where files differ from it; "unknown" outside
    git.
    """
    try:
        commit, status = (
            subprocess.run(  # noqa: S603
                ["git", *arguments],  # noqa: S607
                cwd=project,
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            ).stdout.strip()
            for arguments in (
                ["rev-parse", "--short=12", "HEAD"],
                ["status", "--porcelain", "-uno"],
            )
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit + ("+" if status else "")


class TrackingHooks:
    """See the module."""

    def __init__(self) -> None:
        self._parent: str | None = None
        self._children: dict[str, str] = {}
        self._models: dict[str, str] = {}

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Let a relative SQLite store lie in the project's folder, wherever kedro is typed."""
        logging.getLogger("kedro_mlflow").setLevel(logging.WARNING)  # it sets INFO on import
        config = context.config_loader["mlflow"]
        uri = str(config["server"]["mlflow_tracking_uri"])
        path = Path(uri.removeprefix(_SQLITE))
        if uri.startswith(_SQLITE) and not path.is_absolute():
            config["server"]["mlflow_tracking_uri"] = f"{_SQLITE}{context.project_path / path}"
        context.config_loader["mlflow"] = config

    @hook_impl(trylast=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Remember kedro-mlflow's run, which every child belongs to."""
        self._parent = active_run_id()
        self._children = {}
        self._models = {}
        if self._parent is not None:
            mlflow.set_tag("git_commit", git_commit(Path(run_params["project_path"])))

    @hook_impl(trylast=True)
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        """Enter the variant's run, if the node is of a variant."""
        if self._parent is None:
            return
        if node.namespace:
            mlflow.start_run(run_id=self._child(node.namespace), nested=True)
            _log_variant(inputs)
        if "train_variant" in node.tags:
            log_faces_as_input(inputs["train_faces"], "training")

    @hook_impl
    def after_node_run(self, node: Node, outputs: dict[str, Any]) -> None:
        """Log what the node returned, and leave the variant's run."""
        if self._parent is None:
            return
        for dataset, value in outputs.items():
            self._log_output(node.namespace, dataset.rpartition(".")[2], value)
        if node.namespace:
            mlflow.end_run()

    @hook_impl
    def after_dataset_saved(self, data: Any, node: Node) -> None:
        """Log a training once it lies safely on the disk: hours of work must not hang on it."""
        if self._parent is not None and isinstance(data, Training) and node.namespace:
            mlflow.start_run(run_id=self._child(node.namespace), nested=True)
            self._log_training(node.namespace, data)
            mlflow.end_run()

    @hook_impl(tryfirst=True)
    def on_node_error(self, node: Node) -> None:
        """Close the variant's run as FAILED; kedro-mlflow closes the parent."""
        if self._parent is not None and node.namespace:
            mlflow.end_run(RunStatus.to_string(RunStatus.FAILED))

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Close what kedro-mlflow leaves open: it pushes the parent again at every node."""
        if self._parent is not None:
            end_all_runs(RunStatus.to_string(RunStatus.FINISHED))

    def _child(self, variant: str) -> str:
        """The run of a variant within this session, made when it is first needed."""
        if variant not in self._children:
            client = MlflowClient()
            parent = client.get_run(str(self._parent))
            child = client.create_run(
                parent.info.experiment_id,
                run_name=variant,
                tags={
                    MLFLOW_PARENT_RUN_ID: self._parent,
                    "variant": variant,
                    **{k: v for k, v in parent.data.tags.items() if k in {"git_commit", "env"}},
                },
            )
            self._children[variant] = child.info.run_id
        return self._children[variant]

    def _log_output(self, variant: str | None, name: str, value: Any) -> None:
        if isinstance(value, Figure):
            mlflow.log_figure(value, f"{name}.png")
        elif name == "metrics":
            mlflow.log_metrics(dict(flat_numbers(value)))
        elif name == "leaderboard":
            mlflow.log_table(value, "leaderboard.json")
        elif name == "champion":
            mlflow.log_dict(value, "champion.json")
            mlflow.set_tag("champion", value["variant"])
            mlflow.log_metric("champion_validation_rmse", value["validation_rmse"])
            mlflow.log_metric("champion_holdout_rmse", value["holdout_rmse"])
            self._register(value)
        elif name == "submission" or (name.startswith("study_") and not isinstance(value, str)):
            _log_csv(value, f"{name}.csv")
        elif name == "study":
            mlflow.log_dict(value, "study.json")
            if value["median_leak"] is not None:
                mlflow.log_metric("study_median_leak", value["median_leak"])
        elif name == "study_page":
            mlflow.log_text(value, "study.html")
        elif name == "submission_score" and value["values"]:
            mlflow.log_metrics({f"submission_{k}": v for k, v in flat_numbers(value)})
        elif name == "kaggle_score":
            _log_kaggle_score(value)
        elif isinstance(value, dict) and name.endswith(("account", "estimate")):
            mlflow.log_dict(value, f"{name}.json")

    def _log_training(self, variant: str, training: Training) -> None:
        record = training.record
        if training.reused:  # its curve beside the others'; the model stays where it was logged
            mlflow.set_tag("reused_from", record["mlflow_run_id"])
            _log_history(training.history)
        else:
            self._models[variant] = log_model(training.load_model())
        mlflow.log_dict(record, "training_record.json")
        names = ("parameters", "multiply_adds", "epochs", "minutes", "images_per_second")
        numbers = {f"train_{name}": record[name] for name in (*names, "best_epoch")}
        mlflow.log_metrics({name: n for name, n in numbers.items() if n is not None})
        tags = ("ended_by", "precision", "fingerprint")
        mlflow.set_tags({name: record[name] for name in tags})

    def _register(self, champion: dict[str, Any]) -> None:
        """Make the champion's model a version of the registered model named as the experiment."""
        model_uri = self._models.get(champion["variant"])
        if model_uri is None:  # trained in an earlier session: its run holds the model
            model_uri = _model_of_run(champion["mlflow_run_id"])
        if model_uri is None:
            logger.warning("MLflow holds no model of %s to register", champion["variant"])
            return
        client = MlflowClient()
        experiment = client.get_experiment(client.get_run(str(self._parent)).info.experiment_id)
        version = mlflow.register_model(
            model_uri, experiment.name, tags={"variant": champion["variant"]}
        )
        client.set_registered_model_alias(experiment.name, CHAMPION_ALIAS, version.version)


def log_faces_as_input(faces: FaceSet, context: str) -> None:
    """Record a set of faces as the active run's input: size, shape and a digest of its content."""
    dataset = mlflow.data.from_numpy(  # type: ignore[attr-defined]
        faces.images[:1],
        targets=faces.keypoints[:1],
        name=f"{context}_faces ({len(faces):,})",
        digest=faces.digest(),
    )
    mlflow.log_input(dataset, context=context, tags={"samples": str(len(faces))})


def log_model(model: "keras.Model") -> str:
    """Log a Keras model with signature and input example; returns its URI."""
    from importlib.metadata import version

    import numpy as np
    import tensorflow as tf
    from mlflow.models import infer_signature

    example = np.zeros((1, *model.input_shape[1:]), dtype=np.uint8)
    versions = {
        "tensorflow": str(tf.__version__),
        **{name: version(name) for name in ("keras", "numpy")},
    }
    # the Keras flavour of MLflow 3.17 fails with an input example; TensorFlow's takes Keras models
    with contextlib.redirect_stdout(io.StringIO()):  # a progress bar for one prediction
        info = mlflow.tensorflow.log_model(
            model,
            name="model",
            signature=infer_signature(example, model.predict(example, verbose=0)),
            input_example=example,
            # named here because finding them out takes MLflow twenty seconds
            pip_requirements=[f"{name}=={number}" for name, number in versions.items()],
        )
    return str(info.model_uri)


def flat_numbers(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number in nested figures, named by its path with "_" between; null is left out."""
    for key, value in figures.items():
        if isinstance(value, Mapping):
            yield from flat_numbers(value, f"{prefix}{key}_")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{key}", float(value)


def _log_variant(inputs: Mapping[str, Any]) -> None:
    for name, value in inputs.items():
        if name.startswith("params:variants."):
            dump = value.model_dump(mode="json", exclude={"name"})
            flat = pd.json_normalize(dump, sep=".").iloc[0].to_dict()
            known = MlflowClient().get_run(str(active_run_id())).data.params
            new = [Param(str(k), str(v)) for k, v in flat.items() if k not in known]
            MlflowClient().log_batch(str(active_run_id()), params=new)


def _log_history(history: pd.DataFrame) -> None:
    now = int(pd.Timestamp.now(tz="UTC").timestamp() * 1000)
    points = [
        Metric(str(name), float(value), now, int(row["epoch"]) - 1)
        for row in history.to_dict("records")
        for name, value in row.items()
        if name != "epoch" and pd.notna(value)
    ]
    for start in range(0, len(points), _METRICS_PER_CALL):
        batch = points[start : start + _METRICS_PER_CALL]
        MlflowClient().log_batch(str(active_run_id()), metrics=batch)


def _log_csv(table: pd.DataFrame, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        table.to_csv(path, index=False)
        mlflow.log_artifact(str(path))


def _log_kaggle_score(score: dict[str, Any]) -> None:
    """Put Kaggle's answer on the run of the model that was submitted."""
    run_id = score.get("mlflow_run_id")
    if run_id is None:
        return
    client = MlflowClient()
    now = int(pd.Timestamp.now(tz="UTC").timestamp() * 1000)
    metrics = [
        Metric(f"kaggle_{k}", float(score[k]), now, 0)
        for k in ("public_score", "private_score")
        if score.get(k) is not None
    ]
    client.log_batch(run_id, metrics=metrics)
    for key in ("reference", "status", "fingerprint"):
        client.set_tag(run_id, f"kaggle_{key}", score.get(key))


def _model_of_run(run_id: str | None) -> str | None:
    if run_id is None:
        return None
    try:
        models = MlflowClient().get_run(run_id).outputs
    except MlflowException:  # another store than the one it was trained with
        return None
    found = models.model_outputs if models else []
    return f"models:/{found[0].model_id}" if found else None
