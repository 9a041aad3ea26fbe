"""The study as one self-contained page."""

import base64
import io
from pathlib import Path
from typing import Any, Final

import jinja2
from matplotlib.figure import Figure

from facial_keypoints.pipelines.study.nodes import OTHERS

_TEMPLATE: Final = "page.html"

_TITLES: Final = {
    "table_3": "Table 3: convolutions and max-pools",
    "table_4": "Table 4: dropout",
    "table_5": "Table 5: dense layers",
    "text": "What the paper's text compares with",
    OTHERS: "Further variants",
}

_CAPTIONS: Final = {
    "study_figure_1": "Figure 1 again: a training face with its labels.",
    "study_figure_2": "Figure 2 again: learning with 3 max-pools (above) and with 5 (below), "
    "14 convolutions each.",
    "study_figure_3": "Figure 3 again: the curves of the final model, or of the champion where "
    "it is not trained.",
    "study_figure_4": "Figure 4 again: predictions on test pictures, which have no labels.",
    "loss_by_depth": "Loss by depth, the trained rows of Table 3.",
    "loss_by_compute": "Error by compute, every trained variant.",
    "error_per_point": "Error of each point on the hold-out.",
}


def write_page(study: dict[str, Any], **figures: Figure) -> str:
    """The page as HTML, with its figures inside.

    Args:
        study: what ``tabulate_study`` gives.
        figures: figures by name.
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
    rows = (row for rows in study["tables"].values() for row in rows if row["trained"])
    trained = list({row["variant"]: row for row in rows}.values())
    return environment.get_template(_TEMPLATE).render(
        study=study,
        titles=_TITLES,
        trained=trained,
        total_minutes=sum(row["minutes"] * row["seeds"] for row in trained),
        figures=[(name, _CAPTIONS[name], _as_png(figure)) for name, figure in figures.items()],
    )


def _as_png(figure: Figure) -> str:
    """Return the figure as a PNG image in base64."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return base64.b64encode(content.getvalue()).decode()


def _number(value: float | None, form: str = "#.3g") -> str:
    """``value`` for a cell, by default in three digits; empty where there is none."""
    if value is None:
        return ""
    if form == "#.3g" and abs(value) >= 1000:
        form = ",.0f"
    return format(value, form).removesuffix(".")
