"""Training members of an ensemble, one after another or side by side in processes."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facial_keypoints.errors import InputError, TrainingFailedError
from facial_keypoints.models.heads import NUM_HEADS, Points
from facial_keypoints.models.registry import build_model
from facial_keypoints.training.fingerprints import fingerprint, training_origin
from facial_keypoints.training.keras_session import keras_session
from facial_keypoints.training.speed import Speed, measure_speed
from facial_keypoints.training.stores import CheckpointStore, TrainingStore
from facial_keypoints.training.task import TrainingResult, TrainingTask
from facial_keypoints.training.trainer import train_model
from facial_keypoints.training.workers import NEEDS_LESS, THIS_MACHINE, Workers

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MemberTask:
    """A member's training, and what it predicts afterwards.

    Attributes:
        training: The training; its samples have 19 keypoints (see ``heads.to_heads``).
        fingerprint: Of all that decides on the training but the clock (see ``member_fingerprint``).
        images: uint8 (m, 96, 96), to predict.
        num_views: Of each image, over which the prediction is averaged (TTA).
        deadline: Unix time by which the prediction is to end; None for no limit.
    """

    training: TrainingTask
    fingerprint: str
    images: npt.NDArray[np.uint8]
    num_views: int = 1
    deadline: float | None = None


@dataclass(frozen=True)
class MemberResult:
    """What a member's training leaves.

    Attributes:
        training: The training's result.
        predictions: float32 (m, 19, 2) in pixels, NaN where the training failed.
    """

    training: TrainingResult
    predictions: Points


def member_fingerprint(task: TrainingTask, *plan: Any) -> str:
    """Return the fingerprint of a member's checkpoint.

    The mirror bias that is subtracted from the labels comes from predictions, which may differ in
    the last bit from run to run: fingerprint a task before it is subtracted.

    Args:
        task: The training.
        plan: What else decides: a checkpoint of another budget has its learning rate behind it.
    """
    return fingerprint(
        training_origin(
            task.architecture,
            task.settings,
            task.train,
            training_samples=task.samples.digest(),
            initial_weights=_digest(task.initial_weights or []),
            plan=list(plan),
        )
    )


def _digest(weights: Sequence[npt.NDArray[np.float32]]) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in weights)).hexdigest()[:16]


def train_members(
    tasks: Sequence[MemberTask],
    training_store: TrainingStore | None,
    num_processes: int = 1,
    workers: Workers = THIS_MACHINE,
) -> list[MemberResult]:
    """Train members, each from its checkpoint where there is one.

    Args:
        tasks: In the order in which they start.
        training_store: The checkpoints that they resume from; None keeps none.
        num_processes: How many train side by side.
        workers: Where they train.

    Returns:
        The results, in the order of the tasks.

    Raises:
        InputError: If a process is killed, as for a lack of memory.
    """
    stored = [
        (
            task.training.name,
            (task, training_store and training_store.checkpoint(task.fingerprint)),
        )
        for task in tasks
    ]
    return workers.map(train_member, stored, num_processes)


def measure_speeds(
    task: TrainingTask, num_processes: int = 1, workers: Workers = THIS_MACHINE
) -> Speed:
    """Return the mean speed of processes that train at the same time.

    Args:
        task: What to train.
        num_processes: How many.
        workers: Where they train.

    Raises:
        InputError: If memory is exhausted.
    """
    try:
        speeds = workers.map(measure_speed, [(task.name, (task,))] * num_processes, num_processes)
    except TrainingFailedError as error:
        raise InputError(f"{error}; {NEEDS_LESS}") from error
    return Speed(
        float(np.mean([speed.trained for speed in speeds])),
        float(np.mean([speed.predicted for speed in speeds])),
        max(speed.set_up_seconds for speed in speeds),
    )


def train_member(task: MemberTask, store: CheckpointStore | None = None) -> MemberResult:
    """Train a member and predict.

    Args:
        task: What to do.
        store: Where the checkpoint lies.
    """
    from facial_keypoints.models.inference import make_predictor
    from facial_keypoints.training.prediction import predict_with_tta

    result = train_model(task.training, store)
    if result.failure is not None:
        logger.warning("%s failed: %s", task.training.name, result.failure)
        return MemberResult(result, np.full((len(task.images), NUM_HEADS, 2), np.nan, np.float32))
    with keras_session(task.training.train, result.precision):
        model = build_model(task.training.architecture, task.training.settings)
        model.set_weights(result.predicting_weights)
        predict = make_predictor(model)
        predictions = predict_with_tta(predict, task.images, task.num_views, task.deadline)
    return MemberResult(result, predictions)
