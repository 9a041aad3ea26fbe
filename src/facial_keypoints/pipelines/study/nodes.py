"""Nodes of the study stage: the tables."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.formatting import join_names
from facial_keypoints.parameters import (
    PaperRow,
    SplitParameters,
    StudyParameters,
    VariantParameters,
    base_variant,
)
from facial_keypoints.pipelines.study.claims import LOSSES, depth_trend, factor, judge_claims
from facial_keypoints.pipelines.study.statistics import (
    MEASURES,
    least_significant_ratio,
    mean_and_spread,
    rank_correlation,
)
from facial_keypoints.training.records import Training, check_origin, differences, samples_origin

logger = logging.getLogger(__name__)

PAPER_MEASURES = MEASURES[:4]
OTHERS = "others"
"""Table of the variants that stand in none of the paper's."""


def tabulate_study(
    paper: dict[str, Any],
    study: StudyParameters,
    split: SplitParameters,
    split_summary: dict[str, Any],
    augmentation_summary: dict[str, Any],
    mean_face_metrics: dict[str, Any],
    answer_key: pd.DataFrame,
    train: FaceSet,
    validation: FaceSet,
    **results: Any,
) -> dict[str, Any]:
    """The whole study as data: each table's rows with ours, the paper's and the difference; how
    the ranks agree; the leak; the paper's claims weighed; and which rows are missing.

    Args:
        paper: rows by table, ``PaperRow`` each.
        study: scale and seeds.
        split: how the sets are to be split; refused if those there are were split otherwise.
        split_summary: sizes of the sets, and how many held-out samples have siblings.
        augmentation_summary: how many samples were made of how many faces.
        mean_face_metrics: what a constant answer scores.
        answer_key: not empty where the faces are drawn.
        train: what was trained on, to see that all results are of it.
        validation: what was validated on.
        results: of each chosen variant, keyed "<name>.parameters", "<name>.training" and
            "<name>.metrics".

    Raises:
        InputError: if the sets or a training are not of this configuration.
    """
    asked = {**split.model_dump(mode="json"), "scale": study.scale}
    if split_summary["parameters"] != asked:
        raise InputError(
            "the sets that are there were split otherwise "
            f"({differences(split_summary['parameters'], asked)}); run: kedro run --pipeline=full, "
            "with the same --env and --params (what is trained is not trained again)"
        )
    names = [key.removesuffix(".training") for key in results if key.endswith(".training")]
    samples = samples_origin(train, validation)
    for name in names:
        variant = VariantParameters.model_validate(results[f"{name}.parameters"])
        check_origin(results[f"{name}.training"], variant, samples)
        _check_metrics(results[f"{name}.metrics"], results[f"{name}.training"], name)
    leaks = split_summary["holdout_samples_with_a_sibling_in_training"] > 0
    trainings = {name: results[f"{name}.training"] for name in names}
    failures = {name: t.failure for name, t in trainings.items() if t.failure is not None}
    sound = [name for name in names if name not in failures]
    by_variant = {
        variant: _trained_row(
            [results[f"{name}.metrics"] for name in sound if base_variant(name) == variant],
            {name: trainings[name] for name in sound if base_variant(name) == variant},
            leaks,
        )
        for variant in dict.fromkeys(base_variant(name) for name in sound)
    }
    tables: dict[str, list[dict[str, Any]]] = {}
    for table, rows in paper.items():
        typed = [PaperRow.model_validate(row) for row in rows]
        tables[table] = [_row_beside_the_papers(row, by_variant.get(row.variant)) for row in typed]
    in_paper = {row["variant"] for rows in tables.values() for row in rows}
    tables[OTHERS] = [
        {"row": name, "variant": name, **by_variant.get(name, {"trained": False})}
        for name in dict.fromkeys(base_variant(name) for name in names)
        if name not in in_paper
    ]
    least_ratio = {
        loss: least_significant_ratio({v: row[f"{loss}_by_seed"] for v, row in by_variant.items()})
        for loss in LOSSES
    }
    unseen_by_seed = {v: row["unseen_loss_by_seed"] for v, row in by_variant.items()}
    for rows in tables.values():
        present = sum(row["trained"] for row in rows)
        _mark_ties_with_the_best(rows, least_significant_ratio(unseen_by_seed, present))
    compared: dict[str, dict[str, Any]] = {}
    for row in (row for rows in tables.values() for row in rows):  # of two rows, the first:
        compared.setdefault(row["variant"], row)  # Table 3 before the text, which has no figures
    tried = {base_variant(name) for name in names}
    missing = [
        row["variant"] for rows in tables.values() for row in rows if row["variant"] not in tried
    ]
    summary = {
        "scale": study.scale,
        "seeds": len(study.seeds or [0]),
        "split": split_summary,
        "synthetic": not answer_key.empty,
        "missing_labels": _missing_labels(train),
        "faces": augmentation_summary["by_step"]["original"],
        "augmented_samples": augmentation_summary["samples"],
        "leaks": leaks,
        "median_leak": _median([row["leak"] for row in by_variant.values()]),
        "mean_face": _measured(mean_face_metrics),
        "tables": tables,
        "agreement": {table: _agreement(rows) for table, rows in tables.items()},
        "least_significant_ratio": least_ratio,
        "depth_trend": depth_trend([r for r in tables.get("table_3", []) if r["trained"]]),
        "claims": judge_claims(compared, least_ratio),
        "missing": list(dict.fromkeys(missing)),
        "failures": failures,
    }
    logger.info(
        "Study: %d of the paper's %d networks trained%s",
        len(in_paper & set(by_variant)),
        len(in_paper),
        (f"; missing: {join_names(summary['missing'])}" if missing else "")
        + (f"; failed: {join_names([*failures])}" if failures else ""),
    )
    rounded: dict[str, Any] = _rounded(summary)
    return rounded


def list_tables(study: dict[str, Any]) -> tuple[pd.DataFrame, ...]:
    """Tables 3, 4 and 5, what the text speaks of, and all other variants, each as a table of
    numbers.
    """
    order = ["row", "variant"]
    frames = []
    for table in ("table_3", "table_4", "table_5", "text", OTHERS):
        rows = [
            {key: value for key, value in row.items() if not isinstance(value, list)}
            for row in study["tables"].get(table, [])
        ]
        frame = pd.DataFrame(rows, columns=None if rows else [*order, "trained"])
        frames.append(frame)
    return tuple(frames)


def _missing_labels(train: FaceSet) -> str:
    """What became of missing labels, by the samples themselves: mask, fill, or none are there."""
    if np.isnan(train.keypoints).any():
        return "mask"
    return "none" if train.labelled.all() else "fill"


def _check_metrics(figures: dict[str, Any], training: Training, name: str) -> None:
    if figures["training"] != training.fingerprint:
        raise InputError(
            f"the metrics of {name} are of another training ({figures['training']}) than the "
            f"current one ({training.fingerprint}); run: kedro run --pipeline=evaluate, with the "
            "same --env and --params"
        )


def _measured(figures: dict[str, Any]) -> dict[str, float | None]:
    """The measures of one training, or of the mean face; null where there is no such set."""
    measured: dict[str, float | None] = {}
    for name, part in (("val", "validation"), ("test", "holdout"), ("unseen", "unseen")):
        of_part = figures[part] or {}
        measured[f"{name}_loss"] = of_part.get("mse")
        measured[f"{name}_acc"] = of_part.get("paper_accuracy")
    measured["unseen_rmse"] = (figures["unseen"] or {}).get("rmse_leaderboard")
    return measured


def _trained_row(
    metrics: list[dict[str, Any]], trainings: dict[str, Training], leaks: bool
) -> dict[str, Any]:
    """Mean and spread over the seeds of one variant, and what it is made of."""
    measured = [_measured(figures) for figures in metrics]
    row: dict[str, Any] = {"trained": True, "seeds": len(trainings), "trainings": [*trainings]}
    for measure in (*MEASURES, "unseen_rmse"):
        values = [m[measure] for m in measured]
        row[measure], row[f"{measure}_sd"] = mean_and_spread(values)
    row["leak"] = None
    if leaks and row["unseen_loss"] is not None and row["test_loss"]:
        row["leak"] = row["unseen_loss"] / row["test_loss"]
    records = [training.record for training in trainings.values()]
    first = records[0]
    for count in ("convs", "pools", "dense", "parameters", "multiply_adds", "samples"):
        row[count] = first[count]
    for amount in ("epochs", "minutes"):
        row[amount] = sum(record[amount] for record in records) / len(records)
    row["budgeted"] = any(record["ended_by"] == "time budget" for record in records)
    for loss in LOSSES:
        values = [m[loss] for m in measured]
        row[f"{loss}_by_seed"] = [] if None in values else values
    return row


def _row_beside_the_papers(row: PaperRow, trained: Mapping[str, Any] | None) -> dict[str, Any]:
    figures = {f"paper_{measure}": getattr(row, measure) for measure in PAPER_MEASURES}
    both: dict[str, Any] = {"row": row.row, "variant": row.variant, "trained": False, **figures}
    if trained is None:
        return both
    both |= trained
    for measure in PAPER_MEASURES:
        theirs = figures[f"paper_{measure}"]
        known = theirs is not None and both[measure] is not None
        both[f"{measure}_difference"] = both[measure] - theirs if known else None
    return both


def _mark_ties_with_the_best(rows: list[dict[str, Any]], least_ratio: float | None) -> None:
    """Say of each row whether its loss on unseen faces exceeds the table's best by more than
    the spread of seeds; null where that is not known.
    """
    for row in rows:
        factors = [factor(best, row, "unseen_loss") for best in rows]
        known = [f for f in factors if f is not None]
        row["worse_than_best"] = bool(max(known) > least_ratio) if known and least_ratio else None


def _agreement(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    """Rank correlation of our figures with the paper's over the rows of a table; null where the
    paper has none.
    """
    pairs = {measure: f"paper_{measure}" for measure in PAPER_MEASURES}
    pairs |= {"unseen_loss": "paper_test_loss", "unseen_acc": "paper_test_acc"}
    return {
        ours: rank_correlation([r.get(ours) for r in rows], [r.get(theirs) for r in rows])
        for ours, theirs in pairs.items()
    }


def _rounded(value: Any) -> Any:
    """Five digits of every fraction: predictions differ in the seventh from run to run, and a
    study that says the same is to be the same file.
    """
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(pd.Series(known).median()) if known else None
