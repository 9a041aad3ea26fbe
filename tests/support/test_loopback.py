"""What we tell users to start listens on their own machine alone."""

import io
import re
import shlex
from pathlib import Path

import click
import pytest
from kedro_viz.launchers.cli.run import run as kedro_viz
from mlflow.cli import cli as mlflow
from rich.console import Console

from facial_keypoints.framework.next_commands import print_next_commands

PROJECT = Path(__file__).parents[2]
COMMAND = re.compile(r"\b(mlflow (?:ui|server)|kedro viz(?: run)?)\b([^\n`#]*)")


def closing_words():
    console = Console(record=True, width=200, file=io.StringIO())
    print_next_commands(console, "demo", "full", scored=True)
    return re.sub(r"  +", "#", console.export_text())


def commands():
    texts = {
        str(path.relative_to(PROJECT)): path.read_text(encoding="utf-8")
        for path in [PROJECT / "README.md", PROJECT / "Makefile", *PROJECT.glob("docs/**/*.md")]
    }
    texts["the closing words"] = closing_words()
    return [
        pytest.param(program, options.strip(), id=f"{name}: {program}")
        for name, text in texts.items()
        for program, options in COMMAND.findall(re.sub(r"\\\n\s*", " ", text))  # continued lines
    ]


def host_of(program, options):
    """The address that the installed program would listen on, by its own reading of options."""
    name = program.split()[1]
    command = kedro_viz if name == "viz" else mlflow.get_command(click.Context(mlflow), name)
    return command.make_context(name, shlex.split(options), resilient_parsing=True).params["host"]


def test_the_commands_are_found():
    assert {"README.md", "Makefile", "the closing words"} <= {
        parameters.id.partition(":")[0] for parameters in commands()
    }
    assert len(commands()) >= 6
    assert host_of("mlflow ui", "--host 0.0.0.0") == "0.0.0.0"  # noqa: S104 (so it would tell)


@pytest.mark.parametrize(("program", "options"), commands())
def test_what_users_start_listens_on_loopback(monkeypatch, program, options):
    monkeypatch.delenv("MLFLOW_HOST", raising=False)
    assert host_of(program, options) in {"127.0.0.1", "localhost", "::1"}
