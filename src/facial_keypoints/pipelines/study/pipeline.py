"""The study pipeline: the trained variants compared with the paper, as tables, figures, a page."""

from collections.abc import Iterable
from typing import Final

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines import variant_inputs
from facial_keypoints.pipelines.study.nodes import (
    list_tables,
    plot_final_curves,
    plot_pool_curves,
    plot_test_predictions,
    tabulate_study,
)
from facial_keypoints.pipelines.study.page import write_page
from facial_keypoints.plotting.faces import draw_labelled_face
from facial_keypoints.plotting.study import draw_loss_by_compute, draw_loss_by_depth

_FIGURES: Final = (
    *("study_figure_1", "study_figure_2", "study_figure_3", "study_figure_4"),
    *("loss_by_depth", "loss_by_compute", "error_per_point"),
)


def create_pipeline(variants: Iterable[str]) -> Pipeline:
    """Create the pipeline that compares the trained variants with the paper.

    Args:
        variants: Names of the variants.
    """
    names = list(variants)
    trainings = variant_inputs(names, "training")
    return Pipeline(
        [
            Node(
                tabulate_study,
                {
                    "paper": "params:paper",
                    "study": "params:study",
                    "plan": "study_plan",
                    "split": "params:split",
                    "answer_key": "answer_key",
                    "split_summary": "split_summary",
                    "augmentation_summary": "augmentation_summary",
                    "mean_face_metrics": "mean_face_metrics",
                    "train": "train_faces",
                    "validation": "validation_faces",
                    **{f"{name}.parameters": f"params:variants.{name}" for name in names},
                    **variant_inputs(names, "training", "metrics"),
                },
                "study",
                name="tabulate_study",
            ),
            Node(
                list_tables,
                "study",
                ["study_table_3", "study_table_4", "study_table_5", "study_text", "study_others"],
                name="list_tables",
            ),
            Node(draw_labelled_face, "faces", "study_figure_1", name="draw_labelled_face"),
            Node(
                plot_pool_curves,
                {"study": "study", **trainings},
                "study_figure_2",
                name="plot_pool_curves",
            ),
            Node(
                plot_final_curves,
                {"study": "study", "champion": "champion", **trainings},
                "study_figure_3",
                name="plot_final_curves",
            ),
            Node(
                plot_test_predictions,
                {
                    "study": "study",
                    "champion": "champion",
                    "test": "test_faces",
                    **variant_inputs(names, "test_predictions"),
                },
                "study_figure_4",
                name="plot_test_predictions",
            ),
            Node(draw_loss_by_depth, "study", "loss_by_depth", name="draw_loss_by_depth"),
            Node(draw_loss_by_compute, "study", "loss_by_compute", name="draw_loss_by_compute"),
            Node(
                write_page,
                {"study": "study", **{name: name for name in _FIGURES}},
                "study_page",
                name="write_page",
            ),
        ],
        tags="study",
    )
