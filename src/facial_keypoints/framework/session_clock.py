"""When this command began, for budgets of wall-clock time."""

import time
from typing import Final

import psutil
from kedro.framework.hooks import hook_impl

_LONGEST_START: Final = 60.0
"""Seconds that Python and Kedro take at most to start: a process older than that, such as a
notebook's, has begun before the command was given."""

_began: float | None = None


class ClockHooks:
    """Starts the clock with each session."""

    @hook_impl(tryfirst=True)
    def after_context_created(self) -> None:
        """Count from the process' own start, where the session is what it was started for."""
        global _began  # noqa: PLW0603 (nodes are plain functions: they cannot be given a clock)
        now, process = time.time(), psutil.Process().create_time()
        fresh = _began is None and now - process < _LONGEST_START
        _began = process if fresh else now


def began() -> float:
    """When the session at hand was begun (``time.time()``); now, where there is none."""
    return time.time() if _began is None else _began
