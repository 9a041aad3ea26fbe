"""The submit pipeline."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines import variant_inputs
from facial_keypoints.pipelines.submit.nodes import make_submission, score_submission


def create_pipeline(variants: Iterable[str]) -> Pipeline:
    """Return the nodes from the champion's test predictions to a checked, scored submission.

    Args:
        variants: Names of the variants that the champion is chosen from.
    """
    return Pipeline(
        [
            Node(
                make_submission,
                {
                    "champion": "champion",
                    "test": "test_faces",
                    "lookup": "lookup",
                    **variant_inputs(variants, "test_predictions"),
                },
                ["submission", "submission_record"],
                name="make_submission",
            ),
            Node(
                score_submission,
                [
                    "submission",
                    "submission_record",
                    "answer_key",
                    "lookup",
                    "test_faces",
                    "mean_face",
                ],
                "submission_score",
                name="score_submission",
            ),
        ],
        tags="submit",
    )
