"""A signed-in conversation with Kaggle, for ``kaggle_client`` alone.

The ``kaggle`` package is made for its own command line: to import it signs in, missing
credentials print a page and exit, no request has a time limit, a failed upload is a printed
line. Here it gets time limits, one way of retrying, and errors that tell what to do.
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
    wait_random_exponential,
)

from facial_keypoints.errors import InputError
from facial_keypoints.kaggle.transfer import fetch_file, limit_waits, send_file

logger = logging.getLogger(__name__)
T = TypeVar("T")

_ATTEMPTS: Final = 5
_LONGEST_PAUSE: Final = 300.0
"""Seconds; where Kaggle asks for a longer pause, the user is told to come back."""
_GROWING_PAUSE: Final = wait_random_exponential(multiplier=1, max=30)

_SIGN_IN: Final = (
    "give credentials: a token (https://www.kaggle.com/settings) in KAGGLE_API_TOKEN or in the "
    "file ~/.kaggle/access_token, or a user name and key in KAGGLE_USERNAME and KAGGLE_KEY or "
    "in ~/.kaggle/kaggle.json"
)


class KaggleSession:
    """One competition on Kaggle, asked with the user's credentials.

    Args:
        slug: The competition's name in Kaggle's addresses.
        other_ways: What the user can do without credentials; ``{slug}`` is filled in.

    Raises:
        InputError: if there are no credentials, or wrong ones, or Kaggle cannot be reached.
    """

    def __init__(self, slug: str, other_ways: tuple[str, ...]) -> None:
        self._slug = slug
        self._ways = "".join(f"\n  - {way.format(slug=slug)}" for way in (_SIGN_IN, *other_ways))
        self._api: Any = None
        self._api = self.ask("Signing in to Kaggle", lambda _: self._sign_in())

    def ask(self, doing: str, question: Callable[[Any], T]) -> T:
        """The answer to a question put to the ``KaggleApi``, repeated where a fault may pass.

        Args:
            doing: What it is for, as errors begin.
            question: Calls the ``KaggleApi`` that it is given.

        Raises:
            InputError: if there is no answer. The cause is left out, as addresses hold keys.
        """
        try:
            for attempt in Retrying(
                retry=retry_if_exception(_may_pass),
                stop=stop_after_attempt(_ATTEMPTS),
                wait=_pause,
                sleep=sleep,
                before_sleep=partial(_announce, doing),
                reraise=True,
            ):
                with attempt, _quietly():
                    return question(self._api)
        except requests.HTTPError as error:
            raise InputError(f"{doing}: {self._explain(error)}") from None
        except requests.Timeout:
            raise InputError(
                f"{doing}: Kaggle did not answer in time, or too slowly, {_ATTEMPTS} times; try "
                "again later"
            ) from None
        except requests.JSONDecodeError as error:
            raise InputError(f"{doing}: {_unreadable(error)}") from None
        except requests.RequestException as error:
            raise InputError(
                f"{doing}: the connection to Kaggle failed ({type(error).__name__}); see that "
                "this computer is online (behind a proxy: HTTPS_PROXY), then run again"
            ) from None
        except UnicodeEncodeError:
            raise InputError(self._unsendable_credentials()) from None
        except (KeyError, ValueError) as error:
            raise InputError(f"{doing}: {_unreadable(error)}") from None
        raise AssertionError("the retries end with an answer or an error")

    def _sign_in(self) -> Any:
        limit_waits()
        try:
            token = _access_token() or ""
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(self._unreadable_credentials(error)) from None
        if not (token.isascii() and token.isprintable()):
            raise InputError(self._unsendable_credentials())
        try:
            from kaggle.api.kaggle_api_extended import KaggleApi
        except OSError as error:
            raise InputError(
                f"The kaggle package cannot make its folder ({error}); name one that can be "
                "written in KAGGLE_CONFIG_DIR"
            ) from error
        api = KaggleApi()
        try:
            api.authenticate()
        except (SystemExit, NameError):  # it calls exit(), which IPython hides
            if token:
                raise InputError(self._wrong_credentials()) from None
            raise InputError(f"No Kaggle credentials were found. Ways on:{self._ways}") from None
        except (AttributeError, TypeError) as error:  # kaggle.json is JSON, but of no names
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
                f"Kaggle refuses this (403){self._words(error)}. Most likely the competition's "
                f"rules have not been accepted: open {page}/rules, signed in as the owner of "
                "the credentials, accept them, and run again"
            )
        if status == 404:
            return (
                f"Kaggle knows no competition {self._slug!r} (404); download.competition must "
                "be the last part of its address, such as facial-keypoints-detection"
            )
        asked = _asked_pause(error)
        when = f"in {max(1, round(asked / 60))} min" if asked else "later"
        if status == 429:
            return f"Kaggle asks for fewer requests (429); run again {when}"
        if status >= 500:
            often = f", {_ATTEMPTS} times" if _may_pass(error) else ""
            return f"Kaggle is out of order ({status}){often}; run again {when}"
        return f"Kaggle refuses this ({status}){self._words(error)}; see {page}"

    def _wrong_credentials(self) -> str:
        found = "KAGGLE_USERNAME and KAGGLE_KEY or from kaggle.json"
        if _access_token():
            found = "KAGGLE_API_TOKEN or from ~/.kaggle/access_token"
        return f"Kaggle does not accept the credentials from {found} (401). Ways on:{self._ways}"

    def _unreadable_credentials(self, error: Exception) -> str:
        return (
            f"The Kaggle credentials in ~/.kaggle cannot be read ({type(error).__name__}); put the "
            f"file there anew. Ways on:{self._ways}"
        )

    def _unsendable_credentials(self) -> str:
        return (
            "The Kaggle credentials hold a character that cannot be sent, such as a line's end; "
            f"copy them again. Ways on:{self._ways}"
        )

    def _words(self, error: requests.HTTPError) -> str:
        """Kaggle's own reason, without anything secret."""
        try:
            words = str(error.response.json()["message"])
        except (requests.RequestException, ValueError, KeyError, TypeError):
            return ""
        known = getattr(self._api, "config_values", {})
        for secret in filter(None, (_access_token(), known.get("token"), known.get("key"))):
            words = words.replace(secret, "***")
        return f": {words.rstrip('.')}"


def _access_token() -> str | None:
    from kagglesdk import get_access_token_from_env

    token: str | None = get_access_token_from_env()[0]
    return token


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep back what the package prints, and keep standard input, which exit() closes.

    It prints its help and, where VERBOSE is set, the token.
    """
    stdin, sys.stdin = sys.stdin, io.StringIO()
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        sys.stdin = stdin


def _status(error: requests.HTTPError) -> int:
    """The HTTP status, or that in the answer's body, where kagglesdk looks too."""
    status = error.response.status_code
    return status if status >= 400 else int(error.response.json()["code"])


def _may_pass(error: BaseException) -> bool:
    """Whether asking again can help."""
    if isinstance(error, requests.HTTPError):
        status = _status(error)
        return (status >= 500 or status == 429) and _asked_pause(error) <= _LONGEST_PAUSE
    passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, passing)


def _asked_pause(error: BaseException | None) -> float:
    """Seconds that Kaggle asks to wait for (Retry-After: seconds or a date), a day at most."""
    if not isinstance(error, requests.HTTPError):
        return 0.0
    asked = error.response.headers.get("Retry-After", "0")
    try:
        seconds = float(asked)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return 0.0
    return min(max(0.0, seconds), 86_400.0)


def _pause(state: RetryCallState) -> float:
    """Seconds before the next attempt: what Kaggle asks for, and a random, growing share."""
    asked = _asked_pause(state.outcome.exception() if state.outcome else None)
    return asked + _GROWING_PAUSE(state)


def _announce(doing: str, state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    status = f" {_status(error)}" if isinstance(error, requests.HTTPError) else ""
    logger.warning(
        "%s: %s%s; attempt %d of %d follows in %.0f s",
        doing,
        type(error).__name__,
        status,
        state.attempt_number + 1,
        _ATTEMPTS,
        state.next_action.sleep if state.next_action else 0,
    )


def _unreadable(error: Exception) -> str:
    return (
        f"what Kaggle sent cannot be read ({type(error).__name__}); it may have been cut off, "
        "or a proxy answered in its place: run again"
    )
