"""The champion, as submit and predict load it."""

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from trainings import make_record

from facial_keypoints.cli import user_message
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.framework.datasets import (
    ArraysDataset,
    ChampionDataset,
    FaceSetDataset,
    OptionalRecordDataset,
    RecordDataset,
    TrainingDataset,
)
from facial_keypoints.training.records import Training

CHAMPION = "facial_keypoints.evaluation.records.Champion"


class SmallModel:
    def save(self, path):
        path.write_bytes(b"a model")


@pytest.fixture
def paths(tmp_path):
    names = ("holdout_faces", "labelled_faces", "folds", "ensemble_members")
    return {
        "filepath": str(tmp_path / "champion.json"),
        "trainings": {"filepath": str(tmp_path / "models")},
        "label_issues": {"filepath": str(tmp_path / "label_issues.csv")},
        **{name: {"filepath": str(tmp_path / f"{name}.npz")} for name in names},
    }


def select(paths, variant):
    for fingerprint in ("aaaa", "bbbb"):  # the last one is the current training
        history = pd.DataFrame({"epoch": [1, 2], "val_loss": [4.0, 3.5]})
        training = Training(make_record(fingerprint=fingerprint), history, SmallModel)
        TrainingDataset(filepath=f"{paths['trainings']['filepath']}/{variant}").save(training)
    champion = Champion(variant, "aaaa", None)
    RecordDataset(record=CHAMPION, filepath=paths["filepath"]).save(champion)
    return champion


def test_champion_has_the_training_that_was_selected(paths):
    champion = select(paths, "tiny")
    found = ChampionDataset(**paths).load()
    assert found.champion == champion
    assert found.training.fingerprint == "aaaa"


def test_variant_has_not_seen_the_holdout(paths, mixed_faces):
    select(paths, "tiny")
    FaceSetDataset(**paths["holdout_faces"]).save(mixed_faces)
    unseen = ChampionDataset(**paths).load().load_unseen()
    assert len(unseen.faces) == 2  # without the augmented copy
    assert unseen.member.tolist() == [-1, -1]


def test_member_has_not_seen_its_fold(paths, make_faces):
    select(paths, "ensemble")
    faces = make_faces(6)
    FaceSetDataset(**paths["labelled_faces"]).save(faces)
    fold = np.array([0, 1, 2, 0, 1, 2], np.int8)
    ArraysDataset(**paths["folds"]).save({"fold": fold})
    ArraysDataset(**paths["ensemble_members"]).save({"held_out": np.array([2, 0])})
    issue = {"row": 1, "point": "nose_tip", "flagged": True}
    pd.DataFrame([issue]).to_csv(paths["label_issues"]["filepath"], index=False)
    unseen = ChampionDataset(**paths).load().load_unseen()
    assert unseen.faces.group.tolist() == [0, 2, 3, 5]
    assert unseen.member.tolist() == [1, 0, 1, 0]
    assert np.isnan(unseen.faces.keypoints[0, 10]).all()
    assert np.isfinite(unseen.faces.keypoints[1:]).all()


def test_missing_champion_names_the_commands_that_train_one(paths):
    with pytest.raises(DatasetError) as caught:
        ChampionDataset(**paths).load()
    message = user_message(caught.value)
    assert "there is no champion yet" in message
    assert "kedro run --pipeline=compete" in message
    assert "make demo" in message


def test_optional_record_is_none_where_it_is_missing_or_damaged(paths, tmp_path):
    dataset = OptionalRecordDataset(record=CHAMPION, filepath=paths["filepath"])
    assert dataset.load() is None
    champion = select(paths, "tiny")
    assert dataset.load() == champion
    (tmp_path / "champion.json").write_text("{")
    assert dataset.load() is None
