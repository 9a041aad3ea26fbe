"""The registered model, in this process and behind a server that does not have this package."""

import base64
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sessions import empty_database
from spots import bright_spots

from facial_keypoints.keypoints import KEYPOINTS
from facial_keypoints.models.registry import build_model

pytestmark = pytest.mark.training

pytest.importorskip("keras")

REFUSE = """
import sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {"facial_keypoints", "kedro"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A separate store for MLflow."""
    folder = tmp_path_factory.mktemp("store")
    (folder / "mlflow.db").write_bytes(empty_database())
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    yield folder
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def network():
    return build_model("heatmap_unet", {"filters": 2})


@pytest.fixture(scope="module")
def uri(store, network):
    """The URI of a logged model with heat maps."""
    from facial_keypoints.tracking.models import log_model

    client = MlflowClient()
    experiment = client.create_experiment("faces", artifact_location=str(store / "artifacts"))
    return log_model(client.create_run(experiment).info.run_id, network)


@pytest.fixture(scope="module")
def model(uri):
    return mlflow.pyfunc.load_model(uri)


@pytest.fixture(scope="module")
def images():
    return bright_spots(3).images


def encoded(image, suffix=".png"):
    return base64.b64encode(cv2.imencode(suffix, image)[1].tobytes()).decode()


def column(*values):
    return pd.DataFrame({"image": list(values)})


def test_prediction_has_named_columns_in_pixels_with_confidences(model, network, images):
    found = model.predict(images)
    kinds = ("x", "y", "confidence")
    assert list(found) == [f"{keypoint}_{kind}" for keypoint in KEYPOINTS for kind in kinds]
    points = found[[name for name in found if not name.endswith("confidence")]].to_numpy()
    np.testing.assert_allclose(points, network(images), atol=1e-2)
    assert found.filter(like="confidence").to_numpy().max() <= 1


def test_signature_example_and_requirements_are_stored(model, uri):
    schema = model.metadata.get_input_schema()
    assert schema.input_names() == ["image"]
    assert len(model.metadata.get_output_schema().inputs) == 3 * len(KEYPOINTS)
    assert len(model.predict(model.input_example)) == 1
    requirements = mlflow.pyfunc.get_model_dependencies(uri)
    packages = {line.partition("==")[0] for line in Path(requirements).read_text().split()}
    assert {"keras", "numpy", "opencv-python-headless", "pandas"} <= packages


def test_base64_pictures_predict_as_their_pixels(model, images):
    found = model.predict(column(*map(encoded, images)))
    pd.testing.assert_frame_equal(found, model.predict(images))


@pytest.mark.parametrize("prefix", ["data:image/png;base64,", "\n "])
def test_data_urls_and_white_space_are_accepted(model, images, prefix):
    found = model.predict(column(prefix + encoded(images[0])))
    pd.testing.assert_frame_equal(found, model.predict(images[:1]))


def test_points_are_in_pixels_of_the_picture(model, images):
    twice = cv2.resize(images[0], (192, 192), interpolation=cv2.INTER_NEAREST)
    found = model.predict(column(encoded(twice))).filter(regex="_[xy]$")
    np.testing.assert_allclose(
        found, 2 * model.predict(images[:1]).filter(regex="_[xy]$"), atol=1e-3
    )


def test_border_of_a_picture_that_is_not_square_is_repeated(model, images):
    narrow = images[0][:, 20:76]
    square = np.pad(narrow, ((0, 0), (20, 20)), mode="edge")
    expected = model.predict(square[None]).filter(regex="_x$") - 20
    np.testing.assert_allclose(
        model.predict(column(encoded(narrow))).filter(regex="_x$"), expected, atol=1e-3
    )


def test_colour_and_jpeg_are_read(model, images):
    colour = cv2.cvtColor(images[0], cv2.COLOR_GRAY2BGR)
    assert len(model.predict(column(encoded(colour, ".jpg")))) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((2, 50, 96), np.uint8), r"must be \(n, 96, 96\), not \(2, 50, 96\)"),
        (np.zeros((96, 96), np.uint8), r"not \(96, 96\)"),
        (np.zeros((0, 96, 96), np.uint8), "there is no image"),
        (np.full((1, 96, 96), 0.5), "whole numbers from 0"),
        (np.full((1, 96, 96), -1), "whole numbers from 0"),
        (np.full((1, 96, 96), np.nan), "whole numbers from 0"),
        (np.full((1, 96, 96), 256), "whole numbers from 0"),
        (column("hello"), "picture 1 is not base64"),
        (column("aGVsbG8="), "picture 1 is not a JPEG"),
        (column("hello", 3), "picture 1 is not base64"),
        (column(3), "must be"),
        (pd.DataFrame({"picture": ["a"]}), "missing inputs"),
    ],
)
def test_wrong_input_is_the_callers_error(model, wrong, message):
    with pytest.raises(MlflowException, match=message) as caught:
        model.predict(wrong)
    assert caught.value.get_http_status_code() == 400


def test_truncated_picture_is_refused(model, images):
    content = cv2.imencode(".png", images[0])[1].tobytes()[:60]
    with pytest.raises(MlflowException, match="picture 1 is not a JPEG"):
        model.predict(column(base64.b64encode(content).decode()))


@pytest.fixture(scope="module")
def server(store, uri):
    """`mlflow models serve`, where neither this package nor Kedro can be imported."""
    folder = store / "refuse"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(REFUSE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", uri]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri(),
        # MLflow starts uvicorn by its name; the tests may run without an activated environment
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    with (store / "server.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}/ping", process, store / "server.log")
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(url, process, log):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


def test_server_takes_arrays_and_base64(server, model, images):
    expected = model.predict(images).to_dict("records")
    pictures = [encoded(image) for image in images]
    for body in (
        {"inputs": images.tolist()},
        {"inputs": pictures},
        {"instances": [{"image": picture} for picture in pictures]},
        {"dataframe_split": {"columns": ["image"], "data": [[each] for each in pictures]}},
        {"dataframe_records": [{"image": picture} for picture in pictures]},
    ):
        answer = requests.post(server, json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        for found, row in zip(answer.json()["predictions"], expected, strict=True):
            assert found == pytest.approx(row, abs=1e-3)


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [[1, 2], [3, 4]]},
        {"inputs": [[[1, 2], [3]]]},
        {"inputs": []},
        {"inputs": None},
        {"instances": [{"image": "aGVsbG8="}]},
        {"dataframe_split": {"columns": ["image"], "data": [[5]]}},
        {"dataframe_split": {"columns": ["image"], "data": []}},
        {"dataframe_records": [{"image": None}]},
        {"dataframe_records": [{"picture": "aGVsbG8="}]},
        {"other": 1},
        "text",
    ],
    ids=str,
)
def test_server_answers_wrong_input_with_400(server, body):
    assert requests.post(server, json=body, timeout=60).status_code == 400
