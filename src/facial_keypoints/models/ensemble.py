"""The members of an ensemble as one Keras model."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.models.architectures.heatmap_unet import fold_norms
from facial_keypoints.models.complexity import NetworkSize, network_size
from facial_keypoints.models.heads import MIRROR_PARTNERS, NUM_HEADS
from facial_keypoints.models.layers import OUTPUT_LAYER
from facial_keypoints.models.registry import build_model

if TYPE_CHECKING:
    import keras


def ensemble_size(settings: dict[str, Any], members: int) -> NetworkSize:
    """Return layers of one member, and weights and arithmetic of all members.

    Args:
        settings: Of the architecture ``heatmap_unet``.
        members: Number of members.
    """
    one = network_size(build_model("heatmap_unet", {**settings, "points": NUM_HEADS}))
    return replace(
        one, parameters=members * one.parameters, multiply_adds=members * one.multiply_adds
    )


def build_ensemble(
    settings: dict[str, Any],
    weights: list[list[npt.NDArray[np.float32]]],
    bias: npt.NDArray[np.float32],
) -> "keras.Model":
    """Return a model that predicts the mean of all members, on images and their mirror images.

    It is in float32 and of Keras' own layers alone, so that it loads without this package; batch
    normalisation is folded into the convolutions.

    Args:
        settings: Of the architecture ``heatmap_unet``.
        weights: Of each member, in the order of ``get_weights``.
        bias: float32 (19, 2), added to the predictions (see ``heads.mirror_bias``).

    Returns:
        A model from uint8 (n, 96, 96) to float32 (n, 38), x and y in pixels of the 19 heads.
    """
    import keras
    from keras import layers, ops

    image = keras.Input((IMAGE_SIZE, IMAGE_SIZE), dtype="uint8", name="image")
    mirrored = image[:, :, ::-1]
    straight, turned = [], []
    for number, values in enumerate(weights, start=1):
        trained = build_model("heatmap_unet", {**settings, "points": NUM_HEADS})
        trained.set_weights(values)
        member = build_model(
            "heatmap_unet", {**settings, "points": NUM_HEADS, "folded_norms": True}
        )
        fold_norms(trained, member)
        member.name = f"member_{number}"
        straight.append(member(image))
        turned.append(member(mirrored))
    shape = (NUM_HEADS, 2)
    here = layers.Reshape(shape)(_mean(straight))
    there = ops.take(layers.Reshape(shape)(_mean(turned)), MIRROR_PARTNERS, axis=1)
    there = layers.Rescaling([-1.0, 1.0], [float(IMAGE_SIZE), 0.0])(there)
    points = layers.Reshape((2 * NUM_HEADS,))((here + there) / 2)
    ones = [1.0] * 2 * NUM_HEADS
    outputs = layers.Rescaling(ones, bias.ravel().tolist(), name=OUTPUT_LAYER)(points)
    return keras.Model(image, outputs, name="ensemble")


def _mean(outputs: list["keras.KerasTensor"]) -> "keras.KerasTensor":
    from keras import layers

    return outputs[0] if len(outputs) == 1 else layers.Average()(outputs)
