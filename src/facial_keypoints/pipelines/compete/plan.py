"""What fits into the hours at hand: sizes, processes and a timetable, from a measured speed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from facial_keypoints.parameters import CompetitionParameters, RecipeParameters
from facial_keypoints.training.workers import number_of_cores

SIZES: Final[dict[str, dict[str, Any]]] = {
    "tiny": {"filters": 8, "blocks": 1},
    "small": {"filters": 32, "blocks": 1},
    "medium": {"filters": 64, "blocks": 1},
    "large": {"filters": 64, "blocks": 3},
    "huge": {"filters": 128, "blocks": 2},
}
"""Settings of the architecture ``heatmap_unet``, by name."""
MEASURED: Final = "medium"
"""The size whose speed is measured; the others' follows from their cost."""
_COST: Final = {"tiny": 0.1, "small": 0.33, "medium": 1.0, "large": 1.9, "huge": 5.0}
"""Time of a step as a multiple of the measured size's: small is measured (0.36 in bfloat16, 0.31 in
float32), others are by their arithmetic."""
_EPOCHS_WORTH: Final = {"small": 0, "medium": 80}
"""Epochs of a net from which on its size is taken to be worth its time: 80 lie between figures of
docs/competition.md. Larger ones are once there is time for as many of them as there are folds:
another net is taken to gain more until then."""
_LARGER: Final = ("large", "huge")
_EPOCHS_OF_A_MEMBER: Final = 70
"""Epochs from which on a second net is taken to gain more than as many again of the first."""

NUM_HALVES: Final = 2
_SCOUTING: Final = (0.15, 10.0)
"""A scout's training is this share of a net's, but no more than so many epochs of all faces."""
_CORES_OF_A_NET: Final = 2
"""One net on two cores, and two nets of one core each, are expected to score about the same after
a quarter of an hour; one is half as large to keep and to use."""
_VIEWS_SHARE: Final = 0.03
"""Of a net's time that the views of the pictures may take which it answers in the end."""
_MOST_VIEWS: Final = 12
_STRENGTH: Final = ((20.0, 60.0, 200.0), (0.3, 0.8, 1.0))
"""Epochs of a net, and how strong the distortions are in the beginning of so many: a short training
is taken to gain nothing from faces that are stranger than those it is asked for."""
_AFTERWARDS: Final = 20.0
"""Seconds for audit, estimate, pictures, submission and MLflow, besides what follows."""
_AFTERWARDS_SHARE: Final = 0.01
_MEMORY_OF_A_PROCESS: Final = 1.5 * 2**30
_MEMORY_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Plan:
    """A timetable, in seconds.

    Attributes:
        size: Key of ``SIZES``.
        settings: Of the architecture.
        precision: Keras' name of the number format.
        processes: Nets that train side by side.
        scouts: Nets that the audit goes by, each trained on one half of the faces; the first
            members go on from them.
        members: Nets in all.
        training: From now until the last net has trained and predicted.
        scouting: The first part of it, until the audit.
        share: Of a net's training that its scout has behind it.
        strength: Of the distortions, where the training begins and where it ends.
        afterwards: What is kept for all that follows training.
        prediction: What a thousand pictures take, mirrored ones too.
        views: Of each picture, over which a member averages its answer.
        epochs: What each member is expected to see of its faces.
        speed: Pictures of this size that all processes together train on per second; it follows
            from the measured size's and their costs.
    """

    size: str
    settings: dict[str, Any]
    precision: str
    processes: int
    scouts: int
    members: int
    training: float
    scouting: float
    share: float
    strength: tuple[float, float]
    afterwards: float
    prediction: float
    views: int
    epochs: float
    speed: float

    def seconds_to_predict(self, pictures: int, views: int = 1) -> float:
        """How long one net takes to find the points of so many pictures."""
        return self.prediction * views * pictures / 1000

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


def number_of_processes(folds: int) -> int:
    """How many nets to train side by side: one per two cores, as far as memory and the folds go;
    one on a GPU.
    """
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return 1
    cores = number_of_cores() // _CORES_OF_A_NET
    by_memory = int(_available_memory() // _MEMORY_OF_A_PROCESS)
    return max(1, min(cores, folds, by_memory))


def _available_memory() -> int:
    """Bytes; a container's limit is not among what psutil knows."""
    available = int(psutil.virtual_memory().available)
    try:
        limit = int(_MEMORY_LIMIT.read_text())
    except (OSError, ValueError):  # no such file, or the word "max"
        return available
    return min(available, limit - int(psutil.Process().memory_info().rss))


def make_plan(
    competition: CompetitionParameters,
    precision: str,
    processes: int,
    folds: int,
    faces: int,
    test_faces: int,
    left: float,
    trained: float,
    predicted: float,
) -> Plan:
    """The timetable.

    Args:
        competition: Budget, and what the user has decided.
        precision: Keras' name of the number format.
        processes: Nets side by side.
        folds: Most members that can each hold out a fold of their own.
        faces: Rows of training.csv.
        test_faces: Rows of test.csv.
        left: Seconds of the budget that are left.
        trained: Pictures per second that one process trains on, at the measured size, while the
            others do so too.
        predicted: The same for finding points.
    """
    afterwards = _AFTERWARDS + _AFTERWARDS_SHARE * 60 * competition.minutes
    seconds = max(left - afterwards, 0.0)
    at_measured_size = trained * seconds / faces  # epochs of one process
    size: str = competition.size
    if size == "auto":
        wanted = min(competition.members or folds, folds)
        turns = -(-wanted // min(processes, wanted))
        # how many nets there are follows from the size, unless the user has decided
        worth = {n: e * (turns if competition.members else 1) for n, e in _EPOCHS_WORTH.items()}
        worth |= dict.fromkeys(_LARGER, _EPOCHS_OF_A_MEMBER * turns)
        size = [n for n, least in worth.items() if at_measured_size / _COST[n] >= least][-1]
    epochs = at_measured_size / _COST[size]
    if competition.members is None:
        rounds = max(1, int(epochs // _EPOCHS_OF_A_MEMBER))
        members = min(rounds * processes, folds)
    else:
        members = min(competition.members, folds)
    processes = min(processes, members)
    rounds = -(-members // processes)
    scouts = max(NUM_HALVES, processes)
    scouts_each = -(-scouts // processes)
    share = min(_SCOUTING[0], _SCOUTING[1] * rounds / max(epochs, 1e-9))
    of_a_net = seconds / (rounds + share * (scouts_each - min(rounds, scouts_each)))
    prediction = 1000 * _COST[size] / predicted
    of_a_view = prediction / 1000 * (test_faces + faces / folds)
    views = int(_VIEWS_SHARE * of_a_net / of_a_view)
    epochs *= of_a_net / seconds if seconds else 0.0
    return Plan(
        size=size,
        settings=SIZES[size],
        precision=precision,
        processes=processes,
        scouts=scouts,
        members=members,
        training=seconds,
        scouting=share * of_a_net * scouts_each,
        share=share,
        strength=(first_strength(competition.recipe, epochs), competition.recipe.last_strength),
        afterwards=afterwards,
        prediction=prediction,
        views=min(max(views, 1), _MOST_VIEWS),
        epochs=epochs,
        speed=processes * trained / _COST[size],
    )


def first_strength(recipe: RecipeParameters, epochs: float) -> float:
    """How strong the distortions are in the beginning of so many epochs."""
    if recipe.first_strength is not None:
        return recipe.first_strength
    return float(np.interp(np.log(max(epochs, 1.0)), np.log(_STRENGTH[0]), _STRENGTH[1]))


def dealt_out(
    weights: Sequence[float], processes: int, start: float, end: float
) -> list[list[tuple[int, float]]]:
    """Number and end of each task, dealt out to processes that work through theirs one by one.

    Args:
        weights: How much of its process' time each task is worth.
        processes: No more than there are tasks.
        start: When all begin.
        end: When all are to be over.
    """
    queues = []
    for first in range(processes):
        numbers = range(first, len(weights), processes)
        done = list(accumulate(weights[number] for number in numbers))
        ends = [start + (end - start) * so_far / done[-1] for so_far in done]
        queues.append(list(zip(numbers, ends, strict=True)))
    return queues
