"""The pipelines by name."""

from kedro.pipeline import Pipeline

from facial_keypoints.configuration import current_parameters
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


def register_pipelines() -> dict[str, Pipeline]:
    """Each stage, and ``full``: all of them but ``upload``."""
    parameters = current_parameters()
    variants = parameters.chosen
    stages = {
        "download": download.create_pipeline(),
        "clean": clean.create_pipeline(),
        "augment": augment.create_pipeline(),
        "split": split.create_pipeline(),
        "train": train.create_pipeline(variants),
        "evaluate": evaluate.create_pipeline(variants),
        "study": study.create_pipeline(variants),
        "submit": submit.create_pipeline(variants),
    }
    full = sum(stages.values(), start=Pipeline([]))
    upload_stage = upload.create_pipeline(parameters.upload)
    return {**stages, "upload": upload_stage, "full": full, "__default__": full}
