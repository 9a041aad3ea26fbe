"""How fast a model trains and predicts where it runs."""

import logging
import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from facial_keypoints.errors import TrainingFailedError
from facial_keypoints.training.augmentation import make_augmenter
from facial_keypoints.training.input_pipeline import make_batches
from facial_keypoints.training.keras_session import keras_session, out_of_memory_as_failure
from facial_keypoints.training.models import build_training_model
from facial_keypoints.training.precision import choose_precision
from facial_keypoints.training.task import TrainingTask
from facial_keypoints.training.workers import Workers

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

_MAX_STEPS: Final = 10**6
_MIN_STEPS: Final = 4  # two build the graph
_MEASURED_SECONDS: Final = 4.0


@dataclass(frozen=True)
class Speed:
    """How fast a model trains and predicts on this machine.

    Attributes:
        trained: Images per second, in training.
        predicted: Images per second, with their mirror images.
        set_up_seconds: Building the graph.
    """

    trained: float
    predicted: float
    set_up_seconds: float


@dataclass(frozen=True)
class TrainingSpeed:
    """How fast a model trains where it will train.

    Attributes:
        trained: Images per second.
        set_up_seconds: Building the graph.
        start_seconds: Until its process is ready, if it has a separate one.
    """

    trained: float
    set_up_seconds: float
    start_seconds: float = 0.0


def measure_trainings(
    tasks: Sequence[TrainingTask], seconds: float, workers: Workers, at_a_time: int
) -> dict[str, TrainingSpeed]:
    """Measure trainings where they will train, as many side by side as then.

    Args:
        tasks: What to train. Measured again while a place would be free otherwise.
        seconds: As for ``measure_training``.
        workers: Where they will train.
        at_a_time: How many will train side by side.

    Returns:
        The speed of each, by name; without those that memory does not suffice for, which are
        logged.
    """
    if not tasks:
        return {}
    full = -(-len(tasks) // at_a_time) * at_a_time
    work = [(task.name, (task, seconds)) for task in islice(cycle(tasks), full)]
    submitted = time.time()
    outcomes = workers.map(_measure_when_ready, work, at_a_time)
    first = sorted(ready for _, ready in outcomes)[:at_a_time]
    found: dict[str, list[TrainingSpeed]] = {}
    failed: dict[str, TrainingFailedError] = {}
    for (name, _), (outcome, _) in zip(work, outcomes, strict=True):
        if isinstance(outcome, TrainingSpeed):
            found.setdefault(name, []).append(outcome)
        else:
            failed[name] = outcome
    for name, error in failed.items():
        if name not in found:
            logger.warning("%s: not measured, %s", name, error)
    return {
        name: TrainingSpeed(
            fmean(speed.trained for speed in speeds),
            set_up := fmean(speed.set_up_seconds for speed in speeds),
            max(fmean(first) - submitted - set_up, 0.0),
        )
        for name, speeds in found.items()
    }


def _measure_when_ready(
    task: TrainingTask, seconds: float
) -> tuple[TrainingSpeed | TrainingFailedError, float]:
    """Return the speed, or why there is none, and the Unix time of the measurement's start.

    In a new process the first graph takes longer than others: it is built before.
    """
    is_new = "tensorflow" not in sys.modules
    ready = time.time()
    try:
        with out_of_memory_as_failure():
            if is_new:
                measure_training(task, 0.0)
                ready = time.time()
            return measure_training(task, seconds), ready
    except TrainingFailedError as error:
        return error, ready


def measure_training(task: TrainingTask, seconds: float) -> TrainingSpeed:
    """Train for some seconds, with augmentation, averaged weights and schedule.

    Args:
        task: What to train.
        seconds: Time to measure training for, after the graph is built; less where the task's
            epochs take less.
    """
    with _session(task):
        _, speed = _train(task, seconds)
    return speed


def measure_speed(task: TrainingTask, seconds: float = _MEASURED_SECONDS) -> Speed:
    """Train and predict for some seconds.

    Args:
        task: What to train.
        seconds: As for ``measure_training``.
    """
    from facial_keypoints.models.inference import make_predictor

    with _session(task):
        model, speed = _train(task, seconds)
        predict = make_predictor(model)
        few = task.samples.images[: 4 * task.train.batch_size]
        predict(few)
        started = time.monotonic()
        predict(few)
        predicted = len(few) / (2 * (time.monotonic() - started))
    return Speed(speed.trained, predicted, speed.set_up_seconds)


@contextmanager
def _session(task: TrainingTask) -> Iterator[None]:
    precision, _ = choose_precision(task.train.precision, task.architecture, task.settings)
    with keras_session(task.train, precision), out_of_memory_as_failure():
        yield


def _train(task: TrainingTask, seconds: float) -> "tuple[keras.Model, TrainingSpeed]":
    from facial_keypoints.training.callbacks import CosineSchedule, ExponentialMovingAverage
    from facial_keypoints.training.progress import Progress, Stopwatch

    train = task.train
    batch_size = min(train.batch_size, len(task.samples))
    stopwatch, progress = Stopwatch(seconds), Progress()
    model = build_training_model(task)
    callbacks: list[Any] = [progress]
    if train.ema_decay is not None:
        average = ExponentialMovingAverage(progress, train.ema_decay)
        average.build(model)
        callbacks.append(average)
    if train.schedule == "cosine":
        callbacks.append(CosineSchedule(progress, train.learning_rate, train.warmup_steps))
    batches = make_batches(
        task.samples, batch_size, 0, seed=0, augment=make_augmenter(task, progress)
    )
    model.fit(
        batches,
        steps_per_epoch=_steps(task, batch_size),
        shuffle=False,
        verbose=0,
        callbacks=[*callbacks, stopwatch],  # it waits for the others' work, too
    )
    trained = batch_size / stopwatch.seconds_per_step
    return model, TrainingSpeed(trained, stopwatch.set_up_seconds)


def _steps(task: TrainingTask, batch_size: int) -> int:
    """Return the number of steps to measure at most: as many as the training has."""
    if task.train.epochs is None:
        return _MAX_STEPS
    return max(_MIN_STEPS, task.train.epochs * math.ceil(len(task.samples) / batch_size))
