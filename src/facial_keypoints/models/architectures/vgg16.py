"""VGG-16, the deep end that the paper compares with, fitted to 96x96 grey images."""

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from facial_keypoints.models.layers import batch_norm, coordinates_output, hidden_dense, image_input
from facial_keypoints.models.registry import Settings, register_architecture

if TYPE_CHECKING:
    import keras

_BLOCKS: Final = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Convolutions and their filters in each block; a pool ends it."""


class VGG16Settings(Settings):
    """Settings of VGG-16."""

    dense_units: int = Field(4096, ge=1)
    """Of both hidden dense layers."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """After each hidden dense layer."""
    batch_norm: bool = True
    """False is the original, which had to be pre-trained layer by layer."""
    norm_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of batch normalisation; see ``ConvStackSettings``."""


@register_architecture("vgg16", VGG16Settings)
def build_vgg16(settings: VGG16Settings) -> "keras.Model":
    """Return thirteen 3x3 convolutions in five blocks and three dense layers.

    A 2x2 pool follows each block; all activations are ReLU (Simonyan and Zisserman 2014,
    configuration D: 16 layers with weights, of which the paper says that all are convolutions).

    Fitted: one channel and 96 px instead of three and 224; 30 coordinates instead of 1,000
    classes; batch normalisation, as in all networks of the paper.

    Args:
        settings: Widths and rates.
    """
    from keras import layers

    inputs, x = image_input()
    for block, (convs, filters) in enumerate(_BLOCKS, start=1):
        for i in range(1, convs + 1):
            name = f"{block}_{i}"
            x = layers.Conv2D(
                settings.scaled(filters),
                3,
                padding="same",
                use_bias=not settings.batch_norm,
                kernel_initializer="he_normal",
                name=f"conv{name}",
            )(x)
            if settings.batch_norm:
                norm = batch_norm(
                    settings.norm_momentum, fast=settings.fast_training, name=f"norm{name}"
                )
                x = norm(x)
            x = layers.ReLU(name=f"activation{name}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{block}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = hidden_dense(x, [settings.scaled(settings.dense_units)] * 2, settings.dropout)
    return coordinates_output(inputs, x)
