"""A PostgreSQL of our own, for tests marked ``server``."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browsers import free_port

_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
"""Debian's, the newest first."""
_SECONDS = 60


@contextmanager
def postgres() -> Iterator[str]:
    """Run PostgreSQL while the block runs, and yield SQLAlchemy's address of its database.

    Tests that run as root start it as the user "postgres", whom Debian's package creates: initdb
    refuses root.
    """
    psycopg2 = pytest.importorskip("psycopg2", reason="psycopg2-binary is not installed")
    initdb = shutil.which("initdb", path=os.pathsep.join(map(str, _FOLDERS)))
    if initdb is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    as_user = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
    # not pytest's folder: another user cannot read it
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if as_user:
            shutil.chown(folder, **as_user)
        data, port = Path(folder, "data"), free_port()
        create = [initdb, "--auth=trust", "--username=mlflow", "--no-sync", f"--pgdata={data}"]
        subprocess.run(create, check=True, capture_output=True, cwd=folder, **as_user)
        command = [Path(initdb).with_name("postgres"), "-D", data, "-p", str(port), "-k", folder]
        command += ["-h", "127.0.0.1", "-c", "fsync=off"]
        server = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user
        )
        try:
            _wait(psycopg2, port, time.monotonic() + _SECONDS)
            yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait()


def _wait(psycopg2, port: int, deadline: float) -> None:
    while True:
        try:
            psycopg2.connect(host="127.0.0.1", port=port, user="mlflow", dbname="postgres").close()
        except psycopg2.OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.2)
        else:
            return
