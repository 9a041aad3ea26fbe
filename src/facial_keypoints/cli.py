"""Kedro's ``run`` command, with one-line messages for errors that a user can correct."""

import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import pipelines, settings
from kedro.framework.session import KedroSession
from kedro.io import DatasetNotFoundError
from kedro_viz.launchers.cli.main import viz
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import suggest
from facial_keypoints.framework.checks import check_tags
from facial_keypoints.framework.console import configure_console
from facial_keypoints.framework.run_options import RunOption, commands_with_options
from facial_keypoints.framework.runners import check_runner
from facial_keypoints.framework.storage import unreachable
from facial_keypoints.training import interruption, progress_bar

_USER_ERRORS: Final = (
    InputError,
    MissingConfigException,
    OmegaConfBaseException,
    YAMLError,
    DatasetNotFoundError,
)
_NO_PIPELINE: Final = "Failed to find the pipeline named"
_NO_CONFIGURATION: Final = "Given configuration path either does not exist"
_NO_NODES: Final = "Pipeline contains no nodes"
_NAMES_NOT_FOUND: Final = (_NO_PIPELINE, "Pipeline does not contain", _NO_NODES)
"""Starts of Kedro's messages about names on the command line."""
_FILTERS: Final = {
    *("tags", "node_names", "namespaces"),
    *("from_nodes", "to_nodes", "from_inputs", "to_outputs"),
}


@click.group(name="facial-keypoints")
def cli() -> None:
    """Commands of this project."""


def is_printed(record: logging.LogRecord) -> bool:
    """Whether the console shows a record; the command itself prints a node's user error."""
    error = sys.exc_info()[1]
    return record.name != "kedro.pipeline.node" or error is None or user_message(error) is None


class _Run(click.Command):
    """``kedro run`` that ends MLflow's runs and reports a user's errors without a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options; ``--pipeline`` is another spelling of ``--pipelines``."""
        with _reported_errors(ctx):
            remaining = super().parse_args(ctx, args)
        names = (ctx.params.get("pipeline") or "").split(",")
        if len(names) > 1:
            ctx.params["pipeline"] = None
            ctx.params["pipelines"] = [*names, *ctx.params["pipelines"]]
        return remaining

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and exit with 130 after Ctrl-C and with 1 after a user's error."""
        interruption.listen()
        configure_console(is_printed)
        # both spellings work, and the documentation uses the short one
        warnings.filterwarnings("ignore", message="Option '--pipeline' is deprecated")
        with _reported_errors(ctx):
            given = ctx.params
            check_runner(given["runner"], given["runner_params"], given["is_async"])
            return super().invoke(ctx)


@contextmanager
def _reported_errors(ctx: click.Context) -> Iterator[None]:
    """End the command after an error of the user, or Ctrl-C, with a message."""
    try:
        yield
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
        progress_bar.erase()
        message = user_message(error)
        if message is None:
            raise
        logging.getLogger(__name__).debug("Traceback of the error", exc_info=error)
        message = commands_with_options(message, ctx)
        click.secho(f"Error: {message}", fg="red", err=True)
        sys.exit(1)


def user_message(error: BaseException) -> str | None:
    """Return the message of an error that the user can correct, or None for a bug.

    Such errors, or their causes, are an ``InputError`` (Kedro wraps what a dataset raises), a
    configuration that is missing or not YAML, and an unknown name on the command line.
    """
    text = next((_text_of(e) for e in _causes(error) if _is_correctable(e)), None)
    return text or (str(failure) if (failure := unreachable(error, "data_root")) else None)


def _text_of(error: BaseException) -> str:
    """The error's message; those of Kedro about unknown names do not list the valid ones."""
    text = str(error)
    if text.startswith(_NO_PIPELINE):
        return _unknown("pipeline", text.split("'")[1], {*pipelines} - {"__default__"})
    if text.startswith(_NO_NODES):
        return _nothing_selected(click.get_current_context(silent=True)) or text
    folder = Path(text.rpartition(": ")[2])
    if text.startswith(_NO_CONFIGURATION) and folder.name == "base":
        return (
            f"the configuration has no folder {folder.name!r}; --conf-source names a folder like "
            "conf, or an archive of it, which this makes: tar -czf conf.tar.gz conf"
        )
    if text.startswith(_NO_CONFIGURATION) and folder.parent.is_dir():
        environments = {path.name for path in folder.parent.iterdir() if path.is_dir()}
        kind = "KEDRO_ENV" if os.environ.get("KEDRO_ENV") == folder.name else "environment"
        return _unknown(kind, folder.name, environments - {"base", "local"})
    return text


def _nothing_selected(ctx: click.Context | None) -> str | None:
    """Which options selected no node; None outside a command."""
    if ctx is None:
        return None
    name, names = ctx.params["pipeline"], ctx.params["pipelines"]
    names = [name] if name else names or ["full"]
    try:
        check_tags(ctx.params["tags"], names)
    except InputError as error:
        return str(error)
    filters = [
        f"{option.opts[0]}={','.join(ctx.params[str(option.name)])}"
        for option in ctx.command.params
        if option.name in _FILTERS and ctx.params[option.name]
    ]
    return (
        f"no node of {'+'.join(names)} is selected by {' '.join(filters)} together; "
        f"kedro registry describe {names[0]} lists its nodes"
    )


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
  export   the best model as ONNX and LiteRT files
  predict  keypoints on your photos (--params predict.input=PATH)
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

  kedro run --params "augment.rotations=[8,-8]" --params train.loss=huber

Commas separate parameters in --params; + joins the names of study.only. Options
may be repeated: all of them count.
"""

_REFUSED: Final = {"is_async", "only_missing_outputs"}
"""Flags that ``framework.checks`` and ``framework.runners`` refuse."""

run = _Run(
    name="run",
    callback=kedro_run.callback,
    params=[
        RunOption(each) if isinstance(each, click.Option) and not each.is_flag else each
        for each in kedro_run.params
    ],
    help=_HELP,
)
for each in run.params:
    if isinstance(each, click.Option) and each.name in _REFUSED:
        each.hidden = True
cli.add_command(run)
viz.lazy_subcommands["run"] = "facial_keypoints.framework.viz_command.run"


@cli.command()
@click.option("--env", "-e", help="Kedro environment.")
@click.pass_context
def relocate(ctx: click.Context, env: str | None) -> None:
    """Let MLflow's records name the files in this folder, after it was moved or copied.

    kedro run does this, too.
    """
    configure_console(is_printed)
    with _reported_errors(ctx), KedroSession.create(env=env) as session:
        session.load_context()  # type: ignore[attr-defined]  # the hooks of tracking relocate
        click.echo("MLflow's records name the files in this folder.")
