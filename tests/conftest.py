"""Small valid faces, tables and archives, to be used as they are or spoilt."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from kaggle_stand_in import kaggle_stand_in

from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import (
    COORDINATE_COLUMNS,
    IMAGE_SIZE,
    NUM_KEYPOINTS,
    POPULATION_B_INDEX,
)

pytest_plugins = ["fault_table"]

PIXELS = IMAGE_SIZE * IMAGE_SIZE


def _faces(n=6, of_b=0, seed=0):
    """n faces with a picture each, the last ``of_b`` of population B with its four points."""
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


def _table(header, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def _training_row(labels=None, grey=7, **points):
    """One row: 30 labels (missing where ``labels`` and ``points`` give none) and a flat picture."""
    cells = dict.fromkeys(COORDINATE_COLUMNS, "") if labels is None else labels
    return [*({**cells, **points}.values()), " ".join([str(grey)] * PIXELS)]


def _full_labels(x="40.5", y="50.25"):
    return {column: x if column.endswith("_x") else y for column in COORDINATE_COLUMNS}


def _archive(path, training=None, test=None, lookup=None, **members):
    """A zip in Kaggle's layout at ``path``; further ``members`` by name replace or add to it."""
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


@pytest.fixture(scope="session")
def make_table():
    """From a header and rows to the bytes of a CSV file."""
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
    """A sound archive with one row in every table."""
    return _archive(tmp_path / "competition.zip")


@pytest.fixture
def kaggle(monkeypatch, tmp_path):
    """A stand-in of Kaggle's API, and the right credentials in the environment."""
    with kaggle_stand_in(monkeypatch, tmp_path) as stand_in:
        yield stand_in
