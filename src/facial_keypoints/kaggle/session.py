"""A signed-in session with Kaggle, for ``kaggle.client`` alone.

The ``kaggle`` package serves its own command line: importing it signs in, missing credentials
print a help page and exit, requests have no time limit, and a failed upload is only printed.
Here it gets time limits, retries, and errors that say what to do.
"""

import io
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from time import sleep
from typing import Any, Final, TypeVar

import requests
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exception,
    wait_random_exponential,
)

from facial_keypoints.errors import InputError
from facial_keypoints.kaggle import credentials, network
from facial_keypoints.kaggle.transfer import fetch_file, limit_waits, send_file
from facial_keypoints.network.certificates import check_ca_bundle

logger = logging.getLogger(__name__)
T = TypeVar("T")

_ATTEMPTS: Final = 5
_MAX_PAUSE: Final = 300.0
"""Seconds; where Kaggle asks for a longer pause, the user is asked to run again later."""


class KaggleSession:
    """A session for one competition, with the user's credentials.

    Args:
        slug: The competition's name in Kaggle's URLs.
        alternatives: What the user can do without credentials; ``{slug}`` is replaced.

    Raises:
        InputError: if credentials are missing or wrong, or Kaggle cannot be reached.
    """

    def __init__(self, slug: str, alternatives: tuple[str, ...]) -> None:
        self._slug = slug
        options = (credentials.options(), *(each.format(slug=slug) for each in alternatives))
        self._options = "".join(f"\n  - {option}" for option in options)
        self._api: Any = None
        self._api = self.call("Signing in to Kaggle", lambda _: self._sign_in())

    def call(self, action: str, function: Callable[[Any], T]) -> T:
        """Return what ``function`` returns; retry it after temporary failures.

        Args:
            action: What it does, as the start of error messages.
            function: Is called with the ``KaggleApi``.

        Raises:
            InputError: if all attempts fail. Its cause is omitted, since URLs contain keys.
        """
        retrying = Retrying(
            retry=retry_if_exception(_is_temporary),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exception(_retry_after) + wait_random_exponential(multiplier=1, max=30),
            sleep=sleep,
            before_sleep=partial(_log_retry, action),
            reraise=True,
        )
        try:
            return retrying(_silenced()(function), self._api)
        except requests.HTTPError as error:
            raise InputError(f"{action}: {self._explain(error)}") from None
        except requests.Timeout:
            raise InputError(
                f"{action}: Kaggle did not respond in time, or too slowly, {_ATTEMPTS} times; run "
                "again later"
            ) from None
        except requests.JSONDecodeError as error:
            raise InputError(f"{action}: {_invalid_response(error)}") from None
        except network.PageError as error:
            raise InputError(f"{action}: {error}{self._rules_too(error)}") from None
        except requests.RequestException as error:
            raise InputError(f"{action}: {network.diagnose(error).message}") from None
        except UnicodeEncodeError:
            raise InputError(self._invalid_credentials()) from None
        except (KeyError, ValueError) as error:
            raise InputError(f"{action}: {_invalid_response(error)}") from None

    def _sign_in(self) -> Any:
        limit_waits()
        check_ca_bundle()
        credentials.check_variables()
        try:
            token = credentials.access_token()[0] or ""
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(self._unreadable_credentials(error)) from None
        if not (token.isascii() and token.isprintable()):
            raise InputError(self._invalid_credentials())
        try:
            from kaggle.api.kaggle_api_extended import KaggleApi
        except OSError as error:
            raise InputError(
                f"The kaggle package cannot create its folder ({error}); name a writable one in "
                "KAGGLE_CONFIG_DIR"
            ) from error
        api = KaggleApi()
        try:
            api.authenticate()
        except (SystemExit, NameError):  # it calls exit(), which IPython does not define
            if token:
                raise InputError(self._wrong_credentials()) from None
            reason = credentials.explain_missing()
            raise InputError(
                f"No Kaggle credentials were found{reason}. Options:{self._options}"
            ) from None
        except (AttributeError, TypeError) as error:  # kaggle.json is JSON without names
            raise InputError(self._unreadable_credentials(error)) from None
        api.download_file = fetch_file
        api.upload_complete = send_file
        return api

    def _explain(self, error: requests.HTTPError) -> str:
        status = _status(error)
        page = f"https://www.kaggle.com/competitions/{self._slug}"
        if status == 401:
            return self._wrong_credentials()
        if status == 403:
            return (
                f"Kaggle refuses this (403){self._reason(error)}. Most likely the competition's "
                f"rules have not been accepted: open {page}/rules, signed in as the owner of "
                "the credentials, accept them, and run again"
            )
        if status == 404:
            return (
                f"Kaggle has no competition {self._slug!r} (404); download.competition must "
                "be the last part of its URL, such as facial-keypoints-detection"
            )
        pause = _retry_after(error)
        when = f"in {max(1, round(pause / 60))} min" if pause else "later"
        if status == 429:
            return f"Kaggle reports too many requests (429); run again {when}"
        if status >= 500:
            times = f", {_ATTEMPTS} times" if _is_temporary(error) else ""
            return f"Kaggle's server failed ({status}){times}; run again {when}"
        return f"Kaggle refuses this ({status}){self._reason(error)}; see {page}"

    def _rules_too(self, error: network.PageError) -> str:
        if error.response is None or error.response.status_code != 403:
            return ""
        page = f"https://www.kaggle.com/competitions/{self._slug}/rules"
        return f"; if the page is Kaggle's, accept the rules at {page}"

    def _wrong_credentials(self) -> str:
        token, origin = credentials.access_token()
        if not token:
            origin = "KAGGLE_USERNAME and KAGGLE_KEY or from kaggle.json"
        return (
            f"Kaggle does not accept the credentials from {origin} (401). Options:{self._options}"
        )

    def _unreadable_credentials(self, error: Exception) -> str:
        return (
            f"The Kaggle credentials in ~/.kaggle cannot be read ({type(error).__name__}); create "
            f"the file again. Options:{self._options}"
        )

    def _invalid_credentials(self) -> str:
        return (
            "The Kaggle credentials contain an invalid character, such as a line break; "
            f"copy them again. Options:{self._options}"
        )

    def _reason(self, error: requests.HTTPError) -> str:
        """Return Kaggle's own message, with credentials masked."""
        try:
            message = str(error.response.json()["message"])
        except (requests.RequestException, ValueError, KeyError, TypeError):
            return ""
        config = getattr(self._api, "config_values", {})
        known = (credentials.access_token()[0], config.get("token"), config.get("key"))
        for secret in filter(None, known):
            message = message.replace(secret, "***")
        return f": {message.rstrip('.')}"


@contextmanager
def _silenced() -> Iterator[None]:
    """Suppress what the package prints, and protect standard input, which exit() closes.

    The package prints its help and, where VERBOSE is set, the token.
    """
    stdin, sys.stdin = sys.stdin, io.StringIO()
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        sys.stdin = stdin


def _status(error: requests.HTTPError) -> int:
    """Return the HTTP status, or the one in the response's body, which kagglesdk reads too."""
    status = error.response.status_code
    return status if status >= 400 else int(error.response.json()["code"])


def _is_temporary(error: BaseException) -> bool:
    if isinstance(error, requests.HTTPError):
        status = _status(error)
        return (status >= 500 or status == 429) and _retry_after(error) <= _MAX_PAUSE
    if isinstance(error, requests.ConnectionError):
        return network.diagnose(error).may_pass
    return isinstance(error, requests.Timeout | requests.exceptions.ChunkedEncodingError)


def _retry_after(error: BaseException) -> float:
    """Return the seconds of the Retry-After header (seconds or a date), at most a day."""
    if not isinstance(error, requests.HTTPError):
        return 0.0
    header = error.response.headers.get("Retry-After", "0")
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return 0.0
    return min(max(0.0, seconds), 86_400.0)


def _log_retry(action: str, state: RetryCallState) -> None:
    """Log a retry; tenacity's own ``before_sleep_log`` would print URLs, which contain keys."""
    error = state.outcome.exception() if state.outcome else None
    status = f" {_status(error)}" if isinstance(error, requests.HTTPError) else ""
    logger.warning(
        "%s: %s%s; attempt %d of %d follows in %.0f s",
        action,
        type(error).__name__,
        status,
        state.attempt_number + 1,
        _ATTEMPTS,
        state.upcoming_sleep,
    )


def _invalid_response(error: Exception) -> str:
    return (
        f"Kaggle's response cannot be read ({type(error).__name__}); it may be truncated, or come "
        "from a proxy: run again"
    )
