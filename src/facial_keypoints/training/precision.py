"""The number format that a model trains in."""

from pathlib import Path
from typing import Literal, get_args

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]

_BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16")
_BFLOAT16_CAPABILITY = (8, 0)
"""Compute capability from which on an Nvidia GPU multiplies bfloat16 itself (Ampere)."""


def choose_precision(requested: str) -> tuple[Precision, str]:
    """Return the precision to train in, and the reason.

    ``auto`` chooses mixed_bfloat16 where every GPU, or without one the processor, multiplies
    bfloat16 itself; elsewhere it is emulated, and slower than float32.

    Raises:
        ValueError: If ``requested`` is no precision.
    """
    if requested == "auto":
        return _fastest()
    for known in get_args(Precision):
        if requested == known:
            return known, "as requested"
    raise ValueError(f"unknown precision {requested!r}")


def _fastest() -> tuple[Precision, str]:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        if all(d.get("compute_capability", (0, 0)) >= _BFLOAT16_CAPABILITY for d in details):
            return "mixed_bfloat16", "native on this GPU"
        return "float32", "this GPU has no bfloat16"
    if processor_has_bfloat16():
        return "mixed_bfloat16", "native on this processor"
    return "float32", "this processor has no bfloat16"


def processor_has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the processor has bfloat16 instructions; False where Linux does not say."""
    try:
        flags = cpuinfo.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False
    return any(flag in flags for flag in _BFLOAT16_FLAGS)
