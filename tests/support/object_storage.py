"""moto's server of S3, for tests marked ``server``.

It needs packages of other versions than ours and lies in a separate environment:
``make storage-server``.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from browsers import free_port, serving

_ENVIRONMENT = Path(__file__).parents[2] / ".venv/moto/bin"
_SERVER = shutil.which("moto_server", path=f"{_ENVIRONMENT}{os.pathsep}{os.environ['PATH']}")
BUCKET = "faces"


@contextmanager
def object_storage(log: Path | None = None) -> Iterator[Mapping[str, Any]]:
    """Run an S3 server with a bucket, and yield credentials for it.

    Args:
        log: Gets a line for each request.
    """
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    if _SERVER is None:
        pytest.skip("moto's server is not installed (make storage-server)")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    output = f" >>{log} 2>&1" if log else " >/dev/null 2>&1"
    command = ["sh", "-c", f"exec '{_SERVER}' -H 127.0.0.1 -p {port}{output}"]
    # not this environment's packages
    with serving(command, f"{url}/moto-api/", env={"PYTHONPATH": ""}):
        urlopen(Request(f"{url}/{BUCKET}", method="PUT")).read()  # noqa: S310 (our own server)
        yield {"key": "key", "secret": "secret", "client_kwargs": {"endpoint_url": url}}
