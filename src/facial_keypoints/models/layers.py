"""What every architecture begins and ends with."""

from typing import TYPE_CHECKING, Literal

from facial_keypoints.keypoints import IMAGE_SIZE, NUM_KEYPOINTS

if TYPE_CHECKING:
    import keras

OUTPUT_LAYER = "coordinates"

Activation = Literal["relu", "leaky_relu"]


def image_input() -> tuple["keras.KerasTensor", "keras.KerasTensor"]:
    """The input, uint8 (n, 96, 96), and the same scaled to [0, 1] with a channel, (n, 96, 96, 1).

    Scaling inside the model keeps pictures at a byte a pixel all the way to the training step,
    and lets a saved model take pictures as they are.
    """
    import keras

    inputs = keras.Input((IMAGE_SIZE, IMAGE_SIZE), dtype="uint8", name="picture")
    x = keras.layers.Reshape((IMAGE_SIZE, IMAGE_SIZE, 1), name="channel")(inputs)
    return inputs, keras.layers.Rescaling(1 / 255, name="scale")(x)


def activation(kind: Activation, negative_slope: float, name: str) -> "keras.layers.Layer":
    """The layer after a convolution or a hidden dense layer."""
    from keras import layers

    if kind == "relu":
        return layers.ReLU(name=name)
    return layers.LeakyReLU(negative_slope=negative_slope, name=name)


def hidden_dense(x: "keras.KerasTensor", units: list[int], dropout: float) -> "keras.KerasTensor":
    """Dense layers with ReLU and dropout after each, as AlexNet and VGG end."""
    from keras import layers

    for i, width in enumerate(units, start=1):
        x = layers.Dense(width, activation="relu", name=f"dense{i}")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"dropout{i}")(x)
    return x


def coordinates_output(inputs: "keras.KerasTensor", x: "keras.KerasTensor") -> "keras.Model":
    """The model from ``inputs`` through ``x`` (n, k) to float32 coordinates (n, 30) in pixels.

    The output is float32 whatever the precision: bfloat16 holds 8 bits, which is half a pixel
    at x = 90.
    """
    import keras

    outputs = keras.layers.Dense(2 * NUM_KEYPOINTS, dtype="float32", name=OUTPUT_LAYER)(x)
    return keras.Model(inputs, outputs)
