"""The paper's network: a stack of 3x3 convolutions with max-pooling (Table 1)."""

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, model_validator

from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.models.layers import coordinates_output, picture_input
from facial_keypoints.models.registry import Settings, register_architecture

if TYPE_CHECKING:
    import keras

TABLE_1_FILTERS: Final = (
    *(32, 32, 64, 64, 96, 96, 128, 128, 256, 256, 512, 512, 1024, 1024, 1024),
    1024,  # Table 1 ends at 15 convolutions; the 16th of Table 3 is assumed to repeat the last
)


class ConvStackSettings(Settings):
    """Numbers of a conv stack; the defaults are Table 1's network.

    What the paper leaves open is decided here: a pool follows each of the first pairs of
    convolutions, shorter stacks take the first filters of Table 1, dropout stands before the
    output, and dense layers before the output are ``dense_units`` wide.
    """

    convs: int = Field(15, ge=1, le=len(TABLE_1_FILTERS))
    pools: int = Field(5, ge=0, le=8)
    pool_padding: Literal["valid", "same"] = "valid"
    """Seven pools fit 96 px only with "same"."""
    width: float = Field(1.0, gt=0, le=2)
    """Factor on every filter count."""
    dense_layers: int = Field(1, ge=1, le=3)
    """Dense layers with the output among them."""
    dense_units: int = Field(512, ge=1)
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    activation: Literal["leaky_relu", "relu"] = "leaky_relu"
    negative_slope: Annotated[float, Field(ge=0, lt=1)] = 0.1
    norm_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of batch normalisation. Keras' 0.99 averages over hundreds of steps: in the first epochs
    of a deep stack the validation then measures a network that no longer exists."""

    @model_validator(mode="after")
    def _pools_fit(self) -> "ConvStackSettings":
        places = (self.convs + 1) // 2
        if self.pools > places:
            raise ValueError(
                f"{self.pools} pools do not fit {self.convs} convolutions: one pool follows "
                f"each pair, so at most {places}"
            )
        largest = IMAGE_SIZE.bit_length() - 1
        if self.pool_padding == "valid" and self.pools > largest:
            raise ValueError(
                f"{self.pools} pools do not fit a picture of {IMAGE_SIZE} px with 'valid' "
                f"padding (at most {largest}); set pool_padding: same"
            )
        return self

    def filters(self) -> list[int]:
        """Filters of each convolution, in order."""
        return [max(1, round(n * self.width)) for n in TABLE_1_FILTERS[: self.convs]]


@register_architecture("conv_stack", ConvStackSettings)
def build_conv_stack(settings: ConvStackSettings) -> "keras.Model":
    """Convolution, activation, batch normalisation; a 2x2 pool after each of the first pairs;
    dense layers; 30 coordinates (the paper's Table 1, in the order its family of public
    notebooks uses).
    """
    from keras import layers

    inputs, x = picture_input()
    for i, filters in enumerate(settings.filters(), start=1):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv{i}")(x)
        x = _activation(settings, f"activation{i}")(x)
        x = layers.BatchNormalization(momentum=settings.norm_momentum, name=f"norm{i}")(x)
        ends_pair = i % 2 == 0 or i == settings.convs
        pool = (i + 1) // 2
        if ends_pair and pool <= settings.pools:
            x = layers.MaxPooling2D(2, padding=settings.pool_padding, name=f"pool{pool}")(x)
    x = layers.Flatten(name="flatten")(x)
    for i in range(1, settings.dense_layers):
        x = layers.Dense(settings.dense_units, name=f"dense{i}")(x)
        x = _activation(settings, f"dense_activation{i}")(x)
    if settings.dropout:
        x = layers.Dropout(settings.dropout, name="dropout")(x)
    return coordinates_output(inputs, x)


def _activation(settings: ConvStackSettings, name: str) -> "keras.layers.Layer":
    from keras import layers

    if settings.activation == "relu":
        return layers.ReLU(name=name)
    return layers.LeakyReLU(negative_slope=settings.negative_slope, name=name)
