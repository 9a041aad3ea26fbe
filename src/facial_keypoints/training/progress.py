"""Progress of a training: steps, time, log lines, speed.

This module imports Keras and is itself imported only inside functions.
"""

import logging
import math
import time
from typing import Any, Final

import keras

from facial_keypoints.training.interruption import stop_if_asked
from facial_keypoints.training.progress_bar import Position, format_remaining

logger = logging.getLogger(__name__)

_WARMUP_STEPS: Final = 2  # the first ones build the graph
_SECONDS_BETWEEN_POSITIONS: Final = 0.5


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
        """Completed part of the training: by steps where their number is given, else by time."""
        done = 0.0
        if self.total_steps is not None:
            done = self.steps / self.total_steps
        elif self.budget_seconds is not None:
            done = self.seconds / self.budget_seconds
        start, end = self._span
        return start + (end - start) * min(1.0, done)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the steps; stop where Ctrl-C was swallowed by a destructor."""
        self.steps += batch + 1 - self._seen
        self._seen = batch + 1
        stop_if_asked()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start counting the epoch's steps."""
        self._seen = 0


class ProgressLog(keras.callbacks.Callback):
    """One log line per epoch, and the position within epochs (see ``progress_bar``).

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
    ) -> None:
        super().__init__()
        self._name = name
        self._progress = progress
        self._variant = variant or name
        self._prefix = f"{name.replace(' ', '_').replace('-', '_')}_" if variant else ""
        self._first_epoch = first_epoch
        self._epochs = epochs
        self._steps = steps_per_epoch
        self._started = self._reported = time.monotonic()
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Report that the epoch begins."""
        self._epoch = epoch
        remaining = math.inf if epoch == self._first_epoch else self._remaining(epoch)
        position = self._position(0, remaining)
        logger.info("%s  epoch %s", self._name, self._number(), extra={"position": position})

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Report the position within the epoch."""
        now = time.monotonic()
        if now - self._reported < _SECONDS_BETWEEN_POSITIONS:
            return
        self._reported = now
        fraction = min(1.0, (batch + 1) / self._steps)
        remaining = self._remaining(self._epoch + fraction)
        logger.info(
            "%s  epoch %s  step %d/%d  loss %.4g  %s",
            self._name,
            self._number(),
            batch + 1,
            self._steps,
            logs["loss"],
            format_remaining(remaining),
            extra={"position": self._position(fraction, remaining)},
        )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Report the epoch."""
        remaining = self._remaining(epoch + 1)
        parts = [f"{self._name}  epoch {self._number()}", f"loss {logs['loss']:.4g}"]
        if "val_rmse" in logs:
            parts.append(f"RMSE {logs['val_rmse']:.3f} px")
        logger.info(
            "  ".join([*parts, format_remaining(remaining)]),
            extra={
                "metrics": {f"{self._prefix}{name}": value for name, value in logs.items()},
                "step": epoch,
                "variant": self._variant,
                "position": self._position(1, remaining),
            },
        )

    def on_train_end(self, logs: Any = None) -> None:
        """Report that the training has ended."""
        logger.info("%s  ended", self._name, extra={"position": Position(self._name, ended=True)})

    def _position(self, fraction: float, remaining: float) -> Position:
        elapsed = time.monotonic() - self._started
        return Position(self._name, self._number(), fraction, elapsed, remaining)

    def _number(self) -> str:
        total = "" if self._epochs is None else f"/{self._epochs}"
        return f"{self._epoch + 1}{total}"

    def _remaining(self, epochs: float) -> float:
        """Seconds, after a number of epochs."""
        seconds = self._progress.remaining_seconds
        if self._epochs is not None:
            done = max(epochs - self._first_epoch, 1e-9)
            elapsed = time.monotonic() - self._started
            seconds = min(seconds, elapsed / done * (self._epochs - epochs))
        return seconds


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
