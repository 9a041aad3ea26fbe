"""The split pipeline."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines import WORKERS
from facial_keypoints.pipelines.split.nodes import plan_study, split_faces


def create_pipeline(variants: Iterable[str]) -> Pipeline:
    """Create the pipeline that chooses the study's scale and splits all samples into four sets.

    Args:
        variants: Names of the variants that the study trains.
    """
    return Pipeline(
        [
            Node(
                plan_study,
                {
                    "augmented": "augmented_faces",
                    "split": "params:split",
                    "study": "params:study",
                    "session": "session",
                    "workers": WORKERS,
                    "earlier": "earlier_study_plan",
                    **{f"{name}.parameters": f"params:variants.{name}" for name in variants},
                },
                "study_plan",
                name="plan_study",
            ),
            Node(
                split_faces,
                ["augmented_faces", "params:split", "study_plan"],
                [
                    "train_faces",
                    "validation_faces",
                    "holdout_faces",
                    "unseen_faces",
                    "split_summary",
                ],
                name="split_faces",
            ),
        ],
        tags="split",
    )
