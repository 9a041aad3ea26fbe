"""How long the study trains, and the deadline of each training within a budget."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import format_count, format_duration
from facial_keypoints.parameters import StudyParameters, VariantParameters
from facial_keypoints.training.deadlines import assign_deadlines, in_order, time_needed
from facial_keypoints.training.fingerprints import fingerprint, origin_of, samples_origin
from facial_keypoints.training.records import Training, reusable_training
from facial_keypoints.training.session import Session
from facial_keypoints.training.speed import measure_trainings
from facial_keypoints.training.step_times import MEASURED_FACES, multiply_adds
from facial_keypoints.training.study_plan import StudyPlan
from facial_keypoints.training.task import variant_task
from facial_keypoints.training.workers import THIS_MACHINE, Workers

logger = logging.getLogger(__name__)

_LONG_STUDY_HOURS: Final = 12
_MEASURED_SECONDS: Final = 2.0


@dataclass(frozen=True)
class StudyEstimate:
    """How long the chosen variants train where they will train, at most.

    Attributes:
        minutes: By variant, in the order in which they start.
        images_per_second: Of those that were measured.
        set_up_seconds: Building a graph.
        already_trained: Names of variants that an earlier run trained.
        deadlines: Unix time by which each training ends, in the order in which they run; empty
            without a budget.
        session_started_at: Unix time of the command that the deadlines are of.
        at_a_time: How many train side by side.
    """

    minutes: dict[str, float]
    images_per_second: dict[str, float]
    set_up_seconds: float
    already_trained: list[str]
    deadlines: dict[str, float] = field(default_factory=dict)
    session_started_at: float | None = None
    at_a_time: int = 1

    @property
    def total_minutes(self) -> float:
        """Until all variants are trained."""
        return time_needed(self.minutes.values(), self.at_a_time)

    def deadline_of(self, variant: str, session: Session) -> float | None:
        """Return when a variant's training has to end; None without a budget.

        Args:
            variant: Its name.
            session: The running command: deadlines of another one do not count.
        """
        same = self.session_started_at == session.started_at
        return self.deadlines.get(variant) if same else None


def find_estimate(inputs: Mapping[str, Any]) -> StudyEstimate | None:
    """Return the estimate among a node's inputs; None where the node trains no variant."""
    return next((value for value in inputs.values() if isinstance(value, StudyEstimate)), None)


def estimate_study(
    train: FaceSet,
    validation: FaceSet,
    study: StudyParameters,
    variants: Mapping[str, VariantParameters],
    earlier: Mapping[str, Mapping[str, Training]],
    workers: Workers = THIS_MACHINE,
) -> StudyEstimate:
    """Estimate how long the chosen variants train where they will train.

    Up to three of them are measured: those with the least, the median and the most arithmetic. The
    others' time lies between, by their multiply-adds. The estimate is that of the longest case:
    every epoch, no early stopping, or the whole time budget where that is shorter. What an earlier
    run has trained takes no time.

    Args:
        train: Samples to train on.
        validation: Samples to validate on.
        study: Whether earlier trainings are reused.
        variants: By name.
        earlier: Earlier trainings of each variant, by fingerprint.
        workers: Where they will train.
    """
    waiting = waiting_variants(train, validation, study, variants, earlier)
    already = [name for name in variants if name not in waiting]
    at_a_time = max(1, min(workers.nodes_at_a_time(len(waiting)), len(waiting)))
    work = multiply_adds(waiting)
    by_work = sorted(work, key=lambda name: work[name])
    few = train.select(slice(0, MEASURED_FACES))
    tasks = [
        replace(variant_task(waiting[name], few, few), validation=None)
        for name in dict.fromkeys(by_work[i] for i in (0, len(by_work) // 2, -1) if by_work)
    ]
    speeds = measure_trainings(tasks, _MEASURED_SECONDS, workers, at_a_time)
    known = {work[name]: 1 / speed.trained for name, speed in speeds.items()}  # ascending
    # the same for all, and most of the time of a tiny study
    set_up = max(
        (speed.start_seconds + speed.set_up_seconds for speed in speeds.values()), default=0.0
    )
    minutes: dict[str, float] = {}
    for name in in_order(waiting):
        if name not in work or not known:
            minutes[name] = 0.0  # its training will fail, and say why
            continue
        per_image = float(np.interp(work[name], list(known), list(known.values())))
        minutes[name] = _minutes(waiting[name], len(train), per_image, set_up, name in speeds)
    estimate = StudyEstimate(
        minutes,
        {name: speed.trained for name, speed in speeds.items()},
        set_up,
        already,
        at_a_time=at_a_time,
    )
    _log_estimate(estimate)
    return estimate


def schedule_study(
    plan: StudyPlan,
    waiting: Collection[str],
    already_trained: list[str],
    session: Session,
    now: float,
    at_a_time: int = 1,
) -> StudyEstimate:
    """Return the deadline of each training, such that all end within the study's budget.

    What a training leaves of its time goes to those after it.

    Args:
        plan: The expected times.
        waiting: Names of the variants that are to be trained.
        already_trained: Names of variants that an earlier run trained.
        session: The command that the budget is of.
        now: Unix time at which the first training starts.
        at_a_time: Trainings that run side by side; each then has so many times as long.
    """
    names = in_order(waiting)
    end = session.started_at + 60 * (plan.minutes or 0) - plan.afterwards_seconds
    seconds = [plan.training_seconds.get(name, 1.0) for name in names]
    slots = [each + plan.save_seconds for each in seconds]
    processes = min(at_a_time, len(names))
    deadlines = assign_deadlines(slots, processes, now, max(now, end)) if names else []
    # the first ones have no slack yet
    deadlines = [
        max(each, min(now + 2 * slot, end)) for each, slot in zip(deadlines, slots, strict=True)
    ]
    estimate = StudyEstimate(
        minutes={name: each / 60 for name, each in zip(names, seconds, strict=True)},
        images_per_second=plan.images_per_second,
        set_up_seconds=0.0,
        already_trained=already_trained,
        deadlines={
            name: each - plan.save_seconds for name, each in zip(names, deadlines, strict=True)
        },
        session_started_at=session.started_at,
        at_a_time=max(1, processes),
    )
    _log_estimate(estimate)
    return estimate


def waiting_variants(
    train: FaceSet,
    validation: FaceSet,
    study: StudyParameters,
    variants: Mapping[str, VariantParameters],
    earlier: Mapping[str, Mapping[str, Training]],
) -> dict[str, VariantParameters]:
    """Return the variants that no earlier run has trained.

    Args:
        train: Samples to train on.
        validation: Samples to validate on.
        study: Whether earlier trainings are reused.
        variants: By name.
        earlier: Earlier trainings of each variant, by fingerprint.
    """
    samples = samples_origin(train, validation)
    return {
        name: variant
        for name, variant in variants.items()
        if not study.reuse
        or reusable_training(earlier[name], fingerprint(origin_of(variant, samples))) is None
    }


def _minutes(
    variant: VariantParameters, samples: int, per_image: float, set_up: float, measured: bool
) -> float:
    train = variant.train
    bounds = [] if train.max_minutes is None else [train.max_minutes]
    whole = None
    if train.epochs is not None:
        whole = (set_up + samples * train.epochs * per_image) / 60
        bounds.append(whole)
    minutes = min(bounds)
    logger.info(
        "%s: %.0f images/s%s, %s %s%s",
        variant.name,
        1 / per_image,
        "" if measured else " (estimated)",
        _subject_and_verb(train.epochs),
        format_duration(60 * (whole or minutes)),
        "" if minutes == whole else f", stopped at {format_duration(60 * minutes)}",
    )
    return minutes


def _subject_and_verb(epochs: int | None) -> str:
    if epochs is None:
        return "training takes"
    return f"{format_count(epochs, 'epoch')} {'takes' if epochs == 1 else 'take'}"


def _log_estimate(estimate: StudyEstimate) -> None:
    logger.info(
        "Training takes about %s for %s%s%s",
        format_duration(60 * estimate.total_minutes),
        format_count(len(estimate.minutes), "variant"),
        "" if estimate.at_a_time == 1 else f", {estimate.at_a_time} at a time",
        f"; {len(estimate.already_trained)} already trained" if estimate.already_trained else "",
    )
    if estimate.total_minutes > 60 * _LONG_STUDY_HOURS:
        logger.warning(
            "This takes long. Stop with Ctrl-C, choose fewer variants (--params study.only=%s), "
            "set a budget for each (--params train.max_minutes=20), or shrink the whole study "
            "(--params study.scale=0.2)",
            min(estimate.minutes, key=lambda name: estimate.minutes[name]),
        )
