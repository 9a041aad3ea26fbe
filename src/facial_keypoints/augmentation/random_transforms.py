"""Random transforms of image batches, drawn anew for every batch inside the input pipeline.

Batches are float32 images (b, 96, 96, 1) of grey values from 0 to 255 and keypoints (b, p, 2) in
pixels, NaN where unknown. Every random number follows from a seed and the step, so that a resumed
training sees what it would have seen.

This module imports TensorFlow and is itself imported only inside functions.
"""

from typing import Any, Final

import numpy as np
import tensorflow as tf

from facial_keypoints.augmentation.geometry import (
    to_pixel_centres,
    transform_matrix,
    transform_points,
)
from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.parameters import RandomTransformParameters

_GREY: Final = 255.0
_BINOMIAL: Final = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]).astype(np.float32)
_BLUR: Final = _BINOMIAL[..., None, None] / 256
"""A binomial kernel, close to a normal one with a standard deviation of 1 px."""


class RandomTransforms:
    """Transforms one batch at random.

    Args:
        parameters: The strength of each transform.
        mirror_partners: Position of the keypoint that each keypoint becomes in a mirror, (p,).
        seed: int64 (2,), which decides on every random choice: the training's seed and the step.
        strength: Factor on all extents, and on the fraction of images that are blurred or erased;
            mirroring does not change with it.
    """

    def __init__(
        self,
        parameters: RandomTransformParameters,
        mirror_partners: tuple[int, ...],
        seed: Any,
        strength: Any = 1.0,
    ) -> None:
        self._how = parameters
        self._partners = mirror_partners
        self._seed = seed
        self._draws = 0
        self._strength = strength

    def __call__(
        self, images: tf.Tensor, points: tf.Tensor, weights: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return the transformed batch.

        Args:
            images: float32 (b, 96, 96, 1).
            points: float32 (b, p, 2) in pixels, NaN where unknown.
            weights: float32 (b, p), which stay with their keypoints in a mirror.

        Returns:
            uint8 images (b, 96, 96), points and weights.
        """
        count = tf.shape(images)[0]
        mirrored = self._chance(count, 0.5 if self._how.mirror else 0.0)
        matrices = self.matrices(count, mirrored)
        images, points = warp(images, matrices), transform_points(points, matrices)
        swapped = tf.gather(points, self._partners, axis=1)
        points = tf.where(mirrored[:, None, None], swapped, points)
        weights = tf.where(mirrored[:, None], tf.gather(weights, self._partners, axis=1), weights)
        images = self._photometric(images, count)
        images = tf.round(tf.clip_by_value(images, 0.0, _GREY))
        return tf.cast(images[..., 0], tf.uint8), points, weights

    def matrices(self, count: Any, mirrored: tf.Tensor | bool = False) -> tf.Tensor:
        """Return random transforms (b, 3, 3), see ``geometry.transform_matrix``.

        Args:
            count: b.
            mirrored: bool (b,), or one value for all.
        """
        how = self._how
        scale, aspect = (tf.exp(self._within(count, extent)) for extent in (how.scale, how.aspect))
        growth = how.perspective / (IMAGE_SIZE / 2)
        return transform_matrix(
            tf,
            rotation=self._within(count, np.deg2rad(how.rotation)),
            scale_x=scale * aspect * tf.where(mirrored, -1.0, 1.0),
            scale_y=scale / aspect,
            shear=self._within(count, how.shear),
            shift_x=self._within(count, how.shift),
            shift_y=self._within(count, how.shift),
            perspective_x=self._within(count, growth),
            perspective_y=self._within(count, growth),
        )

    def _photometric(self, images: tf.Tensor, count: Any) -> tf.Tensor:
        how = self._how
        if how.blur:
            chosen = tf.where(self._chance(count, how.blur * self._strength))
            blurred = self._blurred(tf.gather_nd(images, chosen))
            images = tf.tensor_scatter_nd_update(images, chosen, blurred)
        if how.gamma:
            power = tf.exp(self._within(count, how.gamma))
            images = _GREY * tf.maximum(images / _GREY, 1e-3) ** _per_image(power)
        if how.noise:
            deviation = _GREY * self._strength * self._uniform([count], 0.0, how.noise)
            # uniform with a standard deviation of 1: normal numbers take three times as long
            noise = self._uniform(tf.shape(images), -np.sqrt(3), np.sqrt(3))
            images += _per_image(deviation) * noise
        if how.erase:
            chosen = self._chance(count, how.erase * self._strength)
            inside = self._rectangles(count) & _per_image(chosen)
            grey = _per_image(self._uniform([count], 0.0, _GREY))
            images = tf.where(inside, grey, images)
        return images

    def _blurred(self, images: tf.Tensor) -> tf.Tensor:
        count = tf.shape(images)[0]
        once = tf.nn.conv2d(images, _BLUR, 1, "SAME")
        twice = tf.nn.conv2d(once, _BLUR, 1, "SAME")
        blurred = tf.where(_per_image(self._chance(count, 0.5)), twice, once)
        return images + _per_image(self._uniform([count], 0.3, 1.0)) * (blurred - images)

    def _rectangles(self, count: Any) -> tf.Tensor:
        """True inside a random rectangle of each image, (b, 96, 96, 1)."""
        places = tf.range(float(IMAGE_SIZE))[None]
        rows, columns = (
            tf.abs(places - self._uniform([count], 0.0, IMAGE_SIZE)[:, None])
            < self._uniform([count], 5.0, 20.0)[:, None]
            for _ in range(2)
        )
        return (rows[:, :, None] & columns[:, None, :])[..., None]

    def _uniform(self, shape: Any, low: float, high: float) -> tf.Tensor:
        self._draws += 1
        seed = tf.random.experimental.stateless_fold_in(self._seed, self._draws)
        return tf.random.stateless_uniform(shape, seed, low, high)

    def _within(self, count: Any, extent: float) -> tf.Tensor:
        return self._strength * self._uniform([count], -extent, extent)

    def _chance(self, count: Any, probability: Any) -> tf.Tensor:
        return self._uniform([count], 0.0, 1.0) < probability


def warp(images: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """Return transformed images, interpolated bilinearly, the border's pixels repeated outside.

    Args:
        images: float32 (b, 96, 96, 1).
        matrices: float32 (b, 3, 3), see ``geometry.transform_matrix``.
    """
    back = tf.linalg.matrix_transpose(tf.linalg.inv(to_pixel_centres(matrices)))
    back = tf.reshape(back / back[:, 2:, 2:], (-1, 9))[:, :8]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=back,
        output_shape=[IMAGE_SIZE, IMAGE_SIZE],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def _per_image(values: tf.Tensor) -> tf.Tensor:
    """Values (b,) in a shape that broadcasts with images (b, 96, 96, 1)."""
    return values[:, None, None, None]
