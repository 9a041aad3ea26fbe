"""The training loop: by the clock, at a low resolution first.

This module imports TensorFlow and is itself imported only inside functions.
"""

import math
from collections.abc import Iterator
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.parameters import DistortionParameters, RecipeParameters
from facial_keypoints.pipelines.compete.distortions import Distorter, moved, warp
from facial_keypoints.pipelines.compete.points import NUM_HEADS, PARTNERS, Points, mirrored_back
from facial_keypoints.pipelines.compete.stepping import Stepper

_VIEWS: Final = DistortionParameters.none().model_copy(
    update={"rotation": 9.0, "scale": 0.06, "shift": 2.0}
)
"""How the views of a picture differ whose answers are averaged."""


class Fit:
    """One net in training. Its graphs outlive the training, so that another one of the same
    settings and recipe need not build them again.

    The first part of a training sees pictures at a low resolution, where steps take less time
    (progressive resizing, as in Tan and Le 2021); the same weights then go on at the full one.

    Args:
        settings: Of the architecture ``heatmap_unet``.
        recipe: How to train.
        parts: Into how many parts a batch is split that are worked on at the same time; one where
            it cannot be split evenly.

    Attributes:
        steps: How many were done.
    """

    def __init__(self, settings: dict[str, Any], recipe: RecipeParameters, parts: int = 1) -> None:
        self._settings = {**settings, "points": NUM_HEADS, "norm": "fused"}
        self._recipe = recipe
        self._parts = parts
        self._random = tf.random.Generator.from_seed(0)
        self._distort = Distorter(recipe.distortions, PARTNERS, self._random)
        self._steppers: dict[int, Stepper] = {}
        self._resolution = IMAGE_SIZE
        self.steps = 0

    def _resolution_at(self, progress: float) -> int:
        low = progress < self._recipe.low_resolution_until
        return self._recipe.low_resolution if low else IMAGE_SIZE

    @property
    def _stepper(self) -> Stepper:
        """The net at the resolution at hand; it is built when it is first needed."""
        if self._resolution not in self._steppers:
            settings = {**self._settings, "resolution": self._resolution}
            self._steppers[self._resolution] = Stepper(
                settings, self._recipe, self._distort, self._parts
            )
        return self._steppers[self._resolution]

    @property
    def model(self) -> keras.Model:
        """The net."""
        return self._stepper.model

    def begin(
        self,
        images: npt.NDArray[np.uint8],
        labels: Points,
        shares: npt.NDArray[np.float32],
        seed: int,
        weights: list[npt.NDArray[np.float32]] | None = None,
        progress: float = 0.0,
    ) -> None:
        """Begin a training.

        Args:
            images: uint8 (n, 96, 96).
            labels: float32 (n, 19, 2) in pixels, NaN where unknown (see ``points.spread``).
            shares: float32 (n, 19), how much each label counts.
            seed: Of weights, order and distortions.
            weights: To begin with, of any resolution; None draws them.
            progress: Share of the training that is over.
        """
        self._resolution = self._resolution_at(progress)
        self._stepper.begin(seed, weights)
        self._random.reset_from_seed(seed)
        self._images, self._labels = tf.constant(images), tf.constant(labels)
        self._shares = tf.constant(shares)
        self._order = rows_in_order(len(images), self._recipe.batch_size, seed)
        self.steps = 0

    def turn_to(self, progress: float) -> None:
        """Go on at the resolution for so much of the training."""
        before, self._resolution = self._stepper, self._resolution_at(progress)
        if self._stepper is not before:
            self._stepper.take_over(before)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """All that training changes, by name."""
        return {name: variable.numpy() for name, variable in self._changing().items()} | {
            "steps": np.asarray(self.steps),
            "resolution": np.asarray(self._resolution),
        }

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Go on from the state of a training that began alike, but for the order of the faces.

        Raises:
            ValueError: if it is that of another net.
        """
        resolution = int(state.get("resolution", 0))
        if resolution not in {self._recipe.low_resolution, IMAGE_SIZE}:
            raise ValueError(f"a resolution of {resolution} does not fit")
        begun, self._resolution = self._resolution, resolution
        variables = self._changing()
        wrong = [
            name
            for name, variable in variables.items()
            if name not in state or state[name].shape != tuple(variable.shape)
        ]
        if wrong:
            self._resolution = begun
            raise ValueError(f"{len(wrong)} of {len(variables)} arrays do not fit")
        for name, variable in variables.items():
            variable.assign(state[name])
        self.steps = int(state["steps"])

    def _changing(self) -> dict[str, Any]:
        parts = self._stepper.changing() | {"random": [self._random.state]}
        return {f"{part}/{i}": v for part, found in parts.items() for i, v in enumerate(found)}

    @property
    def epochs(self) -> float:
        """How often each picture has been seen so far, on average."""
        return self.steps * self._recipe.batch_size / len(self._images)

    def run(self, steps: int, progress: float, strength: float = 1.0) -> float:
        """Do some steps; the mean loss of them.

        Args:
            steps: How many.
            progress: Share of the training that is over, which resolution and learning rate follow.
            strength: Of the distortions, a factor.
        """
        self.turn_to(progress)
        self._distort.strength.assign(strength)
        self._stepper.set_rate(self._rate(progress))
        rows = [next(self._order) for _ in range(steps)]
        self.steps += steps
        loss = self._stepper.do_steps(
            tf.constant(np.stack(rows)), self._images, self._labels, self._shares
        )
        # an average over the last steps alone while there are few
        decay = min(self._recipe.average_decay, (1 + self.steps) / (10 + self.steps))
        self._stepper.do_average(tf.constant(decay**steps))
        return float(loss)

    def _rate(self, progress: float) -> float:
        """Cosine to nothing (Loshchilov and Hutter 2017) after a linear warm-up."""
        warm = min(1.0, (self.steps + 1) / self._recipe.warm_up_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return self._recipe.learning_rate * max(warm * cosine, 1e-3)

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
        ways = Distorter(_VIEWS, PARTNERS, tf.random.Generator.from_seed(0)).homographies(views)
        for way in ways[1:]:
            there = tf.repeat(way[None], len(images), axis=0)
            seen = tf.cast(tf.round(warp(pictures, there)[..., 0]), tf.uint8).numpy()
            total += moved(self._found_with_mirror(seen), tf.linalg.inv(there)).numpy()
        return (total / views).astype(np.float32)

    def _found_with_mirror(self, images: npt.NDArray[np.uint8]) -> Points:
        straight, turned = (
            self._stepper.find(pictures).reshape(-1, NUM_HEADS, 2)
            for pictures in (images, images[:, :, ::-1])
        )
        return ((straight + mirrored_back(turned)) / 2).astype(np.float32)

    def averaged(self) -> list[npt.NDArray[np.float32]]:
        """The moving averages of the weights, in the order of ``model.get_weights()``."""
        return self._stepper.averaged()


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
