"""Whole runs whose data folder is on S3."""

import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml
from object_storage import BUCKET, object_storage
from sessions import kedro, make_project

from facial_keypoints.errors import UnreachableError
from facial_keypoints.framework.run_lock import DataFolder
from facial_keypoints.framework.storage import filesystem

pytestmark = pytest.mark.server

ROOT = f"s3://{BUCKET}/study"
RUN = ("run", "--env=test", "--params=study.only=tiny-2cl,train.epochs=8")


@pytest.fixture(scope="module")
def credentials():
    with object_storage() as found:
        yield found


def configure(project: Path, credentials) -> Path:
    folder = project / "conf/test"
    names = {"data_root": ROOT, "raw_root": f"{ROOT}/01_raw", "experiment": "facial-keypoints-test"}
    (folder / "globals.yml").write_text(yaml.safe_dump(names))
    (folder / "credentials.yml").write_text(yaml.safe_dump({"object_storage": credentials}))
    return project


def machine(name: str, folder: Path) -> dict[str, str]:
    """Return the variables of a machine with separate files."""
    return {**os.environ, "XDG_CACHE_HOME": str(folder / name)}


def wait_for(line: str, log: Path) -> None:
    end = time.monotonic() + 300
    while line not in log.read_text():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


def test_killed_run_resumes_and_another_machine_reuses_it(tmp_path, credentials):
    project, log = configure(make_project(tmp_path / "project"), credentials), tmp_path / "log"
    here = machine("here", tmp_path)
    with log.open("w") as output:
        killed = subprocess.Popen(
            [sys.executable, "-m", "kedro", *RUN],
            cwd=project,
            env=here,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        wait_for("tiny-2cl  epoch 2/8", log)
        killed.send_signal(signal.SIGSTOP)
        refused = kedro(project, *RUN, env=machine("there", tmp_path))
        killed.kill()
        killed.wait()
    assert refused.returncode == 1
    assert f"Error: {ROOT} is in use by another run (process {killed.pid} on" in refused.stderr
    fs, _ = filesystem(ROOT, credentials)
    assert fs.glob(f"{BUCKET}/study/06_models/tiny-2cl/*.unfinished.npz")

    resumed = kedro(project, *RUN, *with_ray(), env=here)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "The previous run was killed" in resumed.stdout
    assert "tiny-2cl: resumed after epoch" in resumed.stdout
    assert f"Submission: {ROOT}/07_model_output/submission.csv" in resumed.stdout
    assert not list((project / "data").rglob("*"))

    again = kedro(project, *RUN, "--pipeline=download,train", env=machine("there", tmp_path))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "reusing the archive" in again.stdout
    assert "tiny-2cl: reusing training" in again.stdout
    names = {path.rpartition("/")[2] for path in fs.find(f"{BUCKET}/study")}
    hidden = {name for name in names if name.startswith(".") and not name.endswith(".sha256")}
    assert not hidden
    assert {"session.json", "champion.json", "study.html", "learning_curve.png"} <= names
    assert not [name for name in names if name.endswith(".unfinished.npz")]


def with_ray() -> tuple[str, ...]:
    """Return the options with which a worker of Ray trains, where Ray is installed."""
    try:
        import ray  # noqa: F401
    except ImportError:
        return ()
    return ("--runner=facial_keypoints.framework.RayRunner", "--runner-params=num_cpus=1")


def test_missing_bucket_is_reported(credentials):
    with pytest.raises(UnreachableError, match=r"^s3://none/study: the bucket does not exist; "):
        DataFolder("s3://none/study", credentials).lock()


def test_storage_that_hangs_up_is_asked_a_few_times_and_reported(credentials):
    connections = []

    class HangUp(socketserver.BaseRequestHandler):
        def handle(self):
            connections.append(self.client_address)

    with socketserver.TCPServer(("127.0.0.1", 0), HangUp) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        nowhere = {"endpoint_url": f"http://127.0.0.1:{server.server_address[1]}"}
        with pytest.raises(UnreachableError, match="the storage does not answer"):
            DataFolder(ROOT, {**credentials, "client_kwargs": nowhere}).lock()
        server.shutdown()
    assert 1 < len(connections) <= 20


def test_storage_that_cannot_be_reached_is_reported(credentials):
    nowhere = {**credentials, "client_kwargs": {"endpoint_url": "http://127.0.0.1:1"}}
    with pytest.raises(UnreachableError, match="the storage does not answer"):
        DataFolder(ROOT, nowhere).lock()
