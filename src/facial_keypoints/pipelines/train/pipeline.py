"""The train stage: an estimate for all, then one namespace per variant."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines import DISTRIBUTED, WORKERS
from facial_keypoints.pipelines.train.nodes import (
    draw_learning_curve,
    estimate_training_time,
    train_variant,
)


def create_pipeline(variants: Iterable[str]) -> Pipeline:
    """From the splits to a training (model, curve, record) per variant."""
    names = list(variants)
    estimate = Pipeline(
        [
            Node(
                estimate_training_time,
                {
                    "train": "train_faces",
                    "validation": "validation_faces",
                    "study": "params:study",
                    "plan": "study_plan",
                    "session": "session",
                    "workers": WORKERS,
                    **{f"{name}.parameters": f"params:variants.{name}" for name in names},
                    **{f"{name}.training_store": f"{name}.training_store" for name in names},
                },
                "training_estimate",
                name="estimate_training_time",
            )
        ]
    )
    template = Pipeline(
        [
            Node(
                train_variant,
                [
                    "train_faces",
                    "validation_faces",
                    "study_plan",
                    "training_estimate",
                    "params:variant",
                    "params:study",
                    "training_store",
                    "session",
                ],
                "training",
                name="train_variant",
                tags=DISTRIBUTED,
            ),
            Node(
                draw_learning_curve,
                ["training", "params:variant"],
                "learning_curve",
                name="draw_learning_curve",
            ),
        ]
    )
    each = [
        Pipeline(
            template,
            namespace=name,
            inputs={
                "train_faces": "train_faces",
                "validation_faces": "validation_faces",
                "study_plan": "study_plan",
                "training_estimate": "training_estimate",
                "session": "session",
                "training_store": f"{name}.training_store",
            },
            parameters={
                "params:variant": f"params:variants.{name}",
                "params:study": "params:study",
            },
        )
        for name in names
    ]
    return Pipeline([estimate, *each], tags="train")
