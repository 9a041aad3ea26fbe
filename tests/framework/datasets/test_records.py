"""Typed records."""

from functools import partial

import pytest
from kedro.io import DatasetError

from facial_keypoints.cli import user_message
from facial_keypoints.framework.datasets import (
    RecordDataset,
)
from facial_keypoints.training.session import Session

SessionDataset = partial(RecordDataset, record="facial_keypoints.training.session.Session")


def test_record_is_saved_as_json_and_validated_on_load(tmp_path):
    path = tmp_path / "session.json"
    dataset = SessionDataset(filepath=str(path))
    session = Session(1.5, mlflow_run_ids={"tiny": "abc"})
    dataset.save(session)
    assert dataset.load() == session
    path.write_text('{"started_at": "soon"}')
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    assert "session.json: cannot be read" in user_message(caught.value)


def test_record_is_previewed_in_kedro_viz(tmp_path):
    dataset = SessionDataset(filepath=str(tmp_path / "session.json"))
    dataset.save(Session(1.5))
    assert '"started_at": 1.5' in dataset.preview()
