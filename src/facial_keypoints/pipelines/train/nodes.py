"""Nodes of the train pipeline."""

import logging
import time
from dataclasses import replace
from typing import Any

from matplotlib.figure import Figure

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import format_count, format_duration
from facial_keypoints.parameters import StudyParameters, VariantParameters
from facial_keypoints.pipelines import by_variant
from facial_keypoints.plotting.curves import draw_loss_and_accuracy
from facial_keypoints.training.fingerprints import (
    differences,
    fingerprint,
    origin_of,
    samples_origin,
)
from facial_keypoints.training.records import Training, reusable_training
from facial_keypoints.training.session import Session
from facial_keypoints.training.stores import TrainingStore
from facial_keypoints.training.study_estimate import (
    StudyEstimate,
    estimate_study,
    schedule_study,
    waiting_variants,
)
from facial_keypoints.training.study_plan import StudyPlan
from facial_keypoints.training.variants import fit_variant
from facial_keypoints.training.workers import Workers

logger = logging.getLogger(__name__)


def estimate_training_time(
    train: FaceSet,
    validation: FaceSet,
    study: StudyParameters,
    plan: StudyPlan,
    session: Session,
    workers: Workers,
    **variants: Any,
) -> StudyEstimate:
    """Estimate how long the chosen variants train; within a budget, set their deadlines.

    Args:
        train: Samples to train on.
        validation: Samples to validate on.
        study: Whether earlier trainings are reused.
        plan: The scale of all variants.
        session: Its start is the budget's.
        workers: Where the variants train.
        variants: Each variant, keyed "<variant>.parameters", and its earlier trainings by
            fingerprint, in a store keyed "<variant>.training_store".

    Raises:
        InputError: If the plan was made for another budget.
    """
    plan.check(study)
    chosen = {
        name: plan.apply(VariantParameters.model_validate(parameters))
        for name, parameters in by_variant(variants, "parameters").items()
    }
    earlier = {
        name: store.earlier() for name, store in by_variant(variants, "training_store").items()
    }
    if plan.minutes is None:
        return estimate_study(train, validation, study, chosen, earlier, workers)
    waiting = waiting_variants(train, validation, study, chosen, earlier)
    already_trained = [name for name in chosen if name not in waiting]
    at_a_time = workers.nodes_at_a_time(len(waiting))
    return schedule_study(plan, waiting, already_trained, session, time.time(), at_a_time)


def train_variant(
    train: FaceSet,
    validation: FaceSet,
    plan: StudyPlan,
    estimate: StudyEstimate,
    variant: VariantParameters,
    study: StudyParameters,
    training_store: TrainingStore,
    session: Session,
) -> Training:
    """Train a variant, or reuse its training of the same data, parameters and code.

    Args:
        train: Samples to train on.
        validation: Samples to validate on.
        plan: The scale of all variants.
        estimate: Holds the deadline, if there is a budget; every variant's time is logged before
            the first one trains.
        variant: What to train, at full scale.
        study: Whether earlier trainings are reused, and what a failure means.
        training_store: Earlier trainings, and the checkpoint that a training resumes from.
        session: Holds the MLflow run of the variant.

    Raises:
        InputError: If the training fails and ``study.on_failure`` is "stop".
    """
    variant = plan.apply(variant)
    origin = origin_of(variant, samples_origin(train, validation))
    name, run_id = fingerprint(origin), session.run_id_of(variant.name)
    earlier, checkpoint = training_store.earlier(), training_store.checkpoint(name)
    finished = reusable_training(earlier, name)
    if study.reuse and finished is not None:
        return _reuse(finished, variant, study, run_id)
    if earlier and not checkpoint.exists():
        reason = differences(list(earlier.values())[-1].record.origin, origin)
        reason = reason or (_reason(earlier[name]) if study.reuse else "study.reuse is false")
        logger.info("%s: training again (%s)", variant.name, reason)
    deadline = estimate.deadline_of(variant.name, session)
    training = fit_variant(variant, train, validation, checkpoint, run_id, deadline)
    _report(training, variant, study)
    return training


def _reason(earlier: Training) -> str:
    """Why a training of the same origin may end better now."""
    return "memory was exhausted" if earlier.failure else "the study's budget had stopped it"


def _reuse(
    training: Training, variant: VariantParameters, study: StudyParameters, run_id: str | None
) -> Training:
    """The earlier training; if MLflow was unreachable then, with the run of this session."""
    if training.failure is None:
        logger.info(
            "%s: reusing training (same data, parameters and code)",
            variant.name,
        )
    else:
        _report(training, variant, study)
    if training.record.mlflow_run_id is not None or run_id is None:
        return training
    return replace(training, record=replace(training.record, mlflow_run_id=run_id))


def _report(training: Training, variant: VariantParameters, study: StudyParameters) -> None:
    record = training.record
    if training.failure is None:
        logger.info(
            "%s: %s in %s (%s), best: epoch %s",
            variant.name,
            format_count(int(record.epochs), "epoch"),
            format_duration(60 * record.minutes),
            record.ended_by,
            record.best_epoch,
        )
        if not training.is_final:
            logger.warning(
                "%s: stopped by the study's budget after %d of %d epochs",
                variant.name,
                record.epochs,
                variant.train.epochs,
            )
        return
    when = "failed in an earlier run" if training.reused else "failed"
    message = f"{variant.name} {when}: {training.failure}"
    if study.on_failure == "stop":
        raise InputError(
            f"{message}. Change its settings, or continue with the other variants: "
            "--params study.on_failure=continue"
        )
    retry = "; study.reuse=false tries again" if training.reused else ""
    logger.warning("%s. The study continues without it%s", message, retry)


def draw_learning_curve(training: Training, variant: VariantParameters) -> Figure:
    """Plot loss and the paper's accuracy by epoch (as in Figure 3).

    Args:
        training: Holds the history.
        variant: Names the figure.
    """
    return draw_loss_and_accuracy({variant.name: training.history})
