"""The upload pipeline."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.parameters import UploadParameters
from facial_keypoints.pipelines.upload.nodes import (
    send_submission,
    show_submission,
    wait_for_kaggle_score,
)

_SUBMISSION = ["submission", "champion", "answer_key", "params:download", "session"]


def create_pipeline(upload: UploadParameters) -> Pipeline:
    """Return the nodes from the submission to Kaggle's score, or those that the parameters select.

    Args:
        upload: ``dry_run`` only shows the submission; ``wait_only`` resumes waiting for the score
            of the last receipt; otherwise the submission is sent, then scored.
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
