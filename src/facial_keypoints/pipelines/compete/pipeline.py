"""The compete pipeline."""

from kedro.pipeline import Node, Pipeline

from facial_keypoints.pipelines import WORKERS
from facial_keypoints.pipelines.compete import ENSEMBLE, nodes, score, training
from facial_keypoints.plotting.label_issues import draw_label_issues

_TRAINING_STORE = f"{ENSEMBLE}.training_store"
_PREDICTIONS = ["labelled_faces", "test_faces", "lookup", "folds", "first_stage"]


def create_pipeline() -> Pipeline:
    """Return the pipeline from faces to the ensemble's predictions, the label audit and an
    estimate of the score.
    """
    return Pipeline(
        [
            Node(
                nodes.make_folds,
                ["labelled_faces", "params:competition"],
                "folds",
                name="make_folds",
            ),
            Node(
                nodes.plan_budget,
                [
                    *("labelled_faces", "test_faces", "folds", "params:competition", "session"),
                    WORKERS,
                ],
                "competition_plan",
                name="plan_budget",
            ),
            Node(
                training.train_first_stage,
                [
                    "labelled_faces",
                    "folds",
                    "competition_plan",
                    "params:competition",
                    _TRAINING_STORE,
                    WORKERS,
                ],
                "first_stage",
                name="train_first_stage",
                namespace=ENSEMBLE,
            ),
            Node(
                nodes.audit_labels,
                ["labelled_faces", "folds", "first_stage"],
                "first_label_issues",
                name="audit_labels",
                namespace=ENSEMBLE,
            ),
            Node(
                training.train_members,
                {
                    "faces": "labelled_faces",
                    "test_faces": "test_faces",
                    "folds": "folds",
                    "first_stage": "first_stage",
                    "first_label_issues": "first_label_issues",
                    "plan": "competition_plan",
                    "competition": "params:competition",
                    "training_store": _TRAINING_STORE,
                    "workers": WORKERS,
                },
                "ensemble_members",
                name="train_members",
                namespace=ENSEMBLE,
            ),
            Node(
                score.audit_labels_again,
                {
                    "faces": "labelled_faces",
                    "folds": "folds",
                    "first_stage": "first_stage",
                    "first_label_issues": "first_label_issues",
                    "members": "ensemble_members",
                },
                "label_issues",
                name="audit_labels_again",
            ),
            Node(
                draw_label_issues,
                ["labelled_faces", "label_issues"],
                "label_issue_grid",
                name="draw_label_issue_grid",
            ),
            Node(
                score.estimate_score,
                [*_PREDICTIONS, "ensemble_members", "label_issues", "params:competition"],
                "score_estimate",
                name="estimate_score",
            ),
            Node(
                nodes.assemble_ensemble,
                {
                    "first_stage": "first_stage",
                    "members": "ensemble_members",
                    "plan": "competition_plan",
                    "session": "session",
                },
                f"{ENSEMBLE}.training",
                name="assemble_ensemble",
                namespace=ENSEMBLE,
            ),
            Node(
                nodes.select_ensemble,
                [f"{ENSEMBLE}.training", f"{ENSEMBLE}.test_predictions"],
                "champion",
                name="select_ensemble",
            ),
            Node(
                nodes.predict_test_faces,
                {
                    "faces": "labelled_faces",
                    "test_faces": "test_faces",
                    "members": "ensemble_members",
                    "label_issues": "label_issues",
                    "estimate": "score_estimate",
                },
                [f"{ENSEMBLE}.test_predictions", "mean_face"],
                name="predict_test_faces",
            ),
        ],
        tags="compete",
    )
