"""Checkpoints: the state of a training after each epoch, and how it is restored.

Everything that the next epoch depends on is kept: weights, random states, the optimizer's moments
and averaged weights; what early stopping, the learning rate's schedule and the time budget
remember; the curve so far. A restored training ends as if it had never been interrupted: to the
last bit where ``train.deterministic`` is set and no time budget ends it.

This module imports Keras and is itself imported only inside functions.
"""

import json
import logging
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from facial_keypoints.errors import StorageError
from facial_keypoints.training.callbacks import ExponentialMovingAverage
from facial_keypoints.training.stores import CheckpointStore

logger = logging.getLogger(__name__)

_REMEMBERED: Final = {
    "ReduceLROnPlateau": ("best", "wait", "cooldown_counter"),
    "EarlyStopping": ("best", "wait", "best_epoch"),
    "Cooldown": ("full_rate",),
}
"""What each callback knows of earlier epochs, besides the best weights."""
_BEST: Final = "best"


class Checkpoint(keras.callbacks.Callback):
    """Saves the state of a training after each epoch, and restores it.

    Keras' ``BackupAndRestore`` keeps neither early stopping, the learning rate's schedule, the best
    weights nor the curve. This callback must come after those that it watches: Keras resets them
    when training starts, and they judge an epoch before it is saved.

    Args:
        name: Of the training, for the log.
        precision: Number format that it trains in.
        store: Where the state lies; None keeps none.

    Attributes:
        epochs: Keras' logs of every epoch, those of interrupted sessions first.
        facts: Further figures of the restored state: seconds, steps and budget_seconds.
        interruptions: After how many epochs the training was interrupted, each time.
        ended_by: What ended it, if anything: "early stopping" or "time budget".
    """

    def __init__(self, name: str, precision: str, store: CheckpointStore | None) -> None:
        super().__init__()
        self.epochs: list[dict[str, float]] = []
        self.facts: dict[str, Any] = {}
        self.interruptions: list[int] = []
        self.ended_by: str | None = None
        self._name = name
        self._precision = precision
        self._store = store
        self._watched: dict[str, keras.callbacks.Callback] = {}
        self._remembered: dict[str, dict[str, Any]] = {}
        self._has_warned = False

    def restore(self, model: keras.Model, average: ExponentialMovingAverage | None) -> None:
        """Restore weights, optimizer and averages of the last whole epoch, if there is one.

        Args:
            model: Compiled, its optimizer built.
            average: Averaged weights, where the training has them.
        """
        if self._store is None or not self._store.exists():
            return
        try:
            state = self._store.load()
            facts = json.loads(str(state["facts"]))
            best = [state[name] for name in _numbered(_BEST, state)]
            remembered = facts["callbacks"]
            if "EarlyStopping" in remembered:
                remembered["EarlyStopping"]["best_weights"] = best or None
            epochs, ended_by = facts["epochs"], facts["ended_by"]
            before, precision = list(facts["interruptions"]), facts["precision"]
            known = {name: facts[name] for name in ("seconds", "steps", "budget_seconds")}
            _assign(_variables(model, average), state)
        except (StorageError, KeyError, TypeError, ValueError) as error:
            logger.warning(
                "%s: the checkpoint cannot be used, training starts over (%s)", self._name, error
            )
            return
        self._remembered = remembered
        self.epochs, self.ended_by, self.facts = epochs, ended_by, known
        self.interruptions = [*before, len(self.epochs)]
        if precision != self._precision:
            logger.warning(
                "%s: started in %s, resumed in %s; set train.precision to choose",
                self._name,
                precision,
                self._precision,
            )
        logger.info(
            "%s: resumed after epoch %d%s",
            self._name,
            len(self.epochs),
            f", its last ({self.ended_by})" if self.ended_by else "",
        )

    def watch(
        self,
        callbacks: list[keras.callbacks.Callback],
        progress: Any,
        average: ExponentialMovingAverage | None,
    ) -> None:
        """Save what these callbacks remember, too.

        Args:
            callbacks: They come before this one.
            progress: The training's ``Progress``.
            average: Averaged weights, where the training has them.
        """
        self._watched = {type(one).__name__: one for one in callbacks}
        self._progress, self._average = progress, average

    def on_train_begin(self, logs: Any = None) -> None:
        """Give the other callbacks back what Keras has just reset."""
        for name, values in self._remembered.items():
            for attribute, value in values.items():
                if name in self._watched:
                    setattr(self._watched[name], attribute, value)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save the state."""
        self.epochs.append({name: float(value) for name, value in (logs or {}).items()})
        if self.model.stop_training:
            exhausted = any(getattr(one, "exhausted", False) for one in self._watched.values())
            self.ended_by = "time budget" if exhausted else "early stopping"
        if self._store is None:
            return
        facts = {
            "epochs": self.epochs,
            "seconds": self._progress.seconds,
            "steps": self._progress.steps,
            "budget_seconds": self._progress.budget_seconds,
            "interruptions": self.interruptions,
            "ended_by": self.ended_by,
            "precision": self._precision,
            "callbacks": {
                name: {key: getattr(self._watched[name], key) for key in keys}
                for name, keys in _REMEMBERED.items()
                if name in self._watched
            },
        }
        best = getattr(self._watched.get("EarlyStopping"), "best_weights", None) or []
        variables = _variables(self.model, self._average)
        try:
            self._store.save(
                {
                    "facts": np.asarray(json.dumps(facts)),
                    **{name: np.asarray(value) for name, value in variables.items()},
                    **{f"{_BEST}/{i}": np.asarray(value) for i, value in enumerate(best)},
                }
            )
        except StorageError as error:
            if not self._has_warned:
                logger.warning(
                    "%s: the checkpoint of epoch %d cannot be saved (%s); training continues and "
                    "tries again after each epoch",
                    self._name,
                    len(self.epochs),
                    error,
                )
            self._has_warned = True


def _variables(model: keras.Model, average: ExponentialMovingAverage | None) -> dict[str, Any]:
    """All that training changes, random states and moments too, by a name for each."""
    parts = {
        "model": model.variables,
        "optimizer": model.optimizer.variables,
        "average": [] if average is None else average.variables,
    }
    return {f"{part}/{i}": v for part, found in parts.items() for i, v in enumerate(found)}


def _assign(variables: dict[str, Any], state: dict[str, npt.NDArray[Any]]) -> None:
    """Put values into variables: all of them or, raising ValueError, none."""
    kept = {name for name in state if name.startswith(("model/", "optimizer/", "average/"))}
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
