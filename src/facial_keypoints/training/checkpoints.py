"""Going on with a training that was interrupted.

After each epoch everything that the next one depends on is written to one file: weights, random
states and the optimizer's moments; what early stopping, the learning rate's schedule and the time
budget remember; the curve so far. A training that goes on from it ends as if it had never been
interrupted: to the last bit where ``train.deterministic`` is set and no time budget ends it.

This module imports Keras and is itself imported only inside functions.
"""

import json
import logging
import time
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.errors import StorageError
from facial_keypoints.training import interruption
from facial_keypoints.training.stores import CheckpointStore

logger = logging.getLogger(__name__)

_REMEMBERED: Final = {
    "ReduceLROnPlateau": ("best", "wait", "cooldown_counter"),
    "EarlyStopping": ("best", "wait", "best_epoch"),
    "Cooldown": ("full_rate",),
}
"""What each callback knows of earlier epochs, besides the best weights."""
_BEST: Final = "best"
_FIGURES: Final = ["loss", "rmse", "accuracy", "val_loss", "val_rmse", "val_accuracy"]
"""Columns of a curve without epochs, of a training that failed in its first."""


class CheckpointCallback(keras.callbacks.Callback):
    """The course of a training: written after each epoch, and taken up where it was left.

    It must come after the callbacks that it watches: Keras resets them when training begins, and
    they judge an epoch before it is written.

    Args:
        variant: Name for the log.
        precision: What it trains in.
        file: Where the state lies; None keeps none.

    Attributes:
        epochs: Keras' logs of every epoch, those of interrupted sessions first.
        steps: How many steps have been done.
        started: When the training began (``time.monotonic``), had it not been interrupted.
        interruptions: After how many epochs it was interrupted, each time.
        ended_by: What made the last epoch the last, if anything: "early stopping", "time budget".
    """

    def __init__(self, variant: str, precision: str, file: CheckpointStore | None) -> None:
        super().__init__()
        self.epochs: list[dict[str, float]] = []
        self.started = time.monotonic()
        self.interruptions: list[int] = []
        self.ended_by: str | None = None
        self._variant = variant
        self._precision = precision
        self._file = file
        self.steps = 0
        self._watched: dict[str, keras.callbacks.Callback] = {}
        self._remembered: dict[str, dict[str, Any]] = {}
        self._has_warned = False

    @property
    def seconds(self) -> float:
        """Time that the training has taken, without the interruptions."""
        return time.monotonic() - self.started

    def curve(self) -> pd.DataFrame:
        """Keras' figures of every epoch, a row each."""
        curve = pd.DataFrame(self.epochs, columns=None if self.epochs else _FIGURES, dtype=float)
        curve.insert(0, "epoch", np.arange(1, len(curve) + 1))
        return curve

    def go_on(self, model: keras.Model) -> None:
        """Put weights and optimizer back as they were after the last whole epoch, if any."""
        if self._file is None or not self._file.exists():
            return
        model.optimizer.build(model.trainable_variables)
        try:
            state = self._file.load()
            facts = json.loads(str(state["facts"]))
            best = [state[name] for name in _numbered(_BEST, state)]
            remembered = facts["callbacks"]
            remembered["EarlyStopping"]["best_weights"] = best or None
            epochs, ended_by, steps = facts["epochs"], facts["ended_by"], facts["steps"]
            seconds, before = float(facts["seconds"]), list(facts["interruptions"])
            precision = facts["precision"]
            _assign(_variables(model), state)
        except (StorageError, KeyError, TypeError, ValueError) as error:
            logger.warning(
                "%s  what was kept of an interrupted training cannot be used; training begins "
                "anew (%s)",
                self._variant,
                error,
            )
            return
        self._remembered = remembered
        self.epochs, self.ended_by, self.steps = epochs, ended_by, steps
        self.started -= seconds
        self.interruptions = [*before, len(self.epochs)]
        if precision != self._precision:
            logger.warning(
                "%s  began in %s and goes on in %s: set train.precision to choose",
                self._variant,
                precision,
                self._precision,
            )
        logger.info(
            "%s  was interrupted: goes on after epoch %d%s",
            self._variant,
            len(self.epochs),
            f", its last ({self.ended_by})" if self.ended_by else "",
        )

    def watch(self, callbacks: list[keras.callbacks.Callback]) -> None:
        """Keep what these callbacks remember, too."""
        self._watched = {type(one).__name__: one for one in callbacks}

    def on_train_begin(self, logs: Any = None) -> None:
        """Let the other callbacks remember again what Keras has just made them forget."""
        for name, values in self._remembered.items():
            for attribute, value in values.items():
                setattr(self._watched[name], attribute, value)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the step; stop if Ctrl-C was pressed and went astray."""
        self.steps += 1
        interruption.stop_if_asked()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the state."""
        self.epochs.append({name: float(value) for name, value in (logs or {}).items()})
        if self.model.stop_training:
            out_of_time = any(getattr(one, "ran_out", False) for one in self._watched.values())
            self.ended_by = "time budget" if out_of_time else "early stopping"
        if self._file is None:
            return
        facts = {
            "epochs": self.epochs,
            "seconds": self.seconds,
            "interruptions": self.interruptions,
            "ended_by": self.ended_by,
            "steps": self.steps,
            "precision": self._precision,
            "callbacks": {
                name: {key: getattr(self._watched[name], key) for key in keys}
                for name, keys in _REMEMBERED.items()
                if name in self._watched
            },
        }
        best = self._watched["EarlyStopping"].best_weights or []
        try:
            self._file.save(
                {
                    "facts": np.asarray(json.dumps(facts)),
                    **{name: value.numpy() for name, value in _variables(self.model).items()},
                    **{f"{_BEST}/{i}": np.asarray(value) for i, value in enumerate(best)},
                }
            )
        except StorageError as error:
            if not self._has_warned:
                logger.warning(
                    "%s  trains on, but could not keep its state after epoch %d (%s); it is tried "
                    "again after each epoch",
                    self._variant,
                    len(self.epochs),
                    error,
                )
            self._has_warned = True


def _variables(model: keras.Model) -> dict[str, Any]:
    """All that training changes, random states and moments too, by a name for each."""
    of_model = {f"model/{i}": variable for i, variable in enumerate(model.variables)}
    of_optimizer = {f"optimizer/{i}": v for i, v in enumerate(model.optimizer.variables)}
    return {**of_model, **of_optimizer}


def _assign(variables: dict[str, Any], state: dict[str, npt.NDArray[Any]]) -> None:
    """Put values into variables: all of them or, raising ValueError, none."""
    kept = {name for name in state if name.startswith(("model/", "optimizer/"))}
    if kept != set(variables):
        raise ValueError(f"it holds {len(kept)} arrays, where the model has {len(variables)}")
    for name, variable in variables.items():
        if state[name].shape != tuple(variable.shape):
            raise ValueError(f"{name} is {state[name].shape}, not {tuple(variable.shape)}")
    for name, variable in variables.items():
        variable.assign(state[name])


def _numbered(prefix: str, state: dict[str, npt.NDArray[Any]]) -> list[str]:
    names = [name for name in state if name.startswith(f"{prefix}/")]
    return sorted(names, key=lambda name: int(name.partition("/")[2]))
