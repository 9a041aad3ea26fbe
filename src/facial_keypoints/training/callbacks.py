"""Keras callbacks of the training loop.

This module imports Keras and is itself imported only inside functions.
"""

import logging
import math
import time
from typing import Any

import keras

from facial_keypoints.errors import TrainingFailedError
from facial_keypoints.formatting import format_duration
from facial_keypoints.keypoints import IMAGE_SIZE

logger = logging.getLogger(__name__)

_FIRST_VALIDATION_SHARE = 0.4
"""Cost of validating a batch over that of training on it, assumed until it is measured: a step
is one pass forward and about two backward."""
_GRAPH_BUILDING_STEPS = 2
_SECONDS_BETWEEN_LINES = 30.0
_STEPS_BETWEEN_LOOKS = 10  # each look waits for the device
_EXPLODED = float((10 * IMAGE_SIZE) ** 2)
"""Mean squared error, in px², of points ten pictures away."""


class TimeBudget(keras.callbacks.Callback):
    """Ends training after the step in which the budget, less the closing validation, runs out.

    The epoch is then closed as any other: validated, and judged by early stopping. Until a
    validation has been measured, its duration is guessed from the fastest step so far: the first
    ones build the graph, and tell nothing.
    """

    def __init__(self, started: float, minutes: float, validation_batches: int) -> None:
        super().__init__()
        self.deadline = started + 60 * minutes
        self.ran_out = False
        self._validation_batches = validation_batches
        self._validation_seconds: float | None = None
        self._validation_started = 0.0
        self._step_started = 0.0
        self._fastest_step = float("inf")
        self._steps = 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Remember when the step began."""
        self._step_started = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stop if no further step and the validation fit into what is left."""
        self._steps += 1
        self._fastest_step = min(self._fastest_step, time.monotonic() - self._step_started)
        self._stop_if_nothing_fits()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Do not begin an epoch for which there is no time: the validation took longer."""
        self._stop_if_nothing_fits()

    def on_test_begin(self, logs: Any = None) -> None:
        """Remember when the validation began."""
        self._validation_started = time.monotonic()

    def on_test_end(self, logs: Any = None) -> None:
        """Measure the validation, to leave time for the next one."""
        self._validation_seconds = time.monotonic() - self._validation_started

    def _stop_if_nothing_fits(self) -> None:
        ahead = 0.0
        if self._validation_seconds is not None:
            ahead = self._fastest_step + self._validation_seconds
        elif self._steps > _GRAPH_BUILDING_STEPS:
            share = 1 + self._validation_batches * _FIRST_VALIDATION_SHARE
            ahead = share * self._fastest_step
        if time.monotonic() + ahead >= self.deadline:
            self.ran_out = True
            self.model.stop_training = True


class DivergenceGuard(keras.callbacks.Callback):
    """Ends a training that has run away: its loss is no number, or beyond all measure.

    Raises:
        TrainingFailedError: from within ``fit``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the epoch's mean loss so far: one bad step is enough to spoil it."""
        if batch % _STEPS_BETWEEN_LOOKS == 0:
            self._check("loss", logs["loss"], f", step {batch + 1}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at both losses."""
        for name in ("loss", "val_loss"):
            self._check(name, logs[name], "")

    def _check(self, name: str, value: float, step: str) -> None:
        if not math.isfinite(value) or (name == "loss" and value > _EXPLODED):
            what = {"loss": "the loss", "val_loss": "the validation loss"}[name]
            raise TrainingFailedError(f"{what} became {value:.3g} in epoch {self._epoch + 1}{step}")


class Cooldown(keras.callbacks.Callback):
    """Lets the learning rate fall linearly to zero over the last part of a time budget.

    A budget mostly ends training long before the validation loss stalls and ReduceLROnPlateau
    steps in; weights that were still jumping about at full rate settle in that time (the decay
    phase of a warm-up-stable-decay schedule).
    """

    def __init__(self, deadline: float, seconds: float) -> None:
        super().__init__()
        self._deadline = deadline
        self._seconds = seconds
        self.full_rate: float | None = None

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the rate for this step, once the cooldown has begun."""
        left = max(0.0, self._deadline - time.monotonic())
        if left >= self._seconds:
            return
        optimizer = self.model.optimizer
        if self.full_rate is None:
            self.full_rate = float(optimizer.learning_rate)
        optimizer.learning_rate = self.full_rate * left / self._seconds


class ProgressLog(keras.callbacks.Callback):
    """One line per epoch, and one every half minute within long ones, with the time left."""

    def __init__(
        self, variant: str, epochs: int, steps: int, deadline: float | None, best: float
    ) -> None:
        super().__init__()
        self._variant = variant
        self._epochs = epochs
        self._steps = steps
        self._deadline = deadline
        self._best = best
        self._began = self._epoch_began = self._last_line = 0.0
        self._epoch = 0
        self._first_epoch: int | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the clock."""
        self._began = self._last_line = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the epoch's clock."""
        self._epoch = epoch
        if self._first_epoch is None:  # not 0 where an interrupted training goes on
            self._first_epoch = epoch
        self._epoch_began = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Say where a long epoch stands."""
        now = time.monotonic()
        if now - self._last_line < _SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        logger.info(
            "%s  epoch %d/%d  step %d/%d  loss %.2f  about %s left",
            self._variant,
            self._epoch + 1,
            self._epochs,
            batch + 1,
            self._steps,
            logs["loss"],
            format_duration(self._seconds_left(self._epoch + (batch + 1) / self._steps)),
        )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Sum the epoch up."""
        self._last_line = now = time.monotonic()
        better = logs["val_loss"] < self._best
        self._best = min(self._best, logs["val_loss"])
        logger.info(
            "%s  epoch %d/%d  loss %.2f  validation %.2f%s  RMSE %.3f px  %s  about %s left",
            self._variant,
            epoch + 1,
            self._epochs,
            logs["loss"],
            logs["val_loss"],
            " (best)" if better else "",
            logs["val_rmse"],
            format_duration(now - self._epoch_began),
            format_duration(self._seconds_left(epoch + 1)),
            extra={"metrics": logs, "step": epoch, "variant": self._variant},
        )

    def _seconds_left(self, epochs_done: float) -> float:
        now = time.monotonic()
        done_here = epochs_done - (self._first_epoch or 0)
        left = (now - self._began) / done_here * (self._epochs - epochs_done)
        return left if self._deadline is None else max(0.0, min(left, self._deadline - now))
