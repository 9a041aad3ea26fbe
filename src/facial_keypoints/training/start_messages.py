"""Start-up messages of TensorFlow that no setting turns off."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Final

_MODULE: Final = "tensorflow"
_HIDDEN: Final = (
    "^WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "^I0000 .*oneDNN custom operations are on",
)
"""Lines (regular expressions of grep) that C++ writes while TensorFlow is imported, before it reads
TF_CPP_MIN_LOG_LEVEL."""


class _Finder:
    """Import finder that hides the messages of one module while it is imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module's own spec, whose loader executes it behind the filter."""
        spec = PathFinder.find_spec(name, path, target) if name == _MODULE else None
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        execute = loader.exec_module

        def execute_filtered(module: ModuleType) -> None:
            with _filtered_stderr():
                execute(module)

        loader.exec_module = execute_filtered
        return spec


def hide_start_messages() -> None:
    """Hide the messages that TensorFlow writes when this process imports it, and nothing else."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


@contextmanager
def _filtered_stderr() -> Iterator[None]:
    """Pass what is written to file descriptor 2 through grep.

    grep is a separate process: what TensorFlow writes before it aborts is passed on, too.
    """
    grep = shutil.which("grep")
    try:
        stderr = os.dup(2)
    except OSError:  # closed: nobody reads it
        yield
        return
    if grep is None:
        os.close(stderr)
        yield
        return
    patterns = [word for pattern in _HIDDEN for word in ("-e", pattern)]
    reading, writing = os.pipe()
    process = subprocess.Popen(  # noqa: S603 (our own patterns)
        [grep, "--line-buffered", "-v", *patterns],
        stdin=reading,
        stdout=stderr,
        stderr=stderr,
        env={"LC_ALL": "C"},
        start_new_session=True,  # Ctrl-C ends the import, which still has something to say
    )
    os.close(reading)
    os.dup2(writing, 2)
    os.close(writing)
    try:
        yield
    finally:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(stderr)
        with suppress(subprocess.TimeoutExpired):  # a process that lives on may hold the pipe
            process.wait(timeout=1)
