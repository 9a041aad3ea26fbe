"""AlexNet, where the paper starts, fitted to 96x96 grey images."""

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from facial_keypoints.models.layers import batch_norm, coordinates_output, hidden_dense, image_input
from facial_keypoints.models.registry import Settings, register_architecture

if TYPE_CHECKING:
    import keras

_CONVOLUTIONS: Final = ((96, 11), (256, 5), (384, 3), (384, 3), (256, 3))
"""Filters and kernel of each."""
_POOLED: Final = (1, 2, 5)
"""Convolutions that a pool follows."""


class AlexNetSettings(Settings):
    """Settings of AlexNet."""

    dense_units: int = Field(4096, ge=1)
    """Of both hidden dense layers."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """After each hidden dense layer."""
    norm_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of batch normalisation; see ``ConvStackSettings``."""


@register_architecture("alexnet", AlexNetSettings)
def build_alexnet(settings: AlexNetSettings) -> "keras.Model":
    """Return five convolutions, three overlapping 3x3 pools of stride 2, three dense layers, ReLU
    (Krizhevsky, Sutskever and Hinton 2012).

    Fitted: one channel and 96 px instead of three and 224, so that the first convolution
    (11x11, stride 4) leaves 24 px instead of 55; 30 coordinates instead of 1,000 classes;
    batch normalisation, as in all networks of the paper, instead of local response
    normalisation, and one column instead of two.

    Args:
        settings: Widths and rates.
    """
    from keras import layers

    inputs, x = image_input()
    for i, (filters, kernel) in enumerate(_CONVOLUTIONS, start=1):
        x = layers.Conv2D(
            settings.scaled(filters),
            kernel,
            strides=4 if i == 1 else 1,
            padding="same",
            use_bias=False,
            name=f"conv{i}",
        )(x)
        x = batch_norm(settings.norm_momentum, fast=settings.fast_training, name=f"norm{i}")(x)
        x = layers.ReLU(name=f"activation{i}")(x)
        if i in _POOLED:
            x = layers.MaxPooling2D(3, strides=2, name=f"pool{_POOLED.index(i) + 1}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = hidden_dense(x, [settings.scaled(settings.dense_units)] * 2, settings.dropout)
    return coordinates_output(inputs, x)
