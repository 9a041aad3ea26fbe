"""What a stage of work costs, and what disk and memory allow."""

import gc
import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import psutil

from facial_keypoints.training.start_messages import hide_start_messages

_INTERVAL: Final = 0.02
"""Seconds between two looks at the memory."""
_BLOCK: Final = bytes(2**24)


@dataclass(frozen=True)
class Cost:
    """What one stage costs in a separate process.

    Attributes:
        seconds: Elapsed time.
        cpu: CPU seconds on all cores.
        memory: Most memory in MiB that the process needed beyond what it held before. Pages of
            files that are mapped into memory are not part of it: the system drops them as needed.
        resident: The same with those pages.
    """

    seconds: float
    cpu: float
    memory: float
    resident: float


def stage_cost(work: Callable[[Path], object], folder: Path, small: Path) -> Cost:
    """Do ``work`` in a new Python process and return its cost.

    Args:
        work: A function that can be pickled.
        folder: Its argument.
        small: The same with little data: it is worked on before, so that imports do not count.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        return pool.submit(_measure, work, folder, small).result()


def _measure(work: Callable[[Path], object], folder: Path, small: Path) -> Cost:
    logging.disable(logging.WARNING)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # without its build options
    hide_start_messages()
    work(small)
    gc.collect()
    before = _memory()
    peak, done = list(before), threading.Event()

    def watch() -> None:
        while not done.wait(_INTERVAL):
            peak[:] = map(max, peak, _memory())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    wall, cpu = time.perf_counter(), time.process_time()
    work(folder)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    done.set()
    watcher.join()
    own, resident = (most - least for most, least in zip(peak, before, strict=True))
    return Cost(wall, cpu, own, resident)


def _memory() -> tuple[float, float]:
    """Return the process's memory in MiB without and with pages of files."""
    memory = psutil.Process().memory_info()
    return (memory.rss - getattr(memory, "shared", 0)) / 2**20, memory.rss / 2**20


def disk_speed(folder: Path, gigabytes: float) -> tuple[float, float]:
    """Return how fast a file is written and read in order, in GB/s, past the system's cache.

    Args:
        folder: On the disk to measure.
        gigabytes: Size of the file.
    """
    path, blocks = folder / "disk_speed", max(1, round(gigabytes * 1e9 / len(_BLOCK)))
    block = np.random.default_rng(0).bytes(len(_BLOCK))
    start = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for _ in range(blocks):
            file.write(block)
        os.fsync(file.fileno())
    written = time.perf_counter() - start
    with path.open("rb", buffering=0) as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        start = time.perf_counter()
        while file.read(len(_BLOCK)):
            pass
        read = time.perf_counter() - start
    path.unlink()
    size = blocks * len(_BLOCK) / 1e9
    return size / written, size / read


def memory_speed() -> float:
    """Return how fast one core copies memory, in GB/s: the best of three."""
    source = np.ones(2**29, np.uint8)
    target = np.zeros_like(source)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        np.copyto(target, source)
        times.append(time.perf_counter() - start)
    return source.nbytes / min(times) / 1e9
