"""Check the paper's counts with the genuine labels and the project's own pipelines.

--labels takes Kaggle's training.csv without its images (the 30 label columns alone). The labels
get blank images and go through `clean`, `augment` and `split` with the parameters of the
environment `paper`. Exits with 1 if a count is not the expected one.

--sample takes complete rows of training.csv. They go through `clean` with the base parameters;
its report is printed, and labels and images are compared with a plain reading of the file. Exits
with 1 if they differ.
"""

import argparse
import csv
import json
import logging
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from measuring import print_table
from project import CONF, run_in_memory

from facial_keypoints.augmentation.offline import AugmentationSummary
from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.splits import SplitSummary
from facial_keypoints.faces import FaceSet
from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.keypoints import COORDINATE_COLUMNS, IMAGE_SIZE, SWAP_INDEX
from facial_keypoints.metrics import paper_accuracy
from facial_keypoints.pipelines import augment, clean, split
from facial_keypoints.pipelines.clean.nodes import DataReport
from facial_keypoints.synthetic import write_archive

BLANK: Final = " ".join(["0"] * IMAGE_SIZE**2)
TRAIN_IMAGES: Final = 2
TEST_IMAGES: Final = 4
"""Of the synthetic archive, whose training.csv is replaced."""

EXPECTED: Final[dict[str, tuple[int, str]]] = {
    "rows of training.csv": (7049, "7,049"),
    "  with all 15 points": (2140, "2,140"),
    "  with a point missing": (4909, "4,909"),
    "original": (7049, ""),
    "flip": (2140, ""),
    "rotate +12": (2140, ""),
    "rotate -12": (2140, ""),
    "brightness 1.5": (2140, ""),
    "brightness 0.8": (2140, ""),
    "shift -12,-12": (1880, ""),
    "shift -12,+12": (1217, ""),
    "shift +12,-12": (1972, ""),
    "shift +12,+12": (1281, ""),
    "  all shifts": (6350, "6,350"),
    "noise 0.008": (2140, ""),
    "all samples": (26239, "26,239"),
    "training and validation": (22303, "22,303"),
    "  training": (20072, ""),
    "  validation": (2231, ""),
    "hold-out": (3936, "3,963 (*)"),
}
"""Each count, and how the paper prints it, if it does."""


def check_labels(path: Path) -> bool:
    """Print the counts and the expected ones; return whether all are equal."""
    pipelines = clean.create_pipeline() + augment.create_pipeline() + split.create_pipeline([])
    names = ["data_report", "augmentation_summary", "split_summary", "augmented_faces"]
    parameters = load_parameters(CONF, env="paper")
    accept = ["identical_images", "flat_images"]  # there are no images
    clean_parameters = parameters.clean.model_copy(update={"accept": accept})
    parameters = parameters.model_copy(update={"clean": clean_parameters})
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "blank.zip"
        write_archive_with(blank_training_lines(path), archive)
        results = run_in_memory(pipelines, parameters, archive, names)
    found = counts(*(results[name] for name in names[:3]))
    rows = [
        [
            name,
            f"{found.get(name, 0):,}",
            f"{expected:,}",
            printed,
            "" if found.get(name) == expected else "differs",
        ]
        for name, (expected, printed) in EXPECTED.items()
    ]
    rows += [
        [name, f"{n:,}", "", "", "not expected"]
        for name, n in found.items()
        if name not in EXPECTED
    ]
    print(f"{path.name} through clean, augment and split with --env=paper")
    print_table(["", "here", "expected", "the paper prints", ""], rows)
    print("(*) two digits swapped: 26,239 - 22,303 = 3,936")
    print_label_statistics(results["augmented_faces"])
    wrong = [row[0].strip() for row in rows if row[-1]]
    print(f"Not as expected: {', '.join(wrong)}" if wrong else "All counts are as expected.")
    return not wrong


def print_label_statistics(augmented: FaceSet) -> None:
    """Print the paper's accuracy of a constant prediction, the error of a mirror without swapped
    partners, and how similar forward fill makes faces.
    """
    whole = augmented.complete & ~augmented.augmented
    for name, faces in (("samples", augmented), ("complete rows", augmented.select(whole))):
        largest = faces.keypoints.reshape(len(faces), -1).argmax(axis=1)
        column = np.bincount(largest).argmax()
        constant = np.zeros_like(faces.keypoints)
        constant.reshape(len(faces), -1)[:, column] = 1
        accuracy = paper_accuracy(faces.keypoints, constant)
        print(
            f"Always predicting that {COORDINATE_COLUMNS[column]} is the largest has an accuracy "
            f"of {accuracy:.4f} on the {len(faces):,} {name}."
        )
    points = augmented.keypoints[whole]
    unswapped = points - points[:, SWAP_INDEX]  # mirroring both keeps the distance
    print(
        "A mirror that does not swap left and right mislabels the complete rows by "
        f"{np.sqrt(np.square(unswapped).mean()):.1f} px RMS."
    )
    original = ~augmented.augmented
    print(
        f"{(~augmented.labelled[original]).mean():.1%} of all values of the original rows are "
        "filled in."
    )
    four = augmented.labelled.sum(axis=1) == 4
    filled = augmented.keypoints[four][~augmented.labelled[four]].reshape(four.sum(), -1)
    sets, sizes = np.unique(filled, axis=0, return_counts=True)
    print(
        f"Forward fill gives the {four.sum():,} faces with four keypoints {len(sets)} set(s) of "
        f"{sets.shape[1]} values; the most frequent has {sizes.max():,} of them."
    )


def counts(
    data: DataReport, augmented: AugmentationSummary, split_summary: SplitSummary
) -> dict[str, int]:
    rows, complete, steps = data.training_rows, data.complete_rows, augmented.by_step
    train, validation, holdout = (
        getattr(split_summary, name).samples for name in ("train", "validation", "holdout")
    )
    return {
        "rows of training.csv": rows,
        "  with all 15 points": complete,
        "  with a point missing": rows - complete,
        **steps,
        "  all shifts": sum(n for name, n in steps.items() if name.startswith("shift")),
        "all samples": augmented.samples,
        "training and validation": train + validation,
        "  training": train,
        "  validation": validation,
        "hold-out": holdout,
    }


def write_archive_with(training: Iterable[str], path: Path) -> None:
    """Write a synthetic archive with another training.csv.

    Args:
        training: Lines of training.csv.
        path: The zip to write.
    """
    synthetic = path.with_name("synthetic.zip")
    write_archive(synthetic, TRAIN_IMAGES, TEST_IMAGES, seed=0)
    with ZipFile(synthetic) as source, ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name in source.namelist():
            if name != "training.zip":
                archive.writestr(name, source.read(name))
        with (
            archive.open("training.zip", "w", force_zip64=True) as stream,
            ZipFile(stream, "w", ZIP_DEFLATED) as inner,
            inner.open("training.csv", "w", force_zip64=True) as table,
        ):
            for line in training:
                table.write(f"{line}\n".encode())


def blank_training_lines(path: Path) -> Iterator[str]:
    """Yield the lines of the label table, each with a blank image appended."""
    with path.open(encoding="utf-8-sig") as table:
        header = [name.strip() for name in next(table, "").split(",")]
        if sorted(header) != sorted(COORDINATE_COLUMNS):
            raise InputError(
                f"{path}: the header must be the {len(COORDINATE_COLUMNS)} label columns of "
                "Kaggle's training.csv, in any order, without Image"
            )
        yield ",".join([*header, "Image"])
        for line in table:
            if line.strip():
                yield f"{line.rstrip()},{BLANK}"


def check_sample(path: Path) -> bool:
    """Print the report of a sample; return whether clean has changed nothing in it."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "sample.zip"
        with path.open(encoding="utf-8-sig") as table:
            lines = (line.rstrip("\n") for line in table)
            write_archive_with(lines, archive)
        results = run_in_memory(
            clean.create_pipeline(),
            load_parameters(CONF),
            archive,
            ["labelled_faces", "faces", "data_report"],
        )
    print(f"{path.name} through clean with the base parameters")
    print(json.dumps(asdict(results["data_report"]), indent=2))
    same = all(equals_plain_reading(results[name], path) for name in ("labelled_faces", "faces"))
    print(
        "Labels and images equal a plain reading of the file."
        if same
        else "Labels or images differ from a plain reading of the file."
    )
    return same


def equals_plain_reading(faces: FaceSet, path: Path) -> bool:
    with path.open(encoding="utf-8-sig", newline="") as table:
        rows = list(csv.DictReader(table))
    labels = [[float(row[column] or "nan") for column in COORDINATE_COLUMNS] for row in rows]
    pixels = [[int(pixel) for pixel in row["Image"].split()] for row in rows]
    return np.array_equal(
        faces.keypoints.reshape(len(faces), -1), np.array(labels, dtype=np.float32), equal_nan=True
    ) and np.array_equal(faces.images.reshape(len(faces), -1), pixels)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=Path, metavar="CSV", help="the 30 label columns, all rows")
    parser.add_argument("--sample", type=Path, metavar="CSV", help="complete rows of training.csv")
    args = parser.parse_args()
    given = [path for path in (args.labels, args.sample) if path]
    if not given:
        parser.error("give --labels or --sample, or both")
    for path in given:
        if not path.is_file():
            parser.error(f"{path}: there is no such file")
    logging.disable(logging.INFO)
    correct = True
    if args.labels:
        correct &= check_labels(args.labels)
    if args.sample:
        correct &= check_sample(args.sample)
    sys.exit(0 if correct else 1)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
