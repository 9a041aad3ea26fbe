"""The runners that sessions can use."""

import inspect
from importlib import import_module
from typing import Any, Final

from kedro.runner import ParallelRunner, ThreadRunner

from facial_keypoints.errors import InputError

_UNSUPPORTED: Final = (ThreadRunner, ParallelRunner)
_REMEDY: Final = (
    "leave out --runner and --async, and variants are trained one after another, each with all "
    "processor cores; or train them side by side: --runner=facial_keypoints.framework.RayRunner"
)


def check_runner(name: str | None, runner_params: dict[str, Any], is_async: bool) -> None:
    """Check a runner that is named on the command line.

    Args:
        name: Class in ``kedro.runner``, or dotted path of a class; None for Kedro's default.
        runner_params: Arguments of the class.
        is_async: Whether datasets are to be loaded and saved in threads.

    Raises:
        InputError: if there is no such class, it does not take the arguments, or the session
            cannot use it.
    """
    module, _, class_name = (name or "SequentialRunner").rpartition(".")
    try:
        runner = getattr(import_module(module or "kedro.runner"), class_name)
    except (ImportError, AttributeError, ValueError):
        raise InputError(
            f"--runner={name}: there is no such runner; leave it out, or name a class by its "
            "dotted path"
        ) from None
    if isinstance(runner, type) and issubclass(runner, _UNSUPPORTED):
        raise InputError(f"{class_name} is not supported: {_REMEDY}")
    if is_async or runner_params.get("is_async"):
        raise InputError(f"--async is not supported: {_REMEDY}")
    signature = inspect.signature(runner)
    try:
        signature.bind(**runner_params)
    except TypeError as error:
        known = [name for name in signature.parameters if name != "is_async"]
        remedy = f"valid names: {', '.join(known)}" if known else "leave it out"
        raise InputError(f"--runner-params: {class_name} {error}; {remedy}") from None


def refuse_unsupported(runner: str) -> None:
    """Raise an error for the description of a runner that is not supported.

    Args:
        runner: As Kedro's hooks get it: ``str`` of the runner.

    Raises:
        InputError: if the session cannot use the runner.
    """
    for kind in _UNSUPPORTED:
        if kind.__name__ in runner:
            raise InputError(f"{kind.__name__} is not supported: {_REMEDY}")
