"""Nodes of the train pipeline."""

import logging
from dataclasses import replace
from typing import Any

from matplotlib.figure import Figure

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import format_duration
from facial_keypoints.parameters import StudyParameters, VariantParameters
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
from facial_keypoints.training.variants import StudyEstimate, estimate_study, fit_variant

logger = logging.getLogger(__name__)


def estimate_training_time(
    train: FaceSet, validation: FaceSet, study: StudyParameters, **variants: Any
) -> StudyEstimate:
    """Estimate how long the chosen variants train on this machine.

    Args:
        train: Samples to train on.
        validation: Samples to validate on.
        study: Whether earlier trainings are reused.
        variants: Each variant, keyed "<variant>.parameters", and its earlier trainings by
            fingerprint, in a store keyed "<variant>.training_store".
    """
    names = [key.removesuffix(".parameters") for key in variants if key.endswith(".parameters")]
    chosen = {n: VariantParameters.model_validate(variants[f"{n}.parameters"]) for n in names}
    earlier = {name: variants[f"{name}.training_store"].earlier() for name in names}
    return estimate_study(train, validation, study, chosen, earlier)


def train_variant(
    train: FaceSet,
    validation: FaceSet,
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
        estimate: Not used; every variant's time is logged before the first one trains.
        variant: What to train.
        study: Whether earlier trainings are reused, and what a failure means.
        training_store: Earlier trainings, and the checkpoint that a training resumes from.
        session: Holds the MLflow run of the variant.

    Raises:
        InputError: If the training fails and ``study.on_failure`` is "stop".
    """
    del estimate
    origin = origin_of(variant, samples_origin(train, validation))
    name, run_id = fingerprint(origin), session.run_id_of(variant.name)
    earlier, checkpoint = training_store.earlier(), training_store.checkpoint(name)
    finished = reusable_training(earlier, name)
    if study.reuse and finished is not None:
        return _reuse(finished, variant, study, run_id)
    if earlier and not checkpoint.exists():
        reason = differences(list(earlier.values())[-1].record.origin, origin)
        reason = reason or ("memory was exhausted" if study.reuse else "study.reuse is false")
        logger.info("%s: training again (%s)", variant.name, reason)
    training = fit_variant(variant, train, validation, checkpoint, run_id)
    _report(training, variant, study)
    return training


def _reuse(
    training: Training, variant: VariantParameters, study: StudyParameters, run_id: str | None
) -> Training:
    """The earlier training; if MLflow was unreachable then, with the run of this session."""
    if training.failure is None:
        logger.info(
            "%s: reusing training %s (same data, parameters and code)",
            variant.name,
            training.fingerprint,
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
            "%s: trained for %s, %d epochs (ended by: %s); best epoch %s",
            variant.name,
            format_duration(60 * record.minutes),
            record.epochs,
            record.ended_by,
            record.best_epoch,
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
