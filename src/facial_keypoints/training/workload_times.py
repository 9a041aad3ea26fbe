"""How long a study trains, at any scale."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import VariantParameters
from facial_keypoints.parameters.study import MIN_SCALE
from facial_keypoints.training.deadlines import in_order, time_needed
from facial_keypoints.training.input_pipeline import steps_per_epoch
from facial_keypoints.training.step_times import (
    StepTimes,
    batch_work,
    measure_steps,
    representatives,
)
from facial_keypoints.training.study_plan import StudyPlan
from facial_keypoints.training.workers import THIS_MACHINE, Workers

_COUNTED_SCALE: Final = 0.1
"""At which every network is built once, to count its work: small ones are built fast."""
_ASSUMED: Final = StepTimes({"any": [(2.5e8, 0.015)]}, 4.0)
"""100 G operations a second, six per multiply-add, but at least 15 ms a step: roughly what two
cores do. Decides only on the scale of the first measurement."""
_VALIDATION: Final = 1.06
"""Time of an epoch relative to its training steps: a ninth as many samples are validated, in one
pass where training takes three; the rest is the checkpoint."""
FILLED_FRACTION: Final = 0.75
"""Fraction of the time for training that the plan fills. The rest is for other programs on the
machine: trainings are stopped only when it is used up."""
_TO_SAVE: Final = 1.0
"""Time to save and record a trained model, relative to setting up its training."""
_TO_EVALUATE: Final = 2.0
"""Time to predict and measure with a variant once all are trained, relative to the same."""
_TO_REPORT: Final = 10.0
"""Time for tables, figures, page and submission, relative to the same."""


@dataclass(frozen=True)
class Workload:
    """What a study trains, and where.

    Attributes:
        faces: All samples.
        num_samples: Trained on at full scale.
        variants: By name, at full scale.
        workers: Where they train.
    """

    faces: FaceSet
    num_samples: int
    variants: Mapping[str, VariantParameters]
    workers: Workers = THIS_MACHINE

    @property
    def at_a_time(self) -> int:
        """How many variants train side by side."""
        return max(1, self.workers.nodes_at_a_time(len(self.variants)))

    def samples_at(self, scale: float) -> int:
        """Return the number of samples that are trained on at a scale."""
        return max(1, round(scale * self.num_samples))


@dataclass(frozen=True)
class WorkloadTimes:
    """How long a workload trains, at any plan.

    Attributes:
        workload: What is trained.
        plan: The plan that ``batch_work`` is of.
        batch_work: Multiply-adds of a batch at that plan, by variant; without those that memory
            does not hold.
        steps: How long training steps take.
    """

    workload: Workload
    plan: StudyPlan
    batch_work: Mapping[str, float]
    steps: StepTimes

    @classmethod
    def assume(cls, workload: Workload, plan: StudyPlan) -> "WorkloadTimes":
        """Return the times on a machine of two cores, before anything is measured.

        Args:
            workload: What is trained.
            plan: What the user has decided.
        """
        small = replace(plan, scale=_COUNTED_SCALE)
        scaled = {name: small.apply(variant) for name, variant in workload.variants.items()}
        return cls(workload, small, batch_work(scaled), _ASSUMED)

    def measure(self, plan: StudyPlan, most: int | None = None) -> "WorkloadTimes":
        """Return the times by a measurement at a plan.

        Args:
            plan: The plan.
            most: Number of variants to measure at most, those of medium work; None for no bound.
        """
        variants = self.workload.variants
        work = {name: self._work(plan, name) for name in self.batch_work}
        scaled = {name: plan.apply(variants[name]) for name in work}
        names = representatives(scaled, work)
        if most is not None:
            names = names[len(names) // 2 :][:most]
        workload = self.workload
        steps = measure_steps(
            workload.faces, scaled, work, names, workload.workers, workload.at_a_time
        )
        return WorkloadTimes(self.workload, plan, work, steps)

    def step_seconds(self, plan: StudyPlan, name: str) -> float:
        """Return how long a training step of a variant takes at a plan.

        Args:
            plan: The plan.
            name: Of the variant.
        """
        architecture = self.workload.variants[name].architecture
        return self.steps.seconds(architecture, self._work(plan, name))

    def _work(self, plan: StudyPlan, name: str) -> float:
        """Multiply-adds of a batch, which grow with the square of the width."""
        variant = self.workload.variants[name]
        here, there = self.plan.apply(variant), plan.apply(variant)
        growth = float(there.settings.get("width", 1.0) / here.settings.get("width", 1.0)) ** 2
        return self.batch_work[name] * growth * there.train.batch_size / here.train.batch_size

    def training_seconds(self, plan: StudyPlan) -> dict[str, float]:
        """Return how long each variant trains at a plan; none that memory does not hold."""
        return {name: self._training_seconds(plan, name) for name in self.batch_work}

    def _training_seconds(self, plan: StudyPlan, name: str) -> float:
        train = plan.apply(self.workload.variants[name]).train
        epoch = _VALIDATION * self.step_seconds(plan, name)
        epoch *= steps_per_epoch(self.workload.samples_at(plan.scale), train.batch_size)
        bounds = [] if train.max_minutes is None else [60 * train.max_minutes]
        if train.epochs is not None or not bounds:
            bounds.append(self.steps.set_up_seconds + (train.epochs or 1) * epoch)
        return self.steps.start_seconds + min(bounds)

    def images_per_second(self, plan: StudyPlan) -> dict[str, float]:
        """Return how fast each variant trains at a plan."""
        return {
            name: plan.apply(variant).train.batch_size / self.step_seconds(plan, name)
            for name, variant in self.workload.variants.items()
            if name in self.batch_work
        }

    def largest_scale(self, plan: StudyPlan, seconds: float) -> float:
        """Return the largest scale at which all variants train within some seconds.

        Args:
            plan: What the user has decided besides the scale.
            seconds: Until all are trained.

        Returns:
            The scale, rounded down to two digits; at least the smallest there is.
        """
        fits, too_large = MIN_SCALE, 1.0
        if self.total_seconds(replace(plan, scale=too_large)) <= seconds:
            return too_large
        while too_large / fits > 1.005:
            middle = math.sqrt(fits * too_large)
            if self.total_seconds(replace(plan, scale=middle)) <= seconds:
                fits = middle
            else:
                too_large = middle
        digits = 2 if fits >= 0.1 else 3
        return max(MIN_SCALE, math.floor(fits * 10.0**digits) / 10.0**digits)

    @property
    def save_seconds(self) -> float:
        """How long it takes to save and record each training."""
        return _TO_SAVE * self.steps.set_up_seconds

    @property
    def afterwards_seconds(self) -> float:
        """How long what follows all trainings takes."""
        count = len(self.workload.variants)
        return (_TO_EVALUATE * count + _TO_REPORT) * self.steps.set_up_seconds

    def seconds_for_training(self, seconds: float) -> float:
        """Return how much of the remaining budget trainings may take; below 0 if it is too short.

        Args:
            seconds: Remaining budget.
        """
        saving = len(self.workload.variants) * self.save_seconds
        return seconds - saving - self.afterwards_seconds

    def fill(self, plan: StudyPlan, seconds: float) -> StudyPlan:
        """Return the plan at the largest scale that fits into the remaining budget.

        Args:
            plan: What the user has decided besides the scale.
            seconds: Remaining budget.
        """
        filled = FILLED_FRACTION * self.seconds_for_training(seconds)
        return replace(plan, scale=self.largest_scale(plan, filled))

    def total_seconds(self, plan: StudyPlan) -> float:
        """Return how long it takes until all variants are trained at a plan."""
        seconds = self.training_seconds(plan)
        return time_needed((seconds[name] for name in in_order(seconds)), self.workload.at_a_time)
