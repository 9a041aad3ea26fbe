"""Kedro's ``run`` command, with one-line messages for errors that a user can correct."""

import copy
import logging
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import click
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import pipelines, settings
from kedro.io import DatasetNotFoundError
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import suggest
from facial_keypoints.framework.runners import check_runner
from facial_keypoints.training import interruption

_USER_ERRORS: Final = (
    InputError,
    MissingConfigException,
    OmegaConfBaseException,
    YAMLError,
    DatasetNotFoundError,
)
_NO_PIPELINE: Final = "Failed to find the pipeline named"
_NO_CONFIGURATION: Final = "Given configuration path either does not exist"
_NAMES_NOT_FOUND: Final = (
    _NO_PIPELINE,
    "Pipeline does not contain",
    "Pipeline contains no nodes",
)
"""Starts of Kedro's messages about names on the command line."""


@click.group(name="facial-keypoints")
def cli() -> None:
    """Commands of this project."""


class _ConsoleFormatter(logging.Formatter):
    """Put the level before warnings and errors."""

    def format(self, record: logging.LogRecord) -> str:
        if record.levelno >= logging.WARNING:
            record = copy.copy(record)
            record.msg, record.args = f"{record.levelname}: {record.getMessage()}", None
        return super().format(record)


def _is_printed(record: logging.LogRecord) -> bool:
    """Whether the console shows a record; the command itself prints a node's user error."""
    error = sys.exc_info()[1]
    return record.name != "kedro.pipeline.node" or error is None or user_message(error) is None


def configure_console() -> None:
    """Adapt the handler "console" of ``conf/logging.yml``, where Kedro allows no class of ours."""
    for handler in logging.getLogger().handlers:
        if handler.name == "console":
            given = handler.formatter or logging.Formatter()
            handler.setFormatter(_ConsoleFormatter(given._fmt, given.datefmt))
            handler.addFilter(_is_printed)


class _Run(click.Command):
    """``kedro run`` that ends MLflow's runs and reports a user's errors without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and exit with 130 after Ctrl-C and with 1 after a user's error."""
        interruption.listen()
        configure_console()
        # both spellings work, and the documentation uses the short one
        warnings.filterwarnings("ignore", message="Option '--pipeline' is deprecated")
        try:
            runner_params = ctx.params.get("runner_params") or {}
            is_async = ctx.params.get("is_async") or runner_params.get("is_async")
            check_runner(ctx.params.get("runner"), bool(is_async))
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _close("KILLED")
            click.secho(
                "\nInterrupted. Results so far are kept; the MLflow runs are KILLED.\n"
                "Run the same command to resume: finished trainings are reused, and the current\n"
                "one continues from its last checkpoint.",
                err=True,
            )
            sys.exit(130)
        except Exception as error:
            _close("FAILED")
            message = user_message(error)
            if message is None:
                raise
            logging.getLogger(__name__).debug("Traceback of the error", exc_info=error)
            click.secho(f"Error: {message}", fg="red", err=True)
            sys.exit(1)


def user_message(error: BaseException) -> str | None:
    """Return the message of an error that the user can correct, or None for a bug.

    Such errors, or their causes, are an ``InputError`` (Kedro wraps what a dataset raises), a
    configuration that is missing or not YAML, and an unknown name on the command line.
    """
    return next((_text_of(e) for e in _causes(error) if _is_correctable(e)), None)


def _text_of(error: BaseException) -> str:
    """The error's message; those of Kedro about unknown names do not list the valid ones."""
    text = str(error)
    if text.startswith(_NO_PIPELINE):
        return _unknown("pipeline", text.split("'")[1], {*pipelines} - {"__default__"})
    folder = Path(text.rpartition(": ")[2])
    if text.startswith(_NO_CONFIGURATION) and folder.parent.is_dir():
        environments = {path.name for path in folder.parent.iterdir() if path.is_dir()}
        return _unknown("environment", folder.name, environments - {"base", "local"})
    return text


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    return f"unknown {kind} {name!r}{suggest(name, known)}; valid names: {', '.join(sorted(known))}"


def _is_correctable(error: BaseException) -> bool:
    return isinstance(error, _USER_ERRORS) or (
        isinstance(error, ValueError) and str(error).startswith(_NAMES_NOT_FOUND)
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _close(status: str) -> None:
    """End what hooks hold open: Kedro calls no hook after Ctrl-C or an error before the run."""
    for hooks in settings.HOOKS:
        if hasattr(hooks, "close"):
            hooks.close(status)


_HELP: Final = """Run a pipeline on Kaggle's data, or on synthetic data.

\b
Pipelines (--pipeline; `kedro registry list` prints all names):
  full     all steps from the download to a submission (the default)
  compete  the best submission within a time budget
  upload   send the submission to Kaggle
  or one step of full: download, clean, augment, split, train, evaluate,
  study, submit

\b
Environments (--env; without one, Kaggle's data):
  demo     a small synthetic competition
  paper    the paper's study, on Kaggle's data
  test     the smallest synthetic competition, for tests

\b
Examples:
  kedro run --env=demo
  kedro run --pipeline=compete --params competition.minutes=60
  kedro run --params study.only=10cl-3mpl+15cl-5mpl,train.epochs=20

A comma separates parameters in --params, and + the items of a list.
"""

run = _Run(name="run", params=kedro_run.params, callback=kedro_run.callback, help=_HELP)
for option in run.params:
    if isinstance(option, click.Option) and option.name == "is_async":
        option.hidden = True  # refused by ``check_runner``
cli.add_command(run)
