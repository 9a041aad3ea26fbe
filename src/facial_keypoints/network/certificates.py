"""The certificates that this computer trusts, as the environment names them for ``requests``."""

import os
import ssl
from pathlib import Path
from typing import Final

from facial_keypoints.errors import InputError

_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name trusted certificates, in the order in which requests reads them."""


def ca_bundle() -> tuple[str, str] | None:
    """Return the variable that names trusted certificates, and its value."""
    return next(((name, os.environ[name]) for name in _BUNDLES if os.environ.get(name)), None)


def check_ca_bundle() -> None:
    """Check the certificates that the environment names, before a request needs them.

    Raises:
        InputError: if the file or folder is missing or holds no certificates.
    """
    named = ca_bundle()
    if named is None:
        return
    variable, path = named
    remedy = f"correct {variable}, or remove it: unset {variable}"
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        is_folder = Path(path).is_dir()
        context.load_verify_locations(**{"capath" if is_folder else "cafile": path})
    except ssl.SSLError:
        raise InputError(
            f"{variable} names {path}, which holds no certificate in PEM format. Convert a binary "
            f"one (openssl x509 -inform der -in {path} -out ca.pem) and name that, or {remedy}"
        ) from None
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise InputError(
            f"{variable} names {path}, which cannot be used ({reason}): {remedy}"
        ) from None
