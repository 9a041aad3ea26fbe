"""Layers with the weights of Keras' own that train faster on TensorFlow and a CPU.

Both are measured by ``python benchmarks/training_speed.py`` (see benchmarks/README.md). They are
used while training only (``Settings.fast_training``): a finished model is rebuilt from Keras'
layers, so that it loads without this package.

This module imports Keras and is itself imported only inside functions (see ``layers``).
"""

from itertools import product
from typing import Any, Final

import keras
from keras import ops

MATMUL_SIZE: Final = 4
"""Largest height and width at which ``MatmulConv2D`` is faster than Keras' convolution."""


@keras.saving.register_keras_serializable("facial_keypoints")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation over the last axis of (n, h, w, c) in one operation while training.

    Keras' own layer computes moments and arithmetic one by one in float32: on a CPU with bfloat16
    it takes a quarter of a training step of the paper's network, the fused operation a fifth of
    that. The moving variance estimates the population's, n / (n - 1) times that of a batch.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise ``inputs``, as Keras' layer does but for rounding.

        Args:
            inputs: (n, h, w, c).
            training: Whether to use the batch's moments and update the moving ones.
            mask: As Keras' layer.
        """
        if not training or keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

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


@keras.saving.register_keras_serializable("facial_keypoints")
class MatmulConv2D(keras.layers.Conv2D):
    """A 3x3 convolution with ``same`` padding as one product of matrices per kernel element.

    On maps of a few pixels with many channels, such as Table 1's last convolutions (3x3 pixels,
    1,024 channels), a convolution and its gradients take four times as long on a CPU. The products
    leave out the padding: of the 81 pairs of pixels that a 3x3 kernel multiplies on 3x3 pixels, 32
    lie on it.
    """

    def call(self, inputs: Any) -> Any:
        """Convolve ``inputs`` (n, h, w, c), as Keras' layer does but for rounding."""
        _, height, width, channels = inputs.shape
        images = ops.shape(inputs)[0]
        kernels = ops.unstack(ops.reshape(self.kernel, (9, channels, self.filters)))
        products = []
        for kernel, (down, right) in zip(kernels, product((-1, 0, 1), repeat=2), strict=True):
            rows, columns = height - abs(down), width - abs(right)
            if not (rows and columns):  # on a map of one pixel only the middle counts
                continue
            start = (0, max(down, 0), max(right, 0), 0)
            # not by [...]: the gradient of tf.strided_slice is slow
            moved = ops.slice(inputs, start, (images, rows, columns, channels))
            pixels = ops.matmul(ops.reshape(moved, (-1, channels)), kernel)
            pixels = ops.reshape(pixels, (images, rows, columns, self.filters))
            padding = [(max(-down, 0), max(down, 0)), (max(-right, 0), max(right, 0))]
            # added in float32: sums rounded to bfloat16 nine times would be less exact
            products.append(ops.pad(ops.cast(pixels, "float32"), [(0, 0), *padding, (0, 0)]))
        return ops.cast(sum(products), inputs.dtype)
