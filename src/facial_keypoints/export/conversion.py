"""Conversion of a Keras model to ONNX and LiteRT.

Everything is imported inside functions: TensorFlow takes seconds, and the converters are an extra.
"""

import logging
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from facial_keypoints.errors import require_extra
from facial_keypoints.export.metadata import ModelMetadata, append_metadata, as_strings

if TYPE_CHECKING:
    import keras

Precision = Literal["float32", "float16", "int8"]
"""How a LiteRT file holds its weights. ``int8`` is dynamic-range quantisation: weights have 8 bits,
activations are quantised while it runs, in- and output stay as they are."""

PACKAGES: Final = ("tf2onnx", "onnx", "onnxruntime", "ai_edge_litert")
"""Modules of the extra ``export``, for the converters and to run the files."""
_OPSET: Final = 18


def save_keras(model: "keras.Model") -> bytes:
    """Return a model as the bytes of a .keras file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def load_keras(content: bytes) -> "keras.Model":
    """Return the model of a .keras file.

    Args:
        content: The file's bytes.
    """
    import keras

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(content)
        return keras.saving.load_model(path, compile=False, safe_mode=True)


def convert_to_onnx(model: "keras.Model", metadata: ModelMetadata) -> bytes:
    """Return a model as the bytes of an ONNX file, in float32 and for any batch size.

    Args:
        model: With a dict of named outputs (see ``models.deployment``).
        metadata: Goes into the file's ``metadata_props``.
    """
    require_extra("export", "tf2onnx", "onnx")
    import onnx

    logging.getLogger("tf2onnx").setLevel(logging.WARNING)  # it logs each step
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of NumPy, in Keras
        path = Path(folder) / "model.onnx"
        signature = _signature(model)
        model.export(
            path, format="onnx", input_signature=signature, opset_version=_OPSET, verbose=False
        )
        converted = onnx.load(path)
    for value in (*converted.graph.input, *converted.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.helper.set_model_props(converted, as_strings(metadata))
    onnx.checker.check_model(converted, full_check=True)
    return bytes(converted.SerializeToString())


def convert_to_litert(model: "keras.Model", metadata: ModelMetadata) -> dict[Precision, bytes]:
    """Return a model as the bytes of LiteRT (.tflite) files, for any batch size.

    Args:
        model: With a dict of named outputs (see ``models.deployment``).
        metadata: Appended to the files.

    Returns:
        A file of each precision.

    Raises:
        RuntimeError: If LiteRT alone cannot run a file.
    """
    import tensorflow as tf

    files: dict[Precision, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        signature = _signature(model)
        model.export(folder, format="tf_saved_model", input_signature=signature, verbose=False)
        for precision in get_args(Precision):
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
            if precision != "float32":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if precision == "float16":
                converter.target_spec.supported_types = [tf.float16]
            content = converter.convert()
            check_operations(content)
            files[precision] = append_metadata(content, metadata)
    return files


def check_operations(content: bytes) -> None:
    """Check that LiteRT alone can run a file.

    Args:
        content: The file.

    Raises:
        RuntimeError: If it needs TensorFlow's operations ("Flex"), or others.
    """
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    foreign = [code.customCode.decode() for code in model.operatorCodes if code.customCode]
    if foreign:
        raise RuntimeError(f"operations that LiteRT does not have: {', '.join(foreign)}")


def _signature(model: "keras.Model") -> list["keras.InputSpec"]:
    import tensorflow as tf

    return [tf.TensorSpec(model.input.shape, model.input.dtype, name=model.input.name)]
