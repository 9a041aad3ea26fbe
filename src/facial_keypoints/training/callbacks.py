"""Keras callbacks: time budget, learning rate, averaged weights, divergence.

This module imports Keras and is itself imported only inside functions.
"""

import math
import time
from typing import Any, Final

import keras
from keras import ops

from facial_keypoints.errors import TrainingFailedError
from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.training.progress import Progress

_VALIDATION_COST: Final = 0.4
"""Cost of validating a batch relative to training on it, assumed until it is measured: a training
step is one pass forward and about two backward."""
_WARMUP_STEPS: Final = 2  # the first ones build the graph
_CHECK_EVERY: Final = 10  # steps; reading the loss waits for the device
_EXPLODED: Final = float((10 * IMAGE_SIZE) ** 2)
"""Mean squared error, in px², of points ten images away."""
_LOWEST_RATE: Final = 1e-3
"""Of the cosine schedule, as a fraction of its peak."""


class TimeBudget(keras.callbacks.Callback):
    """Ends training when no further step, and the validation after it, fits into the budget.

    The epoch is then closed as any other: validated, and judged by early stopping.

    Args:
        progress: Holds the budget.
        validation_batches: 0 where nothing is validated.
    """

    def __init__(self, progress: Progress, validation_batches: int) -> None:
        super().__init__()
        self.exhausted = False
        self._progress = progress
        self._validation_batches = validation_batches
        self._validation_seconds: float | None = None
        self._started = 0.0
        self._fastest_step = math.inf
        self._steps = 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Start the step's clock."""
        self._started = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stop if no further step and the validation fit into the remaining time."""
        self._steps += 1
        self._fastest_step = min(self._fastest_step, time.monotonic() - self._started)
        self._stop_if_exhausted()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Do not start an epoch for which there is no time: the validation took longer."""
        self._stop_if_exhausted()

    def on_test_begin(self, logs: Any = None) -> None:
        """Start the validation's clock."""
        self._started = time.monotonic()

    def on_test_end(self, logs: Any = None) -> None:
        """Measure the validation, to leave time for the next one."""
        self._validation_seconds = time.monotonic() - self._started

    def _stop_if_exhausted(self) -> None:
        ahead = 0.0
        if self._validation_seconds is not None:
            ahead = self._fastest_step + self._validation_seconds
        elif self._steps > _WARMUP_STEPS:
            ahead = (1 + self._validation_batches * _VALIDATION_COST) * self._fastest_step
        if self._progress.remaining_seconds <= ahead:
            self.exhausted = True
            self.model.stop_training = True


class CosineSchedule(keras.callbacks.Callback):
    """Cosine learning rate after a linear warm-up (Loshchilov and Hutter 2017), by progress.

    Keras' ``CosineDecay`` counts steps; here the end is a time that no number of steps is known
    for beforehand.

    Args:
        progress: How far the training is.
        peak: Highest learning rate.
        warmup_steps: Steps over which it rises.
    """

    def __init__(self, progress: Progress, peak: float, warmup_steps: int) -> None:
        super().__init__()
        self._progress = progress
        self._peak = peak
        self._warmup_steps = warmup_steps

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the rate for the next steps."""
        warmup = min(1.0, (self._progress.steps + 1) / self._warmup_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * self._progress.fraction))
        self.model.optimizer.learning_rate = self._peak * max(warmup * cosine, _LOWEST_RATE)


class Cooldown(keras.callbacks.Callback):
    """Linear decay of the learning rate to zero over the last part of a time budget.

    A budget mostly ends training long before the validation loss stalls and ReduceLROnPlateau
    steps in; weights that still move at the full rate settle in that time (the decay phase of a
    warm-up-stable-decay schedule).

    Args:
        progress: Holds the budget.
        seconds: Length of the decay.
    """

    def __init__(self, progress: Progress, seconds: float) -> None:
        super().__init__()
        self._progress = progress
        self._seconds = seconds
        self.full_rate: float | None = None

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the rate for the next steps once the decay has started."""
        remaining = self._progress.remaining_seconds
        if remaining >= self._seconds:
            return
        optimizer = self.model.optimizer
        if self.full_rate is None:
            self.full_rate = float(optimizer.learning_rate)
        optimizer.learning_rate = self.full_rate * remaining / self._seconds


class ExponentialMovingAverage(keras.callbacks.Callback):
    """Exponential moving average of all weights, as timm's ``ModelEma``.

    Keras' ``use_ema`` averages trainable weights alone, with one decay from the first step on: it
    keeps the start of a short training, and leaves the moments of batch normalisation those of
    other weights. Here the decay rises from 0.1, ``(1 + step) / (10 + step)``.

    Args:
        progress: Counts the steps.
        decay: The highest.
    """

    def __init__(self, progress: Progress, decay: float) -> None:
        super().__init__()
        self.variables: list[Any] = []
        self._progress = progress
        self._decay = decay
        self._before = 0
        self._update: Any = None

    def build(self, model: keras.Model) -> None:
        """Start from the model's weights."""
        self.variables = [
            keras.Variable(variable, dtype="float32", trainable=False)
            for variable in model.variables
        ]

        def update(decay: Any) -> None:
            for average, variable in zip(self.variables, model.variables, strict=True):
                value = ops.cast(variable, "float32")
                average.assign(average + (1 - decay) * (value - average))

        self._update = update
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            self._update = tf.function(update, [tf.TensorSpec((), tf.float32)])

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Remember the step."""
        self._before = self._progress.steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move the averages once for the steps just done."""
        steps = self._progress.steps
        decay = min(self._decay, (1 + steps) / (10 + steps))
        self._update(ops.convert_to_tensor(decay ** (steps - self._before), "float32"))


class DivergenceGuard(keras.callbacks.Callback):
    """Ends a training whose loss is not finite, or beyond all measure.

    Raises:
        TrainingFailedError: From within ``fit``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Check the epoch's mean loss so far: one diverged step is enough to spoil it."""
        if batch % _CHECK_EVERY == 0:
            self._check("loss", logs["loss"], f", step {batch + 1}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Check both losses."""
        for name in ("loss", "val_loss"):
            if name in logs:
                self._check(name, logs[name], "")

    def _check(self, name: str, value: float, step: str) -> None:
        if not math.isfinite(value) or (name == "loss" and value > _EXPLODED):
            what = {"loss": "the loss", "val_loss": "the validation loss"}[name]
            raise TrainingFailedError(f"{what} became {value:.3g} in epoch {self._epoch + 1}{step}")
