import json
from pathlib import Path

import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from facial_keypoints.evaluation.records import SetMetrics, VariantMetrics
from facial_keypoints.models.complexity import NetworkSize
from facial_keypoints.tracking.trainings import log_keypoint_errors, log_training
from facial_keypoints.training.records import Training, TrainingRecord

SIZE = NetworkSize(3, 2, 1, [3, 3, 6], parameters=104_028, multiply_adds=1_472_256)
SETTINGS = {"convs": 3, "filters": [32], "dropout": 0.1}
RECORD = TrainingRecord(
    *(
        "tiny",
        "conv_stack",
        SETTINGS,
        "abc",
        {},
        "float32",
        191,
        2.0,
        6,
        1,
        "all epochs",
        [],
        0.5,
        90.0,
    ),
    mlflow_run_id="earlier",
    size=SIZE,
)
HISTORY = pd.DataFrame({"epoch": [1, 2], "loss": [9.0, 8.0]})


def data_of(run_id):
    return MlflowClient().get_run(run_id).data


def test_training_is_logged_with_hyperparameters_and_figures(new_run):
    run_id = new_run()
    log_training(run_id, Training(RECORD, HISTORY, lambda: None, reused=True))
    data = data_of(run_id)
    assert data.params == {
        "architecture": "conv_stack",
        "precision": "float32",
        "samples": "191",
        "convs": "3",
        "pools": "2",
        "dense": "1",
        "dropout": "0.1",
    }
    assert data.metrics == pytest.approx(
        {
            "epochs": 2,
            "minutes": 0.5,
            "best_epoch": 1,
            "images_per_second": 90,
            "parameters": 104_028,
            "multiply_adds": 1_472_256,
            "loss": 8.0,
        }
    )
    expected = {"ended_by": "all epochs", "reused_from": "earlier", "filters": "[3, 3, 6]"}
    assert expected.items() <= data.tags.items()


def test_errors_per_keypoint_are_a_table(new_run, tmp_path):
    def on_set(value):
        return SetMetrics(1, 1, *[1.0] * 8, {"nose_tip": value})

    run_id = new_run()
    log_keypoint_errors(run_id, VariantMetrics(on_set(1.0), on_set(2.0), None))
    path = MlflowClient().download_artifacts(run_id, "rmse_per_keypoint.json", str(tmp_path))
    assert json.loads(Path(path).read_text()) == {
        "columns": ["keypoint", "validation", "holdout"],
        "data": [["nose_tip", 1.0, 2.0]],
    }
    assert data_of(run_id).metrics == {}
