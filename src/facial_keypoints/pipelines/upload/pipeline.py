"""The upload pipeline."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.parameters import UploadParameters
from facial_keypoints.pipelines.upload.nodes import (
    read_own_submission,
    send_submission,
    show_submission,
    wait_for_kaggle_score,
)


def create_pipeline(upload: UploadParameters) -> Pipeline:
    """Return the nodes from the submission to Kaggle's score, or those that the parameters select.

    Args:
        upload: ``file`` takes the place of the pipeline's submission; ``dry_run`` only shows the
            submission; ``wait_only`` resumes waiting for the score of the last receipt; otherwise
            the submission is sent, then scored.
    """
    own = "" if upload.file is None else "own_"
    submission = [
        *(f"{own}submission", f"{own}submission_record"),
        *("lookup", "answer_key", "params:download", "session"),
    ]
    read = Node(
        read_own_submission,
        ["params:upload", "lookup", "session"],
        ["own_submission", "own_submission_record"],
        name="read_own_submission",
    )
    send = Node(
        send_submission,
        [*submission, "params:upload"],
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
        nodes = [Node(show_submission, submission, None, name="show_submission")]
    elif upload.wait_only:
        nodes = [wait]
    else:
        nodes = [send, wait]
    if own:
        nodes.insert(0, read)
    return Pipeline(nodes, tags="upload")
