"""A small residual U-net that predicts each keypoint as the expected position of a heat map."""

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
"""Height and width of a heat map: the image after two convolutions of stride 2."""


class HeatMapUNetSettings(Settings):
    """Settings of the heat map U-net."""

    filters: int = Field(64, ge=2)
    """Of convolutions at the heat maps' resolution; twice as many at half of it, four times at a
    quarter."""
    blocks: int = Field(1, ge=1, le=8)
    """Residual blocks at each resolution of the encoder."""
    points: int = Field(NUM_KEYPOINTS, ge=1)
    """Heat maps, and so keypoints. A population with another convention for some keypoints has
    separate heat maps for them."""
    offsets: bool = True
    """Predict an offset in pixels at each position besides its probability."""
    folded_norms: bool = False
    """Leave batch normalisation out, for weights that contain it (see ``fold_norms``): predicts
    faster, and cannot be trained as well."""
    norm_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.95
    """Of batch normalisation; see ``ConvStackSettings``."""


@register_architecture("heatmap_unet", HeatMapUNetSettings)
def build_heatmap_unet(settings: HeatMapUNetSettings) -> "keras.Model":
    """Return a model from images to keypoints, (n, 2 * points).

    Two convolutions of stride 2 lead to 24x24. From there residual blocks (He et al. 2016) go
    down to 12x12 and 6x6 and up again, with a sum across at each resolution as in an hourglass
    (Newell et al. 2016). Each image is normalised to mean 0 and standard deviation 1 first.

    Args:
        settings: Widths and depths.

    Source:
        Integral regression (Sun et al. 2018) and DSNT (Nibali et al. 2018), see ``_keypoints``.
    """
    import keras
    from keras import layers, ops

    filters = settings.scaled(settings.filters)
    inputs, x = image_input()
    x = ops.cast(x, "float32")  # bfloat16 has 8 bits: too few for a mean over 9,216 pixels
    mean, variance = ops.moments(x, axes=(1, 2, 3), keepdims=True)
    x = (x - mean) / ops.sqrt(variance + 1e-3)
    x = _convolve(settings, x, max(1, filters // 2), strides=2)
    x = _convolve(settings, x, filters, strides=2)
    across = []
    for factor in (1, 2, 4):
        if factor > 1:
            x = _convolve(settings, x, factor * filters, strides=2)
        for _ in range(settings.blocks):
            x = _residual_block(settings, x)
        across.append(x)
    for same in reversed(across[:-1]):
        x = _convolve(settings, x, same.shape[-1], kernel=1)
        x = layers.UpSampling2D(2)(x)
        x = _residual_block(settings, layers.Add()([x, same]))
    return keras.Model(inputs, _keypoints(settings, x))


def _convolve(
    settings: HeatMapUNetSettings,
    x: "keras.KerasTensor",
    filters: int,
    kernel: int = 3,
    strides: int = 1,
    relu: bool = True,
) -> "keras.KerasTensor":
    from keras import layers

    folded = settings.folded_norms
    x = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=folded)(x)
    if not folded:
        x = batch_norm(settings.norm_momentum, fast=settings.fast_training)(x)
    return layers.ReLU()(x) if relu else x


def _residual_block(settings: HeatMapUNetSettings, x: "keras.KerasTensor") -> "keras.KerasTensor":
    from keras import layers

    filters = x.shape[-1]
    inner = _convolve(settings, _convolve(settings, x, filters), filters, relu=False)
    return layers.ReLU()(layers.Add()([x, inner]))


def _keypoints(settings: HeatMapUNetSettings, x: "keras.KerasTensor") -> "keras.KerasTensor":
    """The expected position of each heat map, (n, 2 * points).

    A softmax over the positions of each heat map gives a probability, and the keypoint is the
    expected position: finer than the grid, and trained by the distance in pixels alone. The offset
    in pixels that each position predicts is averaged alike and added: it reaches the border, where
    no position lies.
    """
    import keras
    from keras import layers, ops

    positions, points = HEAT_MAP_SIZE**2, settings.points
    heat = layers.Conv2D(points, 1, dtype="float32", name="heat_maps")(x)
    heat = layers.Permute((2, 1))(layers.Reshape((positions, points))(heat))
    probability = layers.Softmax(dtype="float32", name="probabilities")(heat)
    centres = keras.initializers.Constant(position_centres().tolist())
    expected = layers.Dense(
        2,
        use_bias=False,
        kernel_initializer=centres,
        trainable=False,
        dtype="float32",
        name="expected_position",
    )
    keypoints = expected(probability)
    if settings.offsets:
        offsets = layers.Conv2D(
            2 * points, 1, kernel_initializer="zeros", dtype="float32", name="offsets"
        )(x)
        offsets = layers.Permute((2, 1))(layers.Reshape((positions, 2 * points))(offsets))
        offsets = layers.Reshape((2, points, positions))(offsets)
        offset = ops.sum(ops.expand_dims(probability, 1) * offsets, axis=-1)
        keypoints = layers.Add(dtype="float32")([keypoints, layers.Permute((2, 1))(offset)])
    return layers.Reshape((2 * points,), dtype="float32", name=OUTPUT_LAYER)(keypoints)


def fold_norms(model: "keras.Model", folded: "keras.Model") -> None:
    """Give a model without batch normalisation the weights with which it predicts as ``model``.

    Args:
        model: With batch normalisation.
        folded: Of the same settings but for ``folded_norms``; gets the weights.
    """
    convolutions = [layer for layer in model.layers if type(layer).__name__ == "Conv2D"]
    norms = [layer for layer in model.layers if hasattr(layer, "moving_variance")]
    targets = [layer for layer in folded.layers if type(layer).__name__ == "Conv2D"]
    for i, (source, target) in enumerate(zip(convolutions, targets, strict=True)):
        if i < len(norms):  # the heads come last and have none
            gamma, beta, mean, variance = norms[i].get_weights()
            factor = gamma / np.sqrt(variance + norms[i].epsilon)
            target.set_weights([source.get_weights()[0] * factor, beta - mean * factor])
        else:
            target.set_weights(source.get_weights())


def position_centres() -> npt.NDArray[np.float32]:
    """Return x and y in pixels of the centres of a heat map's positions, row by row: (576, 2)."""
    centres = (np.arange(HEAT_MAP_SIZE) + 0.5) * IMAGE_SIZE / HEAT_MAP_SIZE
    y, x = np.meshgrid(centres, centres, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
