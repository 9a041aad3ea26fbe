"""Time and memory of clean, augment, split and one training epoch, by the number of faces.

Each stage runs in a fresh process, through the project's catalog. Drawing 700,000 faces would take
hours, so 200 drawn faces are repeated, with noise in pixels and labels, until there are enough:
no two images are equal. A tenth as many are test faces. Each complete face gets two copies: its
mirror image and a brighter one. The network is tiny: what counts here is how the data arrive.

- memory: the most that a stage needs in addition to Python and its libraries, without pages of
  mapped files, which the system drops as needed. The next column has these pages.
- disk: the time in which the disk of this machine reads the stage's input and writes its output
  once, at the speed measured in the same run.
- growth: exponent by which the CPU time grows with the number of faces; 1 is linear.

The files lie below --folder, at most 48 KB per face at a time: 34 GB for 700,000.
"""

import argparse
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from measuring import count, in_fresh_process, print_machine, print_table
from project import CONF, run_on_disk
from resources import Cost, disk_speed, memory_speed, stage_cost
from tiled import write_tiled_archive, write_tiled_faces

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.framework.datasets import FaceSetDataset
from facial_keypoints.parameters import Parameters, VariantParameters
from facial_keypoints.pipelines import augment, clean, split

SIZES: Final = (7_000, 70_000, 700_000)
_BYTES_PER_FACE: Final = 48_000
_DISK_TEST: Final = 1.0
"""Gigabytes that are written and read to measure the disk."""
_FEW: Final = 100
"""Faces that each stage works on beforehand, so that imports are not measured."""
_BATCH: Final = 256


def parameters() -> Parameters:
    """Return the project's parameters, with two copies of each complete face and no budget."""
    base = load_parameters(CONF)
    copies = {"rotations": [], "brightness": [1.2], "shifts": [], "noise": []}
    return base.model_copy(
        update={
            "augment": base.augment.model_copy(update=copies),
            "study": base.study.model_copy(update={"minutes": None}),
        }
    )


def run_clean(folder: Path) -> None:
    run_on_disk(clean.create_pipeline(), folder / "competition.zip", folder, parameters())


def run_augment(folder: Path) -> None:
    run_on_disk(augment.create_pipeline(), folder / "competition.zip", folder, parameters())


def run_split(folder: Path) -> None:
    run_on_disk(split.create_pipeline([]), folder / "competition.zip", folder, parameters())


def load(folder: Path, name: str) -> FaceSet:
    path = folder / "05_model_input" / f"{name}_faces.npz"
    faces: FaceSet = FaceSetDataset(filepath=str(path)).load()
    return faces


def read_epoch(folder: Path) -> None:
    """Draw the batches of one epoch, without training."""
    from facial_keypoints.training.input_pipeline import Samples, make_batches, steps_per_epoch

    samples = Samples.from_faces(load(folder, "train"))
    batches = make_batches(samples, _BATCH, 0, seed=0)
    for _ in islice(batches, steps_per_epoch(len(samples), _BATCH)):
        pass


def train_epoch(folder: Path) -> None:
    """Train and validate one epoch."""
    from facial_keypoints.training.variants import fit_variant

    train = load_parameters(CONF).train
    variant = VariantParameters(
        name="tiny",
        architecture="alexnet",
        settings={"width": 0.05},
        train=train.model_copy(update={"epochs": 1, "batch_size": _BATCH}),
    )
    fit_variant(variant, load(folder, "train"), load(folder, "validation"))


STAGES: Final[dict[str, tuple[Callable[[Path], None], tuple[str, ...], tuple[str, ...]]]] = {
    "clean": (run_clean, ("competition.zip",), ("competition.zip", "02_intermediate")),
    "augment": (run_augment, ("03_primary/faces.npz",), ("03_primary",)),
    "split": (run_split, ("04_feature",), ("04_feature",)),
    "read one epoch": (read_epoch, ("05_model_input/train_faces.npz",), ()),
    "train one epoch": (train_epoch, ("05_model_input/train_faces.npz",), ("05_model_input",)),
}
"""Each stage, its input, and what is deleted after it."""


@dataclass(frozen=True)
class Line:
    """A stage of one size: what it cost, and the bytes that it read and wrote."""

    faces: int
    stage: str
    cost: Cost
    read: int
    written: int


def write_input(folder: Path, faces: int, from_faces: bool) -> None:
    """Write what the first stage reads.

    Args:
        folder: For the files.
        faces: Number of training faces.
        from_faces: Whether to begin with ``augment``, on faces that no table was read for.
    """
    print(f"{faces:,} faces: writing them", flush=True)
    if from_faces:
        in_fresh_process(write_tiled_faces, folder / "03_primary/faces.npz", faces)
    else:
        folder.mkdir(parents=True)
        in_fresh_process(write_tiled_archive, folder / "competition.zip", faces, faces // 10)


def measure(folder: Path, small: Path, faces: int, from_faces: bool) -> list[Line]:
    """Run all stages for one number of faces.

    Args:
        folder: For the files.
        small: Folder with the files of all stages, of few faces.
        faces: Number of training faces.
        from_faces: Whether to begin with ``augment``, on faces that no table was read for.
    """
    write_input(folder, faces, from_faces)
    lines = []
    for name in list(STAGES)[from_faces:]:
        work, inputs, done_with = STAGES[name]
        before = _size(folder)
        cost = stage_cost(work, folder, small)
        read = sum(_size(folder / each) for each in inputs)
        lines.append(Line(faces, name, cost, read, _size(folder) - before))
        print(
            f"{faces:,} faces: {name} took {cost.seconds:,.0f} s, CPU {cost.cpu:,.0f} s, "
            f"{cost.memory:,.0f} MiB",
            flush=True,
        )
        for each in done_with:
            _delete(folder / each)
    return lines


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(each.stat().st_size for each in files if each.is_file())


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def print_lines(lines: list[Line], disk: tuple[float, float]) -> None:
    """Print the curve.

    Args:
        lines: In the order of the sizes.
        disk: GB/s written and read.
    """
    rows, earlier = [], dict[str, Line]()
    for line in lines:
        before, cost = earlier.get(line.stage), line.cost
        growth = ""
        if before is not None:
            ratio = math.log(cost.cpu / before.cost.cpu)
            growth = f"{ratio / math.log(line.faces / before.faces):.2f}"
        earlier[line.stage] = line
        gigabytes = line.read / 1e9, line.written / 1e9
        at_disk = gigabytes[0] / disk[1] + gigabytes[1] / disk[0]
        rows.append(
            [
                line.stage,
                f"{line.faces:,}",
                f"{cost.seconds:,.1f} s",
                f"{cost.cpu:,.1f} s",
                growth,
                f"{cost.memory:,.0f} MiB",
                f"{cost.resident:,.0f} MiB",
                f"{gigabytes[0]:.2f} + {gigabytes[1]:.2f} GB",
                f"{at_disk:,.1f} s",
            ]
        )
    order = {name: i for i, name in enumerate(STAGES)}
    rows.sort(key=lambda row: order[row[0]])
    header = ["", "faces", "time", "CPU", "growth", "memory", "with mapped pages"]
    print_table([*header, "read + written", "disk"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faces", type=count, nargs="+", default=list(SIZES), metavar="N")
    parser.add_argument("--folder", type=Path, help="for the files (default: that of the system)")
    parser.add_argument("--from-faces", action="store_true", help="leave out clean and its tables")
    args = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        root = Path(name)
        needed, free = max(args.faces) * _BYTES_PER_FACE, shutil.disk_usage(root).free
        if needed > free:
            raise InputError(
                f"{root.parent}: has {free / 1e9:.0f} GB free, and {max(args.faces):,} faces need "
                f"{needed / 1e9:.0f}; use a smaller --faces or another --folder"
            )
        os.environ["TMPDIR"] = name  # of the stages' processes
        os.environ["KEDRO_LOGGING_CONFIG"] = str(CONF / "logging.yml")
        disk = disk_speed(root, _DISK_TEST)
        print(
            f"The disk writes {disk[0]:.2f} and reads {disk[1]:.2f} GB/s, one core copies "
            f"{memory_speed():.1f} GB/s in memory\n",
            flush=True,
        )
        small = root / "small"
        write_input(small, _FEW, args.from_faces)
        for work, *_ in list(STAGES.values())[args.from_faces : -2]:
            in_fresh_process(work, small)
        lines: list[Line] = []
        for faces in args.faces:
            lines += measure(root / f"{faces}", small, faces, args.from_faces)
            shutil.rmtree(root / f"{faces}")
        print()
        print_lines(lines, disk)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
