"""Environment variables and the file keras.json, from which Keras and TensorFlow take settings."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from facial_keypoints.errors import InputError

_NUMERIC: Final = (
    *("TF_XLA_FLAGS", "XLA_FLAGS", "NVIDIA_TF32_OVERRIDE", "TF_CONV2D_USE_FP16_ACCUMULATE"),
    *("TF_SET_ONEDNN_FPMATH_MODE", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE"),
)
"""Variables that can change the precision of numbers: they are part of a training's fingerprint."""
_MACHINE: Final = (
    *("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "TF_ENABLE_ONEDNN_OPTS"),
    *("TF_DETERMINISTIC_OPS", "TF_CUDNN_DETERMINISTIC", "TF_CUDNN_USE_AUTOTUNE"),
)
"""Variables that change the machine, or numbers in their last digits, as another machine does.
(Others that begin with TF_ are of Terraform, and may be secrets.)"""
_SWITCHES: Final = {
    "TF_USE_LEGACY_KERAS": "MLflow could not save the models, which are of Keras 3",
    "KERAS_NNX_ENABLED": "it is for JAX, and the networks are trained with TensorFlow",
}
_LIMITS: Final = {"KERAS_MAX_EPOCHS": "epochs", "KERAS_MAX_STEPS_PER_EPOCH": "steps of an epoch"}
_KERAS_JSON: Final = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
"""Keras' defaults, which all results of this project are made with."""


def use_tensorflow() -> None:
    """Let Keras compute with TensorFlow, whatever keras.json names; KERAS_BACKEND is checked."""
    os.environ["KERAS_BACKEND"] = os.environ.get("KERAS_BACKEND") or "tensorflow"


def check_variables(environ: Mapping[str, str]) -> None:
    """Check the variables that would change trainings, and keras.json.

    Args:
        environ: The environment variables.

    Raises:
        InputError: if a training would not be what the parameters describe.
    """
    backend = environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":
        raise InputError(
            f"KERAS_BACKEND={backend}: the networks are trained with TensorFlow; run: "
            "unset KERAS_BACKEND"
        )
    for name, reason in _SWITCHES.items():
        if environ.get(name, "").lower() in {"1", "true"}:
            raise InputError(f"{name}={environ[name]}: {reason}; run: unset {name}")
    for name, limited in _LIMITS.items():
        if name in environ:
            raise InputError(
                f"{name}={environ[name]}: Keras would train fewer {limited} than the parameters "
                f"say; use --params train.epochs=... instead, and run: unset {name}"
            )
    for name, value in _keras_json(environ).items():
        default = _KERAS_JSON.get(name, value)
        if value != default:
            raise InputError(
                f"{_keras_json_path(environ)} sets {name} to {value!r}, and this project needs "
                f"Keras' default, {default!r}: correct the file, or run: "
                "export KERAS_HOME=$(mktemp -d)"
            )


def _keras_json(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of keras.json; empty where Keras, too, goes on without it."""
    try:
        content = json.loads(_keras_json_path(environ).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {"floatx": content}


def _keras_json_path(environ: Mapping[str, str]) -> Path:
    if "KERAS_HOME" in environ:
        return Path(environ["KERAS_HOME"]).expanduser() / "keras.json"
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 (pathlib's raises where there is no home)
    return (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras/keras.json"  # noqa: S108


def numeric_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the set variables that can change the precision of numbers.

    Args:
        environ: The environment variables.

    Example:
        >>> numeric_variables({"TF_XLA_FLAGS": "--tf_xla_auto_jit=2", "HOME": "/"})
        {'TF_XLA_FLAGS': '--tf_xla_auto_jit=2'}
    """
    return {name: environ[name] for name in _NUMERIC if environ.get(name)}


def variables_of_keras(environ: Mapping[str, str]) -> list[str]:
    """Return the set variables that TensorFlow and its libraries follow, as "name=value".

    Args:
        environ: The environment variables.
    """
    machine = {name: environ[name] for name in _MACHINE if name in environ}
    if machine.get("TF_ENABLE_ONEDNN_OPTS") == "1":  # as ``hardware.use_onednn`` sets it
        del machine["TF_ENABLE_ONEDNN_OPTS"]
    settings = [f"{k}={v}" for k, v in {**numeric_variables(environ), **machine}.items()]
    backend = _keras_json(environ).get("backend", "tensorflow")
    if backend != "tensorflow":
        settings.append(f"KERAS_BACKEND=tensorflow (keras.json names {backend})")
    return settings
