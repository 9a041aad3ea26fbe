"""Compare a training that is killed twice with one that is not.

    python benchmarks/resuming.py [--epochs 8] [--kill-after 3 5]

Runs the synthetic competition of `--env=test` in two copies of the project, deterministically. In
one of them the run is killed (SIGKILL) when its log reports the end of an epoch given with
--kill-after, and started again. Prints the curves of both, and exits with 1 if a run was not killed
or if curves or weights differ in any digit.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
VARIANT = "tiny-2cl"


def copy_project(folder: Path) -> Path:
    for name in ("conf", "src"):
        ignored = shutil.ignore_patterns("__pycache__", "local")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    (folder / "conf" / "local").mkdir()
    (folder / "logs").mkdir()
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, folder)
    return folder


def run(project: Path, epochs: int, kill_after: int | None) -> int:
    """Run `kedro run`, and return its exit status.

    Args:
        project: Folder of the project.
        epochs: Of the training.
        kill_after: Epoch whose end kills the run; None kills it never.
    """
    parameters = f"study.only={VARIANT},train.epochs={epochs},train.deterministic=true"
    process = subprocess.Popen(  # noqa: S603
        [
            *(sys.executable, "-u", "-m", "kedro", "run", "--pipelines=full", "--env=test"),
            *("--params", parameters),
        ],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None  # noqa: S101
    for line in process.stdout:
        if "epoch" in line or "resum" in line.lower():
            print(line, end="")
        if kill_after is not None and f"epoch {kill_after}/" in line:
            process.kill()
            print("  ... kill -9")
    return process.wait()


def training_folder(project: Path) -> Path:
    folder = project / "data" / "test" / "06_models" / VARIANT
    return folder / (folder / "current").read_text()


def curve(project: Path) -> pd.DataFrame:
    return pd.read_csv(training_folder(project) / "history.csv", dtype=str)


def have_same_weights(*projects: Path) -> bool:
    import keras

    one, other = (
        keras.saving.load_model(training_folder(project) / "model.keras").get_weights()
        for project in projects
    )
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--kill-after", type=int, nargs="*", default=[3, 5], metavar="EPOCH")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = (copy_project(Path(folder) / name) for name in ("whole", "killed"))
        print("Uninterrupted:")
        run(whole, args.epochs, None)
        for epoch in (*args.kill_after, None):
            print(f"\nKilled after epoch {epoch}:" if epoch else "\nTo the end:")
            run(killed, args.epochs, epoch)
        shown = ["loss", "val_loss", "val_rmse"]
        record = json.loads((training_folder(killed) / "training_record.json").read_text())
        kills = len(record["interrupted_after_epochs"])
        both = curve(whole)[["epoch", *shown]].merge(
            curve(killed)[["epoch", *shown]], on="epoch", suffixes=("", " (killed)")
        )
        order = [column for name in shown for column in (name, f"{name} (killed)")]
        print(f"\n{both[['epoch', *order]].to_string(index=False)}\n")
        same = curve(whole).equals(curve(killed)) and have_same_weights(whole, killed)
    print(f"Killed {kills} times of {len(args.kill_after)}.")
    print("Curves and weights are equal to the last digit." if same else "They differ.")
    return 0 if same and kills == len(args.kill_after) else 1


if __name__ == "__main__":
    raise SystemExit(main())
