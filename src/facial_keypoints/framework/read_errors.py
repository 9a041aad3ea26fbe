"""Errors of data files that cannot be read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from kedro.framework.project import pipelines
from kedro.io import DatasetError

from facial_keypoints.errors import InputError, StorageError


@contextmanager
def read_errors(path: PurePosixPath, remedy: str | None = None) -> Iterator[None]:
    """Convert any error while reading into an InputError that names the corrupt file.

    Args:
        path: The file, or the folder of several. It contains data and never code.
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
        reason = " ".join(str(cause).split())[:120]
        raise StorageError(
            f"{path}: cannot be read ({type(cause).__name__}: {reason}); it may be truncated or "
            f"replaced. {remedy or _how_to_write_again(path.stem)}"
        ) from error


def _cause(error: BaseException) -> BaseException:
    """Return the error that Kedro wrapped."""
    while isinstance(error, DatasetError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _how_to_write_again(name: str) -> str:
    """Return the command that writes a dataset again; a file has the name of its dataset."""
    for pipeline_name, pipeline in pipelines.items():
        if any(output.rpartition(".")[2] == name for output in pipeline.all_outputs()):
            return (
                f"Write it again: kedro run --pipeline={pipeline_name}, with the same --env and "
                "--params"
            )
    return "Run the pipeline that writes it again (kedro run --pipeline=full runs all of them)"
