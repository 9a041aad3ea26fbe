"""Finding points in pictures faster than by Keras' ``predict``.

This module imports TensorFlow and is itself imported only inside functions (see ``registry``).
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

_BATCHES: Final = (64, 8, 1)
"""Sizes that a graph is built for, when it is first needed."""


def point_finder(
    model: keras.Model,
) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """A function from pictures, uint8 (n, 96, 96), to what ``model`` answers, float32 (n, k).

    Many pictures go through in batches of 64; a single one has a graph of its own, and none of
    what ``predict`` sets up for each call.
    """
    answer = tf.function(partial(model, training=False))

    def find(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        parts = [np.empty((0, *model.output_shape[1:]), np.float32)]
        start = 0
        while start < len(images):
            # the smallest that takes all that is left
            size = next((b for b in reversed(_BATCHES) if b >= len(images) - start), _BATCHES[0])
            batch = images[start : start + size]
            padded = np.resize(batch, (size, *images.shape[1:]))
            parts.append(answer(tf.constant(padded)).numpy()[: len(batch)])
            start += size
        return np.concatenate(parts)

    return find
