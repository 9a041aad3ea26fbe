"""Small valid faces, metrics, tables and archives, to use as they are or to corrupt."""

import csv
import gc
import io
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_kaggle import fake_kaggle

from facial_keypoints.evaluation.records import SetMetrics
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import (
    COORDINATE_COLUMNS,
    IMAGE_SIZE,
    KEYPOINTS,
    LEFT_EYE,
    NUM_KEYPOINTS,
    POPULATION_B_INDEX,
    RIGHT_EYE,
)

pytest_plugins = ["browsers", "fault_table"]

FROZEN: pytest.StashKey[bool] = pytest.StashKey()
PIXELS = IMAGE_SIZE * IMAGE_SIZE


def pytest_collection_modifyitems(items):
    """Run files with sessions first: two workers end at the same time if short files come last."""
    first = {item.path for item in items if item.get_closest_marker("session")}
    second = {item.path for item in items if item.get_closest_marker("training")}
    items.sort(key=lambda item: (item.path not in first, item.path not in second))


def pytest_configure():
    """Let MLflow's variables of the shell change no test."""
    names = [name for name in os.environ if name.startswith("MLFLOW_")]
    for name in set(names) - {"MLFLOW_DISABLE_TELEMETRY"}:
        del os.environ[name]


def pytest_runtest_setup(item):
    """Forget the store of an earlier test, and keep Keras' garbage collections short.

    MLflow leaves the store in the environment. Keras collects after each model; what it imported is
    exempt.
    """
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    # gc.get_freeze_count() would tell, but walks all objects: a tenth of a second per test
    if "keras" in sys.modules and FROZEN not in item.config.stash:
        item.config.stash[FROZEN] = True
        gc.freeze()


def _faces(n=6, of_b=0, seed=0):
    """Return n random faces, the last ``of_b`` of population B with its four keypoints."""
    generator = np.random.default_rng(seed)
    keypoints = generator.uniform(20, 76, (n, NUM_KEYPOINTS, 2)).astype(np.float32)
    labelled = np.ones((n, NUM_KEYPOINTS), dtype=bool)
    b = np.arange(n) >= n - of_b
    labelled[b] = np.isin(np.arange(NUM_KEYPOINTS), POPULATION_B_INDEX)
    keypoints[~labelled] = np.nan
    return FaceSet(
        images=generator.integers(0, 256, (n, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8),
        keypoints=keypoints,
        labelled=labelled,
        group=np.arange(n, dtype=np.int32),
        population=b.astype(np.int8),
        augmented=np.zeros(n, dtype=bool),
    )


def _set_metrics(**metrics):
    numbers = dict.fromkeys(
        ("mse", "rmse", "rmse_a", "rmse_b", "rmse_leaderboard", "nme", "failure_rate"), 1.0
    )
    per_keypoint = dict.fromkeys(KEYPOINTS, 1.0)
    return SetMetrics(
        **{
            "samples": 3,
            "faces": 2,
            "paper_accuracy": 0.5,
            "rmse_per_keypoint": per_keypoint,
            **numbers,
            **metrics,
        }
    )


def _table(header, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def _training_row(labels=None, grey=7, **points):
    """Return a row of training.csv: ``labels`` and ``points``, else missing, and a flat image."""
    cells = dict.fromkeys(COORDINATE_COLUMNS, "") if labels is None else labels
    return [*({**cells, **points}.values()), " ".join([str(grey)] * PIXELS)]


def _full_labels(x="40.5", y="50.25"):
    return {column: x if column.endswith("_x") else y for column in COORDINATE_COLUMNS}


def _archive(path, training=None, test=None, lookup=None, **members):
    """Write a zip in Kaggle's layout; ``members`` by name replace, add or (None) remove files."""
    if training is None:
        training = _table([*COORDINATE_COLUMNS, "Image"], [_training_row(_full_labels())])
    if test is None:
        test = _table(["ImageId", "Image"], [[1, " ".join(["9"] * PIXELS)]])
    if lookup is None:
        lookup = _table(["RowId", "ImageId", "FeatureName", "Location"], [[1, 1, "nose_tip_x", ""]])
    files = {}
    for name, data in {"training.csv": training, "test.csv": test}.items():
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as inner:
            inner.writestr(name, data)
        files[name.replace("csv", "zip")] = buffer.getvalue()
    files["IdLookupTable.csv"] = lookup
    files["SampleSubmission.csv"] = _table(["RowId", "Location"], [[1, 0]])
    files.update(members)
    with zipfile.ZipFile(path, "w") as outer:
        for name, data in files.items():
            if data is not None:
                outer.writestr(name, data)
    return Path(path)


@pytest.fixture(scope="session")
def make_faces():
    return _faces


@pytest.fixture
def mixed_faces():
    """A face of A with one filled-in label, an augmented copy, and a face of B with four labels."""
    generator = np.random.default_rng(0)
    keypoints = generator.uniform(30, 60, (3, NUM_KEYPOINTS, 2)).astype(np.float32)
    keypoints[:, LEFT_EYE] = keypoints[:, RIGHT_EYE] + (30, 0)
    labelled = np.ones((3, NUM_KEYPOINTS), dtype=bool)
    labelled[2] = np.isin(np.arange(NUM_KEYPOINTS), POPULATION_B_INDEX)
    keypoints[2, ~labelled[2]] = np.nan
    labelled[0, 9] = False  # has a value, but no person placed it
    return FaceSet(
        images=generator.integers(0, 255, (3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8),
        keypoints=keypoints,
        labelled=labelled,
        group=np.array([0, 0, 2], dtype=np.int32),
        population=np.array([0, 0, 1], dtype=np.int8),
        augmented=np.array([False, True, False]),
    )


@pytest.fixture(scope="session")
def make_set_metrics():
    """Return a function that makes ``SetMetrics`` with the given values, and 1.0 elsewhere."""
    return _set_metrics


@pytest.fixture(scope="session")
def make_table():
    """Return a function from a header and rows to the bytes of a CSV file."""
    return _table


@pytest.fixture(scope="session")
def make_training_row():
    return _training_row


@pytest.fixture(scope="session")
def full_labels():
    return _full_labels


@pytest.fixture(scope="session")
def make_archive():
    return _archive


@pytest.fixture
def archive_path(tmp_path):
    """A valid archive with one row in every table."""
    return _archive(tmp_path / "competition.zip")


@pytest.fixture
def kaggle(monkeypatch, tmp_path):
    """A fake of Kaggle's API, and valid credentials in the environment."""
    with fake_kaggle(monkeypatch, tmp_path) as server:
        yield server


@pytest.fixture
def lookup():
    """A lookup table of four values of the test images 7, 3 and 5."""
    return pd.DataFrame(
        {
            "RowId": [4, 1, 3, 2],
            "ImageId": [5, 7, 7, 3],
            "FeatureName": ["nose_tip_y", "left_eye_center_x", "nose_tip_x", "nose_tip_y"],
        }
    )


@pytest.fixture
def predictions():
    """Predictions for three test images, all at 50 px."""
    return np.full((3, 15, 2), 50, np.float32)
