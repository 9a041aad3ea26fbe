"""What MLflow is told: parameters, inputs, curves, figures, tables, models, Kaggle's score."""

import contextlib
import io
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mlflow
import pandas as pd
from matplotlib.figure import Figure
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from pydantic_core import to_jsonable_python

from facial_keypoints.archive.submission import SubmissionScore
from facial_keypoints.evaluation.records import Champion, VariantMetrics
from facial_keypoints.faces import FaceSet
from facial_keypoints.kaggle.records import KaggleScore
from facial_keypoints.training.records import Training

if TYPE_CHECKING:
    import keras

CHAMPION_ALIAS: Final = "champion"
_TABLES: Final = {
    *("leaderboard", "study_table_3", "study_table_4", "study_table_5"),
    *("study_text", "study_others", "label_issues"),
}
_REPORTS: Final = ("report", "summary", "estimate")
_METRICS_PER_CALL: Final = 1000  # more are refused
_LONGEST_PARAMETER: Final = 6000  # characters; longer ones are refused


def log_parameters(run_id: str, parameters: Mapping[str, Any]) -> None:
    """Record parameters of a run, whatever of them is not there yet."""
    client = MlflowClient()
    known = client.get_run(run_id).data.params
    new = [
        Param(name, str(value)[:_LONGEST_PARAMETER])
        for name, value in parameters.items()
        if name not in known
    ]
    client.log_batch(run_id, params=new)


def variant_parameters(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a node's variant by their path: "train.epochs", "settings.convs"."""
    found = [value for name, value in inputs.items() if name.startswith("params:variants.")]
    if not found:
        return {}
    dump = found[0].model_dump(mode="json", exclude={"name"})
    return {str(k): v for k, v in pd.json_normalize(dump, sep=".").iloc[0].to_dict().items()}


def as_input(faces: FaceSet, context: str) -> DatasetInput:
    """A set of faces as MLflow describes an input: size, shape and a digest of its content."""
    dataset = mlflow.data.from_numpy(  # type: ignore[attr-defined]
        faces.images[:1].copy(),
        targets=faces.keypoints[:1].copy(),
        name=f"{context}_faces ({len(faces):,})",
        digest=faces.digest(),
    )
    tags = [InputTag("mlflow.data.context", context), InputTag("samples", str(len(faces)))]
    return DatasetInput(dataset._to_mlflow_entity(), tags)


def log_input(run_id: str, described: DatasetInput) -> None:
    """Record an input of a run."""
    MlflowClient().log_inputs(run_id, [described])


def log_epochs(run_id: str, epochs: pd.DataFrame) -> None:
    """Record rows of a curve, whose column ``epoch`` counts from 1, as metrics of steps from 0."""
    now = _now()
    points = [
        Metric(str(name), float(value), now, int(row["epoch"]) - 1)
        for row in epochs.to_dict("records")
        for name, value in row.items()
        if name != "epoch" and pd.notna(value)
    ]
    for start in range(0, len(points), _METRICS_PER_CALL):
        MlflowClient().log_batch(run_id, metrics=points[start : start + _METRICS_PER_CALL])


def is_recorded(name: str, value: Any) -> bool:
    """Whether ``log_output`` records what a node has returned under this name."""
    kinds = (Figure, dict, str, Champion, VariantMetrics, SubmissionScore, KaggleScore)
    recorded = name == "submission" or name in _TABLES or name.endswith(_REPORTS)
    return recorded or isinstance(value, kinds)


def log_output(run_id: str, name: str, value: Any) -> None:
    """Record what a node has returned, as far as it is worth it."""
    client = MlflowClient()
    if isinstance(value, Figure):
        client.log_figure(run_id, value, f"{name}.png")
    elif name == "metrics":
        log_numbers(run_id, dict(flat_numbers(asdict(value))))
    elif name == "leaderboard":
        client.log_table(run_id, value, "leaderboard.json")
    elif name == "champion":
        client.log_dict(run_id, asdict(value), "champion.json")
        client.set_tag(run_id, "champion", value.variant)
        log_numbers(run_id, {f"champion_{k}": v for k, v in flat_numbers(asdict(value))})
    elif name == "submission" or name in _TABLES:
        _log_csv(run_id, value, f"{name}.csv")
    elif name == "study":
        client.log_dict(run_id, value, "study.json")
        if value["median_leak"] is not None:
            log_numbers(run_id, {"study_median_leak": value["median_leak"]})
    elif name == "study_page":
        client.log_text(run_id, value, "study.html")
    elif name == "score_estimate":
        client.log_dict(run_id, value, "score_estimate.json")
        log_numbers(run_id, {f"estimate_{k}": v for k, v in flat_numbers(value)})
    elif isinstance(value, SubmissionScore) and value.num_values:
        log_numbers(run_id, {f"submission_{k}": v for k, v in flat_numbers(asdict(value))})
    elif isinstance(value, KaggleScore):
        _log_kaggle_score(value)
    elif name.endswith(_REPORTS):
        client.log_dict(run_id, to_jsonable_python(value), f"{name}.json")


def log_training(run_id: str, training: Training) -> None:
    """Record a training that lies on the disk: its record, what an earlier session has trained of
    it, and its model, unless that is in MLflow already.
    """
    record = training.record
    client = MlflowClient()
    interrupted = record.get("interrupted_after_epochs") or [0]
    elsewhere = training.history if training.reused else training.history[: interrupted[-1]]
    log_epochs(run_id, elsewhere)
    client.log_dict(run_id, record, "training_record.json")
    names = ("parameters", "multiply_adds", "epochs", "minutes", "images_per_second", "best_epoch")
    numbers = {f"train_{name}": record.get(name) for name in names}
    log_numbers(run_id, {name: n for name, n in numbers.items() if n is not None})
    tags = {name: record.get(name) for name in ("ended_by", "precision", "fingerprint", "failure")}
    if training.reused:
        tags["reused_from"] = record["mlflow_run_id"]
    known = [RunTag(name, str(value)) for name, value in tags.items() if value is not None]
    client.log_batch(run_id, tags=known)


def log_numbers(run_id: str, numbers: Mapping[str, float]) -> None:
    """Record one value of each metric."""
    now = _now()
    metrics = [Metric(name, float(value), now, 0) for name, value in numbers.items()]
    MlflowClient().log_batch(run_id, metrics=metrics)


def log_model(run_id: str, model: "keras.Model") -> str:
    """Log a Keras model with signature and input example; returns its URI."""
    from importlib.metadata import version

    import numpy as np
    import tensorflow as tf
    from mlflow.models import infer_signature

    example = np.zeros((1, *model.input_shape[1:]), dtype=np.uint8)
    MlflowClient().log_text(run_id, _summary(model), "model_summary.txt")
    versions = {
        "tensorflow": str(tf.__version__),
        **{name: version(name) for name in ("keras", "numpy")},
    }
    # the Keras flavour of MLflow 3.17 fails with an input example; TensorFlow's takes Keras models
    with (
        mlflow.start_run(run_id=run_id, nested=True),
        contextlib.redirect_stdout(io.StringIO()),  # a progress bar for one prediction
    ):
        info = mlflow.tensorflow.log_model(
            model,
            name="model",
            signature=infer_signature(example, model.predict(example, verbose=0)),
            input_example=example,
            # named here because finding them out takes MLflow twenty seconds
            pip_requirements=[f"{name}=={number}" for name, number in versions.items()],
        )
    return str(info.model_uri)


def _summary(model: "keras.Model") -> str:
    lines: list[str] = []
    model.summary(print_fn=lambda line, line_break=False: lines.append(line))
    return "\n".join(lines)


def flat_numbers(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number in nested figures, named by its path with "_" between; null is left out."""
    for key, value in figures.items():
        if isinstance(value, Mapping):
            yield from flat_numbers(value, f"{prefix}{key}_")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{key}", float(value)


def register(model_uri: str, run_id: str, variant: str) -> None:
    """Make a model the champion among the versions of the registered model that is named as the
    experiment of the run.
    """
    client = MlflowClient()
    experiment = client.get_experiment(client.get_run(run_id).info.experiment_id)
    version = mlflow.register_model(model_uri, experiment.name, tags={"variant": variant})
    client.set_registered_model_alias(experiment.name, CHAMPION_ALIAS, version.version)


def model_of(run_id: str, training: Mapping[str, Any]) -> str | None:
    """URI of the model of a training: logged by the run that its record names, or, where MLflow
    was away then, by a later one in the experiment of ``run_id``. None where there is none.

    Args:
        run_id: a run of this session.
        training: ``mlflow_run_id`` and ``fingerprint``.
    """
    client = MlflowClient()
    experiment = client.get_run(run_id).info.experiment_id
    runs = client.search_runs([experiment], f"tags.fingerprint = '{training['fingerprint']}'")
    with contextlib.suppress(MlflowException):  # another store than the one it was trained with
        runs.insert(0, client.get_run(training["mlflow_run_id"]))
    found = [run.outputs.model_outputs for run in runs if run.outputs and run.outputs.model_outputs]
    return f"models:/{found[0][0].model_id}" if found else None


def _log_csv(run_id: str, table: pd.DataFrame, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        table.to_csv(path, index=False)
        MlflowClient().log_artifact(run_id, str(path))


def _log_kaggle_score(score: KaggleScore) -> None:
    """Record Kaggle's score in the run of the model that was submitted."""
    run_id = score.mlflow_run_id
    if run_id is None:
        return
    scores = {
        "kaggle_public_score": score.public_score,
        "kaggle_private_score": score.private_score,
    }
    log_numbers(run_id, dict(flat_numbers(scores)))
    for key in ("reference", "status", "fingerprint"):
        MlflowClient().set_tag(run_id, f"kaggle_{key}", getattr(score, key))


def _now() -> int:
    return int(pd.Timestamp.now(tz="UTC").timestamp() * 1000)
