"""A stand-in of Kaggle's API, over real HTTP, on this computer.

    with kaggle_stand_in(monkeypatch, tmp_path) as kaggle:
        kaggle.archive = archive.read_bytes()
        kaggle.fail("DownloadDataFiles", 503, times=2)
        ...  # whatever speaks to Kaggle: a function, a whole `kedro run` in this process

It knows the six questions that this project's use of kaggle 2.2.4 puts, checks credentials as
Kaggle does, and keeps what it was asked. Pauses between attempts are noted, not slept.
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
WAYS = ("token", "token file", "name and key", "kaggle.json")
"""To give credentials."""
SLUG = "facial-keypoints-detection"

_API = "/v1/competitions.CompetitionApiService/"
_SIGN_IN = "/v1/security.OAuthService/"


@dataclass(frozen=True)
class Asked:
    """One request: its name (last part of the path, or Archive, File), and what came with it."""

    name: str
    headers: dict[str, str]
    body: Any


@dataclass
class Fault:
    """How to treat the next requests of a name; ``status`` None breaks the connection."""

    status: int | None
    times: float
    message: str
    headers: dict[str, str]
    after: bool
    """Do first what was asked, then fail."""


@dataclass
class KaggleStandIn:
    """What the stand-in serves and takes, and what it was asked.

    Attributes:
        archive: The zip that it serves.
        cuts: For each of the first downloads, after how many bytes it is cut.
        trickles: For each of the first downloads, after how many bytes it goes on with a byte
            every hundredth of a second, for two seconds, and is cut.
        length: Size of the archive as it is told, if not the true one.
        ranges: Whether a cut download can be resumed.
        wrong_ranges: For how many resumed downloads it says to send the rest, and sends all.
        extension: How the address ends that the archive is served from.
        polls_until_scored: How many lists show a new submission as pending.
        score: Public and private score that submissions get.
        cannot_score: Error that submissions get in place of a score.
        gives_reference: Whether a taken submission is answered with its number.
        refuses: Message of a submission that is answered kindly, but not taken.
        per_day: How many submissions are allowed on a day.
        today: How many of these are used up.
        lifetime: Whether it is the competition's total that leaves no more.
        submissions: As Kaggle lists them, the newest first.
        files: What was sent to the storage.
        served: How many bytes of the archive each download was told to get.
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
    asked: list[Asked] = field(default_factory=list)
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
        """Answer the next requests of this name with a status, or break the connection (None).

        Header names are given with underscores: ``Retry_After="7"``. With a ``Content_Type``
        that is not JSON, the message is the whole answer.
        """
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        self._faults.setdefault(name, []).append(Fault(status, times, message, named, after))

    def names(self) -> list[str]:
        """The names of what was asked, in order, without the signing in."""
        return [asked.name for asked in self.asked if asked.name != "IntrospectToken"]

    def submit_earlier(self, message: str, reference: int) -> None:
        """Have a submission from before, already scored."""
        earlier = {"publicScore": "9.9", "status": "COMPLETE"}
        self.submissions.insert(0, _submission(reference, message) | earlier)

    # -- what Kaggle does -----------------------------------------------------------------

    def answer(self, asked: Asked) -> dict[str, Any]:
        """Do what is asked by a POST, and say so in Kaggle's words."""
        if asked.name == "IntrospectToken":
            right = asked.body["token"] == TOKEN
            return {"active": right, "username": USERNAME if right else ""}
        if asked.name == "StartSubmissionUpload":
            return {"token": f"blob-{len(self.files)}", "createUrl": f"{self.url}/storage/file"}
        if asked.name == "CreateSubmission":
            return self._take(asked.body)
        if asked.name == "GetSubmissionLimits":
            total, left = len(self.submissions), max(0, self.per_day - self.today)
            counts = {"numToday": self.today, "numTotal": total, "numAllowedNow": left}
            return counts | {"limitedByTotal": self.lifetime}
        return {"submissions": [self._scored(one) for one in self.submissions]}

    def _take(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.refuses is not None:
            return {"message": self.refuses}
        self.today += 1
        reference = 101 + len(self.submissions)
        self.submissions.insert(0, _submission(reference, body.get("submissionDescription", "")))
        self._polls[reference] = 0
        answer = {"message": "Successfully submitted to Facial Keypoints Detection"}
        return answer | ({"ref": reference} if self.gives_reference else {})

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
        """The fault that is due now."""
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


def _handler(kaggle: KaggleStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            name = self.path.removeprefix(_API).removeprefix(_SIGN_IN)
            if "/" in name:
                self._say(501, {"code": 501, "message": f"unknown path {self.path}"})
            elif name == "IntrospectToken":
                self._treat(name, json.loads(self._body()))
            else:
                body = json.loads(self._body())
                if not self._is_known():
                    kaggle.asked.append(Asked(name, dict(self.headers), body))
                    self._say(401, {"code": 401, "message": "Unauthenticated"})
                else:
                    self._treat(name, body)

        def do_PUT(self) -> None:
            self._treat("File", self._body())

        def do_GET(self) -> None:
            self._treat("Archive", None)

        def _treat(self, name: str, body: Any) -> None:
            asked = Asked(name, dict(self.headers), body)
            kaggle.asked.append(asked)
            fault = kaggle.fault(name)
            if fault is not None:
                if fault.after:
                    kaggle.answer(asked)
                self._fail(fault)
            elif name == "DownloadDataFiles":
                self._head(302, Location=f"{kaggle.url}/storage/archive.{kaggle.extension}?sig=x")
            elif name == "File":
                kaggle.files.append(body)
                self._head(200)
            elif name == "Archive":
                self._serve_archive()
            else:
                self._say(200, kaggle.answer(asked))

        def _serve_archive(self) -> None:
            tag = f'"{sha256(kaggle.archive).hexdigest()[:16]}"'
            start = 0
            asked_range = self.headers.get("Range")
            if asked_range and kaggle.ranges and self.headers.get("If-Range") == tag:
                start = int(asked_range.removeprefix("bytes=").removesuffix("-"))
            rest = kaggle.archive[start:]
            if start and kaggle.wrong_ranges:
                kaggle.wrong_ranges -= 1
                rest = kaggle.archive
            headers = {"Content-Type": "application/zip", "ETag": tag}
            if kaggle.ranges:
                headers["Accept-Ranges"] = "bytes"
            length = len(rest) if kaggle.length is None else kaggle.length - start
            kaggle.served.append(length)
            self._head(206 if start else 200, length, **headers)
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
                self._head(
                    fault.status,
                    len(body.encode()),
                    **{"Content-Type": "application/json", **fault.headers},
                )
                self.wfile.write(body.encode())

        def _is_known(self) -> bool:
            return self.headers.get("Authorization") in (f"Bearer {TOKEN}", f"Basic {BASIC}")

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _say(self, status: int, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self._head(status, len(body), **{"Content-Type": "application/json"})
            self.wfile.write(body)

        def _head(self, status: int, length: int = 0, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(length), **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is no error; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def kaggle_stand_in(
    monkeypatch: pytest.MonkeyPatch, folder: Path, signed_in: bool = True
) -> Iterator[KaggleStandIn]:
    """A running stand-in that the kaggle package takes for Kaggle.

    Args:
        monkeypatch: Undoes the redirection, the empty home and the unslept pauses.
        folder: Where the home folder without credentials is made.
        signed_in: Whether KAGGLE_API_TOKEN holds the right token.
    """
    home = folder / "home"
    empty_home(monkeypatch, home)
    kaggle = KaggleStandIn()
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
    """Give the right credentials in one of the ``WAYS`` alone."""
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
    """A home folder and an environment without Kaggle credentials."""
    (home / ".kaggle").mkdir(parents=True, exist_ok=True)
    for name in list(os.environ):
        if name.startswith("KAGGLE_") or name in ("VERBOSE", "VERBOSE_OUTPUT", "XDG_CONFIG_HOME"):
            monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


def redirect(
    monkeypatch: pytest.MonkeyPatch, url: str, home: Path, note: Callable[[float], None]
) -> None:
    """Send what is meant for Kaggle to ``url``, and note pauses in place of sleeping them.

    The package fixes its folder when it is imported, so that is moved as well.
    """
    from kagglesdk import kaggle_env

    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, url)
    with redirect_stdout(io.StringIO()):
        from kaggle.api.kaggle_api_extended import KaggleApi
    monkeypatch.setattr(KaggleApi, "config_dir", str(home / ".kaggle"))
    monkeypatch.setattr(KaggleApi, "config", str(home / ".kaggle" / "kaggle.json"))
    for module in ("client", "session"):
        monkeypatch.setattr(f"facial_keypoints.kaggle.{module}.sleep", note)


def leaks(folder: Path, printed: str, secret: str) -> Iterator[str]:
    """Where a secret is: in what was printed, or in a file of the folder."""
    if secret in printed:
        yield "printed"
    for path in folder.rglob("*"):
        if path.is_file() and secret.encode() in path.read_bytes():
            yield str(path)
