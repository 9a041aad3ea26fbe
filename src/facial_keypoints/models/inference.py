"""Prediction that is faster than Keras' ``predict``.

This module imports TensorFlow and is itself imported only inside functions (see ``registry``).
"""

from collections.abc import Callable
from typing import Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

_BATCHES: Final = (64, 8, 1)
"""Batch sizes for which a graph is built, each when it is first needed."""


def make_predictor(
    model: keras.Model,
) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """Return a function from images, uint8 (n, 96, 96), to the model's outputs, float32 (n, ...).

    Many images go through in batches of 64; a single one has its own graph, and none of
    what ``predict`` sets up for each call (``benchmarks/training_speed.py`` compares both).

    Args:
        model: With one output.
    """
    graph = tf.function(lambda images: model(images, training=False))

    def predict(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        outputs = [np.empty((0, *model.output_shape[1:]), np.float32)]
        start = 0
        while start < len(images):
            # the smallest that takes all that remain
            size = next((b for b in reversed(_BATCHES) if b >= len(images) - start), _BATCHES[0])
            batch = images[start : start + size]
            padded = np.resize(batch, (size, *images.shape[1:]))
            outputs.append(np.asarray(graph(tf.constant(padded)), np.float32)[: len(batch)])
            start += size
        return np.concatenate(outputs)

    return predict
