"""Arrays, tables and sets of faces."""

from base64 import b64decode
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from facial_keypoints import image_arrays
from facial_keypoints.framework.datasets import (
    ArrayDataset,
    AtomicCSVDataset,
    FaceSetDataset,
)


def contents(folder):
    """Return every file below ``folder`` with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.suffix not in {".lock", ".sha256"}
    }


def test_faces_load_as_they_were_saved(tmp_path, make_faces):
    faces = make_faces(5, of_b=2)
    dataset = FaceSetDataset(filepath=str(tmp_path / "faces.npz"))
    assert not dataset.exists()
    dataset.save(faces)
    loaded = dataset.load()
    for name, array in faces.arrays().items():
        np.testing.assert_array_equal(getattr(loaded, name), array)
        assert getattr(loaded, name).dtype == array.dtype


def test_faces_load_as_they_were_saved_on_a_remote_file_system(make_faces):
    dataset = FaceSetDataset(filepath=f"memory://host/{uuid4().hex}/faces.npz")
    dataset.save(make_faces(3))
    dataset.save(make_faces(2))
    assert len(dataset.load()) == 2
    folder = str(dataset._filepath.parent)
    assert dataset._fs.ls(folder, detail=False) == [str(dataset._filepath)]


@pytest.fixture
def large_faces(tmp_path, make_faces, monkeypatch):
    """Return the dataset of faces that are too large for memory."""
    monkeypatch.setattr(image_arrays, "MAX_IN_MEMORY", 9216)
    dataset = FaceSetDataset(filepath=str(tmp_path / "faces.npz"))
    dataset.save(make_faces(5, of_b=2))
    return dataset


def test_images_of_large_sets_are_mapped_into_memory(large_faces, make_faces):
    loaded = large_faces.load()
    assert isinstance(loaded.images.base.base, memoryview)
    assert not loaded.images.flags.writeable
    for name, array in make_faces(5, of_b=2).arrays().items():
        np.testing.assert_array_equal(getattr(loaded, name), array)
        assert getattr(loaded, name).dtype == array.dtype


def test_mapped_images_stay_those_of_the_file_that_was_loaded(large_faces, make_faces):
    loaded = large_faces.load()
    large_faces.save(make_faces(5, seed=1))
    np.testing.assert_array_equal(loaded.images, make_faces(5, of_b=2).images)


def test_compressed_images_of_large_sets_are_read_whole(large_faces, make_faces):
    faces = make_faces(5, of_b=2)
    np.savez_compressed(str(large_faces.path), **faces.arrays())
    np.testing.assert_array_equal(large_faces.load().images, faces.images)


@pytest.mark.parametrize("at", [9216, -9000])
def test_changed_images_of_large_sets_are_refused(large_faces, at):
    path = Path(large_faces.path)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="cannot be read"):
        large_faces.load()


def test_objects_in_place_of_large_images_are_not_loaded(large_faces):
    trap = np.array([{"code": 1}] * 5000, dtype=object)
    np.savez(str(large_faces.path), images=trap)
    with pytest.raises(DatasetError, match="cannot be read"):
        large_faces.load()


def test_arrays_and_tables_load_as_they_were_saved(tmp_path):
    array = ArrayDataset(filepath=str(tmp_path / "a.npy"))
    array.save(np.arange(6, dtype=np.float32).reshape(3, 2))
    loaded = array.load()
    assert loaded.dtype == np.float32
    assert loaded.tolist() == [[0, 1], [2, 3], [4, 5]]
    table = AtomicCSVDataset(filepath=str(tmp_path / "a.csv"), save_args={"index": False})
    table.save(pd.DataFrame({"RowId": [2, 1], "Location": [0.5, 96.0]}))
    assert table.load().to_dict("list") == {"RowId": [2, 1], "Location": [0.5, 96.0]}
    assert sorted(contents(tmp_path)) == ["a.csv", "a.npy"]


@pytest.mark.fault(
    "Models",
    "Code in a model or an array: pickles, Lambda layers, imports, file names that lead outside",
    "refused with the file's name; the code does not run",
)
def test_pickled_objects_are_neither_saved_nor_loaded(tmp_path):
    trap = np.array([{"code": 1}], dtype=object)
    np.save(tmp_path / "trap.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "trap.npz", images=trap)
    for dataset in (
        ArrayDataset(filepath=str(tmp_path / "trap.npy")),
        FaceSetDataset(filepath=str(tmp_path / "trap.npz")),
    ):
        with pytest.raises(DatasetError, match="allow_pickle=False"):
            dataset.load()
    with pytest.raises(DatasetError, match="Object arrays cannot be saved"):
        ArrayDataset(filepath=str(tmp_path / "new.npy")).save(trap)


def test_faces_are_previewed_in_kedro_viz(tmp_path, make_faces):
    dataset = FaceSetDataset(filepath=str(tmp_path / "faces.npz"))
    dataset.save(make_faces(3))
    assert b64decode(dataset.preview(nfaces=2)).startswith(b"\x89PNG")
