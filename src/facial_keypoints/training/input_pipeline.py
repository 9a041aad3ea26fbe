"""Training samples, and the input pipeline that feeds them to Keras' ``fit``.

This module imports TensorFlow inside functions only: its data pipelines feed any Keras backend.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import IMAGE_SIZE

if TYPE_CHECKING:
    import tensorflow as tf

_MARGIN: Final = 3.0
"""Pixels outside the image up to which a keypoint that a transform moved out still counts."""


@dataclass(frozen=True)
class Samples:
    """What a model is trained or validated on.

    Attributes:
        images: uint8 (n, 96, 96); of a large set, mapped into memory (see ``image_arrays``).
        targets: float32 (n, p, 2) in pixels, NaN where unknown.
        weights: float32 (n, p), how much each keypoint counts in the loss.
    """

    images: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.images)

    @staticmethod
    def from_faces(faces: FaceSet, filled_label_weight: float = 1.0) -> "Samples":
        """Return the faces with all 15 keypoints.

        Args:
            faces: The faces.
            filled_label_weight: How much a label counts that no person placed; others count 1.
        """
        weights = np.where(faces.labelled, 1.0, filled_label_weight).astype(np.float32)
        return Samples(faces.images, faces.keypoints, weights)

    def digest(self) -> str:
        """Return sixteen hexadecimal digits that identify the content."""
        content = hashlib.sha256()
        for array in (self.images, self.targets, self.weights):
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()[:16]

    def known(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return targets without NaN, and weights that are 0 where a target is unknown."""
        known = np.asarray(np.isfinite(self.targets).all(axis=2))
        targets = np.where(known[..., None], self.targets, 0)
        return targets.astype(np.float32), np.where(known, self.weights, 0).astype(np.float32)


Augment = Callable[[Any, Any, Any, Any], tuple[Any, Any, Any]]
"""From the step (int64), float32 images (b, 96, 96, 1), targets and weights to uint8 images
(b, 96, 96), targets and weights."""


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Return the number of batches in which every sample occurs.

    Args:
        samples: Number of samples.
        batch_size: Samples per batch.
    """
    return -(-samples // min(batch_size, samples))


def make_batches(
    samples: Samples,
    batch_size: int,
    first_epoch: int,
    *,
    seed: int,
    shuffle: bool = True,
    augment: Augment | None = None,
) -> "tf.data.Dataset":
    """Return batches (images, targets, weights) of epoch after epoch, without end.

    The order within an epoch follows from the seed and the epoch's number alone, so that a resumed
    training sees what it would have seen; Keras' own shuffling starts anew with each ``fit``. The
    last batch of an epoch is filled up with the epoch's first samples: batches of one size train
    faster.

    Args:
        samples: What to train on.
        batch_size: Samples per batch, at most as many as there are.
        first_epoch: Epoch to start at, from 0.
        seed: Of the order.
        shuffle: Draw the order anew in every epoch; otherwise samples come in their own order.
        augment: Transforms each batch.
    """
    import tensorflow as tf

    count, batch_size = len(samples), min(batch_size, len(samples))
    steps = steps_per_epoch(count, batch_size)

    def order(epoch: "tf.Tensor") -> "tf.data.Dataset":
        rows = tf.range(count)
        if shuffle:
            rows = tf.random.experimental.stateless_shuffle(
                rows, tf.stack([tf.constant(seed, tf.int64), epoch])
            )
        rows = tf.concat([rows, rows[: steps * batch_size - count]], 0)
        return tf.data.Dataset.from_tensor_slices(tf.reshape(rows, (steps, batch_size)))

    def load(step: "tf.Tensor", rows: "tf.Tensor") -> tuple[Any, Any, Any]:
        batch = _gather(samples, rows, batch_size)
        if augment is not None:
            batch = augment(step, tf.cast(batch[0], tf.float32)[..., None], *batch[1:])
        return _without_unknown(*batch)

    return (
        tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
        .flat_map(order)
        .enumerate(first_epoch * steps)
        .map(load, num_parallel_calls=2, deterministic=True)
        .prefetch(2)
    )


def validation_batches(samples: Samples, batch_size: int) -> "tf.data.Dataset":
    """Return batches (images, targets, weights) of all samples, once and in their own order.

    Args:
        samples: What to validate on.
        batch_size: Samples per batch; the last one may have fewer.
    """
    import tensorflow as tf

    known = Samples(samples.images, *samples.known())
    return (
        tf.data.Dataset.range(len(samples))
        .batch(batch_size)
        .map(lambda rows: _gather(known, rows, None), num_parallel_calls=2, deterministic=True)
        .prefetch(2)
    )


def _gather(samples: Samples, rows: Any, batch_size: int | None) -> tuple[Any, Any, Any]:
    """Take rows from NumPy's arrays, so that TensorFlow holds no copy of all samples."""
    import tensorflow as tf

    arrays: tuple[npt.NDArray[Any], ...] = samples.images, samples.targets, samples.weights
    batch = tf.numpy_function(
        lambda rows: tuple(array[rows] for array in arrays),
        [rows],
        [tf.as_dtype(array.dtype) for array in arrays],
    )
    images, targets, weights = (
        tf.ensure_shape(part, (batch_size, *array.shape[1:]))
        for part, array in zip(batch, arrays, strict=True)
    )
    return images, targets, weights


def _without_unknown(images: Any, targets: Any, weights: Any) -> tuple[Any, Any, Any]:
    """Give unknown keypoints, and those outside the image, the weight 0."""
    import tensorflow as tf

    inside = (targets > -_MARGIN) & (targets < IMAGE_SIZE + _MARGIN)  # NaN is neither
    known = tf.reduce_all(inside, axis=-1)
    targets = tf.where(known[..., None], targets, 0.0)
    return images, targets, tf.where(known, weights, 0.0)
