"""The command that opens the page: one line where it cannot."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def _open(*arguments):
    command = [sys.executable, str(PROJECT / "app"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_port_that_is_taken_is_one_line():
    pytest.importorskip("streamlit", reason="streamlit is not installed (extra app)")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ended = _open("--env=demo", f"--port={port}")
    assert ended.returncode == 1
    assert re.fullmatch(
        rf"Error: cannot listen on 127.0.0.1:{port} \(Address already in use\); .*\n", ended.stderr
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_host_of_another_computer_is_one_line(host):
    pytest.importorskip("streamlit", reason="streamlit is not installed (extra app)")
    ended = _open("--env=demo", f"--host={host}")
    assert ended.returncode == 1
    assert re.fullmatch(r"Error: cannot listen on .*; give an address of .*\n", ended.stderr)
