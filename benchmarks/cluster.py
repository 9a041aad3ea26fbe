"""The same study without Ray and with the RayRunner on two workers of one core each.

    python benchmarks/cluster.py [--epochs 4]

Trains variants of the paper, at a tenth of their width, on the synthetic competition: one after
another with all cores, one after another with one thread, and two at a time with Ray. Prints the
wall-clock time of each whole command and of its trainings, and whether the leaderboards of the last
two are identical: a training's sums depend on its number of threads. Exits with 1 if they are not.
Needs the extra "cluster" and an idle machine of two cores; takes about six minutes.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
from measuring import print_machine, print_table
from resuming import copy_project

WORKERS: Final = 2
RAY: Final = (
    "--runner=facial_keypoints.framework.RayRunner",
    f"--runner-params=max_workers={WORKERS},num_cpus=1",
)
ONE_THREAD: Final = {"TF_NUM_INTRAOP_THREADS": "1"}
OF_THE_CLOCK: Final = "minutes"


@dataclass(frozen=True)
class Timed:
    """A run of the study.

    Attributes:
        leaderboard: Without the column that the clock decides on.
        seconds: Of the whole command.
        training: Seconds from the start of the first training to the end of the last one.
    """

    leaderboard: pd.DataFrame
    seconds: float
    training: float


def run(parameters: str, *options: str, **environment: str) -> Timed:
    """Run the study in a new project.

    Args:
        parameters: Of ``--params``.
        *options: Of ``kedro run``.
        **environment: Variables besides this process' own.

    Raises:
        RuntimeError: If the command fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        project = copy_project(Path(folder) / "project")
        started = time.monotonic()
        process = subprocess.Popen(  # noqa: S603
            [
                *(sys.executable, "-u", "-m", "kedro", "run", "--pipeline=full", "--env=test"),
                *("--params", parameters, *options),
            ],
            cwd=project,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None  # noqa: S101
        begins, ends, lines = [], [], []
        for line in process.stdout:
            lines.append(line)
            if ": trains in " in line:
                begins.append(time.monotonic())
            if ".train_variant  " in line:  # the node has ended
                ends.append(time.monotonic())
                print(f"  {line.rstrip()}", flush=True)
        if process.wait() or not ends:
            raise RuntimeError("".join(lines))
        seconds = time.monotonic() - started
        table = pd.read_csv(project / "data/test/08_reporting/leaderboard.csv")
        return Timed(table.drop(columns=OF_THE_CLOCK), seconds, ends[-1] - begins[0])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variants", default="5cl-3mpl,10cl-3mpl,15cl-5mpl,16cl-5mpl")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--faces", type=int, default=500, help="of training.csv")
    args = parser.parse_args()
    print_machine()
    parameters = (
        f"study.only={args.variants.replace(',', '+')},study.width=0.1,study.epochs={args.epochs},"
        f"download.synthetic.train_faces={args.faces},train.deterministic=true"
    )
    runs = {}
    for name, options, environment in (
        ("without Ray, all cores", (), {}),
        ("without Ray, one thread", (), ONE_THREAD),
        (f"RayRunner, {WORKERS} workers of one core", RAY, {}),
    ):
        print(f"{name} ...", flush=True)
        runs[name] = run(parameters, *options, **environment)
    everything, single, spread = runs.values()
    print_table(
        ["", "whole command", "trainings", "ratio", "ratio of trainings"],
        [
            [
                name,
                f"{timed.seconds:.0f} s",
                f"{timed.training:.0f} s",
                f"{everything.seconds / timed.seconds:.2f}",
                f"{everything.training / timed.training:.2f}",
            ]
            for name, timed in runs.items()
        ],
    )
    same = single.leaderboard.equals(spread.leaderboard)
    print(
        f"Leaderboards of one thread and of Ray: {'identical' if same else 'different'} "
        f"({len(spread.leaderboard)} rows, but for {OF_THE_CLOCK})"
    )
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
