"""Transfer files from and to Kaggle within time limits, for ``kaggle.session`` alone.

The ``kaggle`` package sets no time limit. A limit between packets, as ``requests`` has it, does not
end a download from a server that sends a byte every few seconds, so the rate is checked too. The
package's own resume and upload bypass the limited session, so both are replaced.
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
from facial_keypoints.kaggle.network import check_sender

_TIME_LIMITS: Final = (10.0, 60.0)
"""Seconds to connect, and between two packets."""
_PACE_SECONDS: Final = 60.0
_PACE_BYTES: Final = 60 * 1024
"""Fewer bytes than this within _PACE_SECONDS of waiting count as a time-out."""
_CHUNK: Final = 64 * 1024


class _LimitedAdapter(HTTPAdapter):
    """Sends requests with time limits; requires a minimum rate of responses, and no web pages."""

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request as ``HTTPAdapter`` does, within the limits.

        Raises:
            PageError: if the response is a web page.
            requests.exceptions.ProxyError: if a proxy asks for credentials.
        """
        response = super().send(*args, **{**kwargs, "timeout": _TIME_LIMITS})
        raw: Any = response.raw
        raw.stream = partial(_stream, raw)  # the method by which requests reads bodies
        check_sender(response)
        return response


def _stream(raw: Any, size: int, decode_content: bool) -> Iterator[bytes]:
    """Yield chunks as urllib3's ``stream`` does, each as soon as it arrives.

    Raises:
        requests.ReadTimeout: if the rate is too low.
    """
    waited = received = 0.0
    while True:
        started = monotonic()
        chunk = raw.read1(size, decode_content=decode_content)
        if not chunk:
            return
        waited += monotonic() - started
        received += len(chunk)
        yield chunk
        if waited >= _PACE_SECONDS:
            if received < _PACE_BYTES:
                raise requests.ReadTimeout(f"{received:.0f} bytes in {waited:.0f} s")
            waited = received = 0.0


def _limit(session: requests.Session) -> requests.Session:
    """Let a session keep to the limits, and out of ~/.netrc.

    Kaggle's storage refuses requests with the credentials that a ``default`` entry there adds, at
    the first request or after a redirection.
    """
    for scheme in ("https://", "http://"):
        session.mount(scheme, _LimitedAdapter())
    session.rebuild_auth = partial(_strip_auth, session)  # type: ignore[method-assign]
    session.auth = session.auth or (lambda request: request)
    return session


def _strip_auth(
    session: requests.Session, request: requests.PreparedRequest, response: requests.Response
) -> None:
    is_other: Any = session.should_strip_auth
    if is_other(response.request.url, request.url):
        request.headers.pop("Authorization", None)


def limit_waits() -> None:
    """Limit the waits in every session that kagglesdk starts, also while kaggle is imported."""
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
    """Save a response to a file that appears only when complete; replaces ``download_file``.

    The download of an earlier attempt in the same folder is resumed if it has the same content
    (ETag) and the server supports ranges.

    Args:
        response: The streamed response.
        target: Path of the file.
        client: kagglesdk's client, for the request of a range.
        quiet: Whether to show no progress.

    Raises:
        requests.ConnectionError: if the file has another size than announced.
    """
    size = int(response.headers.get("Content-Length", 0)) or None
    tag = response.headers.get("ETag", "")
    part = Path(target).with_name(sha256(tag.encode()).hexdigest()[:16] + ".part")
    received = part.stat().st_size if tag and part.exists() else 0
    if received and response.headers.get("Accept-Ranges") == "bytes":
        response.close()
        request = response.request.copy()
        request.headers.update({"Range": f"bytes={received}-", "If-Range": tag})
        session = client._session
        settings = session.merge_environment_settings(request.url, {}, True, None, None)
        response = session.send(request, **settings)
        response.raise_for_status()
    if response.status_code != 206:
        received = 0
    columns = (BarColumn(), TaskProgressColumn(), DownloadColumn())
    with (
        response,
        part.open("ab" if received else "wb") as file,
        Progress(*columns, console=Console(stderr=True), disable=quiet) as progress,
    ):
        task = progress.add_task("", total=size, completed=received)
        for chunk in response.iter_content(_CHUNK):
            file.write(chunk)
            progress.advance(task, len(chunk))
    if size is not None and part.stat().st_size != size:
        part.unlink()
        raise requests.ConnectionError("another size than announced")
    part.replace(target)


def send_file(path: str, url: str, _quiet: bool) -> Any:
    """Send a file to Kaggle's storage; replaces ``KaggleApi.upload_complete``.

    The package's own method retries silently for minutes and drops the reason of a failure.

    Args:
        path: The file.
        url: Where to send it.

    Raises:
        InputError: if the storage refuses it.
        requests.HTTPError: after a temporary failure.
    """
    from kaggle.models.kaggle_models_extended import ResumableUploadResult

    with _limit(requests.Session()) as session, Path(path).open("rb") as stream:
        response = session.put(url, data=stream)
    if response.status_code in (200, 201):
        return ResumableUploadResult.COMPLETE
    if response.status_code == 429 or response.status_code >= 500:
        raise requests.HTTPError(response=response)
    raise InputError(
        f"Kaggle's storage refused {Path(path).name} ({response.status_code}); check that it "
        "is a CSV file that is not empty, then run again"
    )
