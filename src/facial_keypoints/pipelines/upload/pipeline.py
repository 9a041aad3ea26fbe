"""The upload stage."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.parameters import UploadParameters
from facial_keypoints.pipelines.upload.nodes import (
    send_submission,
    show_submission,
    wait_for_kaggle_score,
)

_SUBMISSION = ["submission", "champion", "answer_key", "params:download", "session"]


def create_pipeline(upload: UploadParameters) -> Pipeline:
    """From the submission to Kaggle's score, or the part of it that the parameters ask for.

    The receipt between the two nodes is all that waiting needs, so that a wait can be taken up
    again without sending (``wait_only``).
    """
    send = Node(
        send_submission,
        [*_SUBMISSION, "params:upload"],
        "kaggle_receipt",
        name="send_submission",
    )
    wait = Node(
        wait_for_kaggle_score,
        ["kaggle_receipt", "params:upload"],
        "kaggle_score",
        name="wait_for_kaggle_score",
    )
    if upload.dry_run:
        nodes = [Node(show_submission, _SUBMISSION, None, name="show_submission")]
    elif upload.wait_only:
        nodes = [wait]
    else:
        nodes = [send, wait]
    return Pipeline(nodes, tags="upload")
