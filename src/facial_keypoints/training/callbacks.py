"""Keras callbacks: time budget, learning rate, averaged weights, divergence, progress.

This module imports Keras and is itself imported only inside functions.
"""

import logging
import math
import time
from typing import Any, Final

import keras
from keras import ops

from facial_keypoints.errors import TrainingFailedError
from facial_keypoints.formatting import format_duration
from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.training.interruption import stop_if_asked

logger = logging.getLogger(__name__)

_VALIDATION_COST: Final = 0.4
"""Cost of validating a batch relative to training on it, assumed until it is measured: a training
step is one pass forward and about two backward."""
_WARMUP_STEPS: Final = 2  # the first ones build the graph
_SECONDS_BETWEEN_LINES: Final = 30.0
_CHECK_EVERY: Final = 10  # steps; reading the loss waits for the device
_EXPLODED: Final = float((10 * IMAGE_SIZE) ** 2)
"""Mean squared error, in px², of points ten images away."""
_SLACK: Final = 0.2
"""Fraction of a time budget that does not count as progress where a number of steps is given:
building the graph takes longer than many steps, and a budget that is never reached must not decide
on the learning rate."""
_LOWEST_RATE: Final = 1e-3
"""Of the cosine schedule, as a fraction of its peak."""


class Progress(keras.callbacks.Callback):
    """How far a training is: steps, seconds, and the fraction of its budget.

    Args:
        total_steps: Of the whole training; None where only time ends it.
        span: Fractions of a longer training that this one covers, from and to.

    Attributes:
        steps: Batches trained on, those before an interruption too.
        budget_seconds: Of the whole training, without interruptions; None is no limit.
    """

    def __init__(
        self, total_steps: int | None = None, span: tuple[float, float] = (0.0, 1.0)
    ) -> None:
        super().__init__()
        self.steps = 0
        self.total_steps = total_steps
        self.budget_seconds: float | None = None
        self._started = time.monotonic()
        self._span = span
        self._seen = 0

    def start(self, seconds: float, steps: int, budget_seconds: float | None) -> None:
        """Start the clock.

        Args:
            seconds: Trained before an interruption.
            steps: Trained before an interruption.
            budget_seconds: Of the whole training; None is no limit.
        """
        self.steps = steps
        self.budget_seconds = budget_seconds
        self._started = time.monotonic() - seconds

    @property
    def seconds(self) -> float:
        """Time that the training has taken, without interruptions."""
        return time.monotonic() - self._started

    @property
    def remaining_seconds(self) -> float:
        """Of the budget; infinite where there is none."""
        if self.budget_seconds is None:
            return math.inf
        return max(0.0, self.budget_seconds - self.seconds)

    @property
    def fraction(self) -> float:
        """Completed part of the training, by time or by steps, whichever is further."""
        by_steps = self.steps / self.total_steps if self.total_steps else 0.0
        by_time = self.seconds / self.budget_seconds if self.budget_seconds else 0.0
        if self.total_steps:
            by_time = (by_time - _SLACK) / (1 - _SLACK)
        start, end = self._span
        return start + (end - start) * min(1.0, max(by_steps, by_time))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the steps; stop where Ctrl-C was swallowed by a destructor."""
        self.steps += batch + 1 - self._seen
        self._seen = batch + 1
        stop_if_asked()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start counting the epoch's steps."""
        self._seen = 0


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


class Stopwatch(keras.callbacks.Callback):
    """Ends training after some seconds, and measures its speed.

    Args:
        seconds: To measure, after the first steps, which build the graph.

    Attributes:
        set_up_seconds: Until the first steps are done.
        seconds_per_step: Of the steps after them.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.set_up_seconds = self.seconds_per_step = 0.0
        self._seconds = seconds
        self._created = self._started = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Measure, and stop when the time is over."""
        float(logs["loss"])  # waits for the device
        now, steps = time.monotonic(), batch + 1 - _WARMUP_STEPS
        if steps <= 0:
            self._started = now
            self.set_up_seconds = now - self._created
            return
        self.seconds_per_step = (now - self._started) / steps
        if now - self._started >= self._seconds:
            self.model.stop_training = True


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


class ProgressLog(keras.callbacks.Callback):
    """One log line per epoch, and one every half minute within long ones.

    A line carries its figures as ``metrics``, ``step`` and ``variant`` (``extra`` of standard
    logging), for whoever records curves while training runs.

    Args:
        name: Of the training.
        progress: How far it is.
        variant: Whose curve this is, where it is not the training's own; its figures are then named
            after the training.
        first_epoch: Number of epochs that were trained before.
        epochs: Of the whole training; None where only time ends it.
        steps_per_epoch: Batches per epoch.
        best: Lowest validation loss so far.
    """

    def __init__(
        self,
        name: str,
        progress: Progress,
        *,
        variant: str | None = None,
        first_epoch: int,
        epochs: int | None,
        steps_per_epoch: int,
        best: float = math.inf,
    ) -> None:
        super().__init__()
        self._name = name
        self._progress = progress
        self._variant = variant or name
        self._prefix = f"{name.replace(' ', '_').replace('-', '_')}_" if variant else ""
        self._first_epoch = first_epoch
        self._epochs = epochs
        self._steps = steps_per_epoch
        self._best = best
        self._started = self._epoch_started = self._last_line = time.monotonic()
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the epoch's clock."""
        self._epoch = epoch
        self._epoch_started = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Report a long epoch's progress."""
        now = time.monotonic()
        if now - self._last_line < _SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        logger.info(
            "%s  epoch %s  step %d/%d  loss %.3f  %s",
            self._name,
            self._number(),
            batch + 1,
            self._steps,
            logs["loss"],
            self._remaining(self._epoch + (batch + 1) / self._steps),
        )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Report the epoch."""
        self._last_line = now = time.monotonic()
        parts = [f"loss {logs['loss']:.3f}"]
        if "val_loss" in logs:
            best = " (best)" if logs["val_loss"] < self._best else ""
            self._best = min(self._best, logs["val_loss"])
            parts += [f"validation {logs['val_loss']:.3f}{best}", f"RMSE {logs['val_rmse']:.3f} px"]
        parts += [format_duration(now - self._epoch_started), self._remaining(epoch + 1)]
        logger.info(
            "%s  epoch %s  %s",
            self._name,
            self._number(),
            "  ".join(parts),
            extra={
                "metrics": {f"{self._prefix}{name}": value for name, value in logs.items()},
                "step": epoch,
                "variant": self._variant,
            },
        )

    def _number(self) -> str:
        total = "" if self._epochs is None else f"/{self._epochs}"
        return f"{self._epoch + 1}{total}"

    def _remaining(self, epochs: float) -> str:
        seconds = self._progress.remaining_seconds
        if self._epochs is not None:
            done = max(epochs - self._first_epoch, 1e-9)
            elapsed = time.monotonic() - self._started
            seconds = min(seconds, elapsed / done * (self._epochs - epochs))
        return f"about {format_duration(seconds)} remaining"
