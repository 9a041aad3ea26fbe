"""How fast a model trains and predicts on this machine."""

import math
import time
from dataclasses import dataclass
from typing import Any, Final

from facial_keypoints.training.augmentation import make_augmenter
from facial_keypoints.training.input_pipeline import make_batches
from facial_keypoints.training.keras_session import keras_session, out_of_memory_as_failure
from facial_keypoints.training.models import build_training_model
from facial_keypoints.training.precision import choose_precision
from facial_keypoints.training.task import TrainingTask

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


def measure_speed(task: TrainingTask, seconds: float = _MEASURED_SECONDS) -> Speed:
    """Train and predict for some seconds, with augmentation, averaged weights and schedule.

    Args:
        task: What to train.
        seconds: Time to measure training for, after the graph is built; less where the task's
            epochs take less.
    """
    from facial_keypoints.models.inference import make_predictor
    from facial_keypoints.training.callbacks import CosineSchedule, ExponentialMovingAverage
    from facial_keypoints.training.progress import Progress, Stopwatch

    train = task.train
    precision, _ = choose_precision(train.precision)
    batch_size = min(train.batch_size, len(task.samples))
    with keras_session(train, precision), out_of_memory_as_failure():
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
        predict = make_predictor(model)
        few = task.samples.images[: 4 * batch_size]
        predict(few)
        started = time.monotonic()
        predict(few)
        predicted = len(few) / (2 * (time.monotonic() - started))
    trained = batch_size / stopwatch.seconds_per_step
    return Speed(trained, predicted, stopwatch.set_up_seconds)


def _steps(task: TrainingTask, batch_size: int) -> int:
    """Return the number of steps to measure at most: as many as the training has."""
    if task.train.epochs is None:
        return _MAX_STEPS
    return max(_MIN_STEPS, task.train.epochs * math.ceil(len(task.samples) / batch_size))
