"""A fake of Kaggle's API, over real HTTP, on this computer.

    with fake_kaggle(monkeypatch, tmp_path) as kaggle:
        kaggle.archive = archive.read_bytes()
        kaggle.fail("DownloadDataFiles", 503, times=2)
        ...  # any client of Kaggle: a function, a whole `kedro run` in this process

It implements the six calls that this project makes through kaggle 2.2.4, checks credentials as
Kaggle does, and records requests. Pauses between attempts are recorded, not slept.
"""

import base64
import io
import json
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

TOKEN = "KGAT_planted-token-5c2e"  # noqa: S105
USERNAME = "planted-user-7d1f"
KEY = "planted-key-93ab"
BASIC = base64.b64encode(f"{USERNAME}:{KEY}".encode()).decode()
SECRETS = (TOKEN, USERNAME, KEY, BASIC)
CREDENTIALS = ("token", "token file", "name and key", "kaggle.json")
"""Ways to give credentials."""
SLUG = "facial-keypoints-detection"

_API = "/v1/competitions.CompetitionApiService/"
_SIGN_IN = "/v1/security.OAuthService/"


@dataclass(frozen=True)
class Request:
    """One request: its name (last part of the path, or Archive, File), headers and body."""

    name: str
    headers: dict[str, str]
    body: Any


@dataclass
class Fault:
    """How the next requests of a name fail; ``status`` None breaks the connection."""

    status: int | None
    times: float
    message: str
    headers: dict[str, str]
    after: bool
    """Whether the request takes effect before it fails."""


@dataclass
class FakeKaggle:
    """What the server serves, how it fails, and what it received.

    Attributes:
        archive: The zip that it serves.
        cuts: For each of the first downloads, the number of bytes after which it is cut.
        trickles: For each of the first downloads, the number of bytes after which it continues
            with a byte every hundredth of a second, for two seconds, and is cut.
        length: Announced size of the archive, if not the true one.
        ranges: Whether a cut download can be resumed.
        wrong_ranges: Number of resumed downloads that announce the rest and send everything.
        extension: Extension of the archive's URL.
        polls_until_scored: Number of lists that show a new submission as pending.
        score: Public and private score of submissions.
        cannot_score: Error of submissions instead of a score.
        gives_reference: Whether the response to an accepted submission has its reference.
        refuses: Message of a response with status 200 that does not accept the submission.
        per_day: Submissions allowed per day.
        today: Submissions used today.
        lifetime: Whether the limit is the competition's total.
        submissions: As Kaggle lists them, newest first.
        files: Contents sent to the storage.
        served: Announced bytes of each download of the archive.
        requests: Requests received.
        pauses: Seconds that the client would have slept.
    """

    archive: bytes = b"PK\x05\x06" + bytes(18)
    cuts: list[int] = field(default_factory=list)
    trickles: list[int] = field(default_factory=list)
    length: int | None = None
    ranges: bool = True
    wrong_ranges: int = 0
    extension: str = "zip"
    polls_until_scored: int = 1
    score: tuple[str, str] = ("1.48413", "1.40046")
    cannot_score: str | None = None
    gives_reference: bool = True
    refuses: str | None = None
    per_day: int = 5
    today: int = 0
    lifetime: bool = False
    submissions: list[dict[str, Any]] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    served: list[int] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    url: str = ""
    _faults: dict[str, list[Fault]] = field(default_factory=dict)
    _polls: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(
        self,
        name: str,
        status: int | None,
        times: float = float("inf"),
        message: str = "so it is",
        after: bool = False,
        **headers: str,
    ) -> None:
        """Respond to the next requests of this name with a status, or break the connection (None).

        Header names are given with underscores: ``Retry_After="7"``. With a ``Content_Type``
        that is not JSON, the message is the whole response.
        """
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        self._faults.setdefault(name, []).append(Fault(status, times, message, named, after))

    def names(self) -> list[str]:
        """Return the names of the requests, in order, without those of signing in."""
        return [request.name for request in self.requests if request.name != "IntrospectToken"]

    def submit_earlier(self, message: str, reference: int) -> None:
        """Add an earlier submission that is scored."""
        earlier = {"publicScore": "9.9", "status": "COMPLETE"}
        self.submissions.insert(0, _submission(reference, message) | earlier)

    def respond(self, request: Request) -> dict[str, Any]:
        """Perform a POST request; return Kaggle's response."""
        if request.name == "IntrospectToken":
            valid = request.body["token"] == TOKEN
            return {"active": valid, "username": USERNAME if valid else ""}
        if request.name == "StartSubmissionUpload":
            return {"token": f"blob-{len(self.files)}", "createUrl": f"{self.url}/storage/file"}
        if request.name == "CreateSubmission":
            return self._accept(request.body)
        if request.name == "GetSubmissionLimits":
            total, remaining = len(self.submissions), max(0, self.per_day - self.today)
            counts = {"numToday": self.today, "numTotal": total, "numAllowedNow": remaining}
            return counts | {"limitedByTotal": self.lifetime}
        return {"submissions": [self._scored(one) for one in self.submissions]}

    def _accept(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.refuses is not None:
            return {"message": self.refuses}
        self.today += 1
        reference = 101 + len(self.submissions)
        self.submissions.insert(0, _submission(reference, body.get("submissionDescription", "")))
        self._polls[reference] = 0
        response = {"message": "Successfully submitted to Facial Keypoints Detection"}
        return response | ({"ref": reference} if self.gives_reference else {})

    def _scored(self, submission: dict[str, Any]) -> dict[str, Any]:
        reference = submission["ref"]
        if reference not in self._polls:
            return submission
        self._polls[reference] += 1
        if self._polls[reference] <= self.polls_until_scored:
            return submission
        if self.cannot_score is not None:
            return submission | {"status": "ERROR", "errorDescription": self.cannot_score}
        public, private = self.score
        return submission | {"status": "COMPLETE", "publicScore": public, "privateScore": private}

    def fault(self, name: str) -> Fault | None:
        """Return the next fault of this name, if any."""
        with self._lock:
            for fault in self._faults.get(name, []):
                if fault.times > 0:
                    fault.times -= 1
                    return fault
        return None


def _submission(reference: int, message: str) -> dict[str, Any]:
    return {
        "ref": reference,
        "date": "2026-01-02T03:04:05.678Z",
        "description": message,
        "fileName": "submission.csv",
        "publicScore": "",
        "privateScore": "",
        "status": "PENDING",
    }


def _handler(kaggle: FakeKaggle) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            name = self.path.removeprefix(_API).removeprefix(_SIGN_IN)
            if "/" in name:
                self._send_json(501, {"code": 501, "message": f"unknown path {self.path}"})
            elif name == "IntrospectToken":
                self._handle(name, json.loads(self._body()))
            else:
                body = json.loads(self._body())
                if not self._is_signed_in():
                    kaggle.requests.append(Request(name, dict(self.headers), body))
                    self._send_json(401, {"code": 401, "message": "Unauthenticated"})
                else:
                    self._handle(name, body)

        def do_PUT(self) -> None:
            self._handle("File", self._body())

        def do_GET(self) -> None:
            self._handle("Archive", None)

        def _handle(self, name: str, body: Any) -> None:
            request = Request(name, dict(self.headers), body)
            kaggle.requests.append(request)
            fault = kaggle.fault(name)
            if fault is not None:
                if fault.after:
                    kaggle.respond(request)
                self._fail(fault)
            elif name == "DownloadDataFiles":
                self._send_head(
                    302, Location=f"{kaggle.url}/storage/archive.{kaggle.extension}?sig=x"
                )
            elif name == "File":
                kaggle.files.append(body)
                self._send_head(200)
            elif name == "Archive":
                self._serve_archive()
            else:
                self._send_json(200, kaggle.respond(request))

        def _serve_archive(self) -> None:
            tag = f'"{sha256(kaggle.archive).hexdigest()[:16]}"'
            start = 0
            byte_range = self.headers.get("Range")
            if byte_range and kaggle.ranges and self.headers.get("If-Range") == tag:
                start = int(byte_range.removeprefix("bytes=").removesuffix("-"))
            rest = kaggle.archive[start:]
            if start and kaggle.wrong_ranges:
                kaggle.wrong_ranges -= 1
                rest = kaggle.archive
            headers = {"Content-Type": "application/zip", "ETag": tag}
            if kaggle.ranges:
                headers["Accept-Ranges"] = "bytes"
            length = len(rest) if kaggle.length is None else kaggle.length - start
            kaggle.served.append(length)
            self._send_head(206 if start else 200, length, **headers)
            cut = kaggle.cuts.pop(0) if kaggle.cuts else len(rest)
            trickle = kaggle.trickles.pop(0) if kaggle.trickles else cut
            self.wfile.write(rest[:trickle])
            for place in range(trickle, min(cut, trickle + 200)):
                time.sleep(0.01)
                self.wfile.write(rest[place : place + 1])
            if min(cut, trickle) != length:
                self.close_connection = True

        def _fail(self, fault: Fault) -> None:
            if fault.status is None:
                reset = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                self.connection.close()
                self.close_connection = True
            else:
                body = fault.message
                if "Content-Type" not in fault.headers:
                    body = json.dumps({"code": fault.status, "message": fault.message})
                self._send_head(
                    fault.status,
                    len(body.encode()),
                    **{"Content-Type": "application/json", **fault.headers},
                )
                self.wfile.write(body.encode())

        def _is_signed_in(self) -> bool:
            return self.headers.get("Authorization") in (f"Bearer {TOKEN}", f"Basic {BASIC}")

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _send_json(self, status: int, response: dict[str, Any]) -> None:
            body = json.dumps(response).encode()
            self._send_head(status, len(body), **{"Content-Type": "application/json"})
            self.wfile.write(body)

        def _send_head(self, status: int, length: int = 0, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(length), **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Log nothing."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that disconnects; show any other error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def fake_kaggle(
    monkeypatch: pytest.MonkeyPatch, folder: Path, signed_in: bool = True
) -> Iterator[FakeKaggle]:
    """Run a fake of Kaggle and redirect the kaggle package to it.

    Args:
        monkeypatch: Undoes the redirection, the empty home and the recorded pauses.
        folder: Where the home folder without credentials is created.
        signed_in: Whether KAGGLE_API_TOKEN holds the right token.
    """
    home = folder / "home"
    empty_home(monkeypatch, home)
    kaggle = FakeKaggle()
    server = _Server(("127.0.0.1", 0), _handler(kaggle))
    kaggle.url = f"http://127.0.0.1:{server.server_port}"
    redirect(monkeypatch, kaggle.url, home, kaggle.pauses.append)
    if signed_in:
        monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield kaggle
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def give_credentials(monkeypatch: pytest.MonkeyPatch, home: Path, way: str) -> None:
    """Give valid credentials in one of the ways of ``CREDENTIALS``."""
    monkeypatch.delenv("KAGGLE_API_TOKEN", raising=False)
    if way == "token":
        monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    if way == "token file":
        (home / ".kaggle" / "access_token").write_text(f"{TOKEN}\n")
    if way == "name and key":
        monkeypatch.setenv("KAGGLE_USERNAME", USERNAME)
        monkeypatch.setenv("KAGGLE_KEY", KEY)
    if way == "kaggle.json":
        user = json.dumps({"username": USERNAME, "key": KEY})
        (home / ".kaggle" / "kaggle.json").write_text(user)


def empty_home(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Set a home folder and an environment without Kaggle credentials."""
    (home / ".kaggle").mkdir(parents=True, exist_ok=True)
    for name in list(os.environ):
        if name.startswith("KAGGLE_") or name in ("VERBOSE", "VERBOSE_OUTPUT", "XDG_CONFIG_HOME"):
            monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


def redirect(
    monkeypatch: pytest.MonkeyPatch, url: str, home: Path, record: Callable[[float], None]
) -> None:
    """Redirect the kaggle package to ``url``, and record pauses instead of sleeping.

    The package sets its folder when it is imported, so the folder is patched as well.
    """
    from kagglesdk import kaggle_env

    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, url)
    with redirect_stdout(io.StringIO()):
        from kaggle.api.kaggle_api_extended import KaggleApi
    monkeypatch.setattr(KaggleApi, "config_dir", str(home / ".kaggle"))
    monkeypatch.setattr(KaggleApi, "config", str(home / ".kaggle" / "kaggle.json"))
    for module in ("client", "session"):
        monkeypatch.setattr(f"facial_keypoints.kaggle.{module}.sleep", record)


def leaks(folder: Path, printed: str, secret: str) -> Iterator[str]:
    """Yield where a secret is: in the printed text, or in a file of the folder."""
    if secret in printed:
        yield "printed"
    for path in folder.rglob("*"):
        if path.is_file() and secret.encode() in path.read_bytes():
            yield str(path)
