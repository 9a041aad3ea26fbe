"""Models in a run and in the model registry."""

import base64
import contextlib
import io
import logging
import tempfile
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, DataType, Schema, TensorSpec

from facial_keypoints.evaluation.records import Champion
from facial_keypoints.export.metadata import describe_model
from facial_keypoints.keypoints import IMAGE_SIZE, KEYPOINTS
from facial_keypoints.models.deployment import CONFIDENCE_RADIUS, CONFIDENCES_OUTPUT
from facial_keypoints.tracking.delivery import is_away, repeat_if_overtaken
from facial_keypoints.tracking.values import is_active_run

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

CHAMPION_ALIAS: Final = "champion"
_SERVED: Final = Path(__file__).with_name("served_keypoints.py")
_FOLDERS: Final = (None, "data", "code")
"""Of a logged model: its own, that of the .keras file, and that of ``served_keypoints``, which
models of earlier versions lack."""


def log_model(run_id: str, model: "keras.Model") -> str:
    """Log a model that loads without this package (see ``served_keypoints``).

    Args:
        run_id: The variant's run.
        model: A model of uint8 images (n, 96, 96).

    Returns:
        The model's URI.
    """
    from facial_keypoints.models.deployment import build_deployed_model

    deployed = build_deployed_model(model)
    client = MlflowClient()
    client.log_text(run_id, _summary(model), "model_summary.txt")
    run = client.get_run(run_id)
    # created here: MLflow would take its experiment from the environment
    logged = client.create_logged_model(
        run.info.experiment_id, name="model", source_run_id=run_id, params=run.data.params
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "facial_keypoints.keras"
        deployed.save(path)
        logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)  # it logs each step
        info = Model.log(  # not pyfunc.log_model, which takes no run_id
            artifact_path=None,
            flavor=mlflow.pyfunc,
            name="model",
            loader_module=_SERVED.stem,
            code_paths=[str(_SERVED)],
            data_path=str(path),
            model_config={"keypoints": list(KEYPOINTS)},
            model_id=logged.model_id,
            run_id=run_id,
            signature=_signature(list(deployed.output)),
            input_example=_input_example(),
            # named here because finding them out takes MLflow twenty seconds
            pip_requirements=_requirements(),
        )
    return str(info.model_uri)


def _signature(outputs: list[str]) -> ModelSignature:
    """Images or pictures in a column, and what is predicted of each keypoint."""
    # MLflow lets any array pass as "object": one signature for images and base64
    image = TensorSpec(np.dtype("O"), (-1,), "image")
    kinds = ("x", "y", "confidence") if CONFIDENCES_OUTPUT in outputs else ("x", "y")
    names = [f"{keypoint}_{kind}" for keypoint in KEYPOINTS for kind in kinds]
    return ModelSignature(
        inputs=Schema([image]), outputs=Schema([ColSpec(DataType.double, name) for name in names])
    )


def _input_example() -> pd.DataFrame:
    """A grey picture, as base64 of a PNG file: a few hundred bytes instead of 9,216 numbers."""
    import cv2

    _, content = cv2.imencode(".png", np.full((IMAGE_SIZE, IMAGE_SIZE), 128, np.uint8))
    return pd.DataFrame({"image": [base64.b64encode(content.tobytes()).decode()]})


def _requirements() -> list[str]:
    """The packages that ``served_keypoints`` imports, in their installed versions."""
    names = packages_distributions()
    modules = ("tensorflow", "keras", "numpy", "pandas", "cv2")
    found = {names[module][0] for module in modules}
    return [f"{name}=={version(name)}" for name in sorted(found)]


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
        return all(client.list_logged_model_artifacts(model_id, folder) for folder in _FOLDERS)
    except MlflowException as error:
        if is_away(error):
            raise
        return False  # deleted


def register_model(model_uri: str, run_id: str, champion: Champion) -> None:
    """Register a model as the champion, under the name of the run's experiment.

    Args:
        model_uri: The model.
        run_id: A run of the experiment.
        champion: Its figures are tags of the new version, and in its description.
    """
    client = MlflowClient()
    run = client.get_run(run_id)
    name = client.get_experiment(run.info.experiment_id).name
    figures = {"validation_rmse": champion.validation_rmse, "holdout_rmse": champion.holdout_rmse}
    tags = {
        "variant": champion.variant,
        "fingerprint": champion.fingerprint,
        **{name: f"{rmse:.4f}" for name, rmse in figures.items() if rmse is not None},
    }
    with contextlib.redirect_stderr(io.StringIO()):  # MLflow prints two lines
        version = mlflow.register_model(model_uri, name, tags=tags)
    description = describe_champion(champion, run.data.params.get("download.source", ""))
    client.update_model_version(name, version.version, description)
    # not the registration again, which would add a version
    repeat_if_overtaken(client.set_registered_model_alias, name, CHAMPION_ALIAS, version.version)
    repeat_if_overtaken(_describe_registered_model, name, run.data.tags.get("env"))
    logger.info("MLflow: registered %s, version %s", name, version.version)


def _describe_registered_model(name: str, env: str | None) -> None:
    """Describe what all versions have in common, unless somebody has described it."""
    client = MlflowClient()
    if not client.get_registered_model(name).description:
        client.update_registered_model(
            name,
            "Finds 15 facial keypoints (eyes, eyebrows, nose, mouth) on a picture of a face.\n\n"
            "Each run of `full` or `compete` registers its champion as a new version; the alias "
            f"`{CHAMPION_ALIAS}` names the latest. A version's description has its error, input, "
            "output and licence.\n\n"
            "```python\n"
            f'model = mlflow.pyfunc.load_model("models:/{name}@{CHAMPION_ALIAS}")\n'
            "points = model.predict(images)  # uint8 (n, 96, 96); x and y in pixels\n"
            "```\n",
        )
    for tag, value in {"task": "facial keypoint detection", "keypoints": "15", "env": env}.items():
        if value is not None:
            client.set_registered_model_tag(name, tag, value)


def describe_champion(champion: Champion, source: str) -> str:
    """Return the description of a registered model, in Markdown.

    Args:
        champion: The champion.
        source: ``download.source`` of its training data; empty where it is not known.
    """
    about = describe_model(champion, source, [])
    measured = {"hold-out": champion.holdout_rmse, "validation set": champion.validation_rmse}
    figures = [f"{rmse:.3f} px on the {of}" for of, rmse in measured.items() if rmse is not None]
    rmse = ", ".join(figures) or "no hold-out; score_estimate.json of its run has the expected one"
    return (
        f"{len(about.keypoints)} facial keypoints by {champion.variant} (training "
        f"{champion.fingerprint}, {about.name} {about.version}).\n\n"
        f"- RMSE: {rmse}\n"
        f"- Input: `image`, either grey images, uint8 (n, {IMAGE_SIZE}, {IMAGE_SIZE}), or a column "
        "of base64-encoded pictures (JPEG, PNG, ...) of any size; each shows one face\n"
        "- Output: `<keypoint>_x` and `<keypoint>_y` in pixels of the picture, and "
        "`<keypoint>_confidence` where the model has heat maps: the estimated probability of an "
        f"error of at most {CONFIDENCE_RADIUS:.0%} of the distance between the eyes\n"
        f"- Coordinates: {about.convention}\n"
        f"- Licence: {about.licence}; training data: {about.training_data}\n"
    )


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
