"""The runners that sessions can use."""

from importlib import import_module
from typing import Any, Final

from kedro.framework.hooks import hook_impl

from facial_keypoints.errors import InputError

_UNSUPPORTED: Final = ("ThreadRunner", "ParallelRunner")
_REMEDY: Final = (
    "variants are trained one after another, each with all processor cores: leave out --runner and "
    "--async"
)


class RunnerHooks:
    """Refuse unsupported runners of sessions that are not started on the command line."""

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Check the runner.

        Raises:
            InputError: if the session cannot use it.
        """
        refuse_unsupported(str(run_params["runner"]))


def check_runner(name: str | None, is_async: bool) -> None:
    """Check a runner that is named on the command line.

    Args:
        name: Class in ``kedro.runner``, or dotted path of a class; None for Kedro's default.
        is_async: Whether datasets are to be loaded and saved in threads.

    Raises:
        InputError: if there is no such class, or the session cannot use it.
    """
    module, _, class_name = (name or "SequentialRunner").rpartition(".")
    refuse_unsupported(class_name)
    if is_async:
        raise InputError(f"--async is not supported: {_REMEDY}")
    try:
        getattr(import_module(module or "kedro.runner"), class_name)
    except (ImportError, AttributeError):
        raise InputError(
            f"--runner={name}: there is no such runner; leave it out, or name a class by its "
            "dotted path"
        ) from None


def refuse_unsupported(runner: str) -> None:
    """Raise an error for a runner whose name contains that of an unsupported one.

    Raises:
        InputError: if the session cannot use the runner.
    """
    for name in _UNSUPPORTED:
        if name in runner:
            raise InputError(f"{name} is not supported: {_REMEDY}")
