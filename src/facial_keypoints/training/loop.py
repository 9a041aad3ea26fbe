"""The training loop: many steps in one graph, by the clock.

Keras' ``fit`` is left aside because the distortions, the average of the weights and several
steps belong in one graph: Python is called once in many steps.

This module imports TensorFlow and is itself imported only inside functions.
"""

import math
from collections.abc import Iterator
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from facial_keypoints.augmentation.random_transforms import RandomTransforms, moved, warp
from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.models.heads import NUM_HEADS, PARTNERS, Points, mirrored_back
from facial_keypoints.models.inference import point_finder
from facial_keypoints.models.registry import build_model
from facial_keypoints.parameters import RandomTransformParameters, RecipeParameters

_MARGIN: Final = 3.0
"""Pixels beyond the border within which a point that was moved out of sight still counts."""
_VIEWS: Final = RandomTransformParameters.none().model_copy(
    update={"rotation": 9.0, "scale": 0.06, "shift": 2.0}
)
"""How the views of a picture differ whose answers are averaged."""


class Fit:
    """One net in training. Its graph outlives the training, so that another one of the same
    settings and recipe need not build it again.

    Args:
        settings: Of the architecture ``heatmap_unet``.
        recipe: How to train.
        parts: Into how many parts a batch is split that are worked on at the same time; one where
            it cannot be split evenly.
    """

    def __init__(self, settings: dict[str, Any], recipe: RecipeParameters, parts: int = 1) -> None:
        settings = {**settings, "points": NUM_HEADS, "norm": "fused"}
        self.model = build_model("heatmap_unet", settings)
        self._recipe = recipe
        self._parts = parts if recipe.batch_size % parts == 0 else 1
        self._random = tf.random.Generator.from_seed(0)
        self._distort = RandomTransforms(recipe.distortions, PARTNERS, self._random)
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
        self._steps = tf.function(self._do_steps, [rows, pictures, labels, shares])
        self._average = tf.function(self._do_average, [tf.TensorSpec((), tf.float32)])
        self._find = point_finder(self.model, parts)

    def begin(
        self,
        images: npt.NDArray[np.uint8],
        labels: Points,
        shares: npt.NDArray[np.float32],
        seed: int,
        weights: list[npt.NDArray[np.float32]] | None = None,
    ) -> None:
        """Begin a training.

        Args:
            images: uint8 (n, 96, 96).
            labels: float32 (n, 19, 2) in pixels, NaN where unknown (see ``points.spread``).
            shares: float32 (n, 19), how much each label counts.
            seed: Of weights, order and distortions.
            weights: To begin with; None draws them.
        """
        if weights is None:
            keras.utils.set_random_seed(seed)
            weights = keras.models.clone_model(self.model).get_weights()
        self.model.set_weights(weights)
        for average, value in zip(self._averages, weights, strict=True):
            average.assign(value)
        for variable in self._optimizer.variables:
            variable.assign(tf.zeros_like(variable))
        self._random.reset_from_seed(seed)
        self._images, self._labels = tf.constant(images), tf.constant(labels)
        self._shares = tf.constant(shares)
        self._order = rows_in_order(len(images), self._recipe.batch_size, seed)
        self.steps = 0

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """All that training changes, by name."""
        return {name: variable.numpy() for name, variable in self._changing().items()} | {
            "steps": np.asarray(self.steps)
        }

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Go on from the state of a training that began alike, but for the order of the faces.

        Raises:
            ValueError: if it is that of another net.
        """
        variables = self._changing()
        wrong = [
            name
            for name, variable in variables.items()
            if name not in state or state[name].shape != tuple(variable.shape)
        ]
        if wrong:
            raise ValueError(f"{len(wrong)} of {len(variables)} arrays do not fit")
        for name, variable in variables.items():
            variable.assign(state[name])
        self.steps = int(state["steps"])

    def _changing(self) -> dict[str, Any]:
        parts = {
            "model": self.model.variables,
            "optimizer": self._optimizer.variables,
            "average": self._averages,
            "random": [self._random.state],
        }
        return {f"{part}/{i}": v for part, found in parts.items() for i, v in enumerate(found)}

    @property
    def epochs(self) -> float:
        """How often each picture has been seen so far, on average."""
        return self.steps * self._recipe.batch_size / len(self._images)

    def run(self, steps: int, progress: float, strength: float = 1.0) -> float:
        """Do some steps; the mean loss of them.

        Args:
            steps: How many.
            progress: Share of the training that is over, which the learning rate follows.
            strength: Of the distortions, a factor.
        """
        self._distort.strength.assign(strength)
        self._optimizer.learning_rate.assign(self._rate(progress))
        rows = [next(self._order) for _ in range(steps)]
        self.steps += steps
        loss = self._steps(tf.constant(np.stack(rows)), self._images, self._labels, self._shares)
        # an average over the last steps alone while there are few
        decay = min(self._recipe.ema_decay, (1 + self.steps) / (10 + self.steps))
        self._average(tf.constant(decay**steps))
        return float(loss)

    def _rate(self, progress: float) -> float:
        """Cosine to nothing (Loshchilov and Hutter 2017) after a linear warm-up."""
        warm = min(1.0, (self.steps + 1) / self._recipe.warmup_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return self._recipe.learning_rate * max(warm * cosine, 1e-3)

    def _do_steps(
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
            means, _ = tf.clip_by_global_norm(means, self._recipe.global_clipnorm)
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
            loss = smooth_l1(places, found, weights, self._recipe.huber_delta)
        return loss, tape.gradient(loss, self.model.trainable_variables)

    def _do_average(self, decay: tf.Tensor) -> None:
        """Let the averages follow the weights: once in several steps, for it takes as long as a
        tenth of a step.
        """
        for average, variable in zip(self._averages, self.model.variables, strict=True):
            average.assign_add((1 - decay) * (tf.cast(variable, tf.float32) - average))

    def find_points(self, images: npt.NDArray[np.uint8], views: int = 1) -> Points:
        """All 19 points of each picture (n, 19, 2): the mean of what is found in it and in its
        mirror image.

        Args:
            images: uint8 (n, 96, 96).
            views: Over how many views to average; the first is the picture itself, the others
                are turned, scaled and moved a little, always in the same ways.
        """
        total = self._found_with_mirror(images)
        pictures = tf.cast(images, tf.float32)[..., None]
        ways = RandomTransforms(_VIEWS, PARTNERS, tf.random.Generator.from_seed(0)).homographies(
            views
        )
        for way in ways[1:]:
            there = tf.repeat(way[None], len(images), axis=0)
            seen = tf.cast(tf.round(warp(pictures, there)[..., 0]), tf.uint8).numpy()
            total += moved(self._found_with_mirror(seen), tf.linalg.inv(there)).numpy()
        return (total / views).astype(np.float32)

    def _found_with_mirror(self, images: npt.NDArray[np.uint8]) -> Points:
        straight, turned = (
            self._find(pictures).reshape(-1, NUM_HEADS, 2)
            for pictures in (images, images[:, :, ::-1])
        )
        return ((straight + mirrored_back(turned)) / 2).astype(np.float32)

    def averaged(self) -> list[npt.NDArray[np.float32]]:
        """The moving averages of the weights, in the order of ``model.get_weights()``."""
        return [average.numpy() for average in self._averages]


def rows_in_order(count: int, batch: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Rows of batch after batch, without end: each of ``count`` once before any comes again, also
    where a batch is larger than that.
    """
    random = np.random.default_rng(seed)
    left = np.empty(0, dtype=np.int64)
    while True:
        while len(left) < batch:
            left = np.concatenate([left, random.permutation(count)])
        yield left[:batch]
        left = left[batch:]


def smooth_l1(
    labels: tf.Tensor, found: tf.Tensor, shares: tf.Tensor, huber_delta: float
) -> tf.Tensor:
    """Mean over the known points of the smooth L1 loss (Girshick 2015) of x and y.

    Args:
        labels: (b, p, 2) in pixels, NaN where unknown; a point out of sight does not count.
        found: (b, p, 2) in pixels.
        shares: (b, p), how much each label counts.
        huber_delta: Pixels up to which the loss is a parabola. Beyond, its gradient stays as
            it is: a loss that grows flat for far errors leaves a point stuck that starts far off.
    """
    in_sight = (labels > -_MARGIN) & (labels < IMAGE_SIZE + _MARGIN)  # NaN is neither
    counts = shares * tf.cast(tf.reduce_all(in_sight, axis=-1), tf.float32)
    error = tf.abs(found - tf.where(in_sight, labels, found))
    parabola = 0.5 * tf.square(error) / huber_delta
    losses = tf.where(error < huber_delta, parabola, error - 0.5 * huber_delta)
    total = tf.reduce_sum(tf.reduce_sum(losses, axis=-1) * counts)
    return total / tf.maximum(tf.reduce_sum(counts), 1.0)
