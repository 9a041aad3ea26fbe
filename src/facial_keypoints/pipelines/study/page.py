"""Write the study as one self-contained HTML page."""

import base64
import io
from pathlib import Path
from typing import Final

import jinja2
from matplotlib.figure import Figure

from facial_keypoints.study.claims import POOLS_COMPARED
from facial_keypoints.study.records import StudyResult

_TEMPLATE: Final = "page.html"

_TITLES: Final = {
    "table_3": "Table 3: convolutions and max-pools",
    "table_4": "Table 4: dropout",
    "table_5": "Table 5: dense layers",
    "text": "Networks that the paper's text compares with",
    "others": "Variants that are not in the paper",
}

_CAPTIONS: Final = {
    "study_figure_1": "Figure 1: a training face with its labels.",
    "study_figure_2": "Figure 2: learning curves with 3 max-pools (above) and 5 (below), 14 "
    "convolutions each.",
    "study_figure_3": "Figure 3: learning curves of the final model, or of the champion where the "
    "final model is not in this run.",
    "study_figure_4": "Figure 4: predictions on test images, which have no labels.",
    "loss_by_depth": "Loss by depth, trained rows of Table 3.",
    "loss_by_compute": "Error by compute, all trained variants.",
    "error_per_point": "Error per keypoint on the hold-out.",
}

_FEW: Final = 5
"""Rows up to which missing networks are listed, and from which correlations mean something."""
_MIN_POINTS: Final = 3
"""Trained variants from which a plot of one point each shows more than the table."""


def write_page(study: StudyResult, **figures: Figure) -> str:
    """Return the study as an HTML page that contains its figures.

    Args:
        study: The study.
        figures: Figures by name.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "number": _number,
        "signed": lambda value: _number(value, "+#.3g"),
        "signed_accuracy": lambda value: _number(value, "+.3f"),
        "count": lambda value: _number(value, ",.0f"),
        "million": lambda value: _number(value / 1e6),
        "accuracy": lambda value: _number(value, ".3f"),
    }
    lists_missing = 0 < len(study.missing) <= _FEW
    tables = {
        name: [row for row in rows if lists_missing or row.variant not in study.missing]
        for name, rows in study.tables.items()
        if any(row.ours for row in rows)
    }
    trained = study.trained()
    shown = _figures_with_content(study)
    return environment.get_template(_TEMPLATE).render(
        study=study,
        tables=tables,
        titles=_TITLES,
        trained=trained,
        num_paper=len({row.variant for row in study.paper_rows()}),
        lists_missing=lists_missing,
        few=_FEW,
        total_minutes=sum(ours.minutes * len(ours.trainings) for ours in trained.values()),
        figures=[
            (name, _CAPTIONS[name], _as_png(figure))
            for name, figure in figures.items()
            if name in shown
        ],
    )


def _figures_with_content(study: StudyResult) -> set[str]:
    """Return the names of the figures that have enough trained variants."""
    rows = [row for row in study.tables.get("table_3", []) if row.ours]
    shows = {
        "study_figure_2": all(study.first_training(name) for name in POOLS_COMPARED),
        "loss_by_depth": len(rows) >= _MIN_POINTS,
        "loss_by_compute": len(study.trained()) >= _MIN_POINTS,
    }
    return {name for name in _CAPTIONS if shows.get(name, True)}


def _as_png(figure: Figure) -> str:
    """Return the figure as a PNG image in base64."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return base64.b64encode(content.getvalue()).decode()


def _number(value: float | None, form: str = "#.3g") -> str:
    """Return ``value`` for a table cell, by default in three digits; empty for None."""
    if value is None:
        return ""
    if form == "#.3g" and abs(value) >= 1000:
        form = ",.0f"
    return format(value, form).removesuffix(".")
