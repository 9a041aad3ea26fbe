"""The evaluate stage: every variant in its namespace, then all of them side by side."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.evaluate.nodes import (
    compare_variants,
    measure_mean_face,
    measure_variant,
    predict_faces,
)
from facial_keypoints.plotting.evaluation import (
    draw_best_and_worst,
    draw_error_per_point,
    draw_learning_curves,
)

_SETS = ("train_faces", "validation_faces", "holdout_faces", "unseen_faces")


def create_pipeline(variants: Iterable[str]) -> Pipeline:
    """From models and splits to metrics per variant, the leaderboard and the champion."""
    names = list(variants)
    template = Pipeline(
        [
            Node(
                predict_faces,
                [
                    "training",
                    "params:variant",
                    "train_faces",
                    "validation_faces",
                    "holdout_faces",
                    "unseen_faces",
                    "test_faces",
                ],
                [
                    "validation_predictions",
                    "holdout_predictions",
                    "unseen_predictions",
                    "test_predictions",
                ],
                name="predict_faces",
            ),
            Node(
                measure_variant,
                [
                    "training",
                    "validation_faces",
                    "validation_predictions",
                    "holdout_faces",
                    "holdout_predictions",
                    "unseen_faces",
                    "unseen_predictions",
                    "split_summary",
                    "lookup",
                    "params:evaluate",
                ],
                "metrics",
                name="measure_variant",
            ),
        ]
    )
    each = [
        Pipeline(
            template,
            namespace=name,
            inputs={*_SETS, "test_faces", "split_summary", "lookup"},
            parameters={
                "params:evaluate": "params:evaluate",
                "params:variant": f"params:variants.{name}",
            },
        )
        for name in names
    ]
    comparison = Pipeline(
        [
            Node(
                measure_mean_face,
                [*_SETS, "split_summary", "lookup", "params:evaluate"],
                ["mean_face_metrics", "mean_face"],
                name="measure_mean_face",
            ),
            Node(
                compare_variants,
                {
                    "mean_face_metrics": "mean_face_metrics",
                    **_of_each(names, "metrics", keep_suffix=True),
                    **_of_each(names, "training", keep_suffix=True),
                },
                ["leaderboard", "champion"],
                name="compare_variants",
            ),
            Node(
                draw_learning_curves,
                {"leaderboard": "leaderboard", **_of_each(names, "training", keep_suffix=True)},
                "learning_curves",
                name="draw_learning_curves",
            ),
            Node(
                draw_error_per_point,
                {"mean_face_metrics": "mean_face_metrics", **_of_each(names, "metrics")},
                "error_per_point",
                name="draw_error_per_point",
            ),
            Node(
                draw_best_and_worst,
                {
                    "holdout": "holdout_faces",
                    "champion": "champion",
                    "evaluate": "params:evaluate",
                    **_of_each(names, "holdout_predictions"),
                },
                "best_and_worst",
                name="draw_best_and_worst",
            ),
        ]
    )
    return Pipeline([*each, comparison], tags="evaluate")


def _of_each(names: list[str], dataset: str, keep_suffix: bool = False) -> dict[str, str]:
    """Keyword inputs: one dataset of every variant, by the variant's name."""
    return {f"{name}.{dataset}" if keep_suffix else name: f"{name}.{dataset}" for name in names}
