"""The progress within epochs: a bar on a terminal, a line a minute elsewhere.

Trainings log their position often, in this process or in others whose records are relayed to it.
"""

import logging
import math
import multiprocessing
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from logging.handlers import QueueHandler
from typing import Final

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from facial_keypoints.formatting import format_duration

_SECONDS_BETWEEN_LINES: Final = 60.0
_SECONDS_UNTIL_FORGOTTEN: Final = 120.0
"""After which a training that has reported nothing is not shown: its process may be dead."""
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
    """Return a bar; None without a terminal, where other processes share it, or it is quiet."""
    if not sys.stdout.isatty() or multiprocessing.parent_process() is not None or _is_quiet():
        return None
    console = Console()
    return None if console.is_dumb_terminal else ProgressBar(console)


def _is_quiet() -> bool:
    """Whether the handler "console" of ``conf/logging.yml`` prints warnings only."""
    handlers = logging.getLogger().handlers
    return any(each.name == "console" and each.level > logging.INFO for each in handlers)


@dataclass(frozen=True)
class Position:
    """How far a training is; the field ``position`` of its log records.

    Attributes:
        training: Its name.
        epoch: Number of the epoch, as "3/10".
        fraction: Of the epoch, 0 to 1.
        elapsed: Seconds of training.
        remaining: Seconds; infinite where it is not known yet.
        ended: Whether the training has ended.
    """

    training: str
    epoch: str = ""
    fraction: float = 0.0
    elapsed: float = 0.0
    remaining: float = math.inf
    ended: bool = False

    @property
    def done(self) -> float:
        """Completed part of the training, 0 to 1."""
        return self.elapsed / (self.elapsed + self.remaining) if self.elapsed else 0.0


def format_remaining(seconds: float) -> str:
    """Format the time that remains; infinite is not known yet."""
    return "preparing" if math.isinf(seconds) else f"{format_duration(seconds)} left"


class _Display(logging.Filter):
    """Draws positions as a bar where standard output is a terminal, and drops their records.

    Elsewhere it lets a record of each training pass per minute. Records with ``metrics``, at the
    end of an epoch, always pass, as do all those of a process that relays them to another one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._positions: dict[str, tuple[float, Position]] = {}  # with the time of the report
        self._line_at: dict[str, float] = {}
        self._bar: ProgressBar | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is printed; draw its position."""
        position: Position | None = getattr(record, "position", None)
        if position is None or _relays():
            return True
        now = time.monotonic()
        self._positions[position.training] = now, position
        if position.ended:
            del self._positions[position.training]
            self._line_at.pop(position.training, None)
            return False
        if hasattr(record, "metrics"):
            self._line_at[position.training] = now
            return True
        self._bar = self._bar or terminal_bar()
        if self._bar is not None:
            current = [each for at, each in self._positions.values() if _is_current(at, now)]
            self._bar.draw(*summary(current))
            return False
        if now - self._line_at.setdefault(position.training, now) < _SECONDS_BETWEEN_LINES:
            return False
        self._line_at[position.training] = now
        return True

    def erase(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.erase()


def _is_current(reported_at: float, now: float) -> bool:
    return now - reported_at < _SECONDS_UNTIL_FORGOTTEN


def _relays() -> bool:
    """Whether this process sends its log records to another one."""
    handlers = logging.getLogger(__package__.partition(".")[0]).handlers
    return any(isinstance(handler, QueueHandler) for handler in handlers)


def summary(positions: Sequence[Position]) -> tuple[str, float, str]:
    """Return the text on the left of a bar, its fraction, and the text on the right.

    One training has the progress of its epoch; several have their mean progress.

    Args:
        positions: Of the trainings that run.
    """
    remaining = format_remaining(max(each.remaining for each in positions))
    if len(positions) == 1:
        only = positions[0]
        return f"{only.training}  epoch {only.epoch}", only.fraction, remaining
    done = sum(each.done for each in positions) / len(positions)
    epochs = ", ".join(each.epoch.partition("/")[0] for each in positions)
    return f"{len(positions)} trainings  epochs {epochs}", done, remaining


_display: Final = _Display()
logging.getLogger(f"{__package__}.progress").addFilter(_display)
erase: Final = _display.erase
"""Removes the bar, before something else is printed."""
