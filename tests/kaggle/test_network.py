"""Networks of organisations: TLS inspection, proxies, sign-in pages."""

import io
import random
import socket
import ssl
import zipfile
from pathlib import Path

import pytest
import requests
from fake_kaggle import SLUG, FakeKaggle
from inspecting_proxy import inspecting_proxy, write_certificate

from facial_keypoints.errors import InputError
from facial_keypoints.kaggle import session as kaggle_session
from facial_keypoints.kaggle.client import download_competition, submit_file
from facial_keypoints.kaggle.network import diagnose

NETWORK = "reported at once, with the setting that helps"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch):
    """Leave out what this computer's own network needs."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    for scheme in ("http", "https", "all"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".upper(), raising=False)


@pytest.fixture
def kaggle(kaggle: FakeKaggle) -> FakeKaggle:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("training.zip", random.Random(0).randbytes(300_000))  # noqa: S311
    kaggle.archive = stream.getvalue()
    return kaggle


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kaggle: FakeKaggle):
    with inspecting_proxy(monkeypatch, tmp_path, kaggle) as one:
        yield one


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data" / "competition.zip"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "submission.csv"
    path.write_text("RowId,Location\n1,48.0\n")
    return path


def failure(target: Path) -> str:
    with pytest.raises(InputError) as caught:
        download_competition(SLUG, target)
    assert not target.exists()
    return str(caught.value)


# Certificates


@pytest.mark.fault("Kaggle", "TLS is inspected, the certificate not trusted", NETWORK)
def test_raises_input_error_for_an_untrusted_certificate(proxy, kaggle, target):
    message = failure(target)
    assert "not trusted (self-signed certificate)" in message
    assert "export REQUESTS_CA_BUNDLE=" in message
    assert kaggle.pauses == []
    assert kaggle.requests == []


def test_message_tells_that_ssl_cert_file_does_not_count(proxy, target, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(proxy.certificate))
    message = failure(target)
    assert "SSL_CERT_FILE does not count here" in message
    assert f"export REQUESTS_CA_BUNDLE={proxy.certificate}" in message


def test_message_names_the_bundle_that_does_not_vouch(proxy, target, monkeypatch, tmp_path):
    (tmp_path / "other").mkdir()
    other, _ = write_certificate(tmp_path / "other")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(other))
    assert f"no certificate in {other} (CURL_CA_BUNDLE) vouches for it" in failure(target)


@pytest.mark.fault("Kaggle", "an expired certificate", NETWORK)
def test_raises_input_error_for_an_expired_certificate(monkeypatch, tmp_path, kaggle, target):
    with inspecting_proxy(monkeypatch, tmp_path, kaggle, days=-1) as proxy:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(proxy.certificate))
        assert "(certificate has expired); check the date of this computer" in failure(target)


@pytest.mark.fault("Kaggle", "a certificate for another host", NETWORK)
def test_raises_input_error_for_a_certificate_of_another_host(
    monkeypatch, tmp_path, kaggle, target
):
    with inspecting_proxy(monkeypatch, tmp_path, kaggle, hosts=("login.example",)) as proxy:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(proxy.certificate))
        message = failure(target)
    assert "Hostname mismatch" in message
    assert "open https://www.kaggle.com in a browser" in message


def test_message_names_the_python_version_that_is_less_strict():
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_code, error.verify_message = 92, "Missing Authority Key Identifier"
    diagnosis = diagnose(requests.exceptions.SSLError(error))
    assert not diagnosis.may_pass
    assert "(Missing Authority Key Identifier): Python 3.13 and later" in diagnosis.message


def test_certificate_of_the_proxy_itself_does_not_pass(kaggle, target, monkeypatch, tmp_path):
    with inspecting_proxy(monkeypatch, tmp_path, kaggle, own_tls=True) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address.replace("http:", "https:"))
        message = failure(target)
    assert "export REQUESTS_CA_BUNDLE=" in message
    assert kaggle.pauses == []


@pytest.mark.fault("Kaggle", "something without TLS answers", NETWORK)
def test_raises_input_error_for_a_server_without_tls(proxy, kaggle, target):
    proxy.speaks_tls = False
    assert "does not speak TLS" in failure(target)
    assert kaggle.pauses == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_cut_download_is_resumed_behind_tls_inspection(
    variable, proxy, kaggle, target, monkeypatch
):
    monkeypatch.setenv(variable, str(proxy.certificate))
    kaggle.cuts = [200_000]
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive
    assert kaggle.requests[-1].headers["Range"] == "bytes=200000-"


def test_submission_is_sent_behind_tls_inspection(proxy, kaggle, csv, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(proxy.certificate))
    submit_file(csv, "one", SLUG)
    assert kaggle.files == [csv.read_bytes()]


@pytest.mark.fault("Kaggle", "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE cannot be used", NETWORK)
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "no certificate in PEM format"),
        (b"some text", "no certificate in PEM format"),
        ("der", "openssl x509 -inform der -in"),
    ],
)
def test_raises_input_error_for_an_unusable_bundle(
    variable, content, words, kaggle, target, monkeypatch, tmp_path
):
    path = tmp_path / "organisation.crt"
    if content == "der":
        content = ssl.PEM_cert_to_DER_cert(write_certificate(tmp_path)[0].read_text())
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(variable, str(path))
    message = failure(target)
    assert message.startswith(f"{variable} names {path}")
    assert words in message
    assert f"unset {variable}" in message
    assert kaggle.requests == []


# Proxies


@pytest.mark.fault("Kaggle", "the proxy asks for a sign-in (407)", NETWORK)
def test_raises_input_error_for_a_proxy_that_asks_for_a_sign_in(proxy, kaggle, target):
    proxy.refusal = "407 Proxy Authentication Required"
    message = failure(target)
    host = proxy.address.removeprefix("http://")
    assert f"the proxy {proxy.address} (HTTPS_PROXY) asks for a user name" in message
    assert f"export HTTPS_PROXY=http://USER:PASSWORD@{host}" in message
    assert kaggle.pauses == []


@pytest.mark.fault("Kaggle", "the proxy does not accept the credentials (407)", NETWORK)
def test_raises_input_error_for_wrong_credentials_without_showing_them(
    proxy, kaggle, target, monkeypatch
):
    monkeypatch.setenv("HTTPS_PROXY", proxy.address.replace("//", "//user:secret-word@"))
    proxy.refusal = "407 Proxy Authentication Required"
    message = failure(target)
    assert "does not accept the user name and password in it (407)" in message
    assert "secret-word" not in message
    assert "Proxy-Authorization: Basic" in proxy.asked[-1]
    assert kaggle.pauses == []


@pytest.mark.fault("Kaggle", "the proxy refuses Kaggle's address (403)", NETWORK)
def test_raises_input_error_for_a_proxy_that_refuses_kaggle(proxy, kaggle, target):
    proxy.refusal = "403 Forbidden"
    assert "refuses to connect to api.kaggle.com (403)" in failure(target)
    assert kaggle.pauses == []


def test_waits_for_a_proxy_whose_gateway_is_away(proxy, kaggle, target):
    proxy.refusal = "503 Service Unavailable"
    assert "(503)" in failure(target)
    assert len(kaggle.pauses) == kaggle_session._ATTEMPTS - 1


@pytest.mark.fault("Kaggle", "the proxy's address is none", NETWORK)
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:80a", "has no valid address; expected http://HOST:PORT"),
        ("http://user:secret#word@127.0.0.1:80", "%23 for #"),
        ("ftp://127.0.0.1:80", "has no valid address"),
        ("socks5://127.0.0.1:1080", "pip install PySocks"),
    ],
)
def test_raises_input_error_for_an_invalid_address(
    address, words, proxy, kaggle, target, monkeypatch
):
    monkeypatch.setenv("HTTPS_PROXY", address)
    message = failure(target)
    assert words in message
    assert "(HTTPS_PROXY)" in message
    assert "secret" not in message
    assert kaggle.pauses == []


def test_message_names_http_for_a_proxy_without_tls(proxy, kaggle, target, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", proxy.address.replace("http:", "https:"))
    assert "write http:// in its address" in failure(target)
    assert kaggle.pauses == []


@pytest.mark.fault("Kaggle", "the proxy cannot be reached", "repeated, then reported by name")
def test_message_names_the_proxy_that_cannot_be_reached(proxy, kaggle, target, monkeypatch):
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unheard.getsockname()[1]}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret-word@{address}")
        message = failure(target)
    assert f"the proxy http://{address} (HTTPS_PROXY) cannot be reached" in message
    assert "unset HTTPS_PROXY" in message
    assert "secret-word" not in message
    assert len(kaggle.pauses) == kaggle_session._ATTEMPTS - 1


def test_no_proxy_counts_for_resumed_downloads(kaggle, target, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # nobody there; NO_PROXY names 127.0.0.1
    kaggle.cuts = [200_000]
    download_competition(SLUG, target)
    assert target.read_bytes() == kaggle.archive


# Names


@pytest.mark.fault("Kaggle", "Kaggle's name cannot be resolved (DNS)", "repeated, then reported")
def test_message_tells_that_http_proxy_does_not_count(proxy, kaggle, target, monkeypatch):
    def no_address(*_: object, **__: object):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.setenv("HTTP_PROXY", proxy.address)
    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    message = failure(target)
    assert "the address of api.kaggle.com cannot be found (DNS)" in message
    assert "HTTP_PROXY does not count for https addresses" in message
    assert len(kaggle.pauses) == kaggle_session._ATTEMPTS - 1


# Pages in place of responses

PAGE = "<!doctype html><title>Sign in &amp; go</title>"


@pytest.mark.fault("Kaggle", "a sign-in page in place of any response", NETWORK)
@pytest.mark.parametrize("status", [200, 403, 511])
@pytest.mark.parametrize("name", ["IntrospectToken", "DownloadDataFiles", "Archive"])
def test_raises_input_error_for_a_page_while_downloading(name, status, kaggle, target):
    kaggle.fail(name, status, message=PAGE, Content_Type="text/html; charset=utf-8")
    message = failure(target)
    assert "open https://www.kaggle.com in a browser" in message
    assert (
        status == 511
        or f"a web page 'Sign in & go' came in place of Kaggle's response ({status})" in message
    )
    assert kaggle.pauses == []


@pytest.mark.parametrize("name", ["ListSubmissions", "StartSubmissionUpload", "File"])
def test_raises_input_error_for_a_page_while_sending(name, kaggle, csv):
    kaggle.fail(name, 200, message=PAGE, Content_Type="text/html")
    with pytest.raises(InputError, match="a web page"):
        submit_file(csv, "one", SLUG)
    assert kaggle.submissions == []
    assert kaggle.pauses == []


def test_empty_response_that_announces_html_is_no_page(kaggle, csv):
    kaggle.fail("File", 200, times=1, message="", Content_Type="text/html")  # as storage responds
    submit_file(csv, "one", SLUG)
    assert len(kaggle.submissions) == 1


# ~/.netrc


def test_storage_gets_no_credentials_from_netrc(proxy, kaggle, target, csv, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(proxy.certificate))
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text("default login me password wrong\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    download_competition(SLUG, target)
    submit_file(csv, "one", SLUG)
    to_storage = [one.headers for one in kaggle.requests if one.name in {"Archive", "File"}]
    assert len(to_storage) == 2
    assert not any("Authorization" in headers for headers in to_storage)
