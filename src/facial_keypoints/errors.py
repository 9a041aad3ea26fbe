"""Errors that a user can fix, and training failures that a study survives."""

from importlib.util import find_spec


class InputError(Exception):
    """A file, row, parameter or credential from the user cannot be used.

    The message says what is wrong, where (file, row, key) and how to fix it. The command line
    prints the message without a traceback and exits with 1.
    """


class StorageError(InputError):
    """A file of the project's own data folder cannot be read or written."""


class ChangedError(StorageError):
    """A file of the project's own data folder was changed after the run that wrote it."""


class UnreachableError(InputError):
    """The object storage of the data folder does not answer, or refuses access."""


class TrainingFailedError(Exception):
    """A training cannot continue.

    Args:
        reason: Why, as the leaderboard and the training record report it.
        may_pass: Whether a retry can succeed, for example with more free memory.
    """

    def __init__(self, reason: str, *, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


def require_extra(extra: str, *modules: str) -> None:
    """Check that the packages of an extra are installed; nothing is imported.

    Args:
        extra: Its name in pyproject.toml.
        modules: Top-level modules of its packages.

    Raises:
        InputError: If one is not; the message has the command that installs them.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise InputError(f"{', '.join(missing)} not installed; run: {install_command(extra)}")


def install_command(extra: str) -> str:
    """Return the command that installs the packages of an extra.

    >>> install_command("photos")
    '.venv/bin/python -m pip install -e ".[photos]"'
    """
    return f'.venv/bin/python -m pip install -e ".[{extra}]"'
