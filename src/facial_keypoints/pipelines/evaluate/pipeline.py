"""The evaluate pipeline: each variant in its namespace, then their comparison."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines import variant_inputs
from facial_keypoints.pipelines.evaluate.nodes import (
    compare_variants,
    measure_mean_face,
    measure_variant,
    plot_best_and_worst,
    plot_error_per_keypoint,
    plot_learning_curves,
    predict_faces,
)
from facial_keypoints.plotting.charts import chart_leaderboard

_SETS = ("train_faces", "validation_faces", "holdout_faces", "unseen_faces")


def create_pipeline(variants: Iterable[str]) -> Pipeline:
    """Create the pipeline that measures every variant and selects the champion.

    Args:
        variants: Names of the variants.
    """
    names = list(variants)
    return Pipeline([*map(_measure_pipeline, names), _compare_pipeline(names)], tags="evaluate")


def _measure_pipeline(name: str) -> Pipeline:
    """Create the pipeline that measures one variant, in its namespace."""
    nodes = Pipeline(
        [
            Node(
                predict_faces,
                [
                    "training",
                    "params:variant",
                    "study_plan",
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
    return Pipeline(
        nodes,
        namespace=name,
        inputs={*_SETS, "test_faces", "study_plan", "split_summary", "lookup"},
        parameters={
            "params:evaluate": "params:evaluate",
            "params:variant": f"params:variants.{name}",
        },
    )


def _compare_pipeline(names: list[str]) -> Pipeline:
    """Create the pipeline that compares the measured variants."""
    return Pipeline(
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
                    **variant_inputs(names, "metrics", "training", "test_predictions"),
                },
                ["leaderboard", "champion"],
                name="compare_variants",
            ),
            Node(chart_leaderboard, "leaderboard", "leaderboard_chart", name="chart_leaderboard"),
            Node(
                plot_learning_curves,
                {"leaderboard": "leaderboard", **variant_inputs(names, "training")},
                "learning_curves",
                name="plot_learning_curves",
            ),
            Node(
                plot_error_per_keypoint,
                {"mean_face_metrics": "mean_face_metrics", **variant_inputs(names, "metrics")},
                "error_per_point",
                name="plot_error_per_keypoint",
            ),
            Node(
                plot_best_and_worst,
                {
                    "holdout": "holdout_faces",
                    "champion": "champion",
                    "evaluate": "params:evaluate",
                    **variant_inputs(names, "holdout_predictions"),
                },
                "best_and_worst",
                name="plot_best_and_worst",
            ),
        ]
    )
