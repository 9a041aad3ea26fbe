"""Training steps of one net at one resolution: many of them in one graph.

Keras' ``fit`` is left aside because the distortions, the average of the weights and several
steps belong in one graph: Python is called once in many steps.

This module imports TensorFlow and is itself imported only inside functions.
"""

from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.models.prediction import point_finder
from facial_keypoints.models.registry import build_model
from facial_keypoints.parameters import RecipeParameters
from facial_keypoints.pipelines.compete.distortions import Distorter
from facial_keypoints.pipelines.compete.points import NUM_HEADS

_MARGIN: Final = 3.0
"""Pixels beyond the border within which a point that was moved out of sight still counts."""


class Stepper:
    """A net, its optimizer, the moving average of its weights, and the graphs that change them.

    Args:
        settings: Of the architecture ``heatmap_unet``.
        recipe: How to train.
        distort: What makes distortions.
        parts: Into how many parts a batch is split that are worked on at the same time; one where
            it cannot be split evenly.

    Attributes:
        model: The net.
        find: A function from pictures, uint8 (n, 96, 96), to its answers, float32 (n, 38).
        do_steps: A function from rows (s, b) and all pictures, labels and shares to the mean loss of
            s steps.
        do_average: A function that lets the averages follow the weights, by the decay to keep.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        recipe: RecipeParameters,
        distort: Distorter,
        parts: int = 1,
    ) -> None:
        self.model = build_model("heatmap_unet", settings)
        self._recipe = recipe
        self._parts = parts if recipe.batch_size % parts == 0 else 1
        self._distort = distort
        self._optimizer = keras.optimizers.AdamW(
            recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self._optimizer.exclude_from_weight_decay(var_names=["gamma", "beta"])
        self._optimizer.build(self.model.trainable_variables)
        self._averages = [tf.Variable(v.value, dtype=tf.float32) for v in self.model.variables]
        pictures = tf.TensorSpec((None, IMAGE_SIZE, IMAGE_SIZE), tf.uint8)
        labels = tf.TensorSpec((None, NUM_HEADS, 2), tf.float32)
        shares = tf.TensorSpec((None, NUM_HEADS), tf.float32)
        # a step is slower where the graph does not know the size of a batch
        rows = tf.TensorSpec((None, recipe.batch_size), tf.int64)
        # not XLA, which made Table 1's network four times slower on a CPU
        self.do_steps = tf.function(self._steps, [rows, pictures, labels, shares])
        self.do_average = tf.function(self._average, [tf.TensorSpec((), tf.float32)])
        self.find = point_finder(self.model, parts)

    def begin(self, seed: int, weights: list[npt.NDArray[np.float32]] | None) -> None:
        """Begin anew, from given weights of a net of any resolution, or from drawn ones."""
        if weights is None:
            keras.utils.set_random_seed(seed)
            weights = keras.models.clone_model(self.model).get_weights()
        _assign_what_fits(self.model.variables, weights)
        _assign_what_fits(self._averages, weights)
        for variable in self._optimizer.variables:
            variable.assign(tf.zeros_like(variable))

    def take_over(self, other: "Stepper") -> None:
        """Go on where a net of another resolution is."""
        theirs = other.changing()
        for part, variables in self.changing().items():
            _assign_what_fits(variables, theirs[part])

    def changing(self) -> dict[str, list[Any]]:
        """All variables that training changes."""
        return {
            "model": self.model.variables,
            "optimizer": self._optimizer.variables,
            "average": self._averages,
        }

    def set_rate(self, rate: float) -> None:
        """The learning rate of the steps that follow."""
        self._optimizer.learning_rate.assign(rate)

    def averaged(self) -> list[npt.NDArray[np.float32]]:
        """The moving averages of the weights, in the order of ``model.get_weights()``."""
        return [average.numpy() for average in self._averages]

    def _steps(
        self, rows: tf.Tensor, images: tf.Tensor, labels: tf.Tensor, shares: tf.Tensor
    ) -> tf.Tensor:
        total = tf.constant(0.0)
        variables = self.model.trainable_variables
        for i in tf.range(tf.shape(rows)[0]):
            # each core has a part of its own: faster than both sharing every operation
            losses, gradients = zip(
                *(
                    self._loss_and_gradients(
                        tf.gather(images, part), tf.gather(labels, part), tf.gather(shares, part)
                    )
                    for part in tf.split(rows[i], self._parts)
                ),
                strict=True,
            )
            means = [tf.add_n(parts) / self._parts for parts in zip(*gradients, strict=True)]
            means, _ = tf.clip_by_global_norm(means, self._recipe.largest_gradient)
            self._optimizer.apply_gradients(zip(means, variables, strict=True))
            total += tf.add_n(losses) / self._parts
        return total / tf.cast(tf.shape(rows)[0], tf.float32)

    def _loss_and_gradients(
        self, images: tf.Tensor, labels: tf.Tensor, shares: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        pictures, places, weights = self._distort(
            tf.cast(images, tf.float32)[..., None], labels, shares
        )
        with tf.GradientTape() as tape:
            found = tf.reshape(self.model(pictures, training=True), (-1, NUM_HEADS, 2))
            loss = smooth_l1(places, found, weights, self._recipe.linear_beyond)
        return loss, tape.gradient(loss, self.model.trainable_variables)

    def _average(self, decay: tf.Tensor) -> None:
        """Let the averages follow the weights: once in several steps, for it takes as long as a
        tenth of a step.
        """
        for average, variable in zip(self._averages, self.model.variables, strict=True):
            average.assign_add((1 - decay) * (tf.cast(variable, tf.float32) - average))


def _assign_what_fits(variables: list[Any], values: list[Any]) -> None:
    """All but where the places of a heat map are, which each resolution has of its own."""
    for variable, value in zip(variables, values, strict=True):
        if variable.shape == value.shape:
            variable.assign(value)


def smooth_l1(
    labels: tf.Tensor, found: tf.Tensor, shares: tf.Tensor, linear_beyond: float
) -> tf.Tensor:
    """Mean over the known points of the smooth L1 loss (Girshick 2015) of x and y.

    Args:
        labels: (b, p, 2) in pixels, NaN where unknown; a point out of sight does not count.
        found: (b, p, 2) in pixels.
        shares: (b, p), how much each label counts.
        linear_beyond: Pixels up to which the loss is a parabola. Beyond, its gradient stays as
            it is: a loss that grows flat for far errors leaves a point stuck that starts far off.
    """
    in_sight = (labels > -_MARGIN) & (labels < IMAGE_SIZE + _MARGIN)  # NaN is neither
    counts = shares * tf.cast(tf.reduce_all(in_sight, axis=-1), tf.float32)
    error = tf.abs(found - tf.where(in_sight, labels, found))
    parabola = 0.5 * tf.square(error) / linear_beyond
    losses = tf.where(error < linear_beyond, parabola, error - 0.5 * linear_beyond)
    total = tf.reduce_sum(tf.reduce_sum(losses, axis=-1) * counts)
    return total / tf.maximum(tf.reduce_sum(counts), 1.0)
