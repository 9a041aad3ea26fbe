"""The compete stage."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.compete import ENSEMBLE
from facial_keypoints.pipelines.compete.answers import (
    assemble_ensemble,
    audit_labels_again,
    crown_ensemble,
    draw_label_issue_grid,
    estimate_score,
    predict_test_faces,
)
from facial_keypoints.pipelines.compete.nodes import (
    audit_labels,
    make_folds,
    plan_competition,
    train_members,
    train_scouts,
)


def create_pipeline() -> Pipeline:
    """From the faces to the ensemble's answers, the label audit and an estimate of the score."""
    return Pipeline(
        [
            Node(
                make_folds,
                ["labelled_faces", "params:competition"],
                "folds",
                name="make_folds",
            ),
            Node(
                plan_competition,
                ["labelled_faces", "test_faces", "folds", "params:competition", "session"],
                "competition_plan",
                name="plan_competition",
            ),
            Node(
                train_scouts,
                [
                    "labelled_faces",
                    "folds",
                    "competition_plan",
                    "params:competition",
                    f"{ENSEMBLE}.backups",
                ],
                "scouts",
                name="train_scouts",
                namespace=ENSEMBLE,
            ),
            Node(
                audit_labels,
                ["labelled_faces", "folds", "scouts"],
                "first_label_issues",
                name="audit_labels",
                namespace=ENSEMBLE,
            ),
            Node(
                train_members,
                [
                    "labelled_faces",
                    "test_faces",
                    "folds",
                    "scouts",
                    "first_label_issues",
                    "competition_plan",
                    "params:competition",
                    f"{ENSEMBLE}.backups",
                    "session",
                ],
                "members",
                name="train_members",
                namespace=ENSEMBLE,
            ),
            Node(
                audit_labels_again,
                ["labelled_faces", "folds", "scouts", "first_label_issues", "members"],
                "label_issues",
                name="audit_labels_again",
            ),
            Node(
                draw_label_issue_grid,
                ["labelled_faces", "label_issues"],
                "label_issue_grid",
                name="draw_label_issue_grid",
            ),
            Node(
                predict_test_faces,
                ["labelled_faces", "test_faces", "members", "label_issues", "score_estimate"],
                [f"{ENSEMBLE}.test_predictions", "mean_face"],
                name="predict_test_faces",
            ),
            Node(
                assemble_ensemble,
                ["scouts", "members", "competition_plan", "params:competition", "session"],
                f"{ENSEMBLE}.training",
                name="assemble_ensemble",
                namespace=ENSEMBLE,
            ),
            Node(crown_ensemble, f"{ENSEMBLE}.training", "champion", name="crown_ensemble"),
            Node(
                estimate_score,
                [
                    "labelled_faces",
                    "test_faces",
                    "lookup",
                    "folds",
                    "scouts",
                    "members",
                    "label_issues",
                    "params:competition",
                ],
                "score_estimate",
                name="estimate_score",
            ),
        ],
        tags="compete",
    )
