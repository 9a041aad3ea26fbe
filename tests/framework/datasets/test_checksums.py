"""Files that are changed between two stages."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.framework.project import pipelines
from kedro.io import DatasetError

from facial_keypoints.cli import user_message
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.framework import datasets
from facial_keypoints.framework.datasets import ArrayDataset, AtomicCSVDataset, RecordDataset
from facial_keypoints.framework.datasets.checksums import ChecksumFile, checksum

ChampionDataset = partial(RecordDataset, record="facial_keypoints.evaluation.records.Champion")
CSVDataset = partial(AtomicCSVDataset, save_args={"index": False})

CHAMPION = Champion("tiny-2cl", "0f0f", "abc", validation_rmse=1.5)
LOOKUP = pd.DataFrame(
    {"RowId": [1, 2], "ImageId": [7, 7], "FeatureName": ["nose_tip_x", "nose_tip_y"]}
)
POINTS = np.linspace(0, 96, 60, dtype=np.float32).reshape(2, 15, 2)


@pytest.fixture
def champion(tmp_path: Path):
    dataset = ChampionDataset(filepath=str(tmp_path / "champion.json"))
    dataset.save(CHAMPION)
    return dataset


@pytest.fixture
def lookup(tmp_path: Path):
    dataset = CSVDataset(filepath=str(tmp_path / "lookup.csv"))
    dataset.save(LOOKUP)
    return dataset


@pytest.fixture
def predictions(tmp_path: Path):
    dataset = ArrayDataset(filepath=str(tmp_path / "test_predictions.npy"))
    dataset.save(POINTS)
    return dataset


CHANGED = pytest.mark.fault(
    "Stale results",
    "a result, table or record is changed between two stages",
    "reported, with the command that writes it again",
)


def refusal(dataset) -> str:
    pipelines.configure("facial_keypoints.pipeline_registry")
    with pytest.raises(DatasetError) as caught:  # Kedro wraps what a dataset raises
        dataset.load()
    return str(user_message(caught.value))


@CHANGED
@pytest.mark.parametrize(
    "change",
    [{"variant": "tiny-3cl"}, {"mlflow_run_id": "def"}, {"validation_rmse": 0.5}],
    ids=str,
)
def test_raises_input_error_for_a_changed_record(tmp_path, champion, change):
    path = tmp_path / "champion.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    message = refusal(champion)
    assert message.startswith(f"{path}: was changed after the run that wrote it")
    assert "kedro run --pipeline=evaluate, with the same --env and --params" in message
    assert "--pipeline=compete where that wrote it" in message


@CHANGED
@pytest.mark.parametrize(
    "change",
    [
        lambda points: points * 96,
        lambda points: points[:1],
        lambda points: points.reshape(2, 30),
        lambda points: np.where(points > 90, np.nan, points),
        lambda points: points[::-1],
    ],
    ids=["scaled", "shorter", "flat", "with NaN", "in another order"],
)
def test_raises_input_error_for_changed_predictions(tmp_path, predictions, change):
    np.save(tmp_path / "test_predictions.npy", change(POINTS))
    assert "kedro run --pipeline=evaluate" in refusal(predictions)


@CHANGED
@pytest.mark.parametrize(
    "text",
    [
        "RowId,ImageId,FeatureName\n1,7,nose_tip_x\n",
        "RowId,ImageId,FeatureName\n1,7,nose_tip_x\n2,8,nose_tip_y\n",
        ",RowId,ImageId,FeatureName\n0,1,7,nose_tip_x\n1,2,7,nose_tip_y\n",
        "RowId;ImageId;FeatureName\n1;7;nose_tip_x\n2;7;nose_tip_y\n",
    ],
    ids=["a row less", "another image", "with an index", "semicolons"],
)
def test_raises_input_error_for_a_changed_table(tmp_path, lookup, text):
    (tmp_path / "lookup.csv").write_text(text)
    assert "kedro run --pipeline=clean" in refusal(lookup)


@pytest.mark.parametrize(
    "text",
    [
        "RowId,ImageId,FeatureName\r\n1,7,nose_tip_x\r\n2,7,nose_tip_y\r\n",
        "\ufeffRowId,ImageId,FeatureName\n1,7,nose_tip_x\n2,7,nose_tip_y\n",
        '"RowId","ImageId","FeatureName"\n"1","7","nose_tip_x"\n2,7,nose_tip_y\n',
        "ImageId,RowId,FeatureName\n7,1.0,nose_tip_x\n7,2.0,nose_tip_y\n",
    ],
    ids=["line ends", "byte order mark", "quotes", "columns and numbers"],
)
def test_table_with_the_same_values_is_read(tmp_path, lookup, text):
    (tmp_path / "lookup.csv").write_text(text, encoding="utf-8")
    loaded = lookup.load()[[*LOOKUP]]
    assert loaded.to_numpy().tolist() == LOOKUP.to_numpy().tolist()


def test_predictions_in_another_number_format_are_read(tmp_path, predictions):
    np.save(tmp_path / "test_predictions.npy", POINTS.astype(np.float64))
    np.testing.assert_array_equal(predictions.load(), POINTS)


def test_record_in_another_layout_is_read(tmp_path, champion):
    path = tmp_path / "champion.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert champion.load() == CHAMPION


def test_file_without_a_checksum_is_read(tmp_path, champion):
    (tmp_path / ".champion.json.sha256").unlink()
    (tmp_path / "champion.json").write_text(
        '{"variant": "b", "fingerprint": "", "mlflow_run_id": null}'
    )
    assert champion.load().variant == "b"


def test_saving_again_replaces_the_checksum(champion):
    other = Champion("tiny-3cl", "abab", None)
    champion.save(other)
    assert champion.load() == other


@pytest.mark.parametrize("moved", [True, False])
def test_killed_while_saving_leaves_a_file_that_is_read(champion, monkeypatch, moved):
    move = datasets.atomic.os.replace

    def killed(*paths):
        if moved:
            move(*paths)
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets.atomic.os, "replace", killed)
    other = Champion("tiny-3cl", "abab", None)
    with pytest.raises(KeyboardInterrupt):
        champion.save(other)
    assert champion.load() == (other if moved else CHAMPION)


def test_checksum_file_of_another_file_does_not_agree(tmp_path, champion):
    file = ChecksumFile(champion._fs, champion.path)
    assert file.agrees(checksum(CHAMPION))
    assert not file.agrees(checksum(Champion("a", "b", None)))


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": [0.1 + 0.2, np.nan], "b": [True, False], "c": ["x", None]}),
        pd.DataFrame({"a": [1, 2**40], "b": ["1", "007"]}),
        pd.DataFrame({"a": pd.Series(dtype=int), "b": pd.Series(dtype=str)}),
    ],
    ids=["floats", "texts like numbers", "no rows"],
)
def test_table_is_read_as_it_was_saved(tmp_path, table):
    dataset = CSVDataset(filepath=str(tmp_path / "a.csv"))
    dataset.save(table)
    assert len(dataset.load()) == len(table)


@pytest.mark.parametrize(
    "reader", [None, "facial_keypoints.archive.submission.read_submission"], ids=["pandas", "own"]
)
def test_first_rows_are_previewed_in_kedro_viz(tmp_path, reader):
    dataset = CSVDataset(filepath=str(tmp_path / "submission.csv"), reader=reader)
    dataset.save(pd.DataFrame({"RowId": [1, 2, 3], "Location": [9.5, 8.5, 7.5]}))
    assert dataset.preview(nrows=2)["data"] == [[1, 9.5], [2, 8.5]]
    assert len(dataset.load()) == 3


def test_submission_is_read_strictly(tmp_path):
    dataset = CSVDataset(
        filepath=str(tmp_path / "submission.csv"),
        reader="facial_keypoints.archive.submission.read_submission",
    )
    (tmp_path / "submission.csv").write_text("RowId,Location\n1,x\n")
    message = refusal(dataset)
    assert message.startswith(f"{tmp_path}/submission.csv, row 1: Location is 'x'")
    assert "kedro run --pipeline=submit, with the same --env" in message
