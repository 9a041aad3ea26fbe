"""Nodes of the train stage."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from facial_keypoints.errors import InputError, TrainingFailedError
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import format_duration
from facial_keypoints.models.complexity import complexity
from facial_keypoints.models.registry import build_model
from facial_keypoints.parameters import StudyParameters, VariantParameters
from facial_keypoints.plotting.curves import draw_curve
from facial_keypoints.training.records import (
    Training,
    differences,
    fingerprint,
    origin_of,
    samples_origin,
)
from facial_keypoints.training.session import Session
from facial_keypoints.training.stores import CheckpointStore
from facial_keypoints.training.trainer import (
    fit_variant,
    out_of_memory_as_failure,
    seconds_per_step,
)

logger = logging.getLogger(__name__)

_LONG_STUDY_HOURS = 12


def estimate_training_time(
    train: FaceSet, validation: FaceSet, study: StudyParameters, **variants: Any
) -> dict[str, Any]:
    """How long the chosen variants will train on this machine.

    A few steps are measured of up to three of them, the least, the middle and the most
    arithmetic among them; the others' time lies between, by their multiply-adds. The estimate
    is that of the longest case: every epoch, no early stopping, or the whole time budget where
    that is shorter. What an earlier run has trained already takes none.

    Args:
        train: samples to train on.
        validation: samples to validate on.
        study: whether earlier trainings are reused.
        variants: each variant, keyed "<variant>.parameters", and its earlier trainings by
            fingerprint, keyed "<variant>.earlier_trainings".

    Returns:
        ``minutes`` by variant, ``measured_images_per_second`` of those measured,
        ``set_up_seconds`` of each, ``already_trained``, and ``total_minutes``.
    """
    chosen = {
        key.removesuffix(".parameters"): VariantParameters.model_validate(value)
        for key, value in variants.items()
        if key.endswith(".parameters")
    }
    samples = samples_origin(train, validation)
    waiting = {
        name: variant
        for name, variant in chosen.items()
        if not study.reuse
        or fingerprint(origin_of(variant, samples)) not in variants[f"{name}.earlier_trainings"]
    }
    work = {
        name: amount
        for name, variant in waiting.items()
        if (amount := _if_memory_suffices(name, partial(_multiply_adds, variant))) is not None
    }
    by_work = sorted(work, key=lambda name: work[name])
    measured = {by_work[i] for i in (0, len(by_work) // 2, -1)} if by_work else set()
    known: dict[float, float] = {}
    set_up = 0.0  # building a graph: the same for all, and most of the time of a tiny study
    for name in (name for name in by_work if name in measured):
        began = time.monotonic()
        step = _if_memory_suffices(name, partial(seconds_per_step, waiting[name], train))
        if step is None:
            continue
        set_up = max(set_up, time.monotonic() - began)
        known[work[name]] = step / waiting[name].train.batch_size
    minutes: dict[str, float] = {}
    for name, variant in waiting.items():
        if name not in work or not known:
            minutes[name] = 0.0  # its training will fail, and say why
            continue
        how = variant.train
        per_image = float(np.interp(work[name], list(known), list(known.values())))
        whole = (set_up + len(train) * how.epochs * per_image) / 60
        minutes[name] = whole if how.max_minutes is None else min(whole, how.max_minutes)
        logger.info(
            "%s  %.0f images/s%s: %d epochs take %s%s",
            name,
            1 / per_image,
            "" if name in measured else " (by its arithmetic)",
            how.epochs,
            format_duration(60 * whole),
            ""
            if minutes[name] == whole
            else f", stopped after {format_duration(60 * minutes[name])}",
        )
    total = sum(minutes.values())
    done = [name for name in chosen if name not in waiting]
    logger.info(
        "Training %d variant(s) takes about %s%s",
        len(minutes),
        format_duration(60 * total),
        f"; {len(done)} more are trained already" if done else "",
    )
    if total > 60 * _LONG_STUDY_HOURS:
        logger.warning(
            "That is long. Ctrl-C now, and choose fewer (--params study.only=%s), set a budget "
            "per variant (--params train.max_minutes=20), or shrink the whole study "
            "(--params study.scale=0.2)",
            min(minutes, key=lambda name: minutes[name]),
        )
    return {
        "minutes": minutes,
        "measured_images_per_second": {
            n: 1 / known[work[n]] for n in by_work if n in measured and work[n] in known
        },
        "set_up_seconds": set_up,
        "already_trained": done,
        "total_minutes": total,
    }


def _multiply_adds(variant: VariantParameters) -> float:
    return float(complexity(build_model(variant.architecture, variant.settings))["multiply_adds"])


def _if_memory_suffices(variant: str, measure: Callable[[], float]) -> float | None:
    try:
        with out_of_memory_as_failure():
            return measure()
    except TrainingFailedError as error:
        logger.warning("%s  cannot be timed: %s", variant, error)
        return None


def train_variant(
    train: FaceSet,
    validation: FaceSet,
    estimate: dict[str, Any],
    variant: VariantParameters,
    study: StudyParameters,
    earlier: dict[str, Training],
    session: Session,
    backup: Callable[[str], CheckpointStore] | None = None,
) -> Training:
    """The trained model, its curve, and a record of how it came about.

    An earlier training of the same origin (see ``trainings``) is taken as it is; one that was
    interrupted is gone on with, after its last whole epoch. The estimate is an input so that
    every variant's time is told before the first one trains.

    Raises:
        InputError: if the training fails and ``study.on_failure`` is "stop".
    """
    origin = origin_of(variant, samples_origin(train, validation))
    name = fingerprint(origin)
    if study.reuse and name in earlier and earlier[name].is_final:
        _tell_of_reuse(earlier[name], variant, study)
        return _with_a_run(earlier[name], session.run_id_of(variant.name))
    unfinished = None if backup is None else backup(name)
    if earlier and not (unfinished is not None and unfinished.exists()):
        last = list(earlier.values())[-1].record["origin"]
        why = differences(last, origin)
        if not why:
            why = "memory did not suffice last time" if study.reuse else "study.reuse is false"
        logger.info("%s  trained again: %s", variant.name, why)
    training = fit_variant(variant, train, validation, [], unfinished)
    record = {
        **training.record,
        "fingerprint": name,
        "origin": origin,
        "mlflow_run_id": session.run_id_of(variant.name),
    }
    training = replace(training, record=record)
    if training.failure is not None:
        _tell_of_failure(training, variant, study)
        return training
    logger.info(
        "%s  trained for %s, %d epochs (ended by: %s); best epoch %s",
        variant.name,
        format_duration(60 * record["minutes"]),
        record["epochs"],
        record["ended_by"],
        record["best_epoch"],
    )
    return training


def _with_a_run(training: Training, now: str | None) -> Training:
    """The same; MLflow was away when it was trained if it names no run."""
    if training.record.get("mlflow_run_id") is not None or now is None:
        return training
    return replace(training, record={**training.record, "mlflow_run_id": now})


def _tell_of_reuse(training: Training, variant: VariantParameters, study: StudyParameters) -> None:
    if training.failure is None:
        logger.info(
            "%s  reused: trained earlier from the same origin (%s)",
            variant.name,
            training.fingerprint,
        )
    else:
        _tell_of_failure(training, variant, study)


def _tell_of_failure(
    training: Training, variant: VariantParameters, study: StudyParameters
) -> None:
    when = "failed earlier, and would again" if training.reused else "failed"
    told = f"{variant.name} {when}: {training.failure}"
    if study.on_failure == "stop":
        raise InputError(
            f"{told}. Change its settings, or leave it out and go on with the other variants: "
            "--params study.on_failure=continue"
        )
    again = "; study.reuse=false tries again" if training.reused else ""
    logger.warning("%s. The study goes on without it%s", told, again)


def draw_learning_curve(training: Training, variant: VariantParameters) -> Figure:
    """Loss and the paper's accuracy by epoch, for training and validation (as in Figure 3)."""
    figure = Figure(figsize=(9, 3.6), layout="constrained", dpi=110)
    left, right = figure.subplots(1, 2)
    draw_curve(left, training.history, "loss", "mean squared error (px²)")
    draw_curve(right, training.history, "accuracy", "the paper's accuracy")
    left.legend()
    figure.suptitle(variant.name)
    return figure
