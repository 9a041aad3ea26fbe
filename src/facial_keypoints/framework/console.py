"""Log lines on the console, and the log file where it cannot be written."""

import copy
import logging
import re
import shutil
import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import click

from facial_keypoints.framework.run_options import commands_with_options
from facial_keypoints.training import progress_bar

logger = logging.getLogger(__name__)

_COMMAND: Final = re.compile(r"kedro \w+(?: -\S+(?: [\w.]+=\S+)?)*|--\w+ [\w.]+=\S+")
_UNIT: Final = re.compile(r"(?<=\d) (?=(?:px|s|min|h|days)\b|%)")
_UNBROKEN_SPACE: Final = "\0"
_NEVER: Final = logging.CRITICAL + 1


class ConsoleFormatter(logging.Formatter):
    """Format log lines for people, no longer than the terminal is wide.

    The level stands before warnings and errors, commands get the running one's options, and a
    progress bar is erased.

    Args:
        fmt: As for ``logging.Formatter``.
        datefmt: As for ``logging.Formatter``.
        columns: Of a line; None for those of the terminal, or 80 elsewhere.
    """

    def __init__(
        self, fmt: str | None = None, datefmt: str | None = None, columns: int | None = None
    ) -> None:
        super().__init__(fmt, datefmt)
        self._columns = columns

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record; those after the first are indented."""
        progress_bar.erase()
        record = copy.copy(record)
        level = f"{record.levelname}: " if record.levelno >= logging.WARNING else ""
        context = click.get_current_context(silent=True)
        text = level + commands_with_options(record.getMessage(), context)
        columns = self._columns or shutil.get_terminal_size().columns
        record.msg, record.args = wrapped(text, len(self._prefix(record)), columns), None
        return super().format(record)

    def _prefix(self, record: logging.LogRecord) -> str:
        empty = copy.copy(record)
        empty.msg, empty.args, empty.exc_info, empty.stack_info = "", None, None, None
        return super().format(empty)


def wrapped(text: str, indent: int, columns: int) -> str:
    """Return a text in lines. Commands, paths, quantities and long words stay whole.

    Args:
        text: What to wrap; it may have several lines.
        indent: Characters before each line; only those before the first are written elsewhere.
        columns: Of the terminal.

    >>> print(wrapped("Send it: kedro run --pipeline=upload", 2, 30))
    Send it:
      kedro run --pipeline=upload
    """
    text = _COMMAND.sub(lambda found: found[0].replace(" ", _UNBROKEN_SPACE), text)
    text = _UNIT.sub(_UNBROKEN_SPACE, text)
    lines: list[str] = []
    for line in text.split("\n"):
        lines += textwrap.wrap(
            line, max(columns - indent, 1), break_long_words=False, break_on_hyphens=False
        ) or [""]
    return f"\n{' ' * indent}".join(lines).replace(_UNBROKEN_SPACE, " ")


def configure_console(is_printed: Callable[[logging.LogRecord], bool]) -> None:
    """Adapt the handler "console" of ``conf/logging.yml``, where Kedro allows no class of ours.

    Args:
        is_printed: Whether the console shows a record.
    """
    for handler in logging.getLogger().handlers:
        if handler.name == "console":
            given = handler.formatter or logging.Formatter()
            handler.setFormatter(ConsoleFormatter(given._fmt, given.datefmt))
            handler.addFilter(is_printed)


def keep_log_files() -> None:
    """Make the folders of log files; a file that cannot be written is reported in one line."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler):
            with suppress(OSError):  # reported at the first line
                Path(handler.baseFilename).parent.mkdir(parents=True, exist_ok=True)
            handler.handleError = partial(_give_up, handler)  # type: ignore[method-assign]


def _give_up(handler: logging.FileHandler, record: logging.LogRecord) -> None:
    """Write no more into a file after an error, instead of printing a traceback per line."""
    error = sys.exc_info()[1]
    if not isinstance(error, OSError):
        logging.Handler.handleError(handler, record)
        return
    handler.setLevel(_NEVER)
    name, reason = handler.baseFilename, error.strerror or error
    logger.warning("%s cannot be written (%s): this run is not logged there", name, reason)
