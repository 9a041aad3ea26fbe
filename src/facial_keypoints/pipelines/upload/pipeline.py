"""The upload stage."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.upload.nodes import send_submission, wait_for_kaggle_score


def create_pipeline() -> Pipeline:
    """From the submission to Kaggle's score.

    The receipt between the two nodes is all that waiting needs, so that a wait can be taken up
    again without sending twice: ``kedro run --pipeline=upload --from-nodes=wait_for_kaggle_score``.
    """
    return Pipeline(
        [
            Node(
                send_submission,
                ["submission", "champion", "params:download"],
                "kaggle_receipt",
                name="send_submission",
            ),
            Node(
                wait_for_kaggle_score,
                ["kaggle_receipt", "params:upload"],
                "kaggle_score",
                name="wait_for_kaggle_score",
            ),
        ],
        tags="upload",
    )
