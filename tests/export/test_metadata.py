import io
import json
import zipfile

import pytest

from facial_keypoints.evaluation.records import Champion
from facial_keypoints.export.metadata import (
    append_metadata,
    appended_metadata,
    as_strings,
    describe_model,
)
from facial_keypoints.keypoints import KEYPOINTS


@pytest.fixture
def metadata():
    champion = Champion("tiny", "abc", None, holdout_rmse=1.5)
    return describe_model(champion, "kaggle", ["keypoints", "confidences"])


def test_metadata_tells_keypoints_convention_licence_and_data(metadata):
    text = as_strings(metadata)
    assert json.loads(text["keypoints"]) == list(KEYPOINTS)
    assert "edge to edge" in text["convention"]
    assert "its rules apply" in text["training_data"]
    assert (text["licence"], text["holdout_rmse"]) == ("MIT", "1.5")
    assert set(json.loads(text["outputs"])) == {"keypoints", "confidences"}


@pytest.mark.parametrize(
    ("source", "rights"), [("synthetic", "no rights of others"), ("archive", "user's archive")]
)
def test_rights_follow_the_source_of_the_data(source, rights):
    described = describe_model(Champion("tiny", "abc", None), source, ["keypoints"])
    assert rights in described.training_data


def test_appended_metadata_leaves_the_file_as_it_is(metadata):
    content = append_metadata(b"TFL3 model", metadata)
    assert content.startswith(b"TFL3 model")
    assert appended_metadata(content)["fingerprint"] == "abc"
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    assert append_metadata(b"TFL3 model", metadata) == content
