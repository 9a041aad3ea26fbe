"""Credentials and settings for Kaggle that the environment gives, and those that do not count."""

import json
import logging
import os
from pathlib import Path
from typing import Any, Final

from facial_keypoints.errors import InputError

logger = logging.getLogger(__name__)

_FOLDER: Final = "KAGGLE_CONFIG_DIR"
_TOKEN: Final = "KAGGLE_API_TOKEN"  # noqa: S105
_NAME_AND_KEY: Final = ("KAGGLE_USERNAME", "KAGGLE_KEY")
_REFUSED: Final = {
    "KAGGLE_API_ENVIRONMENT": "sends requests to another server than Kaggle's",
    "KAGGLE_COMPETITION_SUBMISSION_MODEL_VERSION_ID": "submits another model than this one",
}
_NOT_READ: Final = {"proxy": "HTTPS_PROXY", "ssl_ca_cert": "REQUESTS_CA_BUNDLE"}
"""Settings of earlier kaggle packages, and the variables that count in their place."""


def access_token() -> tuple[str | None, str]:
    """Return the token that the user gave, or None, and where it comes from."""
    from kagglesdk import get_access_token_from_env

    token, origin = get_access_token_from_env()
    return token, "~/.kaggle/access_token" if origin == "access_token" else str(origin)


def check_variables() -> None:
    """Check Kaggle's environment variables, before its package reads them.

    Raises:
        InputError: if one would lead requests elsewhere, or cannot mean what it says.
    """
    for name, effect in _REFUSED.items():
        if os.environ.get(name) not in {None, "", "PROD"}:
            raise InputError(f"{name} {effect}, which this project does not do: unset {name}")
    folder = os.environ.get(_FOLDER, "")
    if folder.startswith("~"):
        raise InputError(
            f"{_FOLDER} begins with ~, which the kaggle package does not expand: "
            f'export {_FOLDER}="$HOME{folder[1:]}"'
        )
    token = os.environ.get(_TOKEN, "")
    if token and Path(token).is_file():
        if not Path(token).read_bytes().strip():
            raise InputError(f"{_TOKEN} names a file that is empty; write the token into it")
    elif "/" in token or "\\" in token:
        raise InputError(f"{_TOKEN} names a file that does not exist; give its path, or the token")


def log_unread_settings() -> None:
    """Warn of settings that the user gave and the kaggle package does not read."""
    content = _read_file()
    token, origin = access_token()
    if token and all(os.environ.get(name) for name in _NAME_AND_KEY):
        logger.warning("%s do not count: %s comes first", " and ".join(_NAME_AND_KEY), origin)
    for setting, variable in _NOT_READ.items():
        name = f"KAGGLE_{setting.upper()}"
        if os.environ.get(variable):
            continue
        if os.environ.get(name):
            logger.warning('%s does not count: export %s="$%s"', name, variable, name)
        elif isinstance(content, dict) and content.get(setting):
            logger.warning("%r in %s does not count: give it in %s", setting, _file(), variable)


def explain_missing() -> str:
    """Return why none of what the user gave makes credentials, if there is a reason."""
    missing = [name for name in _NAME_AND_KEY if not os.environ.get(name)]
    if len(missing) == 1:
        given = next(name for name in _NAME_AND_KEY if name not in missing)
        return f" ({given} is set, {missing[0]} is not)"
    token = _folder() / "access_token"
    if os.environ.get(_FOLDER) and token.is_file():
        return f" ({_FOLDER} counts for kaggle.json alone; the token: export {_TOKEN}={token})"
    if not _file().is_file():
        return ""
    content = _read_file()
    if content is None:
        return f" ({_file()} is not valid JSON)"
    return f" ({_file()} lacks username or key)"


def options() -> str:
    """Return how to give credentials."""
    return (
        f"give credentials: a token (https://www.kaggle.com/settings) in {_TOKEN} or in the "
        "file ~/.kaggle/access_token, or a user name and key in KAGGLE_USERNAME and KAGGLE_KEY or "
        f"in {_shown_folder()}/kaggle.json"
    )


def _folder() -> Path:
    from kaggle.api.kaggle_api_extended import KaggleApi

    return Path(KaggleApi.config_dir)


def _file() -> Path:
    return _folder() / "kaggle.json"


def _shown_folder() -> str:
    return os.environ.get(_FOLDER) or "~/.kaggle"


def _read_file() -> Any:
    """Return the content of kaggle.json; None where it is missing or not JSON."""
    try:
        return json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
