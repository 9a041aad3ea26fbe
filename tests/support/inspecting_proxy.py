"""A proxy as organisations have it: it opens TLS, with its own certificate.

with inspecting_proxy(monkeypatch, tmp_path, kaggle) as proxy:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(proxy.certificate))
    ...  # what goes to https addresses arrives at the fake of Kaggle
"""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fake_kaggle import FakeKaggle, redirect

API = "https://api.kaggle.com"
STORAGE = "https://storage.googleapis.com"


@dataclass
class Proxy:
    """What it does, and what it was asked for.

    Attributes:
        address: Its address, for HTTPS_PROXY.
        certificate: The PEM file that vouches for it.
        refusal: Status line in place of a connection.
        speaks_tls: Whether it goes on in TLS, as asked for.
        asked: Head of each request for a connection.
    """

    address: str
    certificate: Path
    refusal: str | None = None
    speaks_tls: bool = True
    asked: list[str] = field(default_factory=list)


def write_certificate(
    folder: Path,
    hosts: tuple[str, ...] = ("api.kaggle.com", "storage.googleapis.com"),
    days: int = 1,
) -> tuple[Path, Path]:
    """Write a self-signed certificate and its key; return their paths.

    Args:
        folder: Where to write them.
        hosts: What it is for, besides this computer.
        days: Time until it expires.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An organisation")])
    end = datetime.now(UTC) + timedelta(days=days)
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *map(x509.DNSName, hosts)]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(end - timedelta(days=30))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "organisation.pem", folder / "organisation.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@contextmanager
def inspecting_proxy(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    kaggle: FakeKaggle,
    own_tls: bool = False,
    **certificate: object,
) -> Iterator[Proxy]:
    """Run a proxy that passes everything on to the fake of Kaggle.

    Args:
        monkeypatch: Undoes HTTPS_PROXY and the return to Kaggle's own addresses.
        folder: Where the certificate is written.
        kaggle: What the proxy passes requests on to; its files get https addresses.
        own_tls: Whether the proxy itself is spoken to in TLS.
        **certificate: Of ``write_certificate``.
    """
    target = ("127.0.0.1", int(urlsplit(kaggle.url).port or 0))
    path, key = write_certificate(folder, **certificate)  # type: ignore[arg-type]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = Proxy(f"http://127.0.0.1:{server.getsockname()[1]}", path)

        def accept() -> None:
            with suppress(OSError):  # closed
                while True:
                    client = server.accept()[0]
                    if own_tls:
                        with suppress(ssl.SSLError):
                            client = context.wrap_socket(client, server_side=True)
                    threading.Thread(
                        target=_serve, args=(proxy, client, context, target), daemon=True
                    ).start()

        threading.Thread(target=accept, daemon=True).start()
        kaggle.url = STORAGE
        redirect(monkeypatch, API, folder / "home", kaggle.pauses.append)
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        yield proxy
        server.shutdown(socket.SHUT_RDWR)


def _serve(
    proxy: Proxy, client: socket.socket, context: ssl.SSLContext, target: tuple[str, int]
) -> None:
    with suppress(OSError), client:
        proxy.asked.append(client.recv(65536).decode(errors="replace"))
        if proxy.refusal is not None:
            client.sendall(f"HTTP/1.1 {proxy.refusal}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if not proxy.speaks_tls:
            client.recv(65536)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return
        with (
            context.wrap_socket(client, server_side=True) as inside,
            socket.create_connection(target) as upstream,
        ):
            back = threading.Thread(target=_pass_on, args=(upstream, inside), daemon=True)
            back.start()
            _pass_on(inside, upstream)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
