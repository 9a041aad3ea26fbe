from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from pydantic import BaseModel

from facial_keypoints.tracking.parameters import (
    log_parameters,
    node_parameters,
    plain_values,
    session_parameters,
)

VARIANT = {
    "name": "tiny",
    "architecture": "conv_stack",
    "train": {"epochs": 2},
    "settings": {"convs": 3, "filters": [32, 32]},
}
INPUTS = {"params:variants.tiny": VARIANT, "params:study": {"reuse": True}, "faces": object()}


class Drawn(BaseModel):
    train_faces: int = 60


class Download(BaseModel):
    archive: Path = Path("a.zip")
    synthetic: Drawn = Drawn()


def test_plain_values_have_dotted_names():
    assert dict(plain_values({"download": Download()})) == {
        "download.archive": "a.zip",
        "download.synthetic.train_faces": "60",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1e-6, "1e-06"),
        ("adam", "adam"),
        (["a"], '["a"]'),
        ({}, "{}"),
    ],
)
def test_plain_values_are_written_as_in_json(value, text):
    assert dict(plain_values({"name": value})) == {"name": text}


def test_session_has_the_sections_that_its_pipeline_uses():
    inputs = ["params:study", "params:variants.tiny", "params:paper", "faces", "params:split"]
    assert list(session_parameters(inputs, lambda name: name)) == ["split", "study", "train"]


def test_session_without_variants_has_no_training_parameters():
    assert session_parameters(["params:upload"], lambda name: name) == {"upload": "params:upload"}


def test_node_without_namespace_adds_no_parameters():
    assert node_parameters({"params:seed": 1, "faces": object()}, None) == {}


def test_node_of_a_variant_adds_its_settings_by_their_own_names():
    expected = {"convs": 3, "architecture": "conv_stack", "train": {"epochs": 2}}
    assert node_parameters(INPUTS, "tiny") == expected


def test_node_of_the_ensemble_adds_the_competitions_parameters():
    competition = {"minutes": 5, "train": {"epochs": 9}}
    found = node_parameters({"params:competition": competition}, "ensemble")
    assert found == {"train": {"epochs": 9}, "competition": {"minutes": 5}}


def test_log_parameters_takes_more_than_mlflow_takes_at_once(new_run):
    run_id = new_run()
    log_parameters(run_id, {"0": "first"})
    log_parameters(run_id, {str(number): number for number in range(150)})
    logged = MlflowClient().get_run(run_id).data.params
    assert len(logged) == 150
    assert logged["0"] == "first"
