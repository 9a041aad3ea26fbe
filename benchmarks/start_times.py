"""Measure how long commands take to start, and which packages they import.

    python benchmarks/start_times.py --repeats=3

CPU seconds are those of the command and its processes, until it ends or its server answers: they
depend less on what else runs than the wall-clock time does. Run it in the project's folder.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from urllib.request import urlopen

import psutil

BIN = Path(sys.executable).parent
SHOWN = 8
"""Packages listed per command."""


def main() -> None:
    """Print the start times and the import profile."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; median of {repeats}")
    print("command              CPU s  wall-clock s")
    for name in ("kedro registry list", "kedro viz run", "mlflow ui"):
        times = [_measure(name) for _ in range(repeats)]
        cpu, wall = (median(column) for column in zip(*times, strict=True))
        print(f"{name:20} {cpu:5.1f} {wall:13.1f}", flush=True)
    print("\nImports of kedro registry list: seconds of each package with all that it imports")
    for name, seconds in _imports()[:SHOWN]:
        print(f"{name:20} {seconds:5.2f}")


def _measure(name: str) -> tuple[float, float]:
    """CPU and wall-clock seconds until a command ends or its server answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    served = {
        "kedro viz run": (["--no-browser", f"--port={port}"], "/api/version"),
        "mlflow ui": ([f"--port={port}", "--workers=1"], "/health"),
    }
    options, path = served.get(name, ([], None))
    program, *arguments = name.split()
    started = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 (the commands above)
        [str(BIN / program), *arguments, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    if path is None:
        _, _, usage = os.wait4(process.pid, 0)
        return usage.ru_utime + usage.ru_stime, time.monotonic() - started
    try:
        _wait(f"http://127.0.0.1:{port}{path}", process)
        return _cpu_seconds(process.pid), time.monotonic() - started
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            urlopen(url).read()  # noqa: S310 (our own server)
        except OSError:
            if process.poll() is not None:
                sys.exit("the server ended before it answered")
            time.sleep(0.05)
        else:
            return


def _cpu_seconds(pid: int) -> float:
    parent = psutil.Process(pid)
    used = [p.cpu_times() for p in (parent, *parent.children(recursive=True))]
    ended = parent.cpu_times()
    own = sum(t.user + t.system for t in used)
    return float(own + ended.children_user + ended.children_system)


def _imports() -> Sequence[tuple[str, float]]:
    """Top-level packages by the seconds that importing them takes."""
    command = [sys.executable, "-X", "importtime", str(BIN / "kedro"), "registry", "list"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    lines = run.stderr.splitlines()
    seconds: dict[str, float] = {}
    for line in lines:
        parts = line.removeprefix("import time:").split("|")
        if line.startswith("import time:") and parts[1].strip().isdigit():
            seconds[parts[2].strip()] = int(parts[1]) / 1e6
    packages = {name: value for name, value in seconds.items() if "." not in name}
    return sorted(packages.items(), key=lambda item: -item[1])


if __name__ == "__main__":
    main()
