"""Make the tables: the paper's rows with our results."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import pandas as pd

from facial_keypoints.parameters import PaperRow
from facial_keypoints.study.records import (
    MEASURES,
    PAPER_MEASURES,
    Measures,
    StudyRow,
    TrainedVariant,
)
from facial_keypoints.study.statistics import (
    least_significant_ratio,
    loss_ratio,
    rank_correlation,
)

TABLES: Final = ("table_3", "table_4", "table_5", "text", "others")
"""The paper's tables, the networks that only its text names, and all other variants."""


def make_tables(
    paper: Mapping[str, Sequence[PaperRow]],
    trained: Mapping[str, TrainedVariant],
    chosen: Iterable[str],
) -> dict[str, list[StudyRow]]:
    """Return the paper's tables with our results, and one of all other chosen variants.

    Args:
        paper: The paper's rows by table.
        trained: Our results by variant.
        chosen: Variants of this run, whether they failed or not.

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


def agreement(rows: Sequence[StudyRow]) -> Measures:
    """Return the rank correlation of our measures with the paper's over the rows of a table.

    Measures on unseen faces are correlated with the paper's test set.
    """
    papers = dict(zip(PAPER_MEASURES, PAPER_MEASURES, strict=True))
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


def table_frame(rows: Sequence[StudyRow]) -> pd.DataFrame:
    """Return the rows of a table as a flat table of numbers, for a spreadsheet."""
    if not rows:
        return pd.DataFrame(columns=["row", "variant", "trained"])
    return pd.DataFrame([_flat(row) for row in rows])


def _make_row(row: PaperRow, ours: TrainedVariant | None) -> StudyRow:
    paper = Measures(**{name: getattr(row, name) for name in PAPER_MEASURES})
    pairs = {
        name: (getattr(ours.mean, name) if ours else None, getattr(paper, name))
        for name in PAPER_MEASURES
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


def _flat(row: StudyRow) -> dict[str, Any]:
    """Return one row of a CSV file: numbers by name, lists left out."""
    flat: dict[str, Any] = {
        "row": row.row,
        "variant": row.variant,
        "trained": row.ours is not None,
        **{f"paper_{name}": getattr(row.paper, name) for name in PAPER_MEASURES},
    }
    if row.ours is not None:
        flat["seeds"] = len(row.ours.trainings)
        for name in MEASURES:
            flat[name] = getattr(row.ours.mean, name)
            flat[f"{name}_sd"] = getattr(row.ours.deviation, name)
        flat |= {
            name: value
            for name, value in asdict(row.ours).items()
            if not isinstance(value, list | dict)
        }
        flat |= {f"{name}_difference": getattr(row.difference, name) for name in PAPER_MEASURES}
    return flat | {"worse_than_best": row.worse_than_best}
