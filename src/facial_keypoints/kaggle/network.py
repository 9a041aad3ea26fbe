"""What stands between this computer and Kaggle: certificates, proxies, sign-in pages.

``requests`` raises nearly the same error for all of them. Here they are distinguished: what can
pass is tried again, and anything else is reported at once, with the setting that helps.
"""

import os
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Final
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import NameResolutionError, NewConnectionError

from facial_keypoints.formatting import quote
from facial_keypoints.network.certificates import ca_bundle

_OTHER_BUNDLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "KAGGLE_SSL_CA_CERT")
"""Variables that other programs read for the same purpose."""
_PROXIES: Final = (
    *("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"),
    *("all_proxy", "ALL_PROXY"),
)
"""Variables that name a proxy, in the order in which requests reads them."""
_API: Final = "https://api.kaggle.com"
_DATES: Final = {9, 10}
"""OpenSSL's codes of a certificate that is not valid yet, or not any more."""
_UNKNOWN_ISSUER: Final = {2, 18, 19, 20, 21, 27}
"""OpenSSL's codes of a certificate that no trusted one vouches for."""
_OTHER_HOST: Final = 62
"""OpenSSL's code of a certificate for another host."""
_REFUSED: Final = "Tunnel connection failed:"
"""Start of http.client's message about a proxy's refusal, before the status."""
_PAGE_BYTES: Final = 16 * 1024
_OPEN: Final = (
    "open https://www.kaggle.com in a browser on this computer, sign in to the network where it "
    "asks, then run again"
)
_IN_BETWEEN: Final = f"from a proxy, a filter or the sign-in page of this network: {_OPEN}"


class PageError(requests.RequestException):
    """A web page came in place of Kaggle's response; the message says which."""


@dataclass(frozen=True)
class Diagnosis:
    """Why a request got no response.

    Attributes:
        message: What is wrong, and what helps.
        may_pass: Whether the same request can succeed a moment later.
    """

    message: str
    may_pass: bool


def check_sender(response: requests.Response) -> None:
    """Check that a response comes from Kaggle or its storage, and from nobody in between.

    Those send JSON or files; a page with their statuses comes from a proxy or a sign-in page.
    Kaggle's own pages about failures (5xx) may pass.

    Raises:
        PageError: if it is a web page.
        requests.exceptions.ProxyError: if the proxy asks for credentials.
    """
    status = response.status_code
    if status == 407:
        raise requests.exceptions.ProxyError(f"{_REFUSED} {status}", request=response.request)
    if status == 511:  # Network Authentication Required
        raise PageError(f"this network asks for a sign-in (511): {_OPEN}", response=response)
    if not (200 <= status < 300 or status == 403):
        return
    kind = response.headers.get("Content-Type", "")
    if "html" not in kind or not response.content.lstrip().startswith(b"<"):
        return  # storage announces HTML for an empty body
    title = re.search(rb"(?is)<title[^>]*>(.*?)</title>", response.content[:_PAGE_BYTES])
    name = " ".join(unescape(title[1].decode(errors="replace")).split()) if title else ""
    shown = f" {quote(name)}" if name else ""
    raise PageError(
        f"a web page{shown} came in place of Kaggle's response ({status}), {_IN_BETWEEN}",
        response=response,
    )


def diagnose(error: requests.RequestException) -> Diagnosis:
    """Return why a request got no response, and whether that can pass.

    Args:
        error: As requests raised it; it wraps the cause several times.
    """
    causes = list(_causes(error))
    text = " ".join(str(cause) for cause in causes)
    url = getattr(error.request, "url", None) or _API
    certificate = next((c for c in causes if isinstance(c, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        return Diagnosis(_explain_certificate(certificate), may_pass=False)
    if isinstance(error, requests.exceptions.ProxyError):
        return _diagnose_proxy(url, text, causes)
    lasting = _explain_lasting(error, url, text)
    if lasting is not None:
        return Diagnosis(lasting, may_pass=False)
    failed = f"the connection to Kaggle failed ({type(error).__name__})"
    if any(isinstance(cause, NameResolutionError | socket.gaierror) for cause in causes):
        failed = f"the address of {urlsplit(url).hostname} cannot be found (DNS)"
    return Diagnosis(f"{failed}; {_check_connection()}", may_pass=True)


def _explain_lasting(error: requests.RequestException, url: str, text: str) -> str | None:
    """Return what a failure means that no repetition helps; None for one that may pass."""
    if isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in text:
        return f"{_describe_proxy(url)} needs a package that is missing: pip install PySocks"
    if isinstance(error, requests.exceptions.InvalidURL):
        return (
            f"{_describe_proxy(url)} has no valid address; expected http://HOST:PORT or "
            "http://USER:PASSWORD@HOST:PORT, with %23 for # and %40 for @ in a password"
        )
    if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text:
        return f"something that does not speak TLS answers in Kaggle's place, {_IN_BETWEEN}"
    return None


def _diagnose_proxy(url: str, text: str, causes: list[BaseException]) -> Diagnosis:
    refused = re.search(rf"{_REFUSED} (\d{{3}})", text)
    if refused:
        status = int(refused[1])
        return Diagnosis(_explain_refusal(status, url), may_pass=status >= 500)
    proxy = _describe_proxy(url)
    if "appears to only use HTTP" in text:
        return Diagnosis(f"{proxy} does not speak TLS: write http:// in its address", False)
    named = _proxy(url)
    if any(isinstance(c, NewConnectionError | NameResolutionError) for c in causes):
        reason = "cannot be reached"
    else:
        reason = "broke the connection"
    unset = "" if named is None else f", or remove it: unset {named[0]}"
    return Diagnosis(f"{proxy} {reason}; correct its address{unset}", may_pass=True)


def _explain_refusal(status: int, url: str) -> str:
    """Return what a proxy's refusal means."""
    proxy = _describe_proxy(url)
    if status != 407:
        return (
            f"{proxy} refuses to connect to {urlsplit(url).hostname} ({status}); ask who runs it "
            "to allow *.kaggle.com and storage.googleapis.com, or use another network"
        )
    named = _proxy(url)
    if named is not None and "@" in named[1]:
        return (
            f"{proxy} does not accept the user name and password in it (407); in a password, "
            "write %40 for @, %23 for #, %3A for : and %2F for /"
        )
    address = "HOST:PORT" if named is None else urlsplit(_with_scheme(named[1])).netloc
    return (
        f"{proxy} asks for a user name and password (407): "
        f"export HTTPS_PROXY=http://USER:PASSWORD@{address}"
    )


def _explain_certificate(error: ssl.SSLCertVerificationError) -> str:
    reason = error.verify_message.rstrip(".")
    shown = f"the certificate that is shown for Kaggle's server is not trusted ({reason})"
    if error.verify_code in _DATES:
        return f"{shown}; check the date of this computer, then run again"
    if error.verify_code == _OTHER_HOST:
        return f"{shown}: it comes {_IN_BETWEEN}"
    if error.verify_code not in _UNKNOWN_ISSUER:
        return (
            f"{shown}: Python 3.13 and later check certificates more strictly; ask your "
            "organisation for one in which this is right, or use Python 3.12"
        )
    named = ca_bundle()
    if named is not None:
        variable, path = named
        return (
            f"{shown}: no certificate in {path} ({variable}) vouches for it. Add the one of your "
            "organisation to that file, in PEM format, then run again"
        )
    unread = [name for name in _OTHER_BUNDLES if os.environ.get(name)]
    note = f" ({' and '.join(unread)} does not count here)" if unread else ""
    return (
        f"{shown}. Where an organisation inspects TLS, name the file of its certificates, in PEM "
        f"format{note}: export REQUESTS_CA_BUNDLE={os.environ.get(unread[0]) if unread else 'FILE'}"
    )


def _proxy(url: str) -> tuple[str, str] | None:
    """Return the setting that names the proxy of an address, and its value."""
    address = select_proxy(url, get_environ_proxies(url))
    if address is None:
        return None
    found = (name for name in _PROXIES if os.environ.get(name) == address)
    return next(found, "the system's settings"), address


def _describe_proxy(url: str) -> str:
    """Return the proxy of an address and where it is set, without its user and password."""
    named = _proxy(url)
    if named is None:
        return "the proxy"
    variable, address = named
    scheme, _, rest = _with_scheme(address).partition("://")
    return f"the proxy {scheme}://{rest.rpartition('@')[2]} ({variable})"


def _with_scheme(address: str) -> str:
    return address if "://" in address else f"http://{address}"


def _check_connection() -> str:
    only_http = any(os.environ.get(name) for name in ("http_proxy", "HTTP_PROXY"))
    note = " (HTTP_PROXY does not count for https addresses)" if only_http else ""
    if _proxy(_API) is not None:
        return "check that this computer is online, then run again"
    return (
        "check that this computer is online; behind a proxy, name it"
        f"{note}: export HTTPS_PROXY=http://HOST:PORT; then run again"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it wraps, the outermost first."""
    pending, seen = [error], set()
    while pending:
        cause = pending.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        wrapped = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        pending += [each for each in wrapped if isinstance(each, BaseException)]
