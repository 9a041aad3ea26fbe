"""The train stage: an estimate for all, then one namespace per variant."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.train.nodes import (
    draw_learning_curve,
    estimate_training_time,
    train_variant,
)


def create_pipeline(variants: Iterable[str]) -> Pipeline:
    """From the splits to a model, a curve and a record per variant."""
    estimate = Pipeline(
        [
            Node(
                estimate_training_time,
                ["train_faces", "params:study", "params:variants"],
                "training_estimate",
                name="estimate_training_time",
            )
        ]
    )
    template = Pipeline(
        [
            Node(
                train_variant,
                ["train_faces", "validation_faces", "training_estimate", "params:variant"],
                ["model", "history", "training_record"],
                name="train_variant",
                tags="train_variant",
            ),
            Node(
                draw_learning_curve,
                ["history", "params:variant"],
                "learning_curve",
                name="draw_learning_curve",
            ),
        ]
    )
    each = [
        Pipeline(
            template,
            namespace=name,
            inputs={"train_faces", "validation_faces", "training_estimate"},
            parameters={"params:variant": f"params:variants.{name}"},
        )
        for name in variants
    ]
    return Pipeline([estimate, *each], tags="train")
