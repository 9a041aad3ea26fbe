"""A bar on the terminal for the progress within an epoch."""

import multiprocessing
import sys
import time
from typing import Final

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

_SECONDS_BETWEEN_DRAWINGS: Final = 0.25
_BAR_CELLS: Final = (5, 30)
"""Least and greatest length of the bar."""


class ProgressBar:
    """One line of a terminal that is drawn again and again, and erased before a log line.

    It leaves the cursor visible and starts no thread, so that nothing remains to be restored where
    a training is interrupted.

    Args:
        console: Where to draw.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = -1.0

    def draw(self, before: str, fraction: float, after: str) -> None:
        """Draw the line, at most four times a second.

        Args:
            before: Text on the left of the bar.
            fraction: How much of the bar is full, 0 to 1.
            after: Text on the right of the bar.
        """
        if time.monotonic() - self._last < _SECONDS_BETWEEN_DRAWINGS:
            return
        self._last = time.monotonic()
        shortest, longest = _BAR_CELLS
        room = self._console.width - len(before) - len(after) - 5
        cells = max(shortest, min(longest, room))
        full = round(cells * fraction)
        cell = "#" if self._console.options.ascii_only else "━"
        line = Text.assemble(
            f"{before}  ", (cell * full, "green"), (cell * (cells - full), "dim"), f"  {after}"
        )
        line.truncate(self._console.width - 1)
        self._erase()
        self._console.print(line, end="", no_wrap=True, highlight=False)

    def erase(self) -> None:
        """Remove the line; the next one is drawn at once."""
        if self._last >= 0:
            self._erase()
        self._last = -1.0

    def _erase(self) -> None:
        self._console.control(Control((ControlType.ERASE_IN_LINE, 2), ControlType.CARRIAGE_RETURN))


def terminal_bar() -> ProgressBar | None:
    """Return a bar; None where standard output is no terminal, or other processes share it."""
    if not sys.stdout.isatty() or multiprocessing.parent_process() is not None:
        return None
    console = Console()
    return None if console.is_dumb_terminal else ProgressBar(console)
