"""One style for all figures: colours that colour-blind readers can tell apart, plain numbers."""

from itertools import product
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY_BLUE, BLACK = "#E69F00", "#56B4E9", "#000000"
"""Source: Okabe and Ito, Color Universal Design, 2008."""
GREY: Final = "#6b7280"
COLOURS: Final = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE, BLACK)
LINES: Final = [
    {"color": colour, "linestyle": line}
    for line, colour in product(("-", "--", ":", "-."), COLOURS)
]
"""Colour and dashes of the first 28 lines of a plot."""
_NARROW: Final = 6.0
"""Ratio of an axis' ends up to which evenly spaced ticks are clear on a logarithmic axis."""


def new_figure(width: float, height: float, note: str = "") -> Figure:
    """Return an empty figure.

    Args:
        width: In inches.
        height: In inches.
        note: A sentence on what to see, printed below the plots.
    """
    figure = Figure(figsize=(width, height), layout="constrained", dpi=130)
    if note:
        figure.supxlabel(note, fontsize=8, color=GREY)
    return figure


def line_style(index: int) -> dict[str, Any]:
    """Return colour and dashes of a line; they repeat after 28 lines."""
    return dict(LINES[index % len(LINES)])


def finish_axes(axes: Axes) -> None:
    """Add a light grid, remove the frame, and write the ticks of logarithmic axes as plain numbers.

    It is called after plotting: the ticks follow the range of the data.
    """
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    for axis, scale, limits in (
        (axes.xaxis, axes.get_xscale(), axes.get_xlim()),
        (axes.yaxis, axes.get_yscale(), axes.get_ylim()),
    ):
        if scale == "log":
            _plain_ticks(axis, *limits)


def _plain_ticks(axis: Axis, low: float, high: float) -> None:
    narrow = high / low < _NARROW
    axis.set_major_locator(
        MaxNLocator(6, steps=[1, 2, 5, 10]) if narrow else LogLocator(subs=(1, 2, 5))
    )
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))


def plain_number(value: float) -> str:
    """Return a number without powers of ten.

    >>> plain_number(0.05), plain_number(6), plain_number(20_000)
    ('0.05', '6', '20,000')
    """
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
