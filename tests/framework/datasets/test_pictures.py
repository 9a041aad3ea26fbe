import numpy as np
import pytest
from kedro.io import DatasetError

from facial_keypoints.cli import user_message
from facial_keypoints.errors import InputError
from facial_keypoints.framework.datasets import PictureFolderDataset

RED = np.full((20, 30, 3), (200, 10, 10), np.uint8)


def test_pictures_and_functions_are_written_and_read(tmp_path):
    dataset = PictureFolderDataset(filepath=str(tmp_path / "out"))
    dataset.save({"a.png": RED, "sub/b.jpg": lambda: RED})
    found = dataset.load()
    assert sorted(found) == ["a.png", "sub/b.jpg"]
    np.testing.assert_array_equal(found["a.png"](), RED)
    np.testing.assert_allclose(found["sub/b.jpg"](), RED, atol=8)


def test_later_save_replaces_the_folder(tmp_path):
    dataset = PictureFolderDataset(filepath=str(tmp_path / "out"))
    dataset.save({"a.png": RED})
    dataset.save({"b.png": RED})
    assert list(dataset.load()) == ["b.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_failed_save_keeps_the_earlier_folder(tmp_path):
    dataset = PictureFolderDataset(filepath=str(tmp_path / "out"))
    dataset.save({"a.png": RED})

    def bug():
        raise ValueError("a bug")

    with pytest.raises(DatasetError):
        dataset.save({"b.png": bug})
    assert list(dataset.load()) == ["a.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_picture_that_cannot_be_made_is_left_out(tmp_path, caplog):
    def gone():
        raise InputError("was deleted")

    dataset = PictureFolderDataset(filepath=str(tmp_path / "out"))
    dataset.save({"a.png": gone, "b.png": RED})
    assert list(dataset.load()) == ["b.png"]
    assert "a.png is not drawn: was deleted" in caplog.text


def test_missing_folder_is_an_input_error(tmp_path):
    with pytest.raises(DatasetError) as caught:
        PictureFolderDataset(filepath=str(tmp_path / "out")).load()
    assert "folder not found" in user_message(caught.value)
