"""Compare a run's results with the paper."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter

from facial_keypoints.augmentation.offline import AugmentationSummary
from facial_keypoints.evaluation.records import VariantMetrics
from facial_keypoints.evaluation.splits import SplitSummary
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import join_names
from facial_keypoints.parameters import PaperRow, StudyParameters, base_variant
from facial_keypoints.study.claims import check_claims, depth_trend
from facial_keypoints.study.records import LossPair, Measures, StudyResult, StudyRow
from facial_keypoints.study.results import VariantResult, summarise_variants
from facial_keypoints.study.statistics import least_significant_ratio
from facial_keypoints.study.tables import agreement, make_tables
from facial_keypoints.training.study_plan import StudyPlan

logger = logging.getLogger(__name__)


def compare_with_paper(
    paper: Mapping[str, Sequence[PaperRow]],
    study: StudyParameters,
    plan: StudyPlan,
    split: SplitSummary,
    augmentation: AugmentationSummary,
    mean_face: VariantMetrics,
    synthetic: bool,
    train: FaceSet,
    results: Mapping[str, VariantResult],
) -> StudyResult:
    """Compare the results with the paper.

    Args:
        paper: The paper's rows by table.
        study: The seeds.
        plan: The scale.
        split: The split that the results are of.
        augmentation: Number of samples before and after augmentation.
        mean_face: Metrics of predicting the mean training face.
        synthetic: Whether the faces are synthetic.
        train: The training set.
        results: By training.

    Returns:
        The study; its numbers have five significant digits, since predictions differ in the
        seventh from run to run and an unchanged study has to give the same file.
    """
    failures = {
        name: result.training.failure
        for name, result in results.items()
        if result.training.failure is not None
    }
    sound = {name: result for name, result in results.items() if name not in failures}
    trained = summarise_variants(sound, split.leaks)
    chosen = list(dict.fromkeys(base_variant(name) for name in results))
    tables = make_tables(paper, trained, chosen)
    rows = _first_rows(tables)
    ratio = LossPair(
        least_significant_ratio({name: ours.test_losses for name, ours in trained.items()}),
        least_significant_ratio({name: ours.unseen_losses for name, ours in trained.items()}),
    )
    leaks = [ours.leak for ours in trained.values() if ours.leak is not None]
    result = StudyResult(
        scale=plan.scale,
        seeds=len(study.seeds or [0]),
        split=split,
        synthetic=synthetic,
        missing_labels=_missing_labels(train),
        faces=augmentation.by_step["original"],
        samples=augmentation.samples,
        mean_face=Measures.of(mean_face),
        median_leak=float(np.median(leaks)) if leaks else None,
        tables=tables,
        agreement={name: agreement(table) for name, table in tables.items()},
        least_significant_ratio=ratio,
        depth_trend=depth_trend(tables.get("table_3", [])),
        claims=check_claims(rows, ratio),
        missing=[name for name in rows if name not in chosen],
        failures=failures,
        width=None if plan.width_factor == plan.scale else plan.width_factor,
        epochs=plan.epochs,
        minutes=plan.minutes,
    )
    _log(result)
    return _rounded(result)


def _first_rows(tables: Mapping[str, Sequence[StudyRow]]) -> dict[str, StudyRow]:
    """Return the first row of each variant: Table 3 comes before the text, which has no numbers."""
    rows: dict[str, StudyRow] = {}
    for table in tables.values():
        for row in table:
            rows.setdefault(row.variant, row)
    return rows


def _missing_labels(train: FaceSet) -> Literal["mask", "fill", "none"]:
    if np.isnan(train.keypoints).any():
        return "mask"
    return "none" if train.labelled.all() else "fill"


def _log(study: StudyResult) -> None:
    in_paper = {row.variant for row in study.paper_rows()}
    trained = in_paper & set(study.trained())
    if trained:
        missing = f"; missing: {join_names(study.missing)}" if study.missing else ""
        logger.info(
            "Study: %d of the paper's %d networks trained%s", len(trained), len(in_paper), missing
        )
    if study.failures:
        logger.info("Study: failed: %s", join_names([*study.failures]))


def _rounded(study: StudyResult) -> StudyResult:
    adapter = TypeAdapter(StudyResult)
    return adapter.validate_python(_round(adapter.dump_python(study)))


def _round(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _round(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_round(part) for part in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
