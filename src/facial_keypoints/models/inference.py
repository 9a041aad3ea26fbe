"""Finding points in pictures faster than by Keras' ``predict``.

This module imports TensorFlow and is itself imported only inside functions (see ``registry``).
"""

from collections.abc import Callable
from typing import Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

_BATCHES: Final = (64, 8, 1)
"""Sizes that a graph is built for, when it is first needed."""


def point_finder(
    model: keras.Model, parts: int = 1
) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """A function from pictures, uint8 (n, 96, 96), to what ``model`` answers, float32 (n, k).

    Many pictures go through in batches of 64; a single one has a graph of its own, and none of
    what ``predict`` sets up for each call.

    Args:
        model: Of one output.
        parts: Into how many parts a batch is split that are worked on at the same time, where it
            can be split evenly.
    """

    def answer(images: tf.Tensor) -> tf.Tensor:
        count = parts if images.shape[0] % parts == 0 else 1
        return tf.concat([model(part, training=False) for part in tf.split(images, count)], 0)

    in_graph = tf.function(answer)

    def find(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        answers = [np.empty((0, *model.output_shape[1:]), np.float32)]
        start = 0
        while start < len(images):
            # the smallest that takes all that is left
            size = next((b for b in reversed(_BATCHES) if b >= len(images) - start), _BATCHES[0])
            batch = images[start : start + size]
            padded = np.resize(batch, (size, *images.shape[1:]))
            answers.append(in_graph(tf.constant(padded)).numpy()[: len(batch)])
            start += size
        return np.concatenate(answers)

    return find
