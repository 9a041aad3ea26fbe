"""What fits into a time budget: sizes, processes and deadlines, from a measured speed."""

import logging
import math
from dataclasses import dataclass
from typing import Any, Final

from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.training.augmentation import initial_strength
from facial_keypoints.training.speed import Speed
from facial_keypoints.training.workers import Workers

logger = logging.getLogger(__name__)

SIZES: Final[dict[str, dict[str, Any]]] = {
    "tiny": {"filters": 8, "blocks": 1},
    "small": {"filters": 32, "blocks": 1},
    "medium": {"filters": 64, "blocks": 1},
    "large": {"filters": 64, "blocks": 3},
    "huge": {"filters": 128, "blocks": 2},
}
"""Settings of the architecture ``heatmap_unet``, by name."""
MEASURED_SIZE: Final = "medium"
"""The size whose speed is measured where the budget decides on it; the others' follows from their
cost."""
_COST: Final = {"tiny": 0.1, "small": 0.33, "medium": 1.0, "large": 1.9, "huge": 5.0}
"""Time of a step relative to the medium size's: small is measured (0.36 in bfloat16, 0.31 in
float32), the others follow from their arithmetic."""
_MIN_EPOCHS: Final = {"small": 0, "medium": 80}
"""Minimum number of epochs for which this size is chosen: 80 lies between figures of
docs/competition.md. Larger sizes are chosen once there is time for one model per fold: another
member is taken to gain more until then."""
_LARGER: Final = ("large", "huge")
_EPOCHS_PER_MEMBER: Final = 70
"""Epochs from which on a second member is taken to gain more than as many again of the first."""

NUM_HALVES: Final = 2
_FIRST_STAGE: Final = (0.15, 10.0)
"""The first stage takes this fraction of a model's training, but at most so many epochs."""
_CORES_PER_MODEL: Final = 2
"""One model on two cores and two models of one core each are expected to score about the same after
a quarter of an hour; one is half as large to keep and to use."""
_TTA_FRACTION: Final = 0.03
"""Of a model's training time that predicting several views of the images may take."""
_MAX_VIEWS: Final = 12
_AFTERWARDS: Final = 20.0
"""Seconds for audit, estimate, figures, submission and MLflow, besides what follows."""
_AFTERWARDS_FRACTION: Final = 0.01
_SECONDS_TO_BUILD: Final = 6.0
"""To build the graphs that a model predicts with."""
_MEMORY_PER_PROCESS: Final = 1.5 * 2**30


@dataclass(frozen=True)
class Plan:
    """How a time budget is spent; durations in seconds.

    Attributes:
        size: Key of ``SIZES``.
        settings: Of the architecture.
        num_processes: Models that train side by side.
        num_first_stage: Models that the first audit goes by, each trained on one half of the faces;
            the first members start from their weights.
        num_members: Models in the ensemble.
        started_at: Unix time from which the first stage trains.
        first_stage_seconds: Until the first audit.
        deadline: Unix time by which all members have trained and predicted.
        training_seconds: From ``started_at`` to ``deadline``; 0 where the budget is exhausted.
        first_stage_fraction: Of a member's training that the first stage has behind it.
        initial_strength: Of the random transforms when training starts.
        seconds_per_1000: To predict a thousand images and their mirror images.
        num_views: Of each image, over which a member averages its prediction (TTA).
        epochs: That each member is expected to train for.
        images_per_second: Trained by all processes together, at this size.
    """

    size: str
    settings: dict[str, Any]
    num_processes: int
    num_first_stage: int
    num_members: int
    started_at: float
    first_stage_seconds: float
    deadline: float
    training_seconds: float
    first_stage_fraction: float
    initial_strength: float
    seconds_per_1000: float
    num_views: int
    epochs: float
    images_per_second: float

    def seconds_to_predict(self, images: int, views: int = 1) -> float:
        """Return how long one model takes to predict.

        Args:
            images: Number of images.
            views: Of each image.
        """
        return _SECONDS_TO_BUILD + self.seconds_per_1000 * views * images / 1000


def measured_size(competition: CompetitionParameters) -> str:
    """Return the size whose speed is to be measured: the user's, or the medium one."""
    return MEASURED_SIZE if competition.size == "auto" else competition.size


def number_of_processes(folds: int, workers: Workers) -> int:
    """Return how many models to train side by side.

    Args:
        folds: Most models.
        workers: Where they train.
    """
    return max(1, min(workers.capacity(_CORES_PER_MODEL, _MEMORY_PER_PROCESS), folds))


def make_plan(
    competition: CompetitionParameters,
    speed: Speed,
    *,
    num_processes: int,
    num_folds: int,
    num_faces: int,
    num_test_faces: int,
    started_at: float,
    now: float,
) -> Plan:
    """Return how the budget is spent.

    Args:
        competition: The budget, and what the user has decided.
        speed: Of one process, at the ``measured_size``, while the others train as well.
        num_processes: Models side by side.
        num_folds: Most members that can each hold out a fold.
        num_faces: Rows of training.csv.
        num_test_faces: Rows of test.csv.
        started_at: Unix time at which the command started.
        now: Unix time.
    """
    measured = _COST[measured_size(competition)]
    budget = 60 * competition.minutes
    end = started_at + budget - _AFTERWARDS - _AFTERWARDS_FRACTION * budget
    seconds = max(end - now, 0.0)
    at_medium_size = speed.trained * measured * seconds / num_faces  # epochs of one process
    size = _choose_size(competition, at_medium_size, num_processes, num_folds)
    cost = _COST[size] / measured
    epochs = at_medium_size / _COST[size]
    members = competition.members or max(1, int(epochs // _EPOCHS_PER_MEMBER)) * num_processes
    members = min(members, num_folds)
    processes = min(num_processes, members)
    rounds = -(-members // processes)
    first_stage = max(NUM_HALVES, processes)
    first_stage_each = -(-first_stage // processes)
    most = competition.max_epochs or math.inf
    each = min(epochs / rounds, most)
    fraction = min(_FIRST_STAGE[0], _FIRST_STAGE[1] / max(each, 1e-9))
    per_model = seconds / (rounds + fraction * (first_stage_each - min(rounds, first_stage_each)))
    per_1000 = 1000 * cost / speed.predicted
    per_view = per_1000 / 1000 * (num_test_faces + num_faces / num_folds)
    epochs = min(epochs * per_model / seconds, most) if seconds else 0.0
    return Plan(
        size=size,
        settings=SIZES[size],
        num_processes=processes,
        num_first_stage=first_stage,
        num_members=members,
        started_at=now,
        first_stage_seconds=fraction * per_model * first_stage_each,
        deadline=now + seconds,
        training_seconds=seconds,
        first_stage_fraction=fraction,
        initial_strength=initial_strength(competition.train, epochs),
        seconds_per_1000=per_1000,
        num_views=min(max(int(_TTA_FRACTION * per_model / per_view), 1), _MAX_VIEWS),
        epochs=epochs,
        images_per_second=processes * speed.trained / cost,
    )


def _choose_size(
    competition: CompetitionParameters, epochs: float, processes: int, folds: int
) -> str:
    """The largest size whose minimum number of epochs fits, by the medium size's epochs."""
    if competition.size != "auto":
        return competition.size
    wanted = min(competition.members or folds, folds)
    rounds = -(-wanted // min(processes, wanted))
    # how many members there are follows from the size, unless the user has decided
    factor = rounds if competition.members else 1
    minimum = {name: count * factor for name, count in _MIN_EPOCHS.items()}
    minimum |= dict.fromkeys(_LARGER, _EPOCHS_PER_MEMBER * rounds)
    return [name for name, least in minimum.items() if epochs / _COST[name] >= least][-1]
