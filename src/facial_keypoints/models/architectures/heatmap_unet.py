"""A small residual U-net that finds each point as the centre of a heat map."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from facial_keypoints.keypoints import IMAGE_SIZE, NUM_KEYPOINTS
from facial_keypoints.models.layers import OUTPUT_LAYER, batch_norm, image_input
from facial_keypoints.models.registry import Settings, register_architecture

if TYPE_CHECKING:
    import keras

HEAT_MAP_SIZE = IMAGE_SIZE // 4
"""Height and width of a heat map: the picture after two convolutions of stride 2."""


class HeatMapUNetSettings(Settings):
    """Numbers of the heat map U-net."""

    filters: int = Field(64, ge=2)
    """Of convolutions at the heat maps' resolution; twice as many at half of it, four times at a
    quarter."""
    blocks: int = Field(1, ge=1, le=8)
    """Residual blocks at each resolution on the way down."""
    points: int = Field(NUM_KEYPOINTS, ge=1)
    """Heat maps, and so points, that the net gives. A population with a convention of its own for
    some points has heat maps of its own for them."""
    offsets: bool = True
    """Let each place tell an offset in pixels besides its probability."""
    folded_norms: bool = False
    """Leave batch normalisation out, for weights that contain it (see ``fold_norms``): predicts
    faster, and cannot be trained as well."""
    norm_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.95
    """Of batch normalisation; see ``ConvStackSettings``."""


@register_architecture("heatmap_unet", HeatMapUNetSettings)
def build_heatmap_unet(settings: HeatMapUNetSettings) -> "keras.Model":
    """Pictures to points, (n, 2 * points), each the mean of a heat map over its places.

    Two convolutions of stride 2 lead to 24x24. From there residual blocks (He et al. 2016) go
    down to 12x12 and 6x6 and up again, with a sum across at each resolution as in an hourglass
    (Newell et al. 2016). A softmax over the places of each heat map gives a probability, and the
    point is its expected place (integral regression, Sun et al. 2018; DSNT, Nibali et al. 2018):
    finer than the grid, and trained by the distance in pixels alone. An offset in pixels, which
    each place tells by itself, is averaged alike and added: it reaches the border, where no place
    lies. Each picture is brought to mean 0 and deviation 1 first.
    """
    import keras
    from keras import layers, ops

    folded = settings.folded_norms
    filters = settings.scaled(settings.filters)

    def convolve(
        x: "keras.KerasTensor", count: int, kernel: int = 3, strides: int = 1, relu: bool = True
    ) -> "keras.KerasTensor":
        x = layers.Conv2D(count, kernel, strides, padding="same", use_bias=folded)(x)
        if not folded:
            x = batch_norm(settings.norm_momentum, fast=settings.fast_training)(x)
        return layers.ReLU()(x) if relu else x

    def block(x: "keras.KerasTensor") -> "keras.KerasTensor":
        count = x.shape[-1]
        inner = convolve(convolve(x, count), count, relu=False)
        return layers.ReLU()(layers.Add()([x, inner]))

    inputs, x = image_input()
    x = ops.cast(x, "float32")  # bfloat16 has 8 bits: too few for a mean over 9,216 pixels
    mean, variance = ops.moments(x, axes=(1, 2, 3), keepdims=True)
    x = (x - mean) / ops.sqrt(variance + 1e-3)
    x = convolve(x, max(1, filters // 2), strides=2)
    x = convolve(x, filters, strides=2)
    across = []
    for factor in (1, 2, 4):
        if factor > 1:
            x = convolve(x, factor * filters, strides=2)
        for _ in range(settings.blocks):
            x = block(x)
        across.append(x)
    for same in reversed(across[:-1]):
        x = convolve(x, same.shape[-1], kernel=1)
        x = layers.UpSampling2D(2)(x)
        x = block(layers.Add()([x, same]))
    places, points = HEAT_MAP_SIZE**2, settings.points
    heat = layers.Conv2D(points, 1, dtype="float32", name="heat_maps")(x)
    heat = layers.Permute((2, 1))(layers.Reshape((places, points))(heat))
    probability = layers.Softmax(dtype="float32", name="probabilities")(heat)
    centres = keras.initializers.Constant(place_centres().tolist())
    expected = layers.Dense(
        2,
        use_bias=False,
        kernel_initializer=centres,
        trainable=False,
        dtype="float32",
        name="expected_place",
    )
    place = expected(probability)
    if settings.offsets:
        offsets = layers.Conv2D(
            2 * points, 1, kernel_initializer="zeros", dtype="float32", name="offsets"
        )(x)
        offsets = layers.Permute((2, 1))(layers.Reshape((places, 2 * points))(offsets))
        offsets = layers.Reshape((2, points, places))(offsets)
        offset = ops.sum(ops.expand_dims(probability, 1) * offsets, axis=-1)
        place = layers.Add(dtype="float32")([place, layers.Permute((2, 1))(offset)])
    outputs = layers.Reshape((2 * points,), dtype="float32", name=OUTPUT_LAYER)(place)
    return keras.Model(inputs, outputs)


def fold_norms(net: "keras.Model", folded: "keras.Model") -> None:
    """Give a net without batch normalisation the weights with which it answers as ``net`` does.

    Args:
        net: With batch normalisation.
        folded: Of the same settings but for ``folded_norms``.
    """
    convolutions = [layer for layer in net.layers if type(layer).__name__ == "Conv2D"]
    norms = [layer for layer in net.layers if hasattr(layer, "moving_variance")]
    targets = [layer for layer in folded.layers if type(layer).__name__ == "Conv2D"]
    for i, (source, target) in enumerate(zip(convolutions, targets, strict=True)):
        if i < len(norms):  # the heads come last and have none
            gamma, beta, mean, variance = norms[i].get_weights()
            factor = gamma / np.sqrt(variance + norms[i].epsilon)
            target.set_weights([source.get_weights()[0] * factor, beta - mean * factor])
        else:
            target.set_weights(source.get_weights())


def place_centres() -> npt.NDArray[np.float32]:
    """X and y in pixels of the centres of a heat map's places, row by row: (576, 2)."""
    centres = (np.arange(HEAT_MAP_SIZE) + 0.5) * IMAGE_SIZE / HEAT_MAP_SIZE
    y, x = np.meshgrid(centres, centres, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
