"""What this machine offers: cores, memory, fast convolutions."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

_MEMORY_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")


def use_onednn() -> None:
    """Let TensorFlow compute with oneDNN; TensorFlow must not be loaded yet.

    TensorFlow does so by itself only on processors with AVX512-VNNI or the like. On others, too,
    oneDNN's convolutions are faster (benchmarks/README.md). TF_ENABLE_ONEDNN_OPTS decides where it
    is set.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def grow_gpu_memory() -> None:
    """Let TensorFlow take memory of a GPU as it is needed: other processes may train on it."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        with suppress(RuntimeError):  # in use already
            tf.config.experimental.set_memory_growth(gpu, True)


def number_of_cores() -> int:
    """Return how many cores this process may use at a time, a container's quota included."""
    import joblib

    return int(joblib.cpu_count())


def available_memory() -> int:
    """Return free memory in bytes, within a container's limit."""
    import psutil

    available = int(psutil.virtual_memory().available)
    try:
        limit = int(_MEMORY_LIMIT.read_text())
    except (OSError, ValueError):  # no such file, or the word "max"
        return available
    return min(available, limit - int(psutil.Process().memory_info().rss))


def peak_memory() -> float:
    """Return the most memory that this process has held so far, in MiB."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
