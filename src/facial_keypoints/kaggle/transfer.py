"""Bytes from and to Kaggle and its storage: bounded waits, for ``kaggle_session`` alone.

The ``kaggle`` package sets no time limit, and one between packets, as ``requests`` has it, lets a
server that sends a byte every few seconds keep a download going for ever. Its own resuming and
uploading go round the session that is limited here, so both are replaced.
"""

from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn

from facial_keypoints.errors import InputError

_TIME_LIMITS: Final = (10.0, 60.0)
"""Seconds to connect, and between two packets."""
_PACE_SECONDS: Final = 60.0
_PACE_BYTES: Final = 60 * 1024
"""Less than this within _PACE_SECONDS of waiting counts as a time-out."""
_PIECE: Final = 64 * 1024


class _LimitedAdapter(HTTPAdapter):
    """Sends requests with time limits, and has answers arrive at a pace."""

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        """As HTTPAdapter.send."""
        response = super().send(*args, **{**kwargs, "timeout": _TIME_LIMITS})
        raw: Any = response.raw
        raw.stream = partial(_in_pace, raw)  # what requests reads bodies by
        return response


def _in_pace(raw: Any, size: int, decode_content: bool) -> Iterator[bytes]:
    """As urllib3's ``stream``, but each piece as soon as it is there, and none for too slow a one.

    Raises:
        requests.ReadTimeout: if hardly anything arrives.
    """
    waited = received = 0.0
    while True:
        began = monotonic()
        piece = raw.read1(size, decode_content=decode_content)
        if not piece:
            return
        waited += monotonic() - began
        received += len(piece)
        yield piece
        if waited >= _PACE_SECONDS:
            if received < _PACE_BYTES:
                raise requests.ReadTimeout(f"{received:.0f} bytes in {waited:.0f} s")
            waited = received = 0.0


def _limit(session: requests.Session) -> requests.Session:
    for scheme in ("https://", "http://"):
        session.mount(scheme, _LimitedAdapter())
    return session


def limit_waits() -> None:
    """Bound the waits in every session that kagglesdk starts, even while importing kaggle."""
    from kagglesdk.kaggle_http_client import KaggleHttpClient

    start: Any = KaggleHttpClient._init_session
    if getattr(start, "is_limited", False):
        return

    def start_limited(client: Any) -> None:
        is_new = client._session is None
        start(client)
        if is_new:
            _limit(client._session)

    start_limited.is_limited = True  # type: ignore[attr-defined]
    KaggleHttpClient._init_session = start_limited


def fetch_file(
    response: requests.Response, target: str, client: Any, quiet: bool, _resume: bool
) -> None:
    """Save an answer to a file that appears only whole, in place of ``KaggleApi.download_file``.

    What an earlier attempt left in the folder is gone on from, where it is of the same content
    (ETag) and the storage sends the rest alone.
    """
    size = int(response.headers.get("Content-Length", 0)) or None
    tag = response.headers.get("ETag", "")
    partial_file = Path(target).with_name(sha256(tag.encode()).hexdigest()[:16] + ".part")
    there = partial_file.stat().st_size if tag and partial_file.exists() else 0
    if there and response.headers.get("Accept-Ranges") == "bytes":
        response.close()
        request = response.request.copy()
        request.headers.update({"Range": f"bytes={there}-", "If-Range": tag})
        response = client._session.send(request, stream=True)
        response.raise_for_status()
    if response.status_code != 206:
        there = 0
    columns = (BarColumn(), TaskProgressColumn(), DownloadColumn())
    with (
        response,
        partial_file.open("ab" if there else "wb") as file,
        Progress(*columns, console=Console(stderr=True), disable=quiet) as progress,
    ):
        task = progress.add_task("", total=size, completed=there)
        for piece in response.iter_content(_PIECE):
            file.write(piece)
            progress.advance(task, len(piece))
    if size is not None and partial_file.stat().st_size != size:
        partial_file.unlink()
        raise requests.ConnectionError("not as long as it was said to be")
    partial_file.replace(target)


def send_file(path: str, url: str, _quiet: bool) -> Any:
    """Send a file to Kaggle's storage, in place of ``KaggleApi.upload_complete``.

    That one repeats silently for minutes, and forgets why it failed.

    Raises:
        InputError: if the storage refuses it.
    """
    from kaggle.models.kaggle_models_extended import ResumableUploadResult

    with _limit(requests.Session()) as session, Path(path).open("rb") as stream:
        answer = session.put(url, data=stream)
    if answer.status_code in (200, 201):
        return ResumableUploadResult.COMPLETE
    if answer.status_code == 429 or answer.status_code >= 500:
        raise requests.HTTPError(response=answer)
    raise InputError(
        f"Kaggle's storage refused {Path(path).name} ({answer.status_code}); see that it is a "
        "CSV file that is not empty, then run again"
    )
