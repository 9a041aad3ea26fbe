"""When the command at hand started, and from which code."""

import subprocess
import time
from pathlib import Path
from typing import Final

import psutil

_LONGEST_START: Final = 60.0
"""Seconds that Python and Kedro take at most to start: an older process, such as a notebook's,
started before the command was given."""


def command_started_at() -> float:
    """Return the Unix time in seconds at which this process began, or now in an older process."""
    now, process = time.time(), psutil.Process().create_time()
    return process if now - process < _LONGEST_START else now


def git_commit(project: Path) -> str:
    """Return the short hash of the current commit, with "+" where tracked files differ from it.

    Outside a Git repository it is "unknown".
    """
    try:
        commit, status = (
            subprocess.run(  # noqa: S603
                ["git", *arguments],  # noqa: S607
                cwd=project,
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            ).stdout.strip()
            for arguments in (
                ["rev-parse", "--short=12", "HEAD"],
                ["status", "--porcelain", "-uno"],
            )
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit + ("+" if status else "")
