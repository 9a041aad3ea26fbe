"""How unsure a model is of each keypoint: the spread of its heat maps, or of its predictions.

This module imports Keras and is itself imported only inside functions (see ``registry``).
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import keras
import numpy as np
from keras import layers, ops

from facial_keypoints.keypoints import IMAGE_SIZE, SWAP_INDEX
from facial_keypoints.models.architectures.heatmap_unet import position_centres
from facial_keypoints.models.heads import MIRROR_PARTNERS
from facial_keypoints.models.layers import OUTPUT_LAYER

_MEMBER: Final = "member_"
"""Start of the names of an ensemble's members (see ``build_ensemble``)."""
_MAP_LAYER: Final = "probabilities"
_OFFSET_LAYER: Final = "offsets"
"""Of the architecture ``heatmap_unet``."""
_CENTRE: Final = IMAGE_SIZE / 2


def with_spread(model: keras.Model, members: Sequence[int] | None = None) -> keras.Model:
    """Return a model that predicts x, y and the spread of each keypoint, in pixels.

    The points are the model's own. The spread is:

    - with heat maps: their standard deviation, over all members of an ensemble and the mirror;
    - without: the distance between the predictions on the image and on its mirror image.

    Args:
        model: From images uint8 (n, 96, 96) to coordinates (n, 2 * points): a variant's, or an
            ensemble (``build_ensemble``).
        members: Of an ensemble, those to use, from 0; None uses all.

    Returns:
        A model from images uint8 (n, 96, 96) to float32 (n, points, 3).
    """
    image = keras.Input((IMAGE_SIZE, IMAGE_SIZE), dtype="uint8", name="image")
    if has_heat_maps(model):
        points, spread = points_and_spread(model, image, members)
    else:
        points = layers.Reshape((-1, 2))(model(image))
        there = _unmirror(layers.Reshape((-1, 2))(model(image[:, :, ::-1])), SWAP_INDEX)
        spread = ops.norm(points - there, axis=-1)
    return keras.Model(image, ops.concatenate([points, ops.expand_dims(spread, -1)], axis=-1))


def has_heat_maps(model: keras.Model) -> bool:
    """Return whether a variant or an ensemble predicts by heat maps."""
    return _has_layer(model, _MAP_LAYER) or _has_layer(model, f"{_MEMBER}1")


def points_and_spread(
    model: keras.Model, image: Any, members: Sequence[int] | None = None
) -> tuple[Any, Any]:
    """Return the predictions of a model with heat maps, and their spread (see ``with_spread``).

    Args:
        model: A variant or an ensemble.
        image: uint8 (n, 96, 96), of Keras.
        members: As ``with_spread``.

    Returns:
        float32 (n, p, 2) and (n, p), in pixels.
    """
    if not _has_layer(model, f"{_MEMBER}1"):
        points, variance = _heat_map_reader(model)(image)
        return points, ops.sqrt(variance)
    number = sum(layer.name.startswith(_MEMBER) for layer in model.layers)
    views = []
    for i in range(number) if members is None else members:
        read = _heat_map_reader(model.get_layer(f"{_MEMBER}{i + 1}"))
        points, variance = read(image[:, :, ::-1])
        views.append(read(image))
        views.append(
            (_unmirror(points, MIRROR_PARTNERS), ops.take(variance, MIRROR_PARTNERS, axis=1))
        )
    points, variance = (layers.Average()(list(each)) for each in zip(*views, strict=True))
    bias = np.reshape(model.get_layer(OUTPUT_LAYER).offset, points.shape[1:]).tolist()
    ones = np.ones(points.shape[1:]).tolist()
    return layers.Rescaling(ones, bias)(points), ops.sqrt(variance)


def _heat_map_reader(model: keras.Model) -> Callable[[Any], tuple[Any, Any]]:
    """Return a function from images to points (n, p, 2) and the variance of x plus that of y.

    The expectation over the positions is one of products and sums, where the model has a dense
    layer: a converter to 8 bits would quantise that layer, and with it the coordinates.
    """
    names = [name for name in (_MAP_LAYER, _OFFSET_LAYER) if _has_layer(model, name)]
    # one model for all images: Keras saves no layer that is in two of them
    inner = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
    centres = position_centres().T.reshape(1, 2, 1, -1) - _CENTRE
    squares = np.square(centres).sum(axis=1, keepdims=True)

    def read(image: Any) -> tuple[Any, Any]:
        probability, *offsets = inner(image)
        points, positions = probability.shape[1:]
        weights = ops.expand_dims(probability, 1)
        mean = ops.sum(weights * centres, axis=-1)
        square = ops.sum(weights * squares, axis=-1)[:, 0]
        variance = ops.maximum(square - ops.sum(ops.square(mean), axis=1), 0.0)
        for offset in offsets:
            each = layers.Permute((2, 1))(layers.Reshape((positions, 2 * points))(offset))
            mean += ops.sum(weights * layers.Reshape((2, points, positions))(each), axis=-1)
        return layers.Permute((2, 1))(mean) + _CENTRE, variance

    return read


def _unmirror(points: Any, partners: Sequence[int]) -> Any:
    there = ops.take(points, list(partners), axis=1)
    return layers.Rescaling([-1.0, 1.0], [float(IMAGE_SIZE), 0.0])(there)


def _has_layer(model: keras.Model, name: str) -> bool:
    return any(layer.name == name for layer in model.layers)
