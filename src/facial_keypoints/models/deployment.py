"""A trained model as others use it: named outputs in pixels, and confidences."""

from typing import TYPE_CHECKING, Final

import numpy as np

from facial_keypoints.keypoints import IMAGE_SIZE, LEFT_EYE, NUM_KEYPOINTS, RIGHT_EYE
from facial_keypoints.models.calibration import Calibration
from facial_keypoints.models.heads import heads_of

if TYPE_CHECKING:
    import keras

KEYPOINTS_OUTPUT: Final = "keypoints"
CONFIDENCES_OUTPUT: Final = "confidences"
CONFIDENCE_RADIUS: Final = 0.05
"""In distances between the eyes: a confidence is the probability that the error is smaller."""

_ERROR_AT_ZERO: Final = (
    *(0.17, 0.22, 0.10, 0.42, 0.09, 0.37),  # eyes
    *(0.60, 1.34, 0.73, 0.92),  # eyebrows
    *(0.46, 0.54, 0.50, 0.25, 0.62),  # nose and mouth
)
_ERROR_SLOPE: Final = 0.166
"""Mean squared distance of each keypoint to its label, in square pixels, of a prediction without
spread, and the factor by which it grows with the squared spread: measured on an ensemble by
``benchmarks/confidence.py``."""


def build_deployed_model(
    model: "keras.Model", calibration: Calibration | None = None, population: int = 0
) -> "keras.Model":
    """Return a trained model with named outputs, of Keras' own layers alone.

    Args:
        model: A variant, from uint8 (n, 96, 96) to (n, 30), or the ensemble, to (n, 38).
        calibration: Of its confidence; None takes constants.
        population: By whose convention an ensemble's keypoints are: 0 for A, 1 for B.

    Returns:
        A model from ``image``, uint8 (n, 96, 96), to a dict: ``keypoints``, float32 (n, 15, 2), x
        and y in pixels; and, where the model has heat maps, ``confidences``, float32 (n, 15).
    """
    import keras
    from keras import layers, ops

    from facial_keypoints.models.spread import has_heat_maps, points_and_spread

    image = keras.Input((IMAGE_SIZE, IMAGE_SIZE), dtype="uint8", name="image")
    if has_heat_maps(model):
        heads = heads_of(population)
        points, spread = (ops.take(e, heads, axis=1) for e in points_and_spread(model, image))
        if calibration is None:
            sure = confidence(points, spread)
        else:
            sure = calibrated_confidence(spread, calibration)
        outputs = {KEYPOINTS_OUTPUT: points, CONFIDENCES_OUTPUT: sure}
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
    at_zero = np.array(_ERROR_AT_ZERO, np.float32)
    expected = (1.0 + _ERROR_SLOPE * ops.square(spread)) * at_zero
    return 1.0 - ops.exp(-(CONFIDENCE_RADIUS**2) * eyes / expected)


def calibrated_confidence(
    spread: "keras.KerasTensor", calibration: Calibration
) -> "keras.KerasTensor":
    """Return what ``Calibration.apply`` does, of Keras' operations.

    A linear function between knots is a sum over the intervals: the part of each that lies below,
    times the rise in it.

    Args:
        spread: float32 (n, 15), in pixels.
        calibration: Of the model.
    """
    from keras import ops

    scale = np.array(calibration.scale, np.float32)
    starts = np.array(calibration.error[:-1], np.float32)
    widths = np.maximum(np.diff(calibration.error), 1e-6).astype(np.float32)
    rises = np.diff(calibration.confidence).astype(np.float32)
    below = ops.clip((ops.expand_dims(spread * scale, -1) - starts) / widths, 0.0, 1.0)
    return calibration.confidence[0] + ops.sum(below * rises, axis=-1)
