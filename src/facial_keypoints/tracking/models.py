"""Trainings and their models in a run and in the model registry."""

import contextlib
import io
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import mlflow
from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from facial_keypoints.tracking.delivery import is_away
from facial_keypoints.tracking.values import is_active_run, log_curve, log_metrics
from facial_keypoints.training.records import Training

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

CHAMPION_ALIAS: Final = "champion"


def log_training(run_id: str, training: Training) -> None:
    """Log the record of a saved training, and the epochs that this session did not train.

    Args:
        run_id: The variant's run.
        training: The training.
    """
    record = training.record
    client = MlflowClient()
    interrupted = record.interrupted_after_epochs or [0]
    elsewhere = training.history if training.reused else training.history[: interrupted[-1]]
    log_curve(run_id, elsewhere)
    client.log_dict(run_id, asdict(record), "training_record.json")
    names = ("epochs", "minutes", "images_per_second", "best_epoch")
    numbers = {name: getattr(record, name) for name in names}
    if record.size is not None:
        numbers |= {name: getattr(record.size, name) for name in ("parameters", "multiply_adds")}
    log_metrics(run_id, {f"train_{name}": n for name, n in numbers.items() if n is not None})
    names = ("ended_by", "precision", "fingerprint", "failure")
    tags = {name: getattr(record, name) for name in names}
    if training.reused:
        tags["reused_from"] = record.mlflow_run_id
    known = [RunTag(name, str(value)) for name, value in tags.items() if value is not None]
    client.log_batch(run_id, tags=known)


def log_model(run_id: str, model: "keras.Model") -> str:
    """Log a model with signature, input example and summary.

    Args:
        run_id: The variant's run.
        model: A model of uint8 images (n, 96, 96).

    Returns:
        The model's URI.
    """
    from importlib.metadata import version

    import numpy as np
    import tensorflow as tf
    from mlflow.models import infer_signature

    example = np.zeros((1, *model.input_shape[1:]), dtype=np.uint8)
    client = MlflowClient()
    client.log_text(run_id, _summary(model), "model_summary.txt")
    versions = {
        "tensorflow": str(tf.__version__),
        **{name: version(name) for name in ("keras", "numpy")},
    }
    run = client.get_run(run_id)
    # created here: MLflow would take its experiment from the environment
    logged = client.create_logged_model(
        run.info.experiment_id, name="model", source_run_id=run_id, params=run.data.params
    )
    # the Keras flavour of MLflow 3.17 fails with an input example; TensorFlow's takes Keras models
    with contextlib.redirect_stdout(io.StringIO()):  # a progress bar for one prediction
        info = mlflow.tensorflow.log_model(
            model,
            name="model",
            model_id=logged.model_id,
            run_id=run_id,
            signature=infer_signature(example, model.predict(example, verbose=0)),
            input_example=example,
            # named here because finding them out takes MLflow twenty seconds
            pip_requirements=[f"{name}=={number}" for name, number in versions.items()],
        )
    return str(info.model_uri)


def find_model(run_id: str, fingerprint: str, trained_by: str | None) -> str | None:
    """Find the model of a training.

    Args:
        run_id: A run of this session's experiment.
        fingerprint: The training's fingerprint.
        trained_by: The run that trained it. It may lack the model, if MLflow was away; a later run
            of the same training has it then.

    Returns:
        The model's URI, or None where MLflow has no model, or its files are gone.
    """
    client = MlflowClient()
    experiment = client.get_run(run_id).info.experiment_id
    runs = client.search_runs([experiment], f"tags.fingerprint = '{fingerprint}'")
    if trained_by is not None and is_active_run(trained_by):
        runs.insert(0, client.get_run(trained_by))
    models = [
        output.model_id for run in runs if run.outputs for output in run.outputs.model_outputs
    ]
    complete = (each for each in dict.fromkeys(models) if _has_files(each))
    return next((f"models:/{model_id}" for model_id in complete), None)


def _has_files(model_id: str) -> bool:
    client = MlflowClient()
    try:
        return all(client.list_logged_model_artifacts(model_id, path) for path in (None, "data"))
    except MlflowException as error:
        if is_away(error):
            raise
        return False  # deleted


def register_model(model_uri: str, run_id: str, variant: str) -> None:
    """Register a model as the champion, under the name of the run's experiment.

    Args:
        model_uri: The model.
        run_id: A run of the experiment.
        variant: Tag of the new version.
    """
    client = MlflowClient()
    experiment = client.get_experiment(client.get_run(run_id).info.experiment_id)
    with contextlib.redirect_stderr(io.StringIO()):  # MLflow prints two lines
        version = mlflow.register_model(model_uri, experiment.name, tags={"variant": variant})
    client.set_registered_model_alias(experiment.name, CHAMPION_ALIAS, version.version)
    logger.info("MLflow: registered %s, version %s", experiment.name, version.version)


def remove_lost_champion(run_id: str) -> None:
    """Remove the champion's alias from a version whose files are gone.

    Args:
        run_id: A run of the experiment.
    """
    client = MlflowClient()
    name = client.get_experiment(client.get_run(run_id).info.experiment_id).name
    try:
        version = client.get_model_version_by_alias(name, CHAMPION_ALIAS).version
    except MlflowException as error:
        if is_away(error):
            raise
        return  # there is none
    address = client.get_model_version_download_uri(name, version)
    if not mlflow.artifacts.list_artifacts(artifact_uri=address):
        client.delete_registered_model_alias(name, CHAMPION_ALIAS)
        logger.warning("MLflow: the files of %s, version %s, are gone: no champion", name, version)


def _summary(model: "keras.Model") -> str:
    lines: list[str] = []
    model.summary(print_fn=lambda line, line_break=False: lines.append(line))
    return "\n".join(lines)
