"""A trained model as others use it: named outputs in pixels, with a confidence for each keypoint.

A model with heat maps says how sure it is: the probability of a keypoint is concentrated or spread
over the image. Several views of an image (members of an ensemble, its mirror image) add how far
their predictions lie apart.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

from facial_keypoints.keypoints import IMAGE_SIZE, LEFT_EYE, NUM_KEYPOINTS, RIGHT_EYE
from facial_keypoints.models.architectures.heatmap_unet import position_centres
from facial_keypoints.models.heads import MIRROR_PARTNERS, NUM_HEADS
from facial_keypoints.models.layers import OUTPUT_LAYER

if TYPE_CHECKING:
    import keras

KEYPOINTS_OUTPUT: Final = "keypoints"
CONFIDENCES_OUTPUT: Final = "confidences"
CONFIDENCE_RADIUS: Final = 0.05
"""In distances between the eyes: a confidence is the probability that the error is smaller."""

_ERROR_AT_ZERO: Final = 1.15
_ERROR_SLOPE: Final = 0.035
"""Mean squared distance to the label, in square pixels, of a prediction without variance, and its
growth with the variance: measured by ``benchmarks/confidence.py``."""

_HEAT_MAPS: Final = "probabilities"
_OFFSETS: Final = "offsets"
"""Names of layers of ``architectures.heatmap_unet``."""
_CENTRE: Final = IMAGE_SIZE / 2

_View = tuple["keras.KerasTensor", "keras.KerasTensor"]
"""Predictions (n, p, 2) on one view of the images, and the variance (n, p) of each by its heat map:
that of x plus that of y, in square pixels."""


def build_deployed_model(model: "keras.Model") -> "keras.Model":
    """Return a trained model with named outputs, of Keras' own layers alone.

    Args:
        model: A variant, from uint8 (n, 96, 96) to (n, 30), or the ensemble, to (n, 38).

    Returns:
        A model from ``image``, uint8 (n, 96, 96), to a dict: ``keypoints``, float32 (n, 15, 2), x
        and y in pixels (an ensemble's by population A's convention); and, where the model has heat
        maps, ``confidences``, float32 (n, 15), see ``confidence``.
    """
    import keras
    from keras import layers

    image = keras.Input((IMAGE_SIZE, IMAGE_SIZE), dtype="uint8", name="image")
    viewed = points_and_variances(model, image)
    if viewed is None:
        outputs = {KEYPOINTS_OUTPUT: layers.Reshape((NUM_KEYPOINTS, 2))(model(image))}
    else:
        points, variance = (each[:, :NUM_KEYPOINTS] for each in viewed)
        outputs = {KEYPOINTS_OUTPUT: points, CONFIDENCES_OUTPUT: confidence(points, variance)}
    named = {name: layers.Identity(name=name)(output) for name, output in outputs.items()}
    return keras.Model(image, named, name="facial_keypoints")


def points_and_variances(
    model: "keras.Model", image: "keras.KerasTensor", member: int | None = None
) -> _View | None:
    """Return predictions and their variances by heat maps; None where the model has none.

    Args:
        model: A variant or an ensemble.
        image: uint8 (n, 96, 96), an input of Keras.
        member: Of an ensemble, the only one to use, from 0; None uses all.
    """
    if model.output_shape[-1] == 2 * NUM_HEADS:
        return _ensemble(model, image, member)
    return _viewer(model)(image) if _has_heat_maps(model) else None


def confidence(points: "keras.KerasTensor", variance: "keras.KerasTensor") -> "keras.KerasTensor":
    """Return the estimated probability that each keypoint is within ``CONFIDENCE_RADIUS``.

    Where errors are normally distributed, the squared distance to the truth is exponentially
    distributed. Its mean grows linearly with the variance that the model gives.

    Args:
        points: float32 (n, 15, 2), in pixels.
        variance: float32 (n, 15), in square pixels (see ``_View``).
    """
    from keras import ops

    eyes = ops.sum(ops.square(points[:, LEFT_EYE] - points[:, RIGHT_EYE]), axis=-1, keepdims=True)
    expected = _ERROR_AT_ZERO + _ERROR_SLOPE * variance
    return 1.0 - ops.exp(-(CONFIDENCE_RADIUS**2) * eyes / expected)


def _ensemble(model: "keras.Model", image: "keras.KerasTensor", chosen: int | None) -> _View:
    """As ``ensemble.build_ensemble``; the variance is that of the mixture of all views."""
    from keras import layers, ops

    members = [each for each in model.layers if hasattr(each, "layers") and _has_heat_maps(each)]
    views: list[_View] = []
    for member in members if chosen is None else [members[chosen]]:
        view = _viewer(member)
        views.append(view(image))
        points, variance = (
            ops.take(each, MIRROR_PARTNERS, axis=1) for each in view(image[:, :, ::-1])
        )
        points = layers.Rescaling([-1.0, 1.0], [float(IMAGE_SIZE), 0.0])(points)
        views.append((points, variance))
    points = layers.Average()([points for points, _ in views])
    distances = [ops.sum(ops.square(each - points), axis=-1) for each, _ in views]
    within = layers.Average()([variance for _, variance in views])
    bias = np.reshape(model.get_layer(OUTPUT_LAYER).offset, (NUM_HEADS, 2)).tolist()
    ones = np.ones((NUM_HEADS, 2)).tolist()
    return layers.Rescaling(ones, bias)(points), within + layers.Average()(distances)


def _viewer(model: "keras.Model") -> Callable[["keras.KerasTensor"], _View]:
    """Return a function from images to a ``_View`` by a model with heat maps.

    It takes the expectation over the positions by products and sums, where the model has a dense
    layer: a converter to 8 bits would quantise that layer, and with it the coordinates.
    """
    import keras
    from keras import layers, ops

    names = [name for name in (_HEAT_MAPS, _OFFSETS) if _has_layer(model, name)]
    # one model for all views: Keras saves no layer that is in two of them
    inner = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
    centres = position_centres().T.reshape(1, 2, 1, -1) - _CENTRE

    def view(image: "keras.KerasTensor") -> _View:
        probability, *offsets = inner(image)
        num_points, positions = probability.shape[1:]
        weights = ops.expand_dims(probability, 1)
        mean = ops.sum(weights * centres, axis=-1)
        square = ops.sum(weights * np.square(centres).sum(axis=1, keepdims=True), axis=-1)[:, 0]
        variance = ops.maximum(square - ops.sum(ops.square(mean), axis=1), 0.0)
        for offset in offsets:
            each = layers.Permute((2, 1))(layers.Reshape((positions, 2 * num_points))(offset))
            mean += ops.sum(weights * layers.Reshape((2, num_points, positions))(each), axis=-1)
        return layers.Permute((2, 1))(mean) + _CENTRE, variance

    return view


def _has_heat_maps(model: "keras.Model") -> bool:
    return _has_layer(model, _HEAT_MAPS)


def _has_layer(model: "keras.Model", name: str) -> bool:
    return any(layer.name == name for layer in model.layers)
