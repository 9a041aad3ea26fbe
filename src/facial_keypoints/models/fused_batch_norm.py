"""Batch normalisation in one operation while training.

Keras' own layer takes it apart into moments and arithmetic in float32, which slows a net such as
``heatmap_unet`` down that trains in bfloat16.

This module imports TensorFlow and is itself imported only inside functions (see ``registry``).
"""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("facial_keypoints")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' batch normalisation over the last axis of (n, h, w, c), with the same weights."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The same as Keras' but for rounding; the moving variance is of the whole population,
        n / (n - 1) times that of a batch.
        """
        if not training:
            return super().call(inputs, training=training, mask=mask)
        normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(self.gamma, tf.float32),
            offset=tf.cast(self.beta, tf.float32),
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return normalised
