"""The pipelines by name."""

from kedro.pipeline import Pipeline

from facial_keypoints.framework.config_loader import current_parameters
from facial_keypoints.pipelines import (
    augment,
    clean,
    download,
    evaluate,
    split,
    study,
    submit,
    train,
    upload,
)
from facial_keypoints.pipelines.compete import ENSEMBLE
from facial_keypoints.pipelines.compete import pipeline as compete


def register_pipelines() -> dict[str, Pipeline]:
    """Each stage, and ``full``: all of them but ``upload``. With a ``competition`` section of the
    parameters, the stages between ``clean`` and ``submit`` give way to ``compete``.
    """
    parameters = current_parameters()
    upload_stage = upload.create_pipeline(parameters.upload)
    common = {"download": download.create_pipeline(), "clean": clean.create_pipeline()}
    if parameters.competition is not None:
        stages = {
            **common,
            "compete": compete.create_pipeline(),
            "submit": submit.create_pipeline([ENSEMBLE]),
        }
        full = sum(stages.values(), start=Pipeline([]))
        return {**stages, "upload": upload_stage, "full": full, "__default__": full}
    variants = parameters.chosen
    stages = {
        **common,
        "augment": augment.create_pipeline(),
        "split": split.create_pipeline(),
        "train": train.create_pipeline(variants),
        "evaluate": evaluate.create_pipeline(variants),
        "study": study.create_pipeline(variants),
        "submit": submit.create_pipeline(variants),
    }
    full = sum(stages.values(), start=Pipeline([]))
    return {**stages, "upload": upload_stage, "full": full, "__default__": full}
