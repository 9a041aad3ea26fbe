"""What is told of a file of our own that cannot be read any more."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from kedro.framework.project import pipelines
from kedro.io import DatasetError

from facial_keypoints.errors import InputError


@contextmanager
def read_errors(path: PurePosixPath, remedy: str | None = None) -> Iterator[None]:
    """Read ``path``, which holds data and never code; whatever goes wrong is its damage.

    Args:
        path: the file, or the folder of several.
        remedy: what to do; without one, to run the stage that makes the file.

    Raises:
        InputError: instead of whatever else is raised while reading.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # readers of damaged files raise nearly anything
        cause = _cause(error)
        why = " ".join(str(cause).split())[:120]
        raise InputError(
            f"{path}: cannot be read ({type(cause).__name__}: {why}); it may have been cut off or "
            f"replaced. {remedy or _make_again(path.stem)}"
        ) from error


def _cause(error: BaseException) -> BaseException:
    """What went wrong before Kedro wrapped it."""
    while isinstance(error, DatasetError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _make_again(name: str) -> str:
    """The command that makes a dataset; files are called as the catalog calls their dataset."""
    for stage, pipeline in pipelines.items():
        if any(output.rpartition(".")[2] == name for output in pipeline.all_outputs()):
            return f"Make it again: kedro run --pipeline={stage}, with the same --env and --params"
    return "Run the stage that makes it again (kedro run --pipeline=full runs all of them)"
