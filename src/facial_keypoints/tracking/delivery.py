"""Telling MLflow, whether it listens or not.

A study of days must not end because its records cannot be written for a minute. What MLflow is to
be told waits in order until it has been taken; while a server is away or a database is locked,
work goes on, and MLflow is tried again after growing pauses.
"""

import errno
import logging
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INTERNAL_ERROR,
    REQUEST_LIMIT_EXCEEDED,
    TEMPORARILY_UNAVAILABLE,
    ErrorCode,
)

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import format_duration

logger = logging.getLogger(__name__)

_PASSING: Final = {
    ErrorCode.Name(code)
    for code in (INTERNAL_ERROR, REQUEST_LIMIT_EXCEEDED, TEMPORARILY_UNAVAILABLE)
}
"""What MLflow calls a server that is away or out of order, and a database that is locked."""
_FIRST_PAUSE: Final = 10.0
_LONGEST_PAUSE: Final = 300.0
_SECONDS_TO_ANSWER: Final = 5.0
_TRIES: Final = 3


class Delivery:
    """Records on their way to MLflow, oldest first."""

    def __init__(self, probe: Callable[[], object]) -> None:
        self._probe = probe
        self._missed: list[str] = []
        self._failures = 0  # of the oldest record, in a row, while MLflow answered
        self._waiting: deque[tuple[str, Callable[[], object]]] = deque()
        self._away_since: float | None = None
        self._pause = _FIRST_PAUSE
        self._not_before = 0.0
        self._lock = threading.RLock()

    def tell(self, what: str, record: Callable[[], object]) -> None:
        """Record something as soon as MLflow listens: now, mostly.

        Args:
            what: What it is, for the log.
            record: Speaks to MLflow. It is called again if it fails because MLflow is away.
        """
        with self._lock:
            self._waiting.append((what, record))
            if time.monotonic() >= self._not_before:
                self.deliver()

    def deliver(self) -> bool:
        """Deliver what waits; returns whether nothing is left."""
        with self._lock:
            while self._waiting:
                what, record = self._waiting[0]
                try:
                    record()
                except Exception as error:  # whatever it is, training is worth more
                    if is_away(error) and not self._is_the_records_fault(error):
                        self._note_absence(error)
                        return False
                    logger.warning("MLflow does not take %s: %s", what, brief(error))
                self._failures = 0
                self._waiting.popleft()
            if self._away_since is not None:
                away = time.monotonic() - self._away_since
                logger.info(
                    "MLflow answers again, after %s, and has what waited", format_duration(away)
                )
            self._away_since, self._pause = None, _FIRST_PAUSE
            return True

    @property
    def is_behind(self) -> bool:
        """Whether something waits."""
        return bool(self._waiting)

    def leave_out(self, what: str) -> None:
        """Note something that is not to wait."""
        self._missed.append(what)

    def give_up(self) -> list[str]:
        """Try once more; what is left then is dropped, and named."""
        with self._lock:
            self.deliver()
            left = list(dict.fromkeys([*self._missed, *(what for what, _ in self._waiting)]))
            self._waiting.clear()
            self._missed.clear()
            self._away_since = None
            return left

    def _is_the_records_fault(self, error: Exception) -> bool:
        """Whether MLflow answers, and only this record fails, time after time."""
        if getattr(error, "error_code", None) == ErrorCode.Name(TEMPORARILY_UNAVAILABLE):
            return False  # a database that is locked may be read
        try:
            self._probe()
        except Exception:
            self._failures = 0
        else:
            self._failures += 1
        return self._failures >= _TRIES

    def _note_absence(self, error: Exception) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            logger.warning(
                "MLflow does not answer (%s). The run goes on; what MLflow is to be told is kept "
                "and delivered when it answers again",
                brief(error),
            )
        self._not_before = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


def is_away(error: BaseException) -> bool:
    """Whether MLflow could not be reached, or not just now."""
    if isinstance(error, MlflowException):
        return error.error_code in _PASSING
    if isinstance(error, requests.RequestException | ConnectionError | TimeoutError):
        return True
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def brief(error: BaseException) -> str:
    """An error in one line, without the whole chain of causes that MLflow puts into it."""
    text = " ".join(str(error).split())
    told_by_sqlite = re.search(r"\(sqlite3\.\w+\) ([^\[(]+)", text)
    if told_by_sqlite:
        return told_by_sqlite.group(1).strip()
    for words in ("Connection refused", "timed out", "database is locked", "No space left"):
        if words.lower() in text.lower():
            return words.lower()
    return text[:160]


def limit_waits() -> None:
    """Keep MLflow from waiting minutes for a server that is away: it is asked again later."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")


def check_server(uri: str) -> None:
    """Ask a tracking server whether it is there; a database or a folder needs no asking.

    Raises:
        InputError: if it does not answer within seconds.
    """
    if urlsplit(uri).scheme not in {"http", "https"}:
        return
    try:
        requests.get(f"{uri.rstrip('/')}/health", timeout=_SECONDS_TO_ANSWER)
    except requests.RequestException as error:
        # without the address's user and password
        parts = urlsplit(uri)
        shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        raise InputError(
            f"MLflow's server at {shown} does not answer ({type(error).__name__}). Start it (on "
            f"this computer: mlflow server --host 127.0.0.1 --port {parts.port or 5000}), correct "
            "tracking_uri in conf/<env>/mlflow.yml, or leave that line out to record "
            "into mlflow.db in this folder"
        ) from None
