"""Layers that architectures share: input, convolution, normalisation, activation, output."""

from typing import TYPE_CHECKING, Literal

from facial_keypoints.keypoints import IMAGE_SIZE, NUM_KEYPOINTS

if TYPE_CHECKING:
    import keras

OUTPUT_LAYER = "coordinates"

Activation = Literal["relu", "leaky_relu"]


def image_input() -> tuple["keras.KerasTensor", "keras.KerasTensor"]:
    """Return the input, uint8 (n, 96, 96), and the same scaled to [0, 1], (n, 96, 96, 1).

    Scaling inside the model keeps images at a byte a pixel all the way to the training step,
    and lets a saved model take images as they are.
    """
    import keras

    inputs = keras.Input((IMAGE_SIZE, IMAGE_SIZE), dtype="uint8", name="image")
    x = keras.layers.Reshape((IMAGE_SIZE, IMAGE_SIZE, 1), name="channel")(inputs)
    return inputs, keras.layers.Rescaling(1 / 255, name="scale")(x)


def conv3x3(
    x: "keras.KerasTensor", filters: int, *, fast: bool, name: str, use_bias: bool = False
) -> "keras.KerasTensor":
    """Return a 3x3 convolution of ``x`` with ``same`` padding.

    Args:
        x: (n, h, w, c).
        filters: Channels of the result.
        fast: Use the layer that trains faster where there is one (see ``fast_layers``).
        name: Of the layer.
        use_bias: Whether it adds a bias.
    """
    from keras import layers

    layer = layers.Conv2D
    if fast and not use_bias:
        from facial_keypoints.models import fast_layers

        if max(x.shape[1:3]) <= fast_layers.MATMUL_SIZE:
            layer = fast_layers.MatmulConv2D
    return layer(filters, 3, padding="same", use_bias=use_bias, name=name)(x)


def batch_norm(momentum: float, *, fast: bool, name: str | None = None) -> "keras.layers.Layer":
    """Return a batch normalisation layer.

    Args:
        momentum: Of the moving mean and variance.
        fast: Use the layer that trains faster (see ``fast_layers``).
        name: Of the layer.
    """
    if fast:
        from facial_keypoints.models.fast_layers import FusedBatchNormalization

        return FusedBatchNormalization(momentum=momentum, name=name)
    from keras import layers

    return layers.BatchNormalization(momentum=momentum, name=name)


def activation(kind: Activation, negative_slope: float, name: str) -> "keras.layers.Layer":
    """Return the layer after a convolution or a hidden dense layer.

    Args:
        kind: "relu" or "leaky_relu".
        negative_slope: Of the leaky ReLU.
        name: Of the layer.
    """
    from keras import layers

    if kind == "relu":
        return layers.ReLU(name=name)
    return layers.LeakyReLU(negative_slope=negative_slope, name=name)


def hidden_dense(x: "keras.KerasTensor", units: list[int], dropout: float) -> "keras.KerasTensor":
    """Return dense layers with ReLU and dropout after each, as AlexNet and VGG end.

    Args:
        x: (n, k).
        units: Of each layer.
        dropout: Rate after each layer; 0 adds none.
    """
    from keras import layers

    for i, width in enumerate(units, start=1):
        x = layers.Dense(width, activation="relu", name=f"dense{i}")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"dropout{i}")(x)
    return x


def coordinates_output(inputs: "keras.KerasTensor", x: "keras.KerasTensor") -> "keras.Model":
    """Return the model from ``inputs`` through ``x`` to float32 coordinates (n, 30) in pixels.

    The output is float32 whatever the precision: bfloat16 holds 8 bits, which is half a pixel
    at x = 90.

    Args:
        inputs: The model's input.
        x: (n, k), the last hidden layer.
    """
    import keras

    outputs = keras.layers.Dense(2 * NUM_KEYPOINTS, dtype="float32", name=OUTPUT_LAYER)(x)
    return keras.Model(inputs, outputs)
