"""Errors that a user can mend."""


class InputError(Exception):
    """What a user gave cannot be used: a file, a row, a parameter, a credential.

    The message is a whole one: what was found, where (file, row, key) and what to do.
    The command line prints it alone, without a traceback, and exits with 1.
    """
