"""What this machine and this process tell of themselves, and what they are told."""

import os
import sys


def use_onednn() -> None:
    """Let TensorFlow compute by oneDNN; it must not be loaded yet.

    It does so by itself only on processors with AVX512-VNNI or the like. On others, too, oneDNN's
    convolutions are faster (benchmarks/README.md). TF_ENABLE_ONEDNN_OPTS decides where it is set.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def peak_memory() -> float:
    """Most memory that this process has held so far, in MiB."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
