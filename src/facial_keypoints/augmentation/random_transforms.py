"""Random distortions of faces and their points, made anew in every step and inside its graph.

They run where training runs, so that on a GPU no picture leaves it. Batches are float32 pictures
(b, 96, 96, 1) of grey values from 0 to 255 and points (b, p, 2) in pixels, NaN where unknown.

This module imports TensorFlow and is itself imported only inside functions.
"""

from typing import Any, Final

import numpy as np
import tensorflow as tf

from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.parameters import RandomTransformParameters

_CENTRE: Final = IMAGE_SIZE / 2
_GREY: Final = 255.0
_BLUR: Final = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]).astype(np.float32)[..., None, None] / 256
"""A binomial kernel, close to a normal one of deviation 1 px."""


class RandomTransforms:
    """Distorts batches as its parameters say.

    Args:
        how: The strength of each distortion.
        partners: The position of the point that each point becomes in a mirror, (p,).
        random: Where its choices come from.

    Attributes:
        strength: A factor on all extents, and on the shares of pictures that are blurred or
            covered; mirrors are left as they are.
    """

    def __init__(
        self, how: RandomTransformParameters, partners: tuple[int, ...], random: tf.random.Generator
    ) -> None:
        self._how = how
        self._partners = partners
        self._random = random
        self.strength = tf.Variable(1.0, trainable=False)

    def __call__(
        self, pictures: tf.Tensor, points: tf.Tensor, shares: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The batch distorted, the pictures as uint8 (b, 96, 96); ``shares`` (b, p) are how much
        each point counts, and stay with it in a mirror.
        """
        count = tf.shape(pictures)[0]
        mirrored = self._chance(count, 0.5 if self._how.mirror else 0.0)
        ways = self.homographies(count, mirrored)
        pictures, points = warp(pictures, ways), moved(points, ways)
        swapped = tf.gather(points, self._partners, axis=1)
        points = tf.where(mirrored[:, None, None], swapped, points)
        shares = tf.where(mirrored[:, None], tf.gather(shares, self._partners, axis=1), shares)
        pictures = self._photometric(pictures, count)
        pictures = tf.round(tf.clip_by_value(pictures, 0.0, _GREY))
        return tf.cast(pictures[..., 0], tf.uint8), points, shares

    def homographies(self, count: Any, mirrored: tf.Tensor | bool = False) -> tf.Tensor:
        """Where each place goes, (b, 3, 3), about the centre of the picture in pixels."""
        how = self._how
        angle = np.pi / 180 * self._within(count, how.rotation)
        scale = tf.exp(self._within(count, how.scale))
        aspect = tf.exp(self._within(count, how.aspect))
        cosine, sine, one = tf.cos(angle), tf.sin(angle), tf.ones_like(angle)
        nothing = tf.zeros_like(angle)
        turn = [cosine, -sine, nothing, sine, cosine, nothing, nothing, nothing, one]
        flip = tf.where(mirrored, -1.0, 1.0)
        skew = self._within(count, how.shear)
        form = [
            *(scale * aspect * flip, skew, nothing),
            *(nothing, scale / aspect, nothing),
            *(nothing, nothing, one),
        ]
        place = [
            *(one, nothing, self._within(count, how.shift)),
            *(nothing, one, self._within(count, how.shift)),
            self._within(count, how.perspective / _CENTRE),
            self._within(count, how.perspective / _CENTRE),
            one,
        ]
        return _matrices(place) @ _matrices(turn) @ _matrices(form)

    def _photometric(self, pictures: tf.Tensor, count: Any) -> tf.Tensor:
        how = self._how
        if how.blur:
            chosen = self._chance(count, how.blur * self.strength)
            if tf.config.list_physical_devices("GPU"):
                # a batch of another size each time would be dearer there
                pictures = tf.where(_each(chosen), self._blurred(pictures), pictures)
            else:
                places = tf.where(chosen)
                pictures = tf.tensor_scatter_nd_update(
                    pictures, places, self._blurred(tf.gather_nd(pictures, places))
                )
        if how.gamma:
            power = tf.exp(self._within(count, how.gamma))
            pictures = _GREY * tf.maximum(pictures / _GREY, 1e-3) ** _each(power)
        if how.noise:
            deviation = _GREY * self.strength * self._uniform(count, 0.0, how.noise)
            # uniform of deviation 1: a normal one takes three times as long
            evenly = self._random.uniform(tf.shape(pictures), -np.sqrt(3), np.sqrt(3))
            pictures += _each(deviation) * evenly
        if how.erase:
            chosen = self._chance(count, how.erase * self.strength)
            inside = self._rectangles(count) & _each(chosen)
            pictures = tf.where(inside, _each(self._uniform(count, 0.0, _GREY)), pictures)
        return pictures

    def _blurred(self, pictures: tf.Tensor) -> tf.Tensor:
        count = tf.shape(pictures)[0]
        once = tf.nn.conv2d(pictures, _BLUR, 1, "SAME")
        twice = tf.nn.conv2d(once, _BLUR, 1, "SAME")
        blurred = tf.where(_each(self._chance(count, 0.5)), twice, once)
        return pictures + _each(self._uniform(count, 0.3, 1.0)) * (blurred - pictures)

    def _rectangles(self, count: Any) -> tf.Tensor:
        """True inside a random rectangle of each picture, (b, 96, 96, 1)."""
        places = tf.range(float(IMAGE_SIZE))[None]
        within = []
        for _ in range(2):
            centre = self._uniform(count, 0.0, IMAGE_SIZE)[:, None]
            half = self._uniform(count, 5.0, 20.0)[:, None]
            within.append(tf.abs(places - centre) < half)
        return (within[0][:, :, None] & within[1][:, None, :])[..., None]

    def _uniform(self, count: Any, low: float, high: float) -> tf.Tensor:
        return self._random.uniform([count], low, high)

    def _within(self, count: Any, extent: float) -> tf.Tensor:
        return self.strength * self._uniform(count, -extent, extent)

    def _chance(self, count: Any, probability: float) -> tf.Tensor:
        return self._uniform(count, 0.0, 1.0) < probability


def warp(pictures: tf.Tensor, homographies: tf.Tensor) -> tf.Tensor:
    """Pictures moved, bilinear, with their border repeated where nothing is known.

    Args:
        pictures: float32 (b, 96, 96, 1).
        homographies: float32 (b, 3, 3), from a place to where it goes, both in pixels from the
            picture's centre.
    """
    # pixel i lies at i + 0.5 (see keypoints.py), so the centre is at pixel 47.5
    to_centre = _translation(-(_CENTRE - 0.5))
    from_centre = _translation(_CENTRE - 0.5)
    back = from_centre @ tf.linalg.inv(homographies) @ to_centre
    back = tf.reshape(back / back[:, 2:, 2:], (-1, 9))[:, :8]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=pictures,
        transforms=back,
        output_shape=[IMAGE_SIZE, IMAGE_SIZE],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def moved(points: tf.Tensor, homographies: tf.Tensor) -> tf.Tensor:
    """Where points (b, p, 2) go, in pixels, when their pictures are warped; NaN stays NaN."""
    places = tf.concat([points - _CENTRE, tf.ones_like(points[..., :1])], axis=-1)
    places = tf.linalg.matmul(places, homographies, transpose_b=True)
    return places[..., :2] / places[..., 2:] + _CENTRE


def _translation(by: float) -> tf.Tensor:
    return tf.constant([[1.0, 0.0, by], [0.0, 1.0, by], [0.0, 0.0, 1.0]])


def _matrices(entries: list[tf.Tensor]) -> tf.Tensor:
    return tf.reshape(tf.stack(entries, axis=1), (-1, 3, 3))


def _each(values: tf.Tensor) -> tf.Tensor:
    """One value per picture, to meet (b, 96, 96, 1)."""
    return values[:, None, None, None]
