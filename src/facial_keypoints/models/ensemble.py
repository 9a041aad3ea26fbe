"""The nets of an ensemble as one Keras model."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.models.architectures.heatmap_unet import fold_norms
from facial_keypoints.models.heads import NUM_HEADS, PARTNERS
from facial_keypoints.models.layers import OUTPUT_LAYER
from facial_keypoints.models.registry import build_model

if TYPE_CHECKING:
    import keras


def ensemble_model(
    settings: dict[str, Any],
    weights: list[list[npt.NDArray[np.float32]]],
    asymmetry: npt.NDArray[np.float32],
) -> "keras.Model":
    """Pictures uint8 (n, 96, 96) to the mean answer of all nets to a picture and its mirror
    image: float32 (n, 38), x and y in pixels of the 19 points of ``points``. In float32, of
    Keras' own layers alone, so that it loads without this package; batch normalisation is folded
    into the convolutions.

    Args:
        settings: Of the architecture ``heatmap_unet``.
        weights: Of each net, in the order of ``get_weights``.
        asymmetry: float32 (19, 2), added to what the nets find (see ``points``).
    """
    import keras
    from keras import layers, ops

    picture = keras.Input((IMAGE_SIZE, IMAGE_SIZE), dtype="uint8", name="picture")
    mirrored = picture[:, :, ::-1]
    straight, turned = [], []
    for number, values in enumerate(weights, start=1):
        trained = build_model("heatmap_unet", {**settings, "points": NUM_HEADS})
        trained.set_weights(values)
        net = build_model("heatmap_unet", {**settings, "points": NUM_HEADS, "norm": "folded"})
        fold_norms(trained, net)
        net.name = f"net_{number}"
        straight.append(net(picture))
        turned.append(net(mirrored))
    shape = (NUM_HEADS, 2)
    here = layers.Reshape(shape)(_mean(straight))
    there = ops.take(layers.Reshape(shape)(_mean(turned)), PARTNERS, axis=1)
    there = layers.Rescaling([-1.0, 1.0], [float(IMAGE_SIZE), 0.0])(there)
    found = layers.Reshape((2 * NUM_HEADS,))((here + there) / 2)
    ones = [1.0] * 2 * NUM_HEADS
    outputs = layers.Rescaling(ones, asymmetry.ravel().tolist(), name=OUTPUT_LAYER)(found)
    return keras.Model(picture, outputs, name="ensemble")


def _mean(outputs: list["keras.KerasTensor"]) -> "keras.KerasTensor":
    from keras import layers

    return outputs[0] if len(outputs) == 1 else layers.Average()(outputs)


def numbered(arrays: dict[str, npt.NDArray[Any]], prefix: str) -> list[npt.NDArray[np.float32]]:
    """The arrays named ``prefix`` and a number, by it."""
    count = sum(name.startswith(prefix) for name in arrays)
    return [arrays[f"{prefix}{i}"] for i in range(count)]
