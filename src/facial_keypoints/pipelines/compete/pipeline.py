"""The compete stage."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines.compete import ENSEMBLE
from facial_keypoints.pipelines.compete.answers import (
    assemble_ensemble,
    audit_labels_again,
    crown_ensemble,
    draw_suspects_sheet,
    estimate_score,
    predict_test_faces,
)
from facial_keypoints.pipelines.compete.nodes import (
    audit_labels,
    fold_training_faces,
    plan_competition,
    train_members,
    train_scouts,
)


def create_pipeline() -> Pipeline:
    """From the faces to the ensemble's answers, the label audit and an estimate of the score."""
    return Pipeline(
        [
            Node(
                fold_training_faces,
                ["faces_as_labelled", "params:competition"],
                "competition_folds",
                name="fold_training_faces",
            ),
            Node(
                plan_competition,
                ["faces_as_labelled", "test_faces", "competition_folds", "params:competition"],
                "competition_plan",
                name="plan_competition",
            ),
            Node(
                train_scouts,
                [
                    "faces_as_labelled",
                    "competition_folds",
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
                ["faces_as_labelled", "competition_folds", "scouts"],
                "doubts",
                name="audit_labels",
                namespace=ENSEMBLE,
            ),
            Node(
                train_members,
                [
                    "faces_as_labelled",
                    "test_faces",
                    "competition_folds",
                    "scouts",
                    "doubts",
                    "competition_plan",
                    "params:competition",
                    f"{ENSEMBLE}.backups",
                ],
                "members",
                name="train_members",
                namespace=ENSEMBLE,
            ),
            Node(
                audit_labels_again,
                ["faces_as_labelled", "competition_folds", "scouts", "doubts", "members"],
                "suspects",
                name="audit_labels_again",
            ),
            Node(
                draw_suspects_sheet,
                ["faces_as_labelled", "suspects"],
                "suspects_sheet",
                name="draw_suspects_sheet",
            ),
            Node(
                predict_test_faces,
                ["faces_as_labelled", "test_faces", "members", "suspects", "score_estimate"],
                [f"{ENSEMBLE}.test_predictions", "mean_face"],
                name="predict_test_faces",
            ),
            Node(
                assemble_ensemble,
                ["scouts", "members", "competition_plan", "params:competition"],
                f"{ENSEMBLE}.training",
                name="assemble_ensemble",
                namespace=ENSEMBLE,
            ),
            Node(crown_ensemble, f"{ENSEMBLE}.training", "champion", name="crown_ensemble"),
            Node(
                estimate_score,
                [
                    "faces_as_labelled",
                    "test_faces",
                    "lookup",
                    "competition_folds",
                    "scouts",
                    "members",
                    "suspects",
                    "params:competition",
                ],
                "score_estimate",
                name="estimate_score",
            ),
        ],
        tags="compete",
    )
