"""One net's share of the work, done in a process of its own (see ``workers``)."""

import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from facial_keypoints.models.heads import Points
from facial_keypoints.parameters import RecipeParameters
from facial_keypoints.training.workers import Report, operations_at_a_time

if TYPE_CHECKING:
    from facial_keypoints.training.loop import Fit

Weights = list[npt.NDArray[np.float32]]
State = dict[str, npt.NDArray[Any]]

_SECONDS_PER_CALL: Final = 2.0
_SECONDS_BETWEEN_STATES: Final = 60.0
_WARM_UP_CALLS: Final = 2
_MEASURED_SECONDS: Final = 5.0
_MEASURED_STEPS: Final = 8
"""In a call, as in training: with one at a time, Python and the averages would count too much."""

_fits: dict[str, "Fit"] = {}
"""What this process has built, by its kind: at most one."""


@dataclass(frozen=True)
class TrainingTask:
    """What a net is trained on, from when to when, and what it predicts in the end.

    Attributes:
        name: For the log.
        minutes: Budget of the whole command. A longer one does not go on from what a shorter one
            has left, which has its learning rate behind it.
        settings: Of the architecture ``heatmap_unet``.
        recipe: How to train, in what precision.
        precision: Keras' name of the number format.
        seed: Of weights, order and distortions.
        images: uint8 (n, 96, 96) to train on.
        labels: float32 (n, 19, 2), NaN where unknown.
        shares: float32 (n, 19), how much each label counts.
        start: Weights to begin with; None draws them.
        progress: Share of the whole training that is over at its beginning and at its end.
        strength: Of the distortions, a factor, where the whole training begins and where it ends.
        ends: When it ends (``time.time()``); there is at least one step.
        predict: uint8 (m, 96, 96), pictures to find the points of.
        views: Of each of these, over which the answer is averaged.
        members: Nets that share the budget, and
        processes: how many train at a time. What was trained for another share of the budget is
            not gone on with, either.
        beside: float32 (19, 2), pixels to take off the labels (see ``points.asymmetry``). It comes
            from answers of nets, which may differ in the last bit from run to run, and does not
            count in the fingerprint.
        state: What an interrupted training of the same fingerprint has left; None begins anew.
    """

    name: str
    minutes: float
    settings: dict[str, Any]
    recipe: RecipeParameters
    precision: str
    seed: int
    images: npt.NDArray[np.uint8]
    labels: Points
    shares: npt.NDArray[np.float32]
    start: Weights | None
    progress: tuple[float, float]
    strength: tuple[float, float]
    ends: float
    predict: npt.NDArray[np.uint8]
    views: int = 1
    members: int = 1
    processes: int = 1
    beside: Points | None = None
    state: State | None = None

    @property
    def taught(self) -> Points:
        """The labels that the net learns from: ``beside`` is taken off."""
        return self.labels if self.beside is None else self.labels - self.beside

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of all that the training depends on but the clock, progress
        and strength, which go by a measured speed, and ``beside``.
        """
        recipe = self.recipe.model_dump(mode="json")
        time_shared = [self.minutes, self.members, self.processes]
        kind = [*time_shared, self.settings, recipe, self.precision, self.seed]
        content = hashlib.sha256(json.dumps(kind).encode())
        for array in (self.images, self.labels, self.shares, *(self.start or [])):
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()[:16]


@dataclass(frozen=True)
class TrainedNet:
    """What became of a task.

    Attributes:
        weights: As training left them, to go on from.
        averaged: Their moving averages, which predict.
        found: float32 (m, 19, 2), the points of the task's pictures.
        curve: Of each while: seconds since the beginning, epochs, mean loss.
        steps: How many there were.
        seconds: Wall-clock time of the steps alone.
    """

    weights: Weights
    averaged: Weights
    found: Points
    curve: list[tuple[float, float, float]]
    steps: int
    seconds: float


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        name: Of the task.
        share: Of the task's time that is over.
        epochs: How often each picture has been seen.
        loss: Mean of the last steps.
        left: Seconds to the end.
        state: To go on from, now and then (see ``TrainingTask``).
        trouble: What the user should know.
    """

    name: str
    share: float
    epochs: float
    loss: float
    left: float
    state: State | None = None
    trouble: str = ""


def train_net(task: TrainingTask, report: Report) -> TrainedNet:
    """Train until the time is over, then predict. What was interrupted goes on where it was, and
    takes no longer than it still would have.
    """
    fit = _fit_for(task)
    began = time.time()
    available = max(task.ends - began, 1e-3)
    done = 0.0
    curve: list[tuple[float, float, float]] = []
    if task.state is not None and _restored(fit, task, report):
        done, whole = float(task.state["share"]), float(task.state["available"])
        curve = [tuple(row) for row in task.state["curve"].tolist()]
        available = min(available / max(1 - done, 1e-9), whole)
        began -= done * available
    first, last = task.progress
    ends = began + available
    kept = time.time()
    steps = 1
    while done < 1:
        before = time.time()
        progress = first + done * (last - first)
        strength = task.strength[0] + progress * (task.strength[1] - task.strength[0])
        loss = fit.run(steps, progress, strength)
        now = time.time()
        if fit.steps > 1:  # the first step builds the graph
            steps = max(1, min(50, round(steps * _SECONDS_PER_CALL / max(now - before, 1e-3))))
        curve.append((now - began, fit.epochs, loss))
        done = min(1.0, (now - began) / available)
        state = None
        if done == 1 or now - kept > _SECONDS_BETWEEN_STATES:
            kept = now
            facts = {"share": done, "available": available, "curve": curve}
            state = fit.state() | {name: np.asarray(fact) for name, fact in facts.items()}
        report(Progress(task.name, done, fit.epochs, loss, max(ends - now, 0.0), state))
    seconds = time.time() - began
    weights, averaged = fit.model.get_weights(), fit.averaged()
    fit.model.set_weights(averaged)
    found = fit.find_points(task.predict, task.views)
    return TrainedNet(weights, averaged, found, curve, fit.steps, seconds)


def _restored(fit: "Fit", task: TrainingTask, report: Report) -> bool:
    """Whether the task's state fits; one that another version of the code has kept may not."""
    try:
        fit.restore(task.state or {})
    except ValueError as error:
        trouble = f"begins anew: what was kept of it is of another net ({error})"
        report(Progress(task.name, 0.0, 0.0, float("nan"), 0.0, trouble=trouble))
        return False
    return True


def _fit_for(task: TrainingTask) -> "Fit":
    """The net of this process for tasks of that kind, at the task's beginning."""
    import keras

    from facial_keypoints.training.loop import Fit

    kind = json.dumps([task.settings, task.precision, task.recipe.model_dump(mode="json")])
    if kind not in _fits:
        _fits.clear()
        keras.backend.clear_session()
        keras.config.set_dtype_policy(task.precision)
        _fits[kind] = Fit(task.settings, task.recipe, operations_at_a_time())
    _fits[kind].begin(task.images, task.taught, task.shares, task.seed, task.start)
    return _fits[kind]


@dataclass(frozen=True)
class Speed:
    """How fast a net learns and predicts here: pictures per second."""

    trained: float
    predicted: float


def measure_speed(task: TrainingTask, report: Report) -> Speed:
    """Train and predict for some seconds; ``ends`` and ``progress`` of the task do not matter."""
    fit = _fit_for(task)
    for _ in range(_WARM_UP_CALLS):
        fit.run(1, 0.0)
    report(None)
    began, before = time.perf_counter(), fit.epochs
    while time.perf_counter() - began < _MEASURED_SECONDS:
        fit.run(_MEASURED_STEPS, 0.0)
    trained = (fit.epochs - before) * len(task.images) / (time.perf_counter() - began)
    report(None)
    fit.find_points(task.predict)  # builds the graph
    began = time.perf_counter()
    fit.find_points(task.predict)
    return Speed(trained, len(task.predict) / (time.perf_counter() - began))
