"""The command at hand: its text, its name, when it started, and from which code."""

import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click
import psutil

from facial_keypoints.errors import InputError
from facial_keypoints.tracking.parameters import plain_values

_LONGEST_ERROR: Final = 1000
"""Characters."""
_DEFAULT: Final = "full"
"""What Kedro runs, and calls ``__default__``, where no pipeline is named."""
_LONGEST_START: Final = 60.0
"""Seconds that Python and Kedro take at most to start: an older process, such as a notebook's,
started before the command was given."""


def command_started_at() -> float:
    """Return the Unix time in seconds at which this process began, or now in an older process."""
    now, process = time.time(), psutil.Process().create_time()
    return process if now - process < _LONGEST_START else now


def run_name(pipelines: Sequence[str] | None, env: str | None, started_at: float) -> str:
    """Return the name of a session's run: pipelines, environment and local time.

    Args:
        pipelines: Names of the pipelines; None for the default.
        env: Kedro environment; None for the default.
        started_at: Unix time in seconds.

    Example:
        >>> run_name(None, "demo", 0.0).startswith("full demo 19")
        True
    """
    started = datetime.fromtimestamp(started_at).astimezone()
    parts = ["+".join(pipelines or [_DEFAULT]), env or "", f"{started:%Y-%m-%d %H:%M}"]
    return " ".join(filter(None, parts))


def session_tags(run_params: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a session's run: the command, what it runs, and the code.

    Args:
        run_params: Kedro's description of the run.
    """
    tags = {
        "kedro_command": command_text(run_params),
        "pipelines": ",".join(run_params.get("pipeline_names") or [_DEFAULT]),
        "env": run_params.get("env"),
        "kedro_version": run_params.get("kedro_version"),
        "git_commit": git_commit(Path(run_params["project_path"])),
    }
    return {name: str(value) for name, value in tags.items() if value}


def describe_error(error: BaseException) -> str:
    """Return an error in one line: the user's, where there is one among its causes."""
    causes: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in causes:
        causes.append(each)
        each = each.__cause__ or each.__context__
    own = next((cause for cause in causes if isinstance(cause, InputError)), None)
    text = str(own) if own is not None else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:_LONGEST_ERROR]


def command_text(run_params: Mapping[str, Any]) -> str:
    """Return the command as it was typed; outside of one, the command that does the same.

    Args:
        run_params: Kedro's description of the run.
    """
    context = click.get_current_context(silent=True)
    if context is not None:
        program = Path(str(context.find_root().info_name)).name
        return shlex.join([program, *sys.argv[1:]])
    return shlex.join(["kedro", "run", *_options(run_params)])


def _options(run_params: Mapping[str, Any]) -> Iterator[str]:
    if run_params.get("pipeline_names"):
        yield f"--pipelines={','.join(run_params['pipeline_names'])}"
    if run_params.get("env"):
        yield f"--env={run_params['env']}"
    for name in ("tags", "namespaces", "from_nodes", "to_nodes", "from_inputs", "to_outputs"):
        if run_params.get(name):
            yield f"--{name.replace('_', '-')}={','.join(run_params[name])}"
    if run_params.get("node_names"):
        yield f"--nodes={','.join(run_params['node_names'])}"
    given = dict(plain_values(run_params.get("runtime_params") or {}))
    if given:
        yield "--params=" + ",".join(f"{name}={text}" for name, text in given.items())


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
