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
from facial_keypoints.training.speed import measure_training
from facial_keypoints.training.task import variant_task

logger = logging.getLogger(__name__)

_MEASURED_FACES: Final = 1024
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
    """

    points: dict[str, list[tuple[float, float]]]
    set_up_seconds: float

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
) -> StepTimes:
    """Measure training steps of some variants.

    Args:
        faces: To train on.
        variants: By name.
        work: Multiply-adds of a batch, by variant.
        names: Of the variants to measure, such as ``representatives``.

    Raises:
        TrainingFailedError: If memory suffices for none of them.
    """
    few = faces.select(slice(0, _MEASURED_FACES))
    points: dict[str, list[tuple[float, float]]] = {}
    set_ups = []
    for name in names:
        variant = variants[name]
        task = replace(variant_task(variant, few, few), validation=None)
        try:
            with out_of_memory_as_failure():
                speed = measure_training(task, _MEASURED_SECONDS)
        except TrainingFailedError as error:
            logger.warning("%s: not measured, %s", name, error)
            continue
        step = min(variant.train.batch_size, len(few)) / speed.trained
        points.setdefault(variant.architecture, []).append((work[name], step))
        set_ups.append(speed.set_up_seconds)
    if not points:
        raise TrainingFailedError("memory suffices for no variant")
    return StepTimes({name: sorted(found) for name, found in points.items()}, median_low(set_ups))


def batch_work(variants: Mapping[str, VariantParameters]) -> dict[str, float]:
    """Return the multiply-adds of a batch, by variant; without those that memory does not hold.

    Args:
        variants: By name.
    """
    work = {}
    for name, variant in variants.items():
        try:
            with out_of_memory_as_failure():
                size = network_size(build_model(variant.architecture, variant.settings))
        except TrainingFailedError as error:
            logger.warning("%s: not measured, %s", name, error)
            continue
        work[name] = float(size.multiply_adds * variant.train.batch_size)
    return work


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
