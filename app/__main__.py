"""Open the page: ``python app --env=demo --port=8501`` (docs/app.md)."""

import argparse
import errno
import os
import socket
import sys
from pathlib import Path
from typing import Final

from facial_keypoints.errors import InputError, require_extra
from facial_keypoints.framework.project_catalog import DEFAULT, load_catalog
from facial_keypoints.training.environment import use_tensorflow
from facial_keypoints.training.hardware import use_onednn
from facial_keypoints.training.start_messages import hide_start_messages

PAGE: Final = Path(__file__).resolve().with_name("page.py")
_OPTIONS: Final = {
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "viewer",
    "global.developmentMode": "false",
    "server.fileWatcherType": "none",
    "server.headless": "true",
    "server.maxUploadSize": "50",
}
"""Of Streamlit: no statistics, no buttons for developers, no browser that opens by itself."""


def main() -> None:
    """Start the server of the page, or print one line that says why not."""
    parser = argparse.ArgumentParser(prog="app", description="Try the model in the browser.")
    parser.add_argument("--env", "-e", default=os.environ.get("KEDRO_ENV") or DEFAULT)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0: for other computers, too")
    parser.add_argument("--port", type=int, default=8501)
    given = parser.parse_args()
    try:
        require_extra("app", "streamlit")
        load_catalog(PAGE.parents[1], given.env)
        check_port(given.host, given.port)
    except InputError as error:
        sys.exit(f"Error: {error}")
    os.environ["KEDRO_ENV"] = given.env
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    hide_start_messages()
    use_onednn()
    use_tensorflow()
    options = {**_OPTIONS, "server.address": given.host, "server.port": given.port}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "streamlit", "run", str(PAGE), *arguments]
    os.execv(sys.executable, command)  # noqa: S606 (no shell)


def check_port(host: str, port: int) -> None:
    """Check that a server can listen.

    Args:
        host: Address or name of this computer.
        port: From 1 to 65535.

    Raises:
        InputError: If the port is taken or cannot be used.
    """
    try:
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error).removeprefix("bind(): ").rstrip(".")
        other = port + 1 if 1024 <= port < 65535 else 8501
        foreign = isinstance(error, socket.gaierror) or (
            getattr(error, "errno", None) == errno.EADDRNOTAVAIL
        )
        advice = (
            "give an address of this computer, or HOST=0.0.0.0 for all of them"
            if foreign
            else f"choose another port: make app PORT={other}"
        )
        raise InputError(f"cannot listen on {host}:{port} ({reason}); {advice}") from error


if __name__ == "__main__":
    main()
