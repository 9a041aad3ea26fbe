"""The pipelines by name."""

from kedro.pipeline import Pipeline

from facial_keypoints.framework.config_loader import current_parameters
from facial_keypoints.framework.viz_groups import for_kedro_viz
from facial_keypoints.framework.viz_page import adapt_kedro_viz
from facial_keypoints.pipelines import (
    augment,
    clean,
    download,
    evaluate,
    export,
    predict,
    split,
    study,
    submit,
    train,
    upload,
)
from facial_keypoints.pipelines.compete import ENSEMBLE
from facial_keypoints.pipelines.compete import pipeline as compete


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines by name: each stage of the study, ``full`` (all of them but ``export``
    and ``upload``) and ``compete``, which goes from the download to a submission by itself.
    """
    parameters = current_parameters()
    variants = parameters.chosen
    stages = {
        "download": download.create_pipeline(),
        "clean": clean.create_pipeline(),
        "augment": augment.create_pipeline(),
        "split": split.create_pipeline(variants),
        "train": train.create_pipeline(variants),
        "evaluate": evaluate.create_pipeline(variants),
        "study": study.create_pipeline(variants),
        "submit": submit.create_pipeline(variants),
    }
    full = sum(stages.values(), start=Pipeline([]))
    pipelines = {
        **stages,
        "compete": stages["download"]
        + stages["clean"]
        + compete.create_pipeline()
        + submit.create_pipeline([ENSEMBLE]),
        "export": export.create_pipeline(),
        "predict": predict.create_pipeline(parameters.predict),
        "upload": upload.create_pipeline(parameters.upload),
        "full": full,
        "__default__": full,
    }
    adapt_kedro_viz()
    return for_kedro_viz(pipelines)
