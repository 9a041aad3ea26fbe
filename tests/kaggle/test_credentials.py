"""Credentials for Kaggle: every way to give them, and what is told of none and of wrong ones."""

import io
from pathlib import Path

import pytest
from kaggle_stand_in import KEY, SLUG, TOKEN, USERNAME, WAYS, KaggleStandIn, give_credentials

from facial_keypoints.errors import InputError
from facial_keypoints.kaggle.client import download_competition

WRONG = pytest.mark.fault(
    "Kaggle", "wrong credentials (401)", "told, with the place that they came from; not repeated"
)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "competition.zip"


@pytest.mark.fault(
    "Kaggle",
    "no credentials",
    "told, with every way to give them and the ways without; Kaggle is asked nothing",
)
def test_without_credentials_the_ways_on_are_told(
    kaggle: KaggleStandIn,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    stdin = io.StringIO("kept")
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(InputError) as caught:
        download_competition(SLUG, target)
    message = str(caught.value)
    for words in (
        "No Kaggle credentials",
        "KAGGLE_API_TOKEN",
        "~/.kaggle/access_token",
        "KAGGLE_USERNAME and KAGGLE_KEY",
        "~/.kaggle/kaggle.json",
        "--params download.source=archive,download.archive=PATH",
        "--env=demo",
    ):
        assert words in message
    assert kaggle.asked == []
    assert "".join(capsys.readouterr()) == ""
    assert stdin.read() == "kept"


@pytest.mark.parametrize("way", WAYS)
def test_credentials_can_be_given_in_four_ways(
    way: str, kaggle: KaggleStandIn, target: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    give_credentials(monkeypatch, tmp_path / "home", way)
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    scheme = "Bearer" if "token" in way else "Basic"
    asked = next(one for one in kaggle.asked if one.name == "DownloadDataFiles")
    assert asked.headers["Authorization"].startswith(scheme)


@WRONG
@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"KAGGLE_API_TOKEN": "wrong-secret"}, "KAGGLE_API_TOKEN"),
        ({"KAGGLE_USERNAME": USERNAME, "KAGGLE_KEY": "wrong-secret"}, "KAGGLE_USERNAME"),
        (
            {
                "KAGGLE_API_TOKEN": "wrong-secret",
                "KAGGLE_USERNAME": USERNAME,
                "KAGGLE_KEY": KEY,
            },
            "KAGGLE_API_TOKEN",
        ),
    ],
    ids=["token", "key", "token before a right key"],
)
def test_wrong_credentials_are_told_from_none(
    variables: dict[str, str],
    named: str,
    kaggle: KaggleStandIn,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"not accept the credentials from {named}") as caught:
        download_competition(SLUG, target)
    assert "401" in str(caught.value)
    assert "--env=demo" in str(caught.value)
    assert "wrong-secret" not in str(caught.value)
    assert kaggle.pauses == []


@pytest.mark.fault(
    "Secrets", "credentials with a line's end or a foreign letter", "told, without repeating them"
)
@pytest.mark.parametrize("spoil", ["\n", "\r\nHost: elsewhere", "\u20ac"])
@pytest.mark.parametrize("name", ["KAGGLE_API_TOKEN", "KAGGLE_KEY"])
def test_credentials_that_cannot_be_sent(
    name: str,
    spoil: str,
    kaggle: KaggleStandIn,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    give_credentials(monkeypatch, target.parent, "name and key")
    monkeypatch.setenv(name, f"wrong-secret{spoil}")
    with pytest.raises(InputError) as caught:
        download_competition(SLUG, target)
    assert "wrong-secret" not in str(caught.value)
    assert "credentials" in str(caught.value)
    assert kaggle.pauses == []


@pytest.mark.fault("Kaggle", "a file of credentials that cannot be read", "told, with ways on")
@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("access_token", b"\xff\xfe\x00wrong-secret", "cannot be read"),
        ("access_token", None, "cannot be read"),
        ("kaggle.json", b'["wrong-secret"]', "cannot be read"),
        ("kaggle.json", b'"wrong-secret"', "cannot be read"),
        ("kaggle.json", b'{"username": "wrong-secret"}', "No Kaggle credentials"),
        ("kaggle.json", b"{'username': 'wrong-secret'", "No Kaggle credentials"),
        ("kaggle.json", b"", "No Kaggle credentials"),
    ],
)
def test_credentials_that_cannot_be_read(
    name: str,
    content: bytes | None,
    told: str,
    kaggle: KaggleStandIn,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    path = tmp_path / "home" / ".kaggle" / name
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=told) as caught:
        download_competition(SLUG, target)
    assert "~/.kaggle/kaggle.json" in str(caught.value)
    assert "wrong-secret" not in str(caught.value)
    assert kaggle.names() == []


@WRONG
def test_token_refused_with_401_while_signing_in(kaggle: KaggleStandIn, target: Path):
    kaggle.fail("IntrospectToken", 401)
    with pytest.raises(InputError, match="does not accept the credentials"):
        download_competition(SLUG, target)


@pytest.mark.fault(
    "Secrets", "Kaggle's error repeats the credentials", "they are in no message, log or traceback"
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 500])
@pytest.mark.parametrize("name", ["DownloadDataFiles", "IntrospectToken"])
def test_token_is_in_no_message(
    name: str,
    status: int,
    kaggle: KaggleStandIn,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
):
    from kaggle.api.kaggle_api_extended import KaggleApi

    monkeypatch.setattr(KaggleApi, "args", ["--verbose"])  # as VERBOSE=1: prints all headers
    kaggle.fail(name, status, message=f"you sent {TOKEN}")
    with caplog.at_level("INFO"), pytest.raises(InputError) as caught:
        download_competition(SLUG, target)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert TOKEN not in str(caught.value) + caplog.text + "".join(capsys.readouterr())


@pytest.mark.fault(
    "Secrets", "Kaggle's error repeats the credentials", "they are in no message, log or traceback"
)
def test_key_is_in_no_message(
    kaggle: KaggleStandIn, target: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    give_credentials(monkeypatch, tmp_path / "home", "name and key")
    kaggle.fail("DownloadDataFiles", 403, message=f"you sent {KEY}")
    with pytest.raises(InputError, match=r"you sent \*\*\*\. Most likely") as caught:
        download_competition(SLUG, target)
    assert KEY not in str(caught.value)
