"""Prediction with test-time augmentation (TTA).

This module imports TensorFlow and is itself imported only inside functions.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from facial_keypoints.augmentation.geometry import transform_points
from facial_keypoints.augmentation.random_transforms import RandomTransforms, warp
from facial_keypoints.models.heads import MIRROR_PARTNERS, NUM_HEADS, Points, unmirror
from facial_keypoints.parameters import RandomTransformParameters

logger = logging.getLogger(__name__)

_VIEWS: Final = RandomTransformParameters.none().model_copy(
    update={"rotation": 9.0, "scale": 0.06, "shift": 2.0}
)
"""How the views of an image differ whose predictions are averaged."""


def predict_with_tta(
    predict: Callable[[npt.NDArray[np.uint8]], Any],
    images: npt.NDArray[np.uint8],
    num_views: int = 1,
    deadline: float | None = None,
) -> Points:
    """Return the mean prediction over several views of each image and their mirror images.

    Args:
        predict: From uint8 (n, 96, 96) to float32 (n, 38), see ``inference.make_predictor``.
        images: uint8 (n, 96, 96).
        num_views: The first view is the image itself; the others are rotated, scaled and shifted
            a little, always in the same ways.
        deadline: Unix time after which no view ends that is not needed: on a machine that is busy
            with other work there are fewer views. None for all views.

    Returns:
        float32 (n, 19, 2) in pixels.
    """
    started = time.time()
    total, count = _with_mirror(predict, images), 1
    pixels = tf.cast(images, tf.float32)[..., None]
    matrices = RandomTransforms(_VIEWS, MIRROR_PARTNERS, (0, 0)).matrices(num_views)
    for matrix in matrices[1:]:
        now = time.time()
        if deadline is not None and now + (now - started) / count > deadline:
            logger.info("The budget ends: averaging %d of %d views", count, num_views)
            break
        repeated = tf.repeat(matrix[None], len(images), axis=0)
        view = tf.cast(tf.round(warp(pixels, repeated)[..., 0]), tf.uint8).numpy()
        total += transform_points(_with_mirror(predict, view), tf.linalg.inv(repeated)).numpy()
        count += 1
    return (total / count).astype(np.float32)


def _with_mirror(predict: Callable[..., Any], images: npt.NDArray[np.uint8]) -> Points:
    straight, mirrored = (
        np.asarray(predict(view), np.float32).reshape(-1, NUM_HEADS, 2)
        for view in (images, images[:, :, ::-1])
    )
    return ((straight + unmirror(mirrored)) / 2).astype(np.float32)
