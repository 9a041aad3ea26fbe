"""The trainer: one loop for the study's variants and the ensemble's members.

Keras' ``fit`` trains; callbacks of ours add what it lacks (``callbacks``, ``checkpoints``,
``progress``). This module imports Keras inside functions only.
"""

import logging
import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from facial_keypoints.errors import TrainingFailedError
from facial_keypoints.training.augmentation import make_augmenter
from facial_keypoints.training.input_pipeline import (
    make_batches,
    steps_per_epoch,
    validation_batches,
)
from facial_keypoints.training.keras_session import keras_session, out_of_memory_as_failure
from facial_keypoints.training.models import build_training_model
from facial_keypoints.training.precision import choose_precision
from facial_keypoints.training.stores import CheckpointStore
from facial_keypoints.training.task import TrainingResult, TrainingTask, Weights

if TYPE_CHECKING:
    import keras

    from facial_keypoints.training.callbacks import ExponentialMovingAverage
    from facial_keypoints.training.checkpoints import Checkpoint
    from facial_keypoints.training.progress import Progress

logger = logging.getLogger(__name__)

_MAX_EPOCHS: Final = 10**6
_FIGURES: Final = ("loss", "rmse", "accuracy", "val_loss", "val_rmse", "val_accuracy")
"""Columns of the curve of a training that failed in its first epoch."""


def train_model(task: TrainingTask, store: CheckpointStore | None = None) -> TrainingResult:
    """Train one model to its end, from its checkpoint where there is one.

    Args:
        task: What to do.
        store: Where the state after each epoch is kept.

    Returns:
        The result. If the loss diverged or memory was exhausted it has no weights, and says why.
    """
    from facial_keypoints.training.callbacks import ExponentialMovingAverage
    from facial_keypoints.training.checkpoints import Checkpoint
    from facial_keypoints.training.progress import Progress

    train = task.train
    precision, reason = choose_precision(train.precision, task.architecture, task.settings)
    logger.info("%s: trains in %s (%s)", task.name, precision, reason)
    steps = steps_per_epoch(len(task.samples), train.batch_size)
    checkpoint = Checkpoint(task.name, precision, store)
    progress = Progress(None if train.epochs is None else train.epochs * steps, task.span)
    average = None
    if train.ema_decay is not None:
        average = ExponentialMovingAverage(progress, train.ema_decay)
    weights: Weights = []
    averaged: Weights = []
    at_deadline = False
    failure: TrainingFailedError | None = None
    try:
        with keras_session(train, precision), out_of_memory_as_failure():
            model = build_training_model(task)
            if average is not None:
                average.build(model)
            checkpoint.restore(model, average)
            facts = checkpoint.facts
            budget = _budget_seconds(task, facts)
            at_deadline = budget is not None and budget != _max_seconds(task)
            progress.start(facts.get("seconds", 0.0), facts.get("steps", 0), budget)
            _fit(model, task, checkpoint, progress, average)
            weights = model.get_weights()
            if average is not None:
                averaged = [np.asarray(variable) for variable in average.variables]
    except TrainingFailedError as error:
        failure = error
    epochs = checkpoint.epochs
    history = pd.DataFrame(epochs, columns=None if epochs else list(_FIGURES), dtype=float)
    history.insert(0, "epoch", np.arange(1, len(history) + 1))
    ended_by = checkpoint.ended_by
    if progress.steps == progress.total_steps:
        ended_by = "all epochs"
    return TrainingResult(
        weights=weights,
        predicting_weights=averaged or weights,
        history=history,
        precision=precision,
        epochs=progress.steps / steps,
        steps=progress.steps,
        samples=len(task.samples),
        seconds=progress.seconds,
        ended_by="failure" if failure else ended_by,
        interruptions=checkpoint.interruptions,
        failure=None if failure is None else str(failure),
        may_pass=failure.may_pass if failure else at_deadline and ended_by == "time budget",
    )


def _fit(
    model: "keras.Model",
    task: TrainingTask,
    checkpoint: "Checkpoint",
    progress: "Progress",
    average: "ExponentialMovingAverage | None",
) -> None:
    """Train to the end, from the checkpoint."""
    from facial_keypoints.training.progress import ProgressLog

    train, done = task.train, len(checkpoint.epochs)
    batch_size = min(train.batch_size, len(task.samples))
    steps = steps_per_epoch(len(task.samples), batch_size)
    watched = _callbacks(task, progress)
    checkpoint.watch(watched, progress, average)
    log = ProgressLog(
        task.name,
        progress,
        variant=task.variant,
        first_epoch=done,
        epochs=train.epochs,
        steps_per_epoch=steps,
    )
    validation = None
    if task.validation is not None:
        validation = validation_batches(task.validation, batch_size)
    epochs = train.epochs or _MAX_EPOCHS
    batches = make_batches(
        task.samples,
        batch_size,
        done,
        seed=train.seed,
        shuffle=train.shuffle,
        augment=make_augmenter(task, progress),
    )
    model.fit(
        batches,
        steps_per_epoch=steps,
        initial_epoch=done if checkpoint.ended_by is None else epochs,
        epochs=epochs,
        validation_data=validation,
        shuffle=False,  # the batches are in order already
        verbose=0,
        # steps are counted before the others look; an epoch is logged once it is saved
        callbacks=[progress, *([average] if average else []), *watched, checkpoint, log],
    )


def _callbacks(task: TrainingTask, progress: "Progress") -> list["keras.callbacks.Callback"]:
    """What decides on the learning rate and on the end."""
    import keras

    from facial_keypoints.training import callbacks as own

    train, validation = task.train, task.validation
    chosen: list[keras.callbacks.Callback] = [own.DivergenceGuard()]
    if progress.budget_seconds is not None:
        batches = 0 if validation is None else steps_per_epoch(len(validation), train.batch_size)
        chosen.append(own.TimeBudget(progress, batches))
    if train.schedule == "cosine":
        chosen.append(own.CosineSchedule(progress, train.learning_rate, train.warmup_steps))
    elif progress.budget_seconds is not None and train.max_minutes is not None:
        chosen.append(own.Cooldown(progress, progress.budget_seconds * train.cooldown))
    if validation is not None and train.schedule == "plateau":
        plateau = train.reduce_on_plateau
        chosen.append(
            keras.callbacks.ReduceLROnPlateau(
                factor=plateau.factor, patience=plateau.patience, min_lr=plateau.min_learning_rate
            )
        )
    if validation is not None and train.early_stopping_patience is not None:
        chosen.append(
            keras.callbacks.EarlyStopping(
                patience=train.early_stopping_patience, restore_best_weights=True
            )
        )
    return chosen


def _budget_seconds(task: TrainingTask, restored: dict[str, Any]) -> float | None:
    """Seconds that the whole training may take; a resumed one takes no longer than without."""
    budget = _max_seconds(task)
    if task.deadline is None:
        return budget
    done = float(restored.get("seconds", 0.0))
    until_deadline = done + max(task.deadline - time.time(), 0.0)
    bounds = [until_deadline, budget, restored.get("budget_seconds")]
    return max(min(bound for bound in bounds if bound is not None), 1e-3)


def _max_seconds(task: TrainingTask) -> float | None:
    return None if task.train.max_minutes is None else 60 * task.train.max_minutes
