"""A Ray cluster of several nodes on this machine, as its own commands start it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

RAY = ("--runner=facial_keypoints.framework.RayRunner",)
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
"""Ray's variables: no statistics, and a token of our own instead of one in the home folder."""
_SECONDS = 60


class RayCluster:
    """Nodes with one core each; they end with the block.

    Args:
        stack: Ends what is started.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.address = f"127.0.0.1:{free_port()}"
        # a short path: sockets lie in it
        self._folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")
        stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        port = self.address.partition(":")[2]
        self._start("--head", f"--port={port}", f"--temp-dir={self._folder}")

    def add_node(self, before: tuple[str, ...] = (), **environment: str) -> None:
        """Start a further node.

        Args:
            before: Command that runs the node's.
            **environment: Its variables.
        """
        self._start(f"--address={self.address}", before=before, **environment)

    def _start(self, *options: str, before: tuple[str, ...] = (), **environment: str) -> None:
        ray = Path(sys.executable).with_name("ray")
        log = Path(tempfile.mkstemp(dir=self._folder)[1])
        with log.open("w") as output:
            process = subprocess.Popen(
                [*before, ray, "start", *options, "--num-cpus=1", "--block"],
                env={**os.environ, **QUIET, "RAY_AUTH_MODE": "token", **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._stack.callback(_stop, process)
        end = time.monotonic() + _SECONDS
        while "Ray runtime started" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def ray_cluster():
    with ExitStack() as stack:
        yield RayCluster(stack)


def _stop(process: subprocess.Popen) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(20)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def kedro_with_kill(project: Path, arguments: tuple[str, ...], training: str, after: str) -> str:
    """Run Kedro with the ``RayRunner``, kill a training's process once, and return the output.

    Args:
        project: Its folder.
        arguments: Of the command.
        training: Whose process is killed.
        after: What the log has when it is killed.
    """
    log = project / "output.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "kedro", *arguments],
            cwd=project,
            env={**os.environ, **QUIET},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        end = time.monotonic() + 10 * _SECONDS
        try:
            while after not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.05)
            _process_of(training, process.pid).kill()
            process.wait(10 * _SECONDS)
        finally:
            process.terminate()
    text = log.read_text()
    assert process.returncode == 0, text
    return text


def _process_of(training: str, session: int) -> psutil.Process:
    """Return the process of a training in a Ray cluster that a session has started."""
    (found,) = [
        process
        for process in psutil.Process(session).children(recursive=True)
        if process.name() and " ".join(process.cmdline()).startswith(f"ray::{training}")
    ]
    return found
