"""Random transforms of each batch, as strong as a training's progress asks for."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from facial_keypoints.parameters import TrainParameters
from facial_keypoints.training.input_pipeline import Augment
from facial_keypoints.training.task import TrainingTask

if TYPE_CHECKING:
    from facial_keypoints.training.progress import Progress

_STRENGTH: Final = ((20.0, 60.0, 200.0), (0.3, 0.8, 1.0))
"""Epochs of a training, and the strength of random transforms at its start: a short one is taken to
gain nothing from faces that differ more than those it predicts."""


def make_augmenter(task: TrainingTask, progress: "Progress") -> Augment | None:
    """Return the random transforms of a training's batches; None where it has none.

    Args:
        task: The training.
        progress: How far it is.
    """
    parameters = task.train.augmentation
    if parameters is None:
        return None
    import tensorflow as tf

    from facial_keypoints.augmentation.random_transforms import RandomTransforms

    initial = task.initial_strength
    if initial is None:
        initial = initial_strength(task.train, task.train.epochs or _STRENGTH[0][-1])
    final = task.train.final_strength

    def strength(step: Any) -> Any:
        start, end = task.span
        if progress.total_steps is not None:
            done = tf.minimum(tf.cast(step, tf.float32) / progress.total_steps, 1.0)
            fraction = start + (end - start) * done
        else:  # read when the batch is made: time is not known beforehand
            by_time = tf.numpy_function(lambda: np.float32(progress.fraction), [], tf.float32)
            fraction = tf.ensure_shape(by_time, ())
        return initial + fraction * (final - initial)

    def augment(step: Any, images: Any, targets: Any, weights: Any) -> tuple[Any, Any, Any]:
        seed = tf.stack([tf.constant(task.train.seed, tf.int64), step])
        apply = RandomTransforms(parameters, task.mirror_partners, seed, strength(step))
        return apply(images, targets, weights)

    return augment


def initial_strength(train: TrainParameters, epochs: float) -> float:
    """Return the strength of random transforms at the start of a training.

    Args:
        train: May fix it.
        epochs: How many there will be.
    """
    if train.initial_strength is not None:
        return train.initial_strength
    return float(np.interp(np.log(max(epochs, 1.0)), np.log(_STRENGTH[0]), _STRENGTH[1]))
