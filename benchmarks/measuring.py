"""What the benchmarks share: fresh processes, their peak memory, alternating clocks, tables."""

import argparse
import logging
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.training.hardware import peak_memory

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Times:
    """Seconds of one way, one entry per repeat."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """On all cores together; hardly changes when other programs are running too."""

    def take(self, way: Callable[[], object]) -> None:
        """Do it once and note how long it took."""
        wall, cpu = time.perf_counter(), time.process_time()
        way()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)


@dataclass(frozen=True)
class Measured(Generic[T]):
    """What a piece of work gave in a process of its own, and what that cost."""

    result: T
    seconds: float
    peak: float
    """Most memory that the process ever held, in MiB, with Python and every library."""
    before: float
    """The same, just before the work began."""


def in_fresh_process(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Measured[T]:
    """Do ``work`` in a new Python process.

    On Linux the peak of a new process cannot lie below that of the process that started it, so
    a benchmark's main process must hold no large data: all work is done through this function.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        return pool.submit(_measure, partial(work, *args, **kwargs)).result()


def _measure(work: Callable[[], T]) -> Measured[T]:
    logging.disable(logging.INFO)
    before, began = peak_memory(), time.perf_counter()
    result = work()
    return Measured(result, time.perf_counter() - began, peak_memory(), before)


def alternate(
    first: Callable[[], object], second: Callable[[], object], repeats: int
) -> tuple[Times, Times]:
    """Seconds of both, taken in turns, so that whatever else the machine does meets both."""
    times = Times(), Times()
    for _ in range(repeats):
        times[0].take(first)
        times[1].take(second)
    return times


def print_comparison(
    names: tuple[str, str],
    times: tuple[Times, Times],
    memory: tuple[Measured[None], Measured[None]],
) -> None:
    """A table of both ways, and the second as a multiple of the first."""
    figures = [
        [
            min(seconds.wall),
            statistics.median(seconds.wall),
            statistics.median(seconds.cpu),
            measured.peak,
            max(measured.peak - measured.before, 1.0),
        ]
        for seconds, measured in zip(times, memory, strict=True)
    ]
    units = ["{:.2f} s"] * 3 + ["{:,.0f} MiB"] * 2
    rows = [
        [name, *(unit.format(value) for unit, value in zip(units, values, strict=True))]
        for name, values in zip(names, figures, strict=True)
    ]
    ratios = [f"{second / first:.2f}" for first, second in zip(*figures, strict=True)]
    rows.append(["ratio (second / first)", *ratios])
    header = ["", "fastest", "median", "CPU, median", "peak memory", "by the work"]
    print_table(header, rows)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns aligned, the first to the left and the others to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [
            text.ljust(width) if i == 0 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def print_machine() -> None:
    """One line that says what the figures were taken on."""
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}{load} at the start"
    )


def parse_arguments(doc: str | None, unit: str, default: int, repeats: int) -> argparse.Namespace:
    """``archive`` (a path or None), ``repeats``, and how many of ``unit`` to fabricate.

    Raises:
        InputError: if the archive is not the competition's.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = parser.add_mutually_exclusive_group()
    data.add_argument(
        "--archive", type=Path, metavar="ZIP", help="Kaggle's zip, or one in its layout"
    )
    data.add_argument(
        f"--{unit}",
        type=count,
        default=default,
        help=f"{unit} to fabricate where there is no archive (default: %(default)s)",
    )
    parser.add_argument(
        "--repeats", type=count, default=repeats, help="timings of each way (%(default)s)"
    )
    args = parser.parse_args()
    if args.archive:
        CompetitionArchive(args.archive).check()
    return args


def count(text: str) -> int:
    """A whole number from 1, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number
