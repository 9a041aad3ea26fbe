"""Errors that a user can fix, and training failures that a study survives."""


class InputError(Exception):
    """A file, row, parameter or credential from the user cannot be used.

    The message says what is wrong, where (file, row, key) and how to fix it. The command line
    prints the message without a traceback and exits with 1.
    """


class StorageError(InputError):
    """A file of the project's own data folder cannot be read or written."""


class ChangedError(StorageError):
    """A file of the project's own data folder was changed after the run that wrote it."""


class TrainingFailedError(Exception):
    """A training cannot continue.

    Args:
        reason: Why, as the leaderboard and the training record report it.
        may_pass: Whether a retry can succeed, for example with more free memory.
    """

    def __init__(self, reason: str, *, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.may_pass = may_pass
