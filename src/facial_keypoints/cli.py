"""Kedro's ``run`` command, with errors that a user can mend told in one message."""

import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any, Final

import click
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import settings
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from facial_keypoints.errors import InputError
from facial_keypoints.training import interruption

_TOLD_BY_KEDRO: Final = ("Failed to find the pipeline named", "Pipeline does not contain")
"""Kedro's messages about names that were typed; they say what is right."""


@click.group(name="facial-keypoints")
def cli() -> None:
    """Commands of this project."""


class _Run(click.Command):
    """``kedro run`` as it is, but for what happens when it fails."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run; tell a user's error without a traceback, and close MLflow's runs in any case."""
        interruption.listen()
        # both spellings are fine: the short one reads better
        warnings.filterwarnings("ignore", message="Option '--pipeline' is deprecated")
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _close("KILLED")
            click.secho(
                "\nInterrupted. Finished results are kept; MLflow's runs are closed as KILLED.\n"
                "The same command goes on: what is trained already is not trained again, and a\n"
                "training in progress goes on after the last epoch or minute that was kept.",
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
    """What to tell the user, if ``error`` is or stems from something that they can mend: an
    ``InputError`` (Kedro wraps what a dataset raises), a wrong name on the command line, a
    configuration that is missing or no YAML. None for a bug.
    """
    return next((str(e) for e in _causes(error) if _can_be_mended(e)), None)


def _can_be_mended(error: BaseException) -> bool:
    return isinstance(
        error, InputError | MissingConfigException | OmegaConfBaseException | YAMLError
    ) or (isinstance(error, ValueError) and str(error).startswith(_TOLD_BY_KEDRO))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _close(status: str) -> None:
    """End what hooks hold open: Kedro calls no hook after Ctrl-C or an error before the run."""
    for hooks in settings.HOOKS:
        if hasattr(hooks, "close"):
            hooks.close(status)


run = _Run(
    name="run",
    params=kedro_run.params,
    callback=kedro_run.callback,
    help=kedro_run.help,
)
cli.add_command(run)
