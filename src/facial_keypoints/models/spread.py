"""How unsure a model is of each keypoint: the spread of its heat maps, or of its predictions.

This module imports Keras and is itself imported only inside functions (see ``registry``).
"""

from collections.abc import Sequence
from typing import Any, Final

import keras
from keras import ops

from facial_keypoints.keypoints import IMAGE_SIZE, SWAP_INDEX
from facial_keypoints.models.architectures.heatmap_unet import position_centres
from facial_keypoints.models.heads import MIRROR_PARTNERS
from facial_keypoints.models.layers import OUTPUT_LAYER

_MEMBER: Final = "member_"
"""Start of the names of an ensemble's members (see ``build_ensemble``)."""
_MAP_LAYER: Final = "probabilities"
"""Of the architecture ``heatmap_unet``."""


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
    names = [layer.name for layer in model.layers]
    found = [name for name in names if name.startswith(_MEMBER)]
    image = keras.Input((IMAGE_SIZE, IMAGE_SIZE), dtype="uint8", name="image")
    if found:
        chosen = range(len(found)) if members is None else members
        used = [model.get_layer(f"{_MEMBER}{number + 1}") for number in chosen]
        points, variance = _of_members(image, used)
        coordinates = ops.reshape(points, (-1, 2 * len(MIRROR_PARTNERS)))
        points = _pairs(model.get_layer(OUTPUT_LAYER)(coordinates))  # adds the mirror bias
        spread = ops.sqrt(variance)
    elif _MAP_LAYER in names:
        coordinates, variance = _with_variance(model)(image)
        points, spread = _pairs(coordinates), ops.sqrt(variance)
    else:
        points = _pairs(model(image))
        there = _unmirror(_pairs(model(image[:, :, ::-1])), SWAP_INDEX)
        spread = ops.norm(points - there, axis=-1)
    return keras.Model(image, ops.concatenate([points, ops.expand_dims(spread, -1)], axis=-1))


def _of_members(image: Any, members: list[keras.Model]) -> tuple[Any, Any]:
    """Mean points (n, 19, 2) and variance (n, 19) of members, on images and their mirrors."""
    points, variances = [], []
    for member in members:
        inner = _with_variance(member)
        here, variance_here = inner(image)
        there, variance_there = inner(image[:, :, ::-1])
        points += [_pairs(here), _unmirror(_pairs(there), MIRROR_PARTNERS)]
        variances += [variance_here, ops.take(variance_there, MIRROR_PARTNERS, axis=1)]
    return ops.mean(ops.stack(points), axis=0), ops.mean(ops.stack(variances), axis=0)


def _with_variance(model: keras.Model) -> keras.Model:
    maps = model.get_layer(_MAP_LAYER).output
    return keras.Model(model.input, [model.output, _HeatMapVariance(name="map_variance")(maps)])


@keras.saving.register_keras_serializable("facial_keypoints")
class _HeatMapVariance(keras.layers.Layer):
    """Variance of x plus that of y (n, p) of heat maps (n, p, positions), in square pixels.

    A layer, since single operations of a loaded model and of a new one may have equal names.
    """

    def call(self, probability: Any) -> Any:
        centres = position_centres()
        mean = ops.matmul(probability, centres)
        squares = ops.matmul(probability, (centres**2).sum(axis=1, keepdims=True))[..., 0]
        return ops.maximum(squares - ops.sum(mean**2, axis=-1), 0.0)


def _pairs(coordinates: Any) -> Any:
    return ops.reshape(coordinates, (-1, coordinates.shape[-1] // 2, 2))


def _unmirror(points: Any, partners: Sequence[int]) -> Any:
    there = ops.take(points, list(partners), axis=1)
    return ops.concatenate([IMAGE_SIZE - there[..., :1], there[..., 1:]], axis=-1)
