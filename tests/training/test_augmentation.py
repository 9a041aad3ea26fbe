import numpy as np
import pytest
from spots import bright_spots, task

from facial_keypoints.parameters import RandomTransformParameters
from facial_keypoints.training.augmentation import initial_strength, make_augmenter


@pytest.fixture(scope="module")
def faces():
    return bright_spots(64)


def test_short_trainings_start_with_weaker_transforms(faces):
    train = task(faces).train
    strengths = [initial_strength(train, epochs) for epochs in (0, 20, 60, 120, 200, 1000)]
    assert strengths[0] == strengths[1] == 0.3
    assert strengths[2] == pytest.approx(0.8)
    assert strengths[4] == strengths[5] == 1.0
    assert strengths == sorted(strengths)
    fixed = train.model_copy(update={"initial_strength": 0.7})
    assert initial_strength(fixed, 20) == 0.7


def test_transforms_weaken_as_training_proceeds(faces):
    """At a final strength of 0 the last batch is as it was, the first is not."""
    import tensorflow as tf

    from facial_keypoints.training.progress import Progress

    augmentation = RandomTransformParameters.none().model_dump() | {"shift": 20.0}
    chosen = task(
        faces, epochs=1, augmentation=augmentation, initial_strength=1.0, final_strength=0.0
    )
    augment = make_augmenter(chosen, Progress(total_steps=10))
    images = tf.constant(faces.images[:8, ..., None], tf.float32)
    points = tf.constant(faces.keypoints[:8])
    weights = tf.ones((8, 15))
    moved = [
        np.nanmax(np.abs(augment(tf.constant(step, tf.int64), images, points, weights)[1] - points))
        for step in (0, 5, 10)
    ]
    assert moved[0] > moved[1] > 5
    assert moved[2] == pytest.approx(0, abs=1e-4)
