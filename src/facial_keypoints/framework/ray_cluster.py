"""A Ray cluster for the time of a run: its machines, and what is installed on them.

Ray is imported inside functions only: it is an extra.
"""

import logging
import os
import pickle
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from facial_keypoints.errors import InputError, require_extra
from facial_keypoints.framework.datasets.training_folder import TrainingFolder
from facial_keypoints.framework.ray_options import RayOptions
from facial_keypoints.framework.storage import location
from facial_keypoints.training.hardware import number_of_cores

logger = logging.getLogger(__name__)

LOCAL: Final = "local"
"""Ray's address of a cluster that it starts on this machine."""
_PACKAGES: Final = (
    *("tensorflow", "keras", "numpy", "pandas", "scipy", "opencv-python-headless"),
    *("kedro", "pydantic", "fsspec", "ray"),
)
"""Packages that decide on numbers, or whose objects travel between machines."""
_SECONDS_TO_ANSWER: Final = 120.0
"""In which a machine starts a Python process that says what is installed."""
_SECONDS_TO_CONNECT: Final = 5.0
_SECONDS_OF_CLOCKS: Final = 5.0
"""By which clocks may differ."""
_TOKENS: Final = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
_TOKEN_FILE: Final = Path("~/.ray/auth_token")
_QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # trainings without GPU see none
    "RAY_DEDUP_LOGS_SKIP_REGEX": "(?s).",  # its news of dead processes, which we log in a line
}


@contextmanager
def connected(options: RayOptions) -> Iterator[bool]:
    """Connect to the cluster, or start one on this machine, for the block.

    Args:
        options: Hold the address.

    Yields:
        Whether the cluster is this machine alone, started here.

    Raises:
        InputError: If Ray is not installed or the cluster cannot be reached.
    """
    require_extra("cluster", "ray")
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if any(name in os.environ for name in _TOKENS) or _TOKEN_FILE.expanduser().exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # as ray start --head does
    import ray

    if ray.is_initialized():  # by a notebook, which also ends it
        yield False
        return
    address = options.address or os.environ.get("RAY_ADDRESS") or LOCAL
    own: dict[str, Any] = {}
    if address == LOCAL:
        own = {"num_cpus": number_of_cores(), "include_dashboard": False}
        paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))  # the same code as here
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        _reach(address)
        ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, **own)
    except (OSError, RuntimeError, ValueError, ImportError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"--runner-params=address={address}: {reason}; ray start --head prints the address of "
            "a cluster, and without one the trainings run on this machine"
        ) from error
    finally:  # Ray replaces them
        for number, handler in handlers.items():
            signal.signal(number, handler)
    try:
        yield address == LOCAL
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Connect to "host:port" once: Ray itself tries for a minute, and logs each try."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), _SECONDS_TO_CONNECT).close()


def machines() -> list[dict[str, Any]]:
    """Return Ray's description of each machine that can train."""
    import ray

    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in nodes if node["Alive"] and node["Resources"].get("CPU")]


def warn_of_other_work() -> None:
    """Warn where another program uses the cluster: no budget counts the time that it takes."""
    import ray

    total, free = ray.cluster_resources(), ray.available_resources()  # type: ignore[no-untyped-call]
    used = [
        f"{total[name] - free.get(name, 0.0):g} of {total[name]:g} {words}"
        for name, words in {"CPU": "cores", "GPU": "GPUs"}.items()
        if total.get(name, 0.0) > free.get(name, 0.0)
    ]
    if used:
        logger.warning(
            "Ray: another program uses %s of this cluster. Trainings wait for it, and may end "
            "after study.minutes or competition.minutes, or have less time",
            " and ".join(used),
        )


def check_machines(store: TrainingFolder) -> None:
    """Check that every machine has this one's packages and reaches the folder of trainings.

    Args:
        store: The trainings of a variant; its folder is one of several in the same folder.

    Raises:
        InputError: If one has not, or does not, or has another time.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    folder, token = store.path.parent, uuid4().hex
    file = folder / f".{token}"
    describe = _describer()
    ask = ray.remote(num_cpus=0, max_retries=1)(describe)
    reader = pickle.dumps((store.fs, str(file)))
    here = describe(_PACKAGES, None)
    store.fs.makedirs(str(folder), exist_ok=True)
    store.fs.pipe_file(str(file), token.encode())
    try:
        for machine in machines():
            on_it = NodeAffinitySchedulingStrategy(machine["NodeID"], soft=False)
            asked = time.time()
            answer = ask.options(scheduling_strategy=on_it).remote(_PACKAGES, reader)
            name = f"{machine['NodeManagerHostname']} ({machine['NodeManagerAddress']})"
            try:
                there = ray.get(answer, timeout=_SECONDS_TO_ANSWER)
            except ray.exceptions.RayError as error:
                raise InputError(f"{name}: does not run a task ({_brief(error)})") from error
            _compare(name, here, there)
            _check_clock(name, float(there["clock"]), asked, time.time())
            if there["token"] != token:
                raise InputError(
                    f"{name}: does not see {location(store.fs, folder)}, where this machine keeps "
                    f"its trainings{there['reason']}; set data_root in conf/<env>/globals.yml to a "
                    "folder that all machines share, or install the extra storage there for an "
                    "s3:// address"
                )
    finally:
        store.fs.rm(str(file))


def _describer() -> Any:
    """Return a function that describes the Python it runs in.

    It is defined here so that Ray sends its code: the package may be missing where it runs.
    """

    def describe(packages: tuple[str, ...], reader: bytes | None) -> dict[str, str]:
        import hashlib
        import pickle
        import platform
        import time
        from contextlib import suppress
        from importlib.metadata import PackageNotFoundError, version
        from importlib.util import find_spec
        from pathlib import Path

        found = {"Python": platform.python_version()}
        for package in packages:
            found[package] = "not installed"
            for name in (package, f"{package}-cpu"):
                with suppress(PackageNotFoundError):
                    found[package] = version(name)
        spec = find_spec("facial_keypoints")
        found["facial_keypoints"] = "not installed"
        if spec is not None and spec.origin is not None:
            sources = sorted(Path(spec.origin).parent.rglob("*.py"))
            content = b"".join(source.read_bytes() for source in sources)
            found["facial_keypoints"] = f"code {hashlib.sha256(content).hexdigest()[:12]}"
        if reader is not None:
            found["clock"] = str(time.time())
            found["token"] = ""
            found["reason"] = ""
            try:
                files, path = pickle.loads(reader)  # noqa: S301 (of this run's own driver)
                found["token"] = files.cat_file(path).decode()
            except FileNotFoundError:
                pass
            except Exception as error:  # each storage has its own
                found["reason"] = f" ({type(error).__name__}: {error})"
        return found

    return describe


def _compare(name: str, here: Mapping[str, str], there: Mapping[str, str]) -> None:
    unequal = [
        f"{package} {there[package]} ({version} here)"
        for package, version in here.items()
        if there[package] != version
    ]
    if unequal:
        raise InputError(
            f"{name}: other packages than on this machine: {', '.join(unequal)}; install the same "
            "requirements file and the same version of this project on all machines"
        )


def _check_clock(name: str, clock: float, asked: float, answered: float) -> None:
    """Deadlines of trainings are points in time."""
    wrong = max(asked - clock, clock - answered)
    if wrong > _SECONDS_OF_CLOCKS:
        raise InputError(
            f"{name}: its clock differs from this machine's by {wrong:.0f} seconds, and trainings "
            "end by the clock; synchronise the clocks (NTP)"
        )


def _brief(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
