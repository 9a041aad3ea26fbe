"""A project whose champion predicts the mean face of three drawn test faces, for the page."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from facial_keypoints.evaluation.records import Champion
from facial_keypoints.framework import photo_model, project_catalog
from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.keypoints import COORDINATE_COLUMNS
from facial_keypoints.models.calibration import Calibration
from facial_keypoints.photos.uploads import PhotoModel
from facial_keypoints.synthetic import render_faces

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "app/page.py"
FACES = render_faces(3, seed=5)
COORDINATES = np.indices((len(FACES), 30)).reshape(2, -1)
LOOKUP = pd.DataFrame(
    {
        "RowId": np.arange(COORDINATES.shape[1]) + 1,
        "ImageId": FACES.group[COORDINATES[0]],
        "FeatureName": np.array(COORDINATE_COLUMNS)[COORDINATES[1]],
    }
)
ANSWERS = LOOKUP[["RowId"]].assign(Location=FACES.keypoints.ravel())
MEAN = np.nanmean(FACES.keypoints, axis=0)


class _Catalog:
    """The datasets that are given."""

    def __init__(self, data):
        self.data = data

    def exists(self, name):
        return name in self.data

    def load(self, name):
        return self.data[name]


def use_stand_ins(patch=setattr):
    """Let the page read a project of stand-ins; return its data, which may be changed.

    Args:
        patch: ``setattr``, or a test's ``monkeypatch.setattr``.
    """
    data = {
        "champion": Champion("mean-face", "abc", None),
        "test_faces": replace(FACES, labelled=np.zeros_like(FACES.labelled)),
        "lookup": LOOKUP,
        "answer_key": ANSWERS,
        "labelled_faces": FACES,
        "holdout_faces": FACES.select(np.array([2, 0])),
        "leaderboard": pd.DataFrame({"variant": ["mean-face", "other"]}),
        "mean-face.holdout_predictions": np.stack([MEAN, MEAN]),
        "other.holdout_predictions": np.stack([MEAN + 5, MEAN]),
        "label_issues": pd.DataFrame(
            [(2, "whole", 3.0, True, 9.5, "x and y swapped"), (1, "nose_tip", 1.5, True, 7.0, "")],
            columns=["row", "point", "score", "flagged", "distance", "reason"],
        ),
    }
    patch(project_catalog, "load_catalog", lambda project, env: _Catalog(data))
    patch(photo_model, "load_photo_model", lambda catalog, predict: _model(catalog))
    return data


def _model(catalog):
    """Each whole photo is a face; the keypoints' confidence falls from 1 to 0.3."""
    predict = load_parameters(PROJECT / "conf").predict.model_copy(update={"finder": "whole"})
    calibration = Calibration("f", [1.0] * 15, [0.0, 10.0], [1.0, 0.0], 0, 0, None)
    return PhotoModel(catalog.load("champion"), _predict, calibration, MEAN, predict)


def _predict(images):
    points = np.concatenate([MEAN, np.zeros((4, 2))])
    spread = np.minimum(np.arange(19) / 2, 7.0)[:, None]
    return np.tile(np.concatenate([points, spread], axis=1), (len(images), 1, 1))
