"""Make the study's tables from the results of the trained variants."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from facial_keypoints.augmentation.offline import AugmentationSummary
from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import VariantMetrics
from facial_keypoints.evaluation.splits import SplitSummary
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import join_names
from facial_keypoints.parameters import (
    PaperRow,
    SplitParameters,
    StudyParameters,
    VariantParameters,
    base_variant,
)
from facial_keypoints.study.claims import check_claims, depth_trend
from facial_keypoints.study.records import (
    LossPair,
    Measures,
    StudyResult,
    StudyRow,
    TrainedVariant,
)
from facial_keypoints.study.statistics import (
    least_significant_ratio,
    loss_ratio,
    mean_and_deviation,
    rank_correlation,
)
from facial_keypoints.training.records import Training, check_origin, differences, samples_origin

logger = logging.getLogger(__name__)

TABLES: Final = ("table_3", "table_4", "table_5", "text", "others")
"""The paper's tables, the networks that only its text names, and all other variants."""

_MEASURES: Final = tuple(field.name for field in fields(Measures))
_PAPER_MEASURES: Final = _MEASURES[:4]


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
        results: by training.
        train: the training set.
        validation: the validation set.
        split_summary: of the split that made these sets.
        split: the parameters that the split must have had.
        scale: the study's scale, which the split must have had.

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
        if result.metrics.fingerprint != result.training.fingerprint:
            raise InputError(
                f"the metrics of {name} are of another training ({result.metrics.fingerprint}) "
                f"than the current one ({result.training.fingerprint}); run: kedro run "
                "--pipeline=evaluate, with the same --env and --params"
            )


def make_study(
    paper: Mapping[str, Sequence[PaperRow]],
    study: StudyParameters,
    split: SplitSummary,
    augmentation: AugmentationSummary,
    mean_face: VariantMetrics,
    synthetic: bool,
    train: FaceSet,
    results: Mapping[str, VariantResult],
) -> StudyResult:
    """Compare the results with the paper.

    Args:
        paper: the paper's rows by table.
        study: scale and seeds.
        split: the split that the results are of.
        augmentation: number of samples before and after augmentation.
        mean_face: metrics of predicting the mean training face.
        synthetic: whether the faces are synthetic.
        train: the training set.
        results: by training.

    Returns:
        The study; its numbers have five significant digits, since predictions differ in the
        seventh from run to run and an unchanged study has to give the same file.
    """
    failures = {
        name: result.training.failure
        for name, result in results.items()
        if result.training.failure is not None
    }
    trained = summarise_variants(
        {name: result for name, result in results.items() if name not in failures}, split.leaks
    )
    chosen = list(dict.fromkeys(base_variant(name) for name in results))
    tables = make_tables(paper, trained, chosen)
    rows: dict[str, StudyRow] = {}
    for row in (row for rows_ in tables.values() for row in rows_):
        rows.setdefault(row.variant, row)  # Table 3 comes before the text, which has no numbers
    ratio = LossPair(
        least_significant_ratio({name: ours.test_losses for name, ours in trained.items()}),
        least_significant_ratio({name: ours.unseen_losses for name, ours in trained.items()}),
    )
    leaks = [ours.leak for ours in trained.values() if ours.leak is not None]
    result = StudyResult(
        scale=study.scale,
        seeds=len(study.seeds or [0]),
        split=split,
        synthetic=synthetic,
        missing_labels=_missing_labels(train),
        faces=augmentation.by_step["original"],
        samples=augmentation.samples,
        mean_face=Measures.of(mean_face),
        median_leak=float(np.median(leaks)) if leaks else None,
        tables=tables,
        agreement={table: _agreement(table_rows) for table, table_rows in tables.items()},
        least_significant_ratio=ratio,
        depth_trend=depth_trend(tables.get("table_3", [])),
        claims=check_claims(rows, ratio),
        missing=[name for name in rows if name not in chosen],
        failures=failures,
    )
    _log(result, {row.variant for table in paper.values() for row in table})
    return _rounded(result)


def summarise_variants(
    results: Mapping[str, VariantResult], leaks: bool
) -> dict[str, TrainedVariant]:
    """Summarise the seeds of each variant.

    Args:
        results: by training; each has a model.
        leaks: whether hold-out samples have siblings in training.

    Returns:
        The summaries by variant.
    """
    by_variant: dict[str, dict[str, VariantResult]] = {}
    for name, result in results.items():
        by_variant.setdefault(base_variant(name), {})[name] = result
    return {name: _summarise(seeds, leaks) for name, seeds in by_variant.items()}


def make_tables(
    paper: Mapping[str, Sequence[PaperRow]],
    trained: Mapping[str, TrainedVariant],
    chosen: Iterable[str],
) -> dict[str, list[StudyRow]]:
    """Return the paper's tables with our results, and one of all other chosen variants.

    Args:
        paper: the paper's rows by table.
        trained: our results by variant.
        chosen: variants of this run, whether they failed or not.

    Returns:
        The rows by table, of ``TABLES``.
    """
    in_paper = {row.variant for rows in paper.values() for row in rows}
    others = [PaperRow(row=name, variant=name) for name in chosen if name not in in_paper]
    losses = {name: ours.unseen_losses for name, ours in trained.items()}
    tables = {}
    for table, paper_rows in {**paper, "others": others}.items():
        rows = [_make_row(row, trained.get(row.variant)) for row in paper_rows]
        num_trained = sum(row.ours is not None for row in rows)
        tables[table] = _mark_worse_than_best(rows, least_significant_ratio(losses, num_trained))
    return tables


def table_frame(rows: Sequence[StudyRow]) -> pd.DataFrame:
    """Return the rows of a table as a flat table of numbers, for a spreadsheet."""
    if not rows:
        return pd.DataFrame(columns=["row", "variant", "trained"])
    return pd.DataFrame([_flat(row) for row in rows])


def _summarise(results: Mapping[str, VariantResult], leaks: bool) -> TrainedVariant:
    """Summarise the trainings of one variant."""
    measures = [Measures.of(result.metrics) for result in results.values()]
    summaries = {
        name: mean_and_deviation([getattr(each, name) for each in measures]) for name in _MEASURES
    }
    mean = Measures(**{name: summary[0] for name, summary in summaries.items()})
    records = [result.training.record for result in results.values()]
    same = ("convs", "pools", "dense", "parameters", "multiply_adds", "samples")
    return TrainedVariant(
        trainings=[*results],
        mean=mean,
        deviation=Measures(**{name: summary[1] for name, summary in summaries.items()}),
        test_losses=_all_known([each.test_loss for each in measures]),
        unseen_losses=_all_known([each.unseen_loss for each in measures]),
        leak=mean.unseen_loss / mean.test_loss
        if leaks and mean.unseen_loss is not None and mean.test_loss
        else None,
        **{name: records[0][name] for name in same},
        epochs=float(np.mean([record["epochs"] for record in records])),
        minutes=float(np.mean([record["minutes"] for record in records])),
        budgeted=any(record["ended_by"] == "time budget" for record in records),
    )


def _all_known(values: Sequence[float | None]) -> list[float]:
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


def _make_row(row: PaperRow, ours: TrainedVariant | None) -> StudyRow:
    paper = Measures(**{name: getattr(row, name) for name in _PAPER_MEASURES})
    pairs = {
        name: (getattr(ours.mean, name) if ours else None, getattr(paper, name))
        for name in _PAPER_MEASURES
    }
    difference = Measures(
        **{
            name: mine - theirs
            for name, (mine, theirs) in pairs.items()
            if mine is not None and theirs is not None
        }
    )
    return StudyRow(row.row, row.variant, paper, ours, difference)


def _mark_worse_than_best(rows: Sequence[StudyRow], least_ratio: float | None) -> list[StudyRow]:
    """Return the rows with ``worse_than_best`` filled in where it is known."""
    losses = [row.ours.unseen_losses if row.ours else [] for row in rows]
    marked = []
    for row, own in zip(rows, losses, strict=True):
        ratios = [ratio for other in losses if (ratio := loss_ratio(other, own)) is not None]
        worse = max(ratios) > least_ratio if ratios and least_ratio else None
        marked.append(replace(row, worse_than_best=worse))
    return marked


def _agreement(rows: Sequence[StudyRow]) -> Measures:
    """Return the rank correlation of our measures with the paper's over the rows of a table."""
    papers = dict(zip(_PAPER_MEASURES, _PAPER_MEASURES, strict=True))
    papers |= {"unseen_loss": "test_loss", "unseen_acc": "test_acc"}
    return Measures(
        **{
            name: rank_correlation(
                [getattr(row.ours.mean, name) if row.ours else None for row in rows],
                [getattr(row.paper, of_paper) for row in rows],
            )
            for name, of_paper in papers.items()
        }
    )


def _missing_labels(train: FaceSet) -> Literal["mask", "fill", "none"]:
    if np.isnan(train.keypoints).any():
        return "mask"
    return "none" if train.labelled.all() else "fill"


def _flat(row: StudyRow) -> dict[str, Any]:
    """Return one row of a CSV file: numbers by name, lists left out."""
    flat: dict[str, Any] = {
        "row": row.row,
        "variant": row.variant,
        "trained": row.ours is not None,
        **{f"paper_{name}": getattr(row.paper, name) for name in _PAPER_MEASURES},
    }
    if row.ours is not None:
        flat["seeds"] = len(row.ours.trainings)
        for name in _MEASURES:
            flat[name] = getattr(row.ours.mean, name)
            flat[f"{name}_sd"] = getattr(row.ours.deviation, name)
        flat |= {
            name: value
            for name, value in asdict(row.ours).items()
            if not isinstance(value, list | dict)
        }
        flat |= {f"{name}_difference": getattr(row.difference, name) for name in _PAPER_MEASURES}
    return flat | {"worse_than_best": row.worse_than_best}


def _log(study: StudyResult, in_paper: set[str]) -> None:
    missing = [name for name in study.missing if name in in_paper]
    logger.info(
        "Study: %d of the paper's %d networks trained%s%s",
        len(in_paper & set(study.trained())),
        len(in_paper),
        f"; missing: {join_names(missing)}" if missing else "",
        f"; failed: {join_names([*study.failures])}" if study.failures else "",
    )


def _rounded(study: StudyResult) -> StudyResult:
    adapter = TypeAdapter(StudyResult)
    return adapter.validate_python(_round(adapter.dump_python(study)))


def _round(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _round(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_round(part) for part in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
