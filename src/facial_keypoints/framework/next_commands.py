"""The commands that a user would type after a run."""

import os
import sys
from pathlib import Path
from shlex import quote
from typing import Final

import click
from rich.console import Console

from facial_keypoints.kaggle.records import Status

_SYNTHETIC: Final = {"demo", "test"}
"""Environments of synthetic competitions."""
_OWN_SECTIONS: Final = ("download.", "upload.")
"""Sections whose parameters are of this command alone."""


def print_next_commands(
    console: Console,
    env: str | None,
    pipeline: str,
    scored: bool,
    sent: Status | None = None,
    run_id: str | None = None,
) -> None:
    """Print the commands that a user would type next.

    Args:
        console: Where to print.
        env: The run's Kedro environment.
        pipeline: Name of the pipeline that made the submission.
        scored: Whether the submission was scored offline, as on synthetic data.
        sent: What Kaggle has done with the submission; None if it was not sent.
        run_id: The MLflow run of the command.
    """
    from facial_keypoints.tracking.store import ui_command

    option = f" --env={env}" if env and env != "local" else ""
    parameters = _given("config", "conf_source", "params")
    console.print("\nNext:")
    activate = _activation_script()
    lines = [] if activate is None else [(f". {activate}", "once per terminal")]
    lines += [
        (f"kedro viz run{option}", "the pipeline with its tables and plots, in the browser"),
        ui_command(run_id),
    ]
    if scored:
        real = " --env=local" if "KEDRO_ENV" in os.environ or _given("config") else ""
        same = real if env in _SYNTHETIC else option
        given = _given("config", "conf_source", "params", "runner", "runner_params")
        command = f"kedro run --pipeline={pipeline}{same}{given}"
        lines.append((command, "on Kaggle's data (see README.md)"))
    elif sent == "pending":
        wait = f"kedro run --pipeline=upload{option}{parameters} --params upload.wait_only=true"
        lines.append((wait, "wait for Kaggle's score"))
    elif sent is None:
        command = f"kedro run --pipeline=upload{option}{parameters}"
        lines.append((command, "send the submission to Kaggle"))
    for command, purpose in lines:
        console.print(f"  {command}", soft_wrap=True, markup=False, highlight=False)
        for line in purpose.splitlines():
            console.print(f"      {line}", soft_wrap=True, highlight=False, style="dim")


def _given(*names: str) -> str:
    """Return options of the running command, as they are typed.

    Args:
        *names: Of the options, as click names them.
    """
    context = click.get_current_context(silent=True)
    typed = context.meta if context else {}
    given = [(name, text) for name in names for text in typed.get(name, [])]
    return "".join(
        f" --{name.replace('_', '-')}{' ' if name == 'params' else '='}{quote(text)}"
        for name, text in given
        if not text.startswith(_OWN_SECTIONS)
    )


def _activation_script() -> Path | None:
    """Return the script that activates this Python environment, unless it is active."""
    if sys.prefix == sys.base_prefix or "VIRTUAL_ENV" in os.environ:
        return None
    script = Path(sys.prefix) / "bin" / "activate"
    return script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script
