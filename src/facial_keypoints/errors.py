"""Errors that a user can mend, and failures that a study survives."""


class InputError(Exception):
    """What a user gave cannot be used: a file, a row, a parameter, a credential.

    The message is a whole one: what was found, where (file, row, key) and what to do.
    The command line prints it alone, without a traceback, and exits with 1.
    """


class TrainingFailedError(Exception):
    """A training that cannot go on; the message says why.

    Attributes:
        may_pass: whether trying again may end otherwise (with more memory free, say).
    """

    def __init__(self, reason: str, *, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.may_pass = may_pass
