"""Kedro's ``run`` command, with errors that a user can mend told in one message."""

import logging
import signal
import sys
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run

from facial_keypoints.errors import InputError


@click.group(name="facial-keypoints")
def cli() -> None:
    """Commands of this project."""


class _Run(click.Command):
    """``kedro run`` as it is, but for what happens when it fails."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run; tell a user's error without a traceback, and close MLflow's runs in any case."""
        signal.signal(signal.SIGTERM, _interrupt)
        # both spellings are fine: the short one reads better
        warnings.filterwarnings("ignore", message="Option '--pipeline' is deprecated")
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _close_runs("KILLED")
            click.secho(
                "\nInterrupted. Finished results are kept; MLflow's runs are closed as KILLED.",
                err=True,
            )
            sys.exit(130)
        except Exception as error:
            _close_runs("FAILED")
            known = user_error(error)
            if known is None:
                raise
            logging.getLogger(__name__).debug("Traceback of the error", exc_info=error)
            click.secho(f"Error: {known}", fg="red", err=True)
            sys.exit(1)


def user_error(error: BaseException) -> InputError | None:
    """The ``InputError`` that ``error`` is or stems from, if any: Kedro wraps what a dataset
    raises.
    """
    return next((e for e in _causes(error) if isinstance(e, InputError)), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _close_runs(status: str) -> None:
    from facial_keypoints import tracking

    tracking.end_all_runs(status)


cli.add_command(
    _Run(
        name="run",
        params=kedro_run.params,
        callback=kedro_run.callback,
        help=kedro_run.help,
    )
)
