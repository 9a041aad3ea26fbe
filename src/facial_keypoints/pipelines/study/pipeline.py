"""The study stage: every trained variant beside the paper's rows, as tables, figures, a page."""

from collections.abc import Iterable
from typing import Final

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.study.nodes import list_tables, tabulate_study
from facial_keypoints.pipelines.study.page import write_page
from facial_keypoints.plotting.study import (
    draw_final_curves,
    draw_labelled_face,
    draw_loss_by_compute,
    draw_loss_by_depth,
    draw_pool_curves,
    draw_test_predictions,
)

_FIGURES: Final = (
    *("study_figure_1", "study_figure_2", "study_figure_3", "study_figure_4"),
    *("loss_by_depth", "loss_by_compute", "error_per_point"),
)


def create_pipeline(variants: Iterable[str]) -> Pipeline:
    """From metrics and trainings of all variants to the study's tables, figures and page."""
    names = list(variants)
    trainings = {f"{name}.training": f"{name}.training" for name in names}
    metrics = {f"{name}.metrics": f"{name}.metrics" for name in names}
    parameters = {f"{name}.parameters": f"params:variants.{name}" for name in names}
    predictions = {f"{name}.test_predictions": f"{name}.test_predictions" for name in names}
    return Pipeline(
        [
            Node(
                tabulate_study,
                {
                    "paper": "params:paper",
                    "study": "params:study",
                    "split": "params:split",
                    "answer_key": "answer_key",
                    "split_summary": "split_summary",
                    "augmentation_summary": "augmentation_summary",
                    "mean_face_metrics": "mean_face_metrics",
                    "train": "train_faces",
                    "validation": "validation_faces",
                    **parameters,
                    **trainings,
                    **metrics,
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
                draw_pool_curves,
                {"study": "study", **trainings},
                "study_figure_2",
                name="draw_pool_curves",
            ),
            Node(
                draw_final_curves,
                {"study": "study", "champion": "champion", **trainings},
                "study_figure_3",
                name="draw_final_curves",
            ),
            Node(
                draw_test_predictions,
                {"study": "study", "champion": "champion", "test": "test_faces", **predictions},
                "study_figure_4",
                name="draw_test_predictions",
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
