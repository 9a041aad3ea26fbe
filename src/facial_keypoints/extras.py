"""Optional packages: the extras of pyproject.toml."""

from importlib.util import find_spec

from facial_keypoints.errors import InputError


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
