"""Credentials for Kaggle: every way to give them, missing ones, wrong ones."""

import io
import json
from pathlib import Path

import pytest
from fake_kaggle import CREDENTIALS, KEY, SLUG, TOKEN, USERNAME, FakeKaggle, give_credentials

from facial_keypoints.errors import InputError
from facial_keypoints.kaggle.client import download_competition

WRONG = pytest.mark.fault(
    "Kaggle", "wrong credentials (401)", "reported, with their origin; not repeated"
)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "competition.zip"


@pytest.mark.fault(
    "Kaggle",
    "no credentials",
    "reported, with all ways to give them and the alternatives; no request is sent",
)
def test_raises_input_error_with_options_without_credentials(
    kaggle: FakeKaggle,
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
    assert kaggle.requests == []
    assert "".join(capsys.readouterr()) == ""
    assert stdin.read() == "kept"


@pytest.mark.parametrize("way", CREDENTIALS)
def test_accepts_credentials_from_each_place(
    way: str, kaggle: FakeKaggle, target: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    give_credentials(monkeypatch, tmp_path / "home", way)
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    scheme = "Bearer" if "token" in way else "Basic"
    request = next(one for one in kaggle.requests if one.name == "DownloadDataFiles")
    assert request.headers["Authorization"].startswith(scheme)


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
def test_raises_input_error_that_names_the_wrong_credentials(
    variables: dict[str, str],
    named: str,
    kaggle: FakeKaggle,
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
    "Secrets",
    "credentials with a line break or a non-ASCII letter",
    "reported, without showing them",
)
@pytest.mark.parametrize("spoil", ["\n", "\r\nHost: elsewhere", "\u20ac"])
@pytest.mark.parametrize("name", ["KAGGLE_API_TOKEN", "KAGGLE_KEY"])
def test_raises_input_error_for_invalid_characters(
    name: str,
    spoil: str,
    kaggle: FakeKaggle,
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


@pytest.mark.fault("Kaggle", "an unreadable credentials file", "reported, with options")
@pytest.mark.parametrize(
    ("name", "content", "expected"),
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
def test_raises_input_error_for_an_unreadable_file(
    name: str,
    content: bytes | None,
    expected: str,
    kaggle: FakeKaggle,
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
    with pytest.raises(InputError, match=expected) as caught:
        download_competition(SLUG, target)
    assert "~/.kaggle/kaggle.json" in str(caught.value)
    assert "wrong-secret" not in str(caught.value)
    assert kaggle.names() == []


@WRONG
def test_raises_input_error_for_a_token_refused_at_sign_in(kaggle: FakeKaggle, target: Path):
    kaggle.fail("IntrospectToken", 401)
    with pytest.raises(InputError, match="does not accept the credentials"):
        download_competition(SLUG, target)


@pytest.mark.fault(
    "Secrets", "Kaggle's error repeats the credentials", "masked in messages, logs and tracebacks"
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 500])
@pytest.mark.parametrize("name", ["DownloadDataFiles", "IntrospectToken"])
def test_no_message_contains_the_token(
    name: str,
    status: int,
    kaggle: FakeKaggle,
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
    "Secrets", "Kaggle's error repeats the credentials", "masked in messages, logs and tracebacks"
)
def test_no_message_contains_the_key(
    kaggle: FakeKaggle, target: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    give_credentials(monkeypatch, tmp_path / "home", "name and key")
    kaggle.fail("DownloadDataFiles", 403, message=f"you sent {KEY}")
    with pytest.raises(InputError, match=r"you sent \*\*\*\. Most likely") as caught:
        download_competition(SLUG, target)
    assert KEY not in str(caught.value)


# Settings that do not count


@pytest.mark.fault(
    "Kaggle",
    "a variable of Kaggle's that leads elsewhere or means nothing",
    "reported before any request, with the correction",
)
@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("KAGGLE_API_ENVIRONMENT", "LOCALHOST", "unset KAGGLE_API_ENVIRONMENT"),
        (
            "KAGGLE_COMPETITION_SUBMISSION_MODEL_VERSION_ID",
            "12",
            "unset KAGGLE_COMPETITION_SUBMISSION_MODEL_VERSION_ID",
        ),
        ("KAGGLE_CONFIG_DIR", "~/secrets", 'export KAGGLE_CONFIG_DIR="$HOME/secrets"'),
        ("KAGGLE_API_TOKEN", "/no/such/file", "names a file that does not exist"),
    ],
)
def test_raises_input_error_for_a_variable_that_cannot_count(
    variable: str,
    value: str,
    words: str,
    kaggle: FakeKaggle,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError) as caught:
        download_competition(SLUG, target)
    assert str(caught.value).startswith(variable)
    assert words in str(caught.value)
    assert kaggle.requests == []


def test_raises_input_error_for_an_empty_token_file(
    kaggle: FakeKaggle, target: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    give_credentials(monkeypatch, tmp_path / "home", "name and key")  # not used in its place
    (tmp_path / "token").write_text("\n")
    monkeypatch.setenv("KAGGLE_API_TOKEN", str(tmp_path / "token"))
    with pytest.raises(InputError, match="names a file that is empty"):
        download_competition(SLUG, target)
    assert kaggle.requests == []


@pytest.mark.parametrize(
    ("given", "missing"),
    [("KAGGLE_USERNAME", "KAGGLE_KEY"), ("KAGGLE_KEY", "KAGGLE_USERNAME")],
)
def test_message_names_the_other_half_of_the_credentials(
    given: str, missing: str, kaggle: FakeKaggle, target: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv(given, "one-half")
    with pytest.raises(InputError, match=rf"\({given} is set, {missing} is not\)"):
        download_competition(SLUG, target)


@pytest.mark.parametrize(
    ("content", "words"),
    [("{'username': 'me'}", "is not valid JSON"), ('{"username": "me"}', "lacks username or key")],
)
def test_message_names_the_fault_of_kaggle_json(
    content: str,
    words: str,
    kaggle: FakeKaggle,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    (tmp_path / "home" / ".kaggle" / "kaggle.json").write_text(content)
    with pytest.raises(InputError, match=rf"kaggle.json {words}\)"):
        download_competition(SLUG, target)


def test_message_tells_that_the_folder_counts_for_kaggle_json_alone(
    kaggle: FakeKaggle, target: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    folder = tmp_path / "home" / ".kaggle"
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("HOME", str(tmp_path))  # the package has its folder from the variable
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(folder))
    (folder / "access_token").write_text(TOKEN)
    with pytest.raises(InputError) as caught:
        download_competition(SLUG, target)
    assert f"export KAGGLE_API_TOKEN={folder / 'access_token'}" in str(caught.value)
    assert f"in {folder}/kaggle.json" in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"KAGGLE_USERNAME": USERNAME, "KAGGLE_KEY": KEY},
            "KAGGLE_USERNAME and KAGGLE_KEY do not count: KAGGLE_API_TOKEN comes first",
        ),
        (
            {"KAGGLE_PROXY": "http://127.0.0.1:1"},
            'KAGGLE_PROXY does not count: export HTTPS_PROXY="$KAGGLE_PROXY"',
        ),
        (
            {"KAGGLE_SSL_CA_CERT": "ca.pem"},
            'KAGGLE_SSL_CA_CERT does not count: export REQUESTS_CA_BUNDLE="$KAGGLE_SSL_CA_CERT"',
        ),
    ],
)
def test_warns_once_of_variables_that_do_not_count(
    variables: dict[str, str],
    words: str,
    kaggle: FakeKaggle,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    for variable in ("HTTPS_PROXY", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    download_competition(SLUG, target)
    assert caplog.messages.count(words) == 1


@pytest.mark.parametrize(
    ("setting", "variable"), [("proxy", "HTTPS_PROXY"), ("ssl_ca_cert", "REQUESTS_CA_BUNDLE")]
)
def test_warns_of_settings_in_kaggle_json_that_do_not_count(
    setting: str,
    variable: str,
    kaggle: FakeKaggle,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.delenv(variable, raising=False)
    content = json.dumps({"username": USERNAME, "key": KEY, setting: "http://user:secret@host:1"})
    (tmp_path / "home" / ".kaggle" / "kaggle.json").write_text(content)
    download_competition(SLUG, target)
    assert f"'{setting}' in " in caplog.text
    assert f"does not count: give it in {variable}" in caplog.text
    assert "secret@" not in caplog.text
