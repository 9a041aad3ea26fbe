"""Sets of images that are too large for memory, with a limit of a megabyte."""

import mmap
import tempfile
import tracemalloc
from contextlib import contextmanager, nullcontext
from itertools import islice

import numpy as np
import pytest
from limits import largest_file
from parameters import section
from spots import bright_spots

from facial_keypoints import image_arrays
from facial_keypoints.augmentation import offline
from facial_keypoints.augmentation.offline import augment
from facial_keypoints.errors import StorageError
from facial_keypoints.framework.datasets import FaceSetDataset
from facial_keypoints.image_arrays import gather_images, image_blocks, image_hashes, select_images
from facial_keypoints.parameters import AugmentParameters, SplitParameters
from facial_keypoints.pipelines.split.nodes import split_faces
from facial_keypoints.training.input_pipeline import Samples, make_batches, validation_batches
from facial_keypoints.training.study_plan import StudyPlan

LIMIT = 2**20


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(image_arrays, "MAX_IN_MEMORY", LIMIT)
    monkeypatch.setattr(image_arrays, "_BLOCK", 16)


def random_images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 96, 96), np.uint8)


def is_mapped(images):
    while isinstance(images, np.ndarray):
        images = images.base
    return isinstance(images, memoryview) and isinstance(images.obj, mmap.mmap)


@pytest.mark.parametrize("count", [0, 1, 113, 114, 500])
def test_gathered_images_are_mapped_beyond_the_limit(small_limit, count):
    images = random_images(count)
    gathered = gather_images(image_blocks(images))
    np.testing.assert_array_equal(gathered, images)
    assert (gathered.dtype, gathered.shape) == (images.dtype, images.shape)
    assert is_mapped(gathered) == (count * 96 * 96 > LIMIT)


@pytest.mark.parametrize(
    "index", [np.array([7, 3, 299, 3]), np.arange(300) % 3 < 2, np.arange(300), slice(5, 300, 7)]
)
def test_selected_images_are_those_of_numpy(small_limit, index):
    images = gather_images(image_blocks(random_images(300)))
    selected = select_images(images, index)
    np.testing.assert_array_equal(selected, random_images(300)[index])


def test_hashes_are_equal_where_images_are():
    images = random_images(3)[[0, 1, 2, 1]]
    hashes = image_hashes(images)
    assert hashes[1] == hashes[3]
    assert len(set(hashes)) == 3


def test_full_folder_of_temporary_files_is_reported(small_limit, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    images = random_images(300)
    with largest_file(2000), pytest.raises(StorageError) as caught:
        gather_images(image_blocks(images))
    assert str(caught.value) == (
        f"{tmp_path}: too little space for temporary files of images (File too large); free some, "
        "or set TMPDIR to a folder on a larger disk"
    )


def test_errors_of_the_source_are_not_taken_for_a_full_disk(small_limit):
    def blocks():
        yield random_images(200)
        raise OSError("the source")

    with pytest.raises(OSError, match="the source"):
        gather_images(blocks())


@contextmanager
def at_most(megabytes):
    """Check the most memory that is allocated at a time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()


def dataset_of(path, faces):
    dataset = FaceSetDataset(filepath=str(path))
    dataset.save(faces)
    return dataset


def test_augmenting_a_large_set_holds_no_copy_of_its_images(small_limit, tmp_path, monkeypatch):
    monkeypatch.setattr(offline, "_CHUNK", 16)
    stored = dataset_of(tmp_path / "faces.npz", bright_spots(1000))
    recipe = section(AugmentParameters, of="all", brightness=[], rotations=[12], shifts=[])
    expected, _ = augment(bright_spots(1000), recipe)
    with at_most(9):  # of 37 MB
        augmented, _ = augment(stored.load(), recipe)
    assert augmented.digest() == expected.digest()


def test_splitting_a_large_set_holds_no_copy_of_its_images(small_limit, tmp_path):
    faces, plan = bright_spots(1000), StudyPlan(1.0)
    stored = dataset_of(tmp_path / "faces.npz", faces)
    *_, expected = split_faces(faces, section(SplitParameters), plan)
    with at_most(5):  # of 9 MB
        *_, summary = split_faces(stored.load(), section(SplitParameters), plan)
    assert summary == expected


def test_batches_of_a_large_set_hold_no_copy_of_its_images(small_limit, tmp_path):
    stored = dataset_of(tmp_path / "faces.npz", bright_spots(1000))
    samples = Samples.from_faces(stored.load())
    for batch_size in (8, 16):  # the first time, TensorFlow imports what it needs
        with at_most(4) if batch_size == 16 else nullcontext():  # of 9 MB
            batches = make_batches(samples, batch_size, 0, seed=0)
            images = [batch[0].numpy() for batch in islice(batches, 4)]
            validated = validation_batches(samples, batch_size)
            images += [batch[0].numpy() for batch in islice(validated, 4)]
    found = image_hashes(np.concatenate(images))
    assert found[64:] == image_hashes(samples.images[:64])
    assert set(found[:64]) <= set(image_hashes(samples.images))
