"""The number format that a model trains in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

from facial_keypoints.models.complexity import fraction_in_blocks
from facial_keypoints.models.registry import build_model

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]

_BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16")
_BFLOAT16_CAPABILITY = (8, 0)
"""Compute capability from which on an Nvidia GPU multiplies bfloat16 itself (Ampere)."""
_BLOCK: Final = 16
"""Channels that oneDNN's bfloat16 convolutions take at once. With other numbers of channels they
are slower than in float32, 1.6 to 3.9 times in narrow networks (``benchmarks/precision.py``)."""
_SUITED: Final = 0.9
"""Fraction of the multiply-adds that must be in whole blocks for bfloat16 to be faster."""


def choose_precision(
    requested: str, architecture: str, settings: Mapping[str, Any]
) -> tuple[Precision, str]:
    """Return the precision to train in, and the reason.

    ``auto`` chooses mixed_bfloat16 where every GPU, or without one the processor, multiplies
    bfloat16 itself; elsewhere it is emulated, and slower than float32. On a processor a network
    with few or odd numbers of channels trains in float32.

    Args:
        requested: A precision, or auto.
        architecture: Of the network.
        settings: Of the architecture.

    Raises:
        ValueError: If ``requested`` is no precision.
    """
    if requested == "auto":
        return _fastest(architecture, settings)
    for known in get_args(Precision):
        if requested == known:
            return known, "as requested"
    raise ValueError(f"unknown precision {requested!r}")


def _fastest(architecture: str, settings: Mapping[str, Any]) -> tuple[Precision, str]:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        if all(d.get("compute_capability", (0, 0)) >= _BFLOAT16_CAPABILITY for d in details):
            return "mixed_bfloat16", "native on this GPU"
        return "float32", "this GPU has no bfloat16"
    if not processor_has_bfloat16():
        return "float32", "this processor has no bfloat16"
    if fraction_in_blocks(build_model(architecture, dict(settings)), _BLOCK) < _SUITED:
        return "float32", "faster here for narrow layers"
    return "mixed_bfloat16", "native on this processor"


def processor_has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the processor has bfloat16 instructions; False where Linux does not say."""
    try:
        flags = cpuinfo.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False
    return any(flag in flags for flag in _BFLOAT16_FLAGS)
