"""The registered model, for ``mlflow.pyfunc`` and ``mlflow models serve``.

MLflow stores this file with the model, and imports it wherever the model is loaded: it imports
nothing of this project.
"""

import base64
import binascii
import os
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

SIZE = 96
COLUMN = "image"
MAX_PIXELS = 50_000_000
"""Of a picture: more would take hundreds of MB."""
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))  # OpenCV reads it on import
BATCHES = (64, 8, 1)
"""Batch sizes, each of which has its own graph: no call waits for a new one."""


class ServedKeypoints:
    """Predict keypoints on images of faces.

    Args:
        path: Of a .keras file with the outputs ``keypoints`` and, if it has heat maps,
            ``confidences``.
        names: Of the keypoints.
    """

    def __init__(self, path: str, names: list[str]) -> None:
        import keras
        import tensorflow as tf

        model = keras.saving.load_model(path, compile=False)
        self._graph = tf.function(lambda images: model(images, training=False))
        self._names = names

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a row per face: x and y of each keypoint, in pixels of its picture.

        Args:
            data: Either grey images, whole numbers from 0 to 255 in (n, 96, 96); or base64 of
                pictures (JPEG, PNG, ...) of any size, each of one face, (n,). In a column or a dict
                with the key "image", or as they are.
            params: Unused.

        Returns:
            Columns ``<keypoint>_x``, ``<keypoint>_y`` and, if the model has heat maps,
            ``<keypoint>_confidence``, from 0 to 1.

        Raises:
            MlflowException: If the input is something else; a server answers with 400.
        """
        images, scale, offset = _faces(_values(data))
        outputs = self._outputs(images)
        points = outputs["keypoints"] * scale[:, None, None] - offset[:, None]
        columns = {}
        for i, name in enumerate(self._names):
            columns[f"{name}_x"], columns[f"{name}_y"] = points[:, i, 0], points[:, i, 1]
            if "confidences" in outputs:
                columns[f"{name}_confidence"] = outputs["confidences"][:, i]
        return pd.DataFrame({name: np.asarray(v, np.float64) for name, v in columns.items()})

    def _outputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        parts = []
        start = 0
        while start < len(images):
            size = next((b for b in reversed(BATCHES) if b >= len(images) - start), BATCHES[0])
            batch = images[start : start + size]
            padded = np.resize(batch, (size, SIZE, SIZE))
            outputs = self._graph(padded)
            parts.append({name: np.asarray(v)[: len(batch)] for name, v in outputs.items()})
            start += size
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _values(data: Any) -> np.ndarray:
    """Return the images or pictures of any kind of input."""
    if isinstance(data, pd.DataFrame | dict):
        if COLUMN not in data:
            raise _invalid(f'the column "{COLUMN}" is missing')
        data = data[COLUMN]
    if isinstance(data, str | bytes):
        data = [data]
    if isinstance(data, np.ndarray) and data.ndim != 1:
        values = data
    else:
        values = np.empty(len(data), object)
        for i, value in enumerate(data):  # MLflow packs some values into arrays without dimension
            values[i] = value.item() if np.ndim(value) == 0 and hasattr(value, "item") else value
    if not values.size:
        raise _invalid("there is no image")
    return values


def _faces(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return uint8 (n, 96, 96), and the scale (n,) and offset (n, 2) of its pixels in a picture."""
    if values.ndim == 1 and isinstance(values[0], str | bytes):
        faces = [_decoded(value, i) for i, value in enumerate(values)]
        images, scales, offsets = zip(*faces, strict=True)
        return np.stack(images), np.array(scales), np.array(offsets)
    try:
        numbers = np.asarray(values.tolist() if values.dtype == object else values)
    except ValueError:
        numbers = np.empty(0)
    if numbers.ndim != 3 or numbers.shape[1:] != (SIZE, SIZE):
        shape = "of different sizes" if numbers.size == 0 else str(numbers.shape)
        raise _invalid(
            f"images must be (n, {SIZE}, {SIZE}), not {shape}; or send base64 of JPEG or PNG files"
        )
    if numbers.dtype.kind not in "uif" or not _are_bytes(numbers):
        raise _invalid("grey values must be whole numbers from 0 (black) to 255 (white)")
    return numbers.astype(np.uint8), np.ones(len(numbers)), np.zeros((len(numbers), 2))


def _are_bytes(numbers: np.ndarray) -> bool:
    if numbers.dtype == np.uint8:
        return True
    inside = bool((numbers >= 0).all() and (numbers <= 255).all())  # NaN is not
    fractions = numbers.dtype.kind == "f" and inside and bool((numbers % 1).any())
    return inside and not fractions


def _decoded(value: Any, position: int) -> tuple[np.ndarray, float, tuple[float, float]]:
    """Decode a picture; the image is the whole picture, with its border repeated to a square."""
    import cv2

    where = f"picture {position + 1}"
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    try:
        # also as a data URL, which browsers make
        content = base64.b64decode("".join(text.rpartition("base64,")[2].split()), validate=True)
    except (binascii.Error, ValueError):
        raise _invalid(f"{where} is not base64") from None
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        picture = None
    if picture is None:
        raise _invalid(
            f"{where} is not a JPEG, PNG, WebP, TIFF or BMP file, or is damaged, or has more than "
            f"{MAX_PIXELS:,} pixels"
        )
    height, width = picture.shape
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    square = cv2.copyMakeBorder(
        picture, top, side - height - top, left, side - width - left, cv2.BORDER_REPLICATE
    )
    shrink = cv2.INTER_AREA if side > SIZE else cv2.INTER_LINEAR
    return cv2.resize(square, (SIZE, SIZE), interpolation=shrink), side / SIZE, (left, top)


def _invalid(message: str) -> MlflowException:
    return MlflowException(f"Wrong input: {message}", error_code=INVALID_PARAMETER_VALUE)


def _load_pyfunc(path: str, model_config: dict[str, Any]) -> ServedKeypoints:
    """Return the model; MLflow calls this."""
    return ServedKeypoints(path, model_config["keypoints"])
