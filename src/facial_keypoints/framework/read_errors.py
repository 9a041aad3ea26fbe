"""Errors of data files that cannot be read."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Final

from kedro.framework.project import pipelines
from kedro.io import DatasetError

from facial_keypoints.errors import ChangedError, InputError, StorageError
from facial_keypoints.framework.storage import unreachable

_LONGEST_REASON: Final = 120


@contextmanager
def read_errors(path: PurePosixPath | str, remedy: str | None = None) -> Iterator[None]:
    """Convert any error while reading into an InputError that names the corrupt file.

    Args:
        path: The file, or the folder of several, or its URL. It contains data and never code.
        remedy: What to do; by default, to run the pipeline that writes the file.

    Raises:
        InputError: instead of whatever else is raised while reading.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # readers of corrupt files raise nearly anything
        cause = _cause(error)
        if isinstance(cause, InputError):  # Kedro wraps what a dataset raises
            raise cause from None
        if failure := unreachable(error, str(path)):
            raise failure from error
        reason = textwrap.shorten(str(cause), _LONGEST_REASON, placeholder=" ...")
        raise StorageError(
            f"{path}: cannot be read ({type(cause).__name__}: {reason}); it may be truncated or "
            f"replaced. {remedy or how_to_write_again(path)}"
        ) from error


def changed_error(path: PurePosixPath | str) -> ChangedError:
    """Return the error of a file that was changed after the run that wrote it."""
    return ChangedError(
        f"{path}: was changed after the run that wrote it, so its values are not that run's. "
        f"{how_to_write_again(path)}"
    )


def _cause(error: BaseException) -> BaseException:
    """Return the error that Kedro wrapped."""
    while isinstance(error, DatasetError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def how_to_write_again(path: PurePosixPath | str) -> str:
    """Return the command that writes a dataset again; a file has the name of its dataset."""
    stem = PurePosixPath(path).stem
    writers: dict[str, str] = {}  # the first pipeline that has it, by node
    for pipeline_name, pipeline in pipelines.items():
        for node in pipeline.nodes:
            if any(output.rpartition(".")[2] == stem for output in node.outputs):
                writers.setdefault(node.name.rpartition(".")[2], pipeline_name)
    if not writers:
        return "Run the pipeline that writes it again (kedro run --pipeline=full runs all of them)"
    first, *others = dict.fromkeys(writers.values())
    return (
        f"Write it again: kedro run --pipeline={first}, with the same --env and --params"
        + "".join(f" (--pipeline={other} where that wrote it)" for other in others)
    )
