"""Nodes of the compete pipeline; the longer steps are in ``training`` and ``score``."""

import hashlib
import logging
import time
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.evaluation.records import Champion, points_fingerprint
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import format_count
from facial_keypoints.label_audit.audit import audit_faces
from facial_keypoints.metrics import mean_face
from facial_keypoints.models.ensemble import build_ensemble, ensemble_size
from facial_keypoints.models.heads import Points
from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.pipelines.compete import ENSEMBLE, score
from facial_keypoints.pipelines.compete.folds import fold_faces, group_faces
from facial_keypoints.pipelines.compete.plan import (
    NUM_HALVES,
    Plan,
    make_plan,
    number_of_processes,
)
from facial_keypoints.pipelines.compete.records import FirstStage, Folds, Members
from facial_keypoints.pipelines.compete.training import speed_task
from facial_keypoints.training.fingerprints import fingerprint
from facial_keypoints.training.members import measure_speeds
from facial_keypoints.training.records import Training, TrainingRecord
from facial_keypoints.training.session import Session
from facial_keypoints.training.workers import Workers

logger = logging.getLogger(__name__)

_MIN_MINUTES: Final = 10


def make_folds(faces: FaceSet, competition: CompetitionParameters) -> Folds:
    """Assign a fold to each face, such that images of one photograph share it.

    Args:
        faces: Training faces.
        competition: Holds the seed.
    """
    groups = group_faces(faces)
    return Folds(fold_faces(faces, groups, competition.seed), groups)


def plan_budget(
    faces: FaceSet,
    test_faces: FaceSet,
    folds: Folds,
    competition: CompetitionParameters,
    session: Session,
    workers: Workers,
) -> Plan:
    """Plan how the minutes are spent, from a speed measured with all processes at work.

    Args:
        faces: Training faces.
        test_faces: Test images.
        folds: Folds of the training faces.
        competition: Holds the budget.
        session: Its start is the budget's.
        workers: Where models train.
    """
    logger.info("Measuring the training speed, for about half a minute")
    members = min(folds.count, competition.members or folds.count)
    if competition.members is not None and competition.members > members:
        logger.warning(
            "competition.members=%d, but there are only %d folds to hold out: training %d",
            competition.members,
            folds.count,
            members,
        )
    processes = number_of_processes(members, workers)
    speed = measure_speeds(speed_task(faces, competition), processes, workers)
    plan = make_plan(
        competition,
        speed,
        num_processes=processes,
        num_folds=folds.count,
        num_faces=len(faces),
        num_test_faces=len(test_faces),
        started_at=session.started_at,
        now=time.time(),
    )
    _log_plan(plan, competition)
    return plan


def _log_plan(plan: Plan, competition: CompetitionParameters) -> None:
    minutes = "1 minute" if competition.minutes == 1 else f"{competition.minutes:g} minutes"
    at_a_time = "one" if plan.num_processes == 1 else plan.num_processes
    logger.info(
        "Plan: %s, about %s%s; %g of %s remain",
        format_count(plan.num_members, f"{plan.size} model"),
        format_count(round(plan.epochs), "epoch"),
        "" if plan.num_members == 1 else f" each, {at_a_time} at a time",
        round(plan.training_seconds / 60, 1),
        minutes,
    )
    if not plan.training_seconds:
        logger.warning(
            "Budget of %g min exhausted before training; each model trains for one step, and the "
            "submission is worth no more. Use competition.minutes=%d or more",
            competition.minutes,
            _MIN_MINUTES,
        )
    elif competition.minutes < _MIN_MINUTES:
        logger.warning(
            "%s %s too few for good models and a label audit; use competition.minutes=%d or more",
            minutes,
            "is" if competition.minutes == 1 else "are",
            _MIN_MINUTES,
        )


def audit_labels(faces: FaceSet, folds: Folds, first_stage: FirstStage) -> pd.DataFrame:
    """List labels that are probably wrong, by the first stage's predictions.

    Args:
        faces: Training faces.
        folds: Their folds.
        first_stage: Out-of-fold predictions.
    """
    half = folds.fold % NUM_HALVES
    return audit_faces(faces, half, first_stage.predictions, "first stage")


def predict_test_faces(
    faces: FaceSet,
    test_faces: FaceSet,
    members: Members,
    label_issues: pd.DataFrame,
    estimate: score.ScoreEstimate,
) -> tuple[Points, npt.NDArray[np.float32]]:
    """Return the ensemble's predictions (t, 15, 2) on the test images, and the mean face (15, 2).

    Args:
        faces: Training faces.
        test_faces: Test images.
        members: Their predictions.
        label_issues: The second audit.
        estimate: Says where the mean of the labels predicts instead.
    """
    points = score.predict_test(faces, test_faces, members, label_issues, estimate)
    return points, mean_face(faces.keypoints)


def assemble_ensemble(
    first_stage: FirstStage,
    members: Members,
    plan: Plan,
    session: Session,
) -> Training:
    """Return the members as one model, with its record.

    Args:
        first_stage: Names the checkpoints that are finished.
        members: The weights.
        plan: Holds the settings.
        session: Holds the MLflow run of the ensemble.
    """
    origin = {"members": members.fingerprints.tolist(), "weights": _digest(members)}
    minutes = float(members.seconds.sum()) / 60 / plan.num_processes
    record = TrainingRecord(
        variant=ENSEMBLE,
        architecture="heatmap_unet",
        settings={**plan.settings, "members": len(members.weights)},
        fingerprint=fingerprint(origin),
        origin=origin,
        precision="+".join(np.unique(members.precisions)),
        samples=int(members.samples.mean()),
        epochs=float(members.epochs.mean()),
        steps=int(members.steps.sum()),
        best_epoch=None,
        ended_by="time budget",
        interrupted_after_epochs=[],
        minutes=minutes,
        images_per_second=float((members.epochs * members.samples).sum()) / max(60 * minutes, 1e-9),
        mlflow_run_id=session.run_id_of(ENSEMBLE),
        size=ensemble_size(plan.settings, len(members.weights)),
        checkpoints=[*first_stage.fingerprints.tolist(), *members.fingerprints.tolist()],
    )
    build = partial(build_ensemble, plan.settings, members.weights, members.mirror_bias)
    return Training(record, _history(members), build)


def select_ensemble(training: Training, test_predictions: Points) -> Champion:
    """Make the ensemble the champion.

    Args:
        training: The ensemble.
        test_predictions: Its predictions (t, 15, 2) on the test images.
    """
    return Champion(
        ENSEMBLE,
        training.fingerprint,
        training.record.mlflow_run_id,
        test_predictions=points_fingerprint(test_predictions),
    )


def _digest(members: Members) -> str:
    """Of all members' weights, which no seed decides on where time ends a training."""
    content = b"".join(array.tobytes() for weights in members.weights for array in weights)
    return hashlib.sha256(content).hexdigest()[:16]


def _history(members: Members) -> pd.DataFrame:
    """Mean loss of each member in each of its epochs."""
    columns = {
        f"member_{number}_loss": pd.Series(history[:, 1], index=history[:, 0].astype(int))
        for number, (history,) in enumerate(members.histories, start=1)
    }
    return pd.DataFrame(columns).rename_axis("epoch").reset_index()
