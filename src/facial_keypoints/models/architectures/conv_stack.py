"""The paper's network: a stack of 3x3 convolutions with max-pooling (Table 1)."""

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, model_validator

from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.models.layers import (
    Activation,
    activation,
    batch_norm,
    conv3x3,
    coordinates_output,
    image_input,
)
from facial_keypoints.models.registry import Settings, register_architecture

if TYPE_CHECKING:
    import keras

TABLE_1_FILTERS: Final = (
    *(32, 32, 64, 64, 96, 96, 128, 128, 256, 256, 512, 512, 1024, 1024, 1024),
    1024,  # Table 1 ends at 15 convolutions; the 16th of Table 3 is assumed to repeat the last
)


class ConvStackSettings(Settings):
    """Settings of a conv stack; the defaults are the paper's final network (Table 1, and the
    dropout of its section 6).

    What the paper leaves open has its default here, and its reason in
    ``conf/base/parameters_variants.yml``.
    """

    convs: int = Field(15, ge=1, le=64)
    filters: tuple[Annotated[int, Field(ge=1)], ...] = TABLE_1_FILTERS
    """Filters of each convolution in order; a shorter stack takes the first."""
    pools: int = Field(5, ge=0, le=8)
    convs_per_pool: int = Field(2, ge=1, le=8)
    """A pool follows each of the first groups of so many convolutions; the last group may be
    shorter."""
    pool_padding: Literal["valid", "same"] = "valid"
    """Seven pools fit 96 px only with "same"."""
    dense_layers: int = Field(1, ge=1, le=3)
    """Dense layers with the output among them."""
    dense_units: int = Field(512, ge=1)
    """Of each hidden dense layer."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Before the output."""
    activation: Activation = "leaky_relu"
    negative_slope: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Of LeakyReLU."""
    norm_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of batch normalisation. Keras' 0.99 averages over hundreds of steps: in the first epochs
    of a deep stack the validation then measures a network that no longer exists."""

    @model_validator(mode="after")
    def _convolutions_and_pools_fit(self) -> "ConvStackSettings":
        if self.convs > len(self.filters):
            raise ValueError(
                f"{self.convs} convolutions need as many filters, and filters names "
                f"{len(self.filters)}: convs must be at most {len(self.filters)}, or filters longer"
            )
        places = -(-self.convs // self.convs_per_pool)
        if self.pools > places:
            raise ValueError(
                f"{self.pools} pools do not fit {self.convs} convolutions: one pool follows "
                f"each {self.convs_per_pool} of them, so at most {places}"
            )
        largest = IMAGE_SIZE.bit_length() - 1
        if self.pool_padding == "valid" and self.pools > largest:
            raise ValueError(
                f"{self.pools} pools do not fit an image of {IMAGE_SIZE} px with 'valid' "
                f"padding (at most {largest}); set pool_padding: same"
            )
        return self


@register_architecture("conv_stack", ConvStackSettings)
def build_conv_stack(settings: ConvStackSettings) -> "keras.Model":
    """Return convolutions with activation and batch normalisation, a 2x2 pool after each of the
    first pairs, dense layers, and 30 coordinates.

    Args:
        settings: Depths, widths and rates.

    Source:
        The paper's Table 1, in the order that its family of public notebooks uses.
    """
    from keras import layers

    inputs, x = image_input()
    fast = settings.fast_training
    slope = settings.negative_slope
    for i, filters in enumerate(settings.filters[: settings.convs], start=1):
        x = conv3x3(x, settings.scaled(filters), fast=fast, name=f"conv{i}")
        x = activation(settings.activation, slope, f"activation{i}")(x)
        x = batch_norm(settings.norm_momentum, fast=fast, name=f"norm{i}")(x)
        ends_group = i % settings.convs_per_pool == 0 or i == settings.convs
        pool = -(-i // settings.convs_per_pool)
        if ends_group and pool <= settings.pools:
            x = layers.MaxPooling2D(2, padding=settings.pool_padding, name=f"pool{pool}")(x)
    x = layers.Flatten(name="flatten")(x)
    for i in range(1, settings.dense_layers):
        x = layers.Dense(settings.scaled(settings.dense_units), name=f"dense{i}")(x)
        x = activation(settings.activation, slope, f"dense_activation{i}")(x)
    if settings.dropout:
        x = layers.Dropout(settings.dropout, name="dropout")(x)
    return coordinates_output(inputs, x)
