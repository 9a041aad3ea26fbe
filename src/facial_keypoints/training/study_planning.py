"""Choosing the scale at which all variants fit into the study's time budget."""

import logging
import math
import time
from dataclasses import replace
from typing import Final

import psutil

from facial_keypoints.formatting import format_count, format_duration
from facial_keypoints.parameters import StudyParameters
from facial_keypoints.training.hardware import number_of_cores
from facial_keypoints.training.study_plan import StudyPlan
from facial_keypoints.training.workload_times import FILLED_FRACTION, Workload, WorkloadTimes

logger = logging.getLogger(__name__)

_BUSY: Final = 2.0
"""Waiting programs per core from which on a measurement is not the machine's usual speed."""


def make_study_plan(
    study: StudyParameters, workload: Workload, end: float, request: str
) -> StudyPlan:
    """Choose the scale at which all variants fit into the budget, by measured speeds.

    Args:
        study: The budget, and what the user has decided.
        workload: What is trained.
        end: Of the budget, as Unix time.
        request: Fingerprint of what the plan is made for.
    """
    logger.info("Measuring the training speed, for about a minute")
    plan = StudyPlan(
        scale=study.scale or 1.0,
        width=study.width,
        epochs=study.epochs,
        minutes=study.minutes,
        request=request,
        at_a_time=workload.at_a_time,
    )
    times = WorkloadTimes.assume(workload, plan)
    if study.scale is not None:
        times = times.measure(plan)
    else:  # roughly at first, then where it is needed
        for most in (2, None):
            times = times.measure(times.fill(plan, end - time.time()), most)
            plan = times.fill(plan, end - time.time())
            if times.seconds_for_training(end - time.time()) <= 0:
                break
    plan = replace(
        plan,
        training_seconds=times.training_seconds(plan),
        images_per_second=times.images_per_second(plan),
        save_seconds=times.save_seconds,
        afterwards_seconds=times.afterwards_seconds,
    )
    _log_plan(plan, times, study, times.seconds_for_training(end - time.time()))
    return plan


def _log_plan(
    plan: StudyPlan, times: WorkloadTimes, study: StudyParameters, seconds: float
) -> None:
    workload = times.workload
    trains = [plan.apply(variant).train for variant in workload.variants.values()]
    epochs = [train.epochs for train in trains if train.epochs is not None]
    shown = " to ".join(map(str, sorted({min(epochs), max(epochs)}))) if epochs else "unlimited"
    total = times.total_seconds(plan)
    logger.info(
        "Plan for %s%s in %s: study.scale=%g, training takes about %s",
        format_count(len(trains), "variant"),
        "" if workload.at_a_time == 1 else f", {workload.at_a_time} at a time,",
        format_duration(60 * (plan.minutes or 0)),
        plan.scale,
        format_duration(total),
    )
    logger.info(
        "study.scale=%g: %g of the width, %s epochs, %s training samples",
        plan.scale,
        plan.width_factor,
        shown,
        f"{workload.samples_at(plan.scale):,}",
    )
    if (load := psutil.getloadavg()[0]) > _BUSY * number_of_cores():
        logger.warning(
            "The machine is busy (load average %.0f on %s), and the plan assumes that it stays so. "
            "Run the command again when it is idle, with study.reuse=false, for a larger scale",
            load,
            format_count(number_of_cores(), "core"),
        )
    if plan.scale < 1 and study.scale is None:
        logger.info(
            "study.minutes decides on this; study.minutes=null trains at full scale, and "
            "--env=paper as the paper does: days on two cores"
        )
    if total > seconds:
        minutes = (study.minutes or 0) + (total / FILLED_FRACTION - seconds) / 60
        given = [name for name in ("scale", "width", "epochs") if getattr(study, name) is not None]
        logger.warning(
            "study.minutes=%g is too short: training takes %s, and %s are left for it. Each "
            "training is stopped when its part of them is over. Use %s",
            study.minutes,
            format_duration(total),
            format_duration(max(seconds, 0)),
            " or ".join([*(f"a smaller study.{name}" for name in given), "study.minutes="])
            + f"{math.ceil(minutes)} or more",
        )
