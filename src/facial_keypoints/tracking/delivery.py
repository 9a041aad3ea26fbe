"""Delivery of records to MLflow, whether it responds or not.

A study of days must not end because its records cannot be written for a minute. Records wait in
order until MLflow has taken them. While a server is away or a database is locked, the run continues
and MLflow is tried again after growing pauses.
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

import mlflow
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INTERNAL_ERROR,
    REQUEST_LIMIT_EXCEEDED,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
    TEMPORARILY_UNAVAILABLE,
    ErrorCode,
)
from tenacity import Retrying, retry_if_exception, stop_after_attempt

from facial_keypoints.formatting import format_duration

logger = logging.getLogger(__name__)

_PASSING: Final = {
    ErrorCode.Name(code)
    for code in (INTERNAL_ERROR, REQUEST_LIMIT_EXCEEDED, TEMPORARILY_UNAVAILABLE)
}
"""MLflow's codes for a server that is away or broken, and for a locked database."""
_OVERTAKEN: Final = {
    ErrorCode.Name(code) for code in (RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST)
}
"""MLflow's codes for what another session has just created, or restored."""
_DUPLICATE: Final = re.compile("unique|duplicate", re.IGNORECASE)
"""Words of SQLite, PostgreSQL and MySQL for a row that exists."""
_FIRST_PAUSE: Final = 10.0
_LONGEST_PAUSE: Final = 300.0
_LONGEST_ERROR: Final = 300
"""Characters."""
_TRIES: Final = 3
SET_BY_US: Final = {
    "MLFLOW_DISABLE_TELEMETRY",
    "MLFLOW_ENABLE_ASYNC_LOGGING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES",
    "MLFLOW_HTTP_REQUEST_TIMEOUT",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT",
}
"""MLflow's variables that the project sets where the user does not."""


class Delivery:
    """A queue of records for MLflow, oldest first.

    Args:
        probe: Calls MLflow and raises while it is away.
    """

    def __init__(self, probe: Callable[[], object]) -> None:
        self._probe = probe
        self._skipped: list[str] = []
        self._failures = 0  # of the oldest record, in a row, while MLflow responded
        self._pending: deque[tuple[str, Callable[[], object]]] = deque()
        self._away_since: float | None = None
        self._pause = _FIRST_PAUSE
        self._not_before = 0.0
        self._lock = threading.RLock()

    def send(self, description: str, record: Callable[[], object]) -> None:
        """Deliver a record now, or as soon as MLflow responds.

        Args:
            description: Description of the record for the log.
            record: Writes the record. It is called again if it fails because MLflow is away.
        """
        with self._lock:
            self._pending.append((description, record))
            if time.monotonic() >= self._not_before:
                self.deliver()

    def deliver(self) -> bool:
        """Deliver the pending records, and return whether none is left."""
        with self._lock:
            while self._pending:
                description, record = self._pending[0]
                try:
                    record()
                except Exception as error:  # no record is worth a training
                    if is_away(error) and not self._is_rejected(error):
                        self._note_absence(error)
                        return False
                    logger.warning("MLflow rejects %s: %s", description, brief(error))
                self._failures = 0
                self._pending.popleft()
            if self._away_since is not None:
                away = format_duration(time.monotonic() - self._away_since)
                logger.info("MLflow responds again after %s; pending records are delivered", away)
            self._away_since, self._pause = None, _FIRST_PAUSE
            return True

    @property
    def is_behind(self) -> bool:
        """Whether records are pending."""
        return bool(self._pending)

    def skip(self, description: str) -> None:
        """Note a record that is too large to wait."""
        self._skipped.append(description)

    def close(self) -> list[str]:
        """Try once more; drop the remaining records, and return their descriptions."""
        with self._lock:
            self.deliver()
            remaining = [description for description, _ in self._pending]
            missing = list(dict.fromkeys([*self._skipped, *remaining]))
            self._pending.clear()
            self._skipped.clear()
            self._away_since = None
            return missing

    def _is_rejected(self, error: Exception) -> bool:
        """Return whether MLflow responds, and only this record fails repeatedly."""
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
                "MLflow does not respond (%s). The run continues; records are delivered when it "
                "responds again",
                brief(error),
            )
        self._not_before = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


def is_away(error: BaseException) -> bool:
    """Return whether an error means that MLflow cannot be reached now."""
    if isinstance(error, MlflowException):
        return error.error_code in _PASSING
    if isinstance(error, requests.RequestException | ConnectionError | TimeoutError):
        return True
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def _is_overtaken(error: BaseException) -> bool:
    """Return whether another session may have written the same row at the same moment.

    MLflow looks whether a row exists and then adds it. Sessions share the experiment with its tags,
    the inputs of runs, and the registered model.
    """
    return isinstance(error, MlflowException) and (
        error.error_code in _OVERTAKEN or _DUPLICATE.search(str(error)) is not None
    )


repeat_if_overtaken: Final = Retrying(
    retry=retry_if_exception(_is_overtaken), stop=stop_after_attempt(_TRIES), reraise=True
)
"""Call a function again where another session was faster: MLflow then finds that session's row."""


def brief(error: BaseException) -> str:
    """Return an error in one line, without the chain of causes that MLflow adds."""
    text = " ".join(str(error).split())
    from_sqlite = re.search(r"\(sqlite3\.\w+\) ([^\[(]+)", text)
    if from_sqlite:
        return from_sqlite.group(1).strip()
    for words in ("Connection refused", "timed out", "database is locked", "No space left"):
        if words.lower() in text.lower():
            return words.lower()
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]}..."


def configure_client() -> None:
    """Let a call of a server that is away fail in seconds, and any call fail at once.

    The call is repeated later, in order. MLflow's own queue (``MLFLOW_ENABLE_ASYNC_LOGGING``) would
    hide its failure. Metrics of another active model would be rejected.
    """
    if mlflow.get_active_model_id() is not None:
        mlflow.clear_active_model()
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
    os.environ["MLFLOW_ENABLE_ASYNC_LOGGING"] = "false"
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # two lines a record
