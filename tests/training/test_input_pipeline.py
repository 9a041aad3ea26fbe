from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from spots import bright_spots

from facial_keypoints.training.input_pipeline import Samples, make_batches, steps_per_epoch


@pytest.fixture(scope="module")
def faces():
    return bright_spots(50)


def names(samples, first_epoch, steps, **options):
    """The x of the first keypoint of each batch's samples: unique to each."""
    batches = make_batches(samples, 16, first_epoch, **{"seed": 3, **options})
    return [batch[1].numpy()[:, 0, 0] for batch in islice(batches, steps)]


def test_every_sample_occurs_in_each_epoch_in_another_order(faces):
    samples = Samples.from_faces(faces)
    everyone = sorted(faces.keypoints[:, 0, 0])
    batches = names(samples, 0, 8)
    assert all(len(batch) == 16 for batch in batches)
    epochs = [np.concatenate(batches[start : start + 4]) for start in (0, 4)]
    for epoch in epochs:
        assert sorted(epoch[:50]) == everyone
        np.testing.assert_array_equal(epoch[50:], epoch[:14])  # the last batch is filled up
    assert not np.array_equal(epochs[0], epochs[1])


def test_resumed_training_sees_the_order_that_it_would_have_seen(faces):
    samples = Samples.from_faces(faces)
    whole, resumed = names(samples, 0, 12), names(samples, 2, 4)
    np.testing.assert_array_equal(np.concatenate(whole[8:]), np.concatenate(resumed))


def test_order_follows_from_the_seed(faces):
    samples = Samples.from_faces(faces)
    assert not np.array_equal(names(samples, 0, 1), names(samples, 0, 1, seed=4))


def test_unshuffled_samples_come_in_their_own_order(faces):
    batches = names(Samples.from_faces(faces), 0, 4, shuffle=False)
    np.testing.assert_array_equal(np.concatenate(batches)[:50], faces.keypoints[:, 0, 0])


def test_augmentation_receives_the_number_of_the_step(faces):
    def augment(step, images, targets, weights):
        import tensorflow as tf

        assert images.shape[1:] == (96, 96, 1)
        return tf.cast(images[..., 0], tf.uint8), targets * 0 + tf.cast(step, tf.float32), weights

    batches = make_batches(Samples.from_faces(faces), 16, 2, seed=0, augment=augment)
    assert [batch[1].numpy()[0, 0, 0] for batch in islice(batches, 5)] == [8, 9, 10, 11, 12]


def test_unknown_keypoints_and_those_outside_the_image_have_the_weight_0(faces):
    targets = np.full((1, 15, 2), 50, np.float32)
    targets[0, 1] = np.nan
    targets[0, 2] = 10, np.nan
    targets[0, 3] = 97, 50  # within the margin
    targets[0, 4] = 50, 130
    targets[0, 5] = -5, 50
    samples = Samples(faces.images[:1], targets, np.full((1, 15), 0.5, np.float32))
    images, known, weights = next(iter(make_batches(samples, 1, 0, seed=0)))
    assert np.isfinite(known.numpy()).all()
    assert np.flatnonzero(weights.numpy()[0] == 0).tolist() == [1, 2, 4, 5]
    assert set(weights.numpy()[0]) == {0, 0.5}
    assert images.dtype == "uint8"


def test_known_targets_have_no_nan_and_no_weight_where_they_were(faces):
    samples = Samples.from_faces(faces)
    targets, weights = samples.known()
    missing = np.isnan(faces.keypoints).any(axis=2)
    assert missing.any()
    assert np.isfinite(targets).all()
    np.testing.assert_array_equal(weights, np.where(missing, 0, 1))
    assert (targets.dtype, weights.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize(
    ("samples", "batch_size", "steps"), [(50, 16, 4), (48, 16, 3), (5, 16, 1), (1, 1, 1)]
)
def test_steps_of_an_epoch_hold_every_sample(samples, batch_size, steps):
    assert steps_per_epoch(samples, batch_size) == steps


def test_filled_labels_count_as_much_as_asked_for(faces):
    filled = replace(faces, keypoints=np.nan_to_num(faces.keypoints, nan=40))
    _, weights = Samples.from_faces(filled).known()
    assert (weights == 1).all()
    _, weights = Samples.from_faces(filled, filled_label_weight=0).known()
    np.testing.assert_array_equal(weights, faces.labelled)
    assert 0 < weights.mean() < 1
