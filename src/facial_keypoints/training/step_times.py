"""How long the study trains at any scale: a few variants are measured, the others follow."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median_low
from typing import Final

import numpy as np

from facial_keypoints.errors import TrainingFailedError
from facial_keypoints.faces import FaceSet
from facial_keypoints.models.complexity import network_size
from facial_keypoints.models.registry import build_model
from facial_keypoints.parameters import VariantParameters
from facial_keypoints.training.keras_session import out_of_memory_as_failure
from facial_keypoints.training.speed import measure_trainings
from facial_keypoints.training.task import variant_task
from facial_keypoints.training.workers import THIS_MACHINE, Workers

logger = logging.getLogger(__name__)

MEASURED_FACES: Final = 1024
"""Of which a variant is trained for a measurement."""
_MEASURED_SECONDS: Final = 1.0
_FALLS: Final = 0.75
"""Power of the work that a step's time falls by: the number of operations stays the same."""


@dataclass(frozen=True)
class StepTimes:
    """Measured training steps.

    Attributes:
        points: Work (multiply-adds of a batch) and seconds of measured steps, ascending by work;
            by architecture.
        set_up_seconds: Building a graph, in the median: the first one in a process takes longer.
        start_seconds: Until the process of a training is ready, if each has its own.
    """

    points: dict[str, list[tuple[float, float]]]
    set_up_seconds: float
    start_seconds: float = 0.0

    def seconds(self, architecture: str, work: float) -> float:
        """Return how long a step takes.

        Between two measured steps the time is interpolated. Beyond them it is taken to grow in
        proportion to the work, and to fall more slowly: both are rather too much.

        Args:
            architecture: Of the variant; where none of it was measured, all others count.
            work: Multiply-adds of a batch.
        """
        everywhere = sorted(point for points in self.points.values() for point in points)
        known, taken = np.log(self.points.get(architecture) or everywhere).T
        here = np.log(work)
        beyond = max(here - known[-1], 0.0) + _FALLS * min(here - known[0], 0.0)
        return float(np.exp(np.interp(here, known, taken) + beyond))


def measure_steps(
    faces: FaceSet,
    variants: Mapping[str, VariantParameters],
    work: Mapping[str, float],
    names: Iterable[str],
    workers: Workers = THIS_MACHINE,
    at_a_time: int = 1,
) -> StepTimes:
    """Measure training steps of some variants.

    Args:
        faces: To train on.
        variants: By name.
        work: Multiply-adds of a batch, by variant.
        names: Of the variants to measure, such as ``representatives``.
        workers: Where they will train.
        at_a_time: How many will train side by side.

    Raises:
        TrainingFailedError: If memory suffices for none of them.
    """
    few = faces.select(slice(0, MEASURED_FACES))
    tasks = [replace(variant_task(variants[name], few, few), validation=None) for name in names]
    speeds = measure_trainings(tasks, _MEASURED_SECONDS, workers, at_a_time)
    points: dict[str, list[tuple[float, float]]] = {}
    for name, speed in speeds.items():
        step = min(variants[name].train.batch_size, len(few)) / speed.trained
        points.setdefault(variants[name].architecture, []).append((work[name], step))
    if not points:
        raise TrainingFailedError("memory suffices for no variant")
    return StepTimes(
        {name: sorted(found) for name, found in points.items()},
        median_low([speed.set_up_seconds for speed in speeds.values()]),
        median_low([speed.start_seconds for speed in speeds.values()]),
    )


def multiply_adds(variants: Mapping[str, VariantParameters]) -> dict[str, float]:
    """Return the multiply-adds of an image, by variant; without those that memory does not hold.

    Args:
        variants: By name.
    """
    counts = {}
    for name, variant in variants.items():
        try:
            with out_of_memory_as_failure():
                size = network_size(build_model(variant.architecture, variant.settings))
        except TrainingFailedError as error:
            logger.warning("%s: not measured, %s", name, error)
            continue
        counts[name] = float(size.multiply_adds)
    return counts


def batch_work(variants: Mapping[str, VariantParameters]) -> dict[str, float]:
    """Return the multiply-adds of a batch, by variant; without those that memory does not hold.

    Args:
        variants: By name.
    """
    counts = multiply_adds(variants)
    return {name: count * variants[name].train.batch_size for name, count in counts.items()}


def representatives(
    variants: Mapping[str, VariantParameters], work: Mapping[str, float]
) -> list[str]:
    """Return the variants with the least, the median and the most work of each architecture.

    Args:
        variants: By name.
        work: Multiply-adds of a batch, by variant.
    """
    by_architecture: dict[str, list[str]] = {}
    for name in sorted(work, key=lambda name: work[name]):
        by_architecture.setdefault(variants[name].architecture, []).append(name)
    chosen = {names[i] for names in by_architecture.values() for i in (0, len(names) // 2, -1)}
    return sorted(chosen, key=lambda name: work[name])
