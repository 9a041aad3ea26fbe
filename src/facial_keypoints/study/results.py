"""Results of a run: check that they are current, summarise the seeds of each variant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.leaderboard import check_metrics
from facial_keypoints.evaluation.records import VariantMetrics
from facial_keypoints.evaluation.splits import SplitSummary
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import SplitParameters, VariantParameters, base_variant
from facial_keypoints.study.records import MEASURES, Measures, TrainedVariant
from facial_keypoints.study.statistics import mean_and_deviation
from facial_keypoints.training.fingerprints import differences, samples_origin
from facial_keypoints.training.records import STOPPED_BY_STUDY, Training, check_origin

_BUDGETS: Final = ("time budget", STOPPED_BY_STUDY)


@dataclass(frozen=True)
class VariantResult:
    """What a run leaves of one variant and seed."""

    parameters: VariantParameters
    training: Training
    metrics: VariantMetrics


def check_results(
    results: Mapping[str, VariantResult],
    train: FaceSet,
    validation: FaceSet,
    split_summary: SplitSummary,
    split: SplitParameters,
    scale: float,
) -> None:
    """Check that all results are of the current samples and parameters.

    Args:
        results: By training.
        train: The training set.
        validation: The validation set.
        split_summary: Of the split that made these sets.
        split: The parameters that the split must have had.
        scale: The study's scale, which the split must have had.

    Raises:
        InputError: if a set, a training or its metrics are of an earlier configuration.
    """
    made = {**split_summary.parameters.model_dump(mode="json"), "scale": split_summary.scale}
    requested = {**split.model_dump(mode="json"), "scale": scale}
    if made != requested:
        raise InputError(
            f"the samples were split with other parameters ({differences(made, requested)}); run: "
            "kedro run --pipeline=full, with the same --env and --params (finished trainings of "
            "the same samples are reused)"
        )
    samples = samples_origin(train, validation)
    for name, result in results.items():
        check_origin(result.training, result.parameters, samples)
        check_metrics(name, result.metrics, result.training)


def summarise_variants(
    results: Mapping[str, VariantResult], leaks: bool
) -> dict[str, TrainedVariant]:
    """Summarise the seeds of each variant.

    Args:
        results: By training; each has a model.
        leaks: Whether hold-out samples have copies in training.

    Returns:
        The summaries by variant.
    """
    by_variant: dict[str, dict[str, VariantResult]] = {}
    for name, result in results.items():
        by_variant.setdefault(base_variant(name), {})[name] = result
    return {name: _summarise(seeds, leaks) for name, seeds in by_variant.items()}


def _summarise(results: Mapping[str, VariantResult], leaks: bool) -> TrainedVariant:
    """Summarise the trainings of one variant."""
    measures = [Measures.of(result.metrics) for result in results.values()]
    summaries = {
        name: mean_and_deviation([getattr(each, name) for each in measures]) for name in MEASURES
    }
    mean = Measures(**{name: summary[0] for name, summary in summaries.items()})
    records = [result.training.record for result in results.values()]
    same = ("convs", "pools", "dense", "parameters", "multiply_adds")
    return TrainedVariant(
        trainings=[*results],
        mean=mean,
        deviation=Measures(**{name: summary[1] for name, summary in summaries.items()}),
        test_losses=_all_known([each.test_loss for each in measures]),
        unseen_losses=_all_known([each.unseen_loss for each in measures]),
        leak=mean.unseen_loss / mean.test_loss
        if leaks and mean.unseen_loss is not None and mean.test_loss
        else None,
        samples=records[0].samples,
        **{name: getattr(records[0].size, name) for name in same},
        epochs=float(np.mean([record.epochs for record in records])),
        minutes=float(np.mean([record.minutes for record in records])),
        budgeted=any(record.ended_by in _BUDGETS for record in records),
    )


def _all_known(values: Sequence[float | None]) -> list[float]:
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []
