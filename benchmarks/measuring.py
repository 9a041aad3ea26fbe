"""Helpers of the benchmarks: fresh processes, their peak memory, paired timings, tables."""

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

from joblib.externals.loky import get_reusable_executor

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.synthetic import write_archive
from facial_keypoints.training.hardware import peak_memory

KAGGLE_TRAINING, KAGGLE_TEST = 7049, 1783
"""Rows of Kaggle's training.csv and test.csv."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Times:
    """Seconds of one implementation, one entry per repeat.

    Attributes:
        wall: Elapsed time.
        cpu: CPU time on all cores; hardly changes when other programs are running.
    """

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def measure(self, work: Callable[[], object]) -> None:
        """Do ``work`` once and add how long it takes."""
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)


@dataclass(frozen=True)
class Measured(Generic[T]):
    """A result, and its cost in a separate process.

    Attributes:
        result: What the work returned.
        seconds: Elapsed time.
        peak: Peak memory of the process in MiB, Python and libraries included.
        before: The same just before the work began.
    """

    result: T
    seconds: float
    peak: float
    before: float


def in_fresh_process(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Measured[T]:
    """Do ``work`` in a new Python process.

    On Linux the peak memory of a new process is at least that of its parent, so a benchmark's main
    process must hold no large data: it does all work through this function.

    Args:
        work: A function that can be pickled.
        args: Its arguments.
        kwargs: Its keyword arguments.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        return pool.submit(_measure, partial(work, *args, **kwargs)).result()


def write_synthetic_archive(path: Path, train_faces: int, test_faces: int) -> None:
    """Write a synthetic competition in a separate process, see ``synthetic.write_archive``.

    Args:
        path: The zip to write.
        train_faces: Rows of training.csv.
        test_faces: Rows of test.csv.
    """
    rows = f"{train_faces:,} training and {test_faces:,} test rows"
    print(f"Writing a synthetic archive of {rows} ...", flush=True)
    in_fresh_process(_write_archive, path, train_faces, test_faces)


def _write_archive(path: Path, train_faces: int, test_faces: int) -> None:
    write_archive(path, train_faces, test_faces, seed=0)
    get_reusable_executor().shutdown()  # else this process would wait for joblib's idle workers


def _measure(work: Callable[[], T]) -> Measured[T]:
    logging.disable(logging.INFO)
    before, began = peak_memory(), time.perf_counter()
    result = work()
    return Measured(result, time.perf_counter() - began, peak_memory(), before)


def time_in_turns(
    first: Callable[[], object], second: Callable[[], object], repeats: int
) -> tuple[Times, Times]:
    """Return the times of both, measured in turns, so that other load meets both alike.

    Args:
        first: One implementation.
        second: The other.
        repeats: How often each is timed.
    """
    times = Times(), Times()
    for _ in range(repeats):
        times[0].measure(first)
        times[1].measure(second)
    return times


def print_comparison(
    names: tuple[str, str],
    times: tuple[Times, Times],
    memory: tuple[Measured[None], Measured[None]],
) -> None:
    """Print a table of two implementations, and the second as a multiple of the first.

    Args:
        names: Of each.
        times: Of each.
        memory: Of each.
    """
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
    header = ["", "fastest", "median", "CPU, median", "peak memory", "of the work"]
    print_table(header, rows)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> None:
    """Print aligned columns.

    Args:
        header: Of each column.
        rows: Cells.
        left: How many columns are aligned to the left; the others are to the right.
    """
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [
            text.ljust(width) if i < left else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def print_machine() -> None:
    """Print the machine that the figures are of, and its load, on one line."""
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}{load} at the start"
    )


def parse_arguments(doc: str | None, repeats: int) -> argparse.Namespace:
    """Return ``archive`` (a path or None), ``repeats``, and ``rows`` of a synthetic archive.

    Args:
        doc: The script's description.
        repeats: Default of ``repeats``.

    Raises:
        InputError: If the archive is not the competition's.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = parser.add_mutually_exclusive_group()
    data.add_argument(
        "--archive", type=Path, metavar="ZIP", help="the competition's zip, or one in its layout"
    )
    data.add_argument(
        "--rows",
        type=count,
        default=KAGGLE_TRAINING,
        help="training rows of a synthetic archive, without --archive (default: %(default)s)",
    )
    parser.add_argument(
        "--repeats", type=count, default=repeats, help="timings of each (default: %(default)s)"
    )
    args = parser.parse_args()
    if args.archive:
        CompetitionArchive(args.archive).check()
    return args


def count(text: str) -> int:
    """Return a whole number from 1 up, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number
