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
    console: Console, env: str | None, pipeline: str, scored: bool, sent: Status | None = None
) -> None:
    """Print the commands that a user would type next.

    Args:
        console: Where to print.
        env: The run's Kedro environment.
        pipeline: Name of the pipeline that made the submission.
        scored: Whether the submission was scored offline, as on synthetic data.
        sent: What Kaggle has done with the submission; None if it was not sent.
    """
    from facial_keypoints.tracking.store import ui_command

    option = f" --env={env}" if env and env != "local" else ""
    parameters = _given_parameters()
    console.print("\nNext:")
    activate = _activation_script()
    lines = [] if activate is None else [(f". {activate}", "once per terminal")]
    lines += [
        (f"kedro viz run{option}", "the pipeline with its tables and plots, in the browser"),
        ui_command(),
    ]
    if scored:
        real = " --env=local" if "KEDRO_ENV" in os.environ else ""
        same = real if env in _SYNTHETIC else option
        command = f"kedro run --pipeline={pipeline}{same}{parameters}"
        lines.append((command, "on Kaggle's data (see README.md)"))
    elif sent == "pending":
        wait = f"kedro run --pipeline=upload{option}{parameters} --params upload.wait_only=true"
        lines.append((wait, "wait for Kaggle's score"))
    elif sent is None:
        command = f"kedro run --pipeline=upload{option}{parameters}"
        lines.append((command, "send the submission to Kaggle"))
    for command, purpose in lines:
        console.print(f"  {command}", soft_wrap=True, markup=False, highlight=False)
        console.print(f"      [dim]{purpose}[/dim]", soft_wrap=True, highlight=False)


def _given_parameters() -> str:
    """Return the options ``--params`` of the running command, as they are typed."""
    context = click.get_current_context(silent=True)
    texts = context.meta.get("params", []) if context else []
    given = [text for text in texts if not text.startswith(_OWN_SECTIONS)]
    return "".join(f" --params {quote(text)}" for text in given)


def _activation_script() -> Path | None:
    """Return the script that activates this Python environment, unless it is active."""
    if sys.prefix == sys.base_prefix or "VIRTUAL_ENV" in os.environ:
        return None
    script = Path(sys.prefix) / "bin" / "activate"
    return script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script
