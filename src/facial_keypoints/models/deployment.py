"""A trained model as others use it: named outputs in pixels, and confidences."""

from typing import TYPE_CHECKING, Final

from facial_keypoints.keypoints import IMAGE_SIZE, LEFT_EYE, NUM_KEYPOINTS, RIGHT_EYE

if TYPE_CHECKING:
    import keras

KEYPOINTS_OUTPUT: Final = "keypoints"
CONFIDENCES_OUTPUT: Final = "confidences"
CONFIDENCE_RADIUS: Final = 0.05
"""In distances between the eyes: a confidence is the probability that the error is smaller."""

_ERROR_AT_ZERO: Final = 1.17
_ERROR_SLOPE: Final = 0.034
"""Mean squared distance to the label, in square pixels, of a prediction without spread, and its
growth with the squared spread: measured by ``benchmarks/confidence.py``."""


def build_deployed_model(model: "keras.Model") -> "keras.Model":
    """Return a trained model with named outputs, of Keras' own layers alone.

    Args:
        model: A variant, from uint8 (n, 96, 96) to (n, 30), or the ensemble, to (n, 38).

    Returns:
        A model from ``image``, uint8 (n, 96, 96), to a dict: ``keypoints``, float32 (n, 15, 2), x
        and y in pixels (an ensemble's by population A's convention); and, where the model has heat
        maps, ``confidences``, float32 (n, 15), see ``confidence``.
    """
    import keras
    from keras import layers

    from facial_keypoints.models.spread import has_heat_maps, points_and_spread

    image = keras.Input((IMAGE_SIZE, IMAGE_SIZE), dtype="uint8", name="image")
    if has_heat_maps(model):
        points, spread = (each[:, :NUM_KEYPOINTS] for each in points_and_spread(model, image))
        outputs = {KEYPOINTS_OUTPUT: points, CONFIDENCES_OUTPUT: confidence(points, spread)}
    else:
        outputs = {KEYPOINTS_OUTPUT: layers.Reshape((NUM_KEYPOINTS, 2))(model(image))}
    named = {name: layers.Identity(name=name)(output) for name, output in outputs.items()}
    return keras.Model(image, named, name="facial_keypoints")


def confidence(points: "keras.KerasTensor", spread: "keras.KerasTensor") -> "keras.KerasTensor":
    """Return the estimated probability that each keypoint is within ``CONFIDENCE_RADIUS``.

    Where errors are normally distributed, the squared distance to the truth is exponentially
    distributed. Its mean grows linearly with the square of the spread.

    Args:
        points: float32 (n, 15, 2), in pixels.
        spread: float32 (n, 15), in pixels (see ``spread.with_spread``).
    """
    from keras import ops

    eyes = ops.sum(ops.square(points[:, LEFT_EYE] - points[:, RIGHT_EYE]), axis=-1, keepdims=True)
    expected = _ERROR_AT_ZERO + _ERROR_SLOPE * ops.square(spread)
    return 1.0 - ops.exp(-(CONFIDENCE_RADIUS**2) * eyes / expected)
