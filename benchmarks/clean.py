"""Compare the reader of training.csv with the obvious way: pandas.read_csv, then str.split per row.

The project's reader refuses anything but whole numbers from 0 to 255 and names the row; the
obvious way checks nothing. Both read the same unpacked file and must give equal labels and images.
The peak memory of each is that of a fresh process. Finally the pipeline `clean` runs once, from the
zip through the project's catalog to its files.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from measuring import (
    KAGGLE_TEST,
    KAGGLE_TRAINING,
    Times,
    in_fresh_process,
    parse_arguments,
    print_comparison,
    print_machine,
    print_table,
    time_in_turns,
    write_synthetic_archive,
)
from project import run_on_disk

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.tables import read_training_table
from facial_keypoints.errors import InputError
from facial_keypoints.keypoints import COORDINATE_COLUMNS, IMAGE_SIZE
from facial_keypoints.pipelines import clean

Table = tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]


def read_with_project(path: Path) -> Table:
    with path.open("rb") as stream:
        labels, images = read_training_table(stream, "training.csv")
    return labels.to_numpy(), images


def read_with_pandas(path: Path) -> Table:
    table = pd.read_csv(path)
    images = [
        np.array([int(pixel) for pixel in text.split()], dtype=np.uint8) for text in table["Image"]
    ]
    labels = table[list(COORDINATE_COLUMNS)].to_numpy(np.float64)
    return labels, np.stack(images).reshape(-1, IMAGE_SIZE, IMAGE_SIZE)


def read_and_save(way: Callable[[Path], Table], path: Path, stem: Path) -> None:
    labels, images = way(path)
    np.save(f"{stem}.labels.npy", labels)
    np.save(f"{stem}.images.npy", images)


def compare(path: Path, ours: Path, obvious: Path, repeats: int) -> tuple[Times, Times]:
    """Check that both results are equal, then time both in turns."""
    np.testing.assert_array_equal(
        np.load(f"{ours}.images.npy"), np.load(f"{obvious}.images.npy"), "images differ"
    )
    # pandas reads decimals to the last bit or the one before it
    np.testing.assert_allclose(
        np.load(f"{ours}.labels.npy"), np.load(f"{obvious}.labels.npy"), 1e-15, err_msg="labels"
    )
    return time_in_turns(lambda: read_with_project(path), lambda: read_with_pandas(path), repeats)


def unpack(archive: Path, target: Path) -> None:
    with CompetitionArchive(archive).open("training.csv") as table, target.open("wb") as file:
        shutil.copyfileobj(table, file)


def run_clean(archive: Path, folder: Path) -> None:
    run_on_disk(clean.create_pipeline(), archive, folder)


def main() -> None:
    args = parse_arguments(__doc__, repeats=3)

    print_machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive, table = args.archive, folder / "training.csv"
        if not archive:
            archive = folder / "synthetic.zip"
            test = max(2, round(args.rows * KAGGLE_TEST / KAGGLE_TRAINING))
            write_synthetic_archive(archive, args.rows, test)
        in_fresh_process(unpack, archive, table)
        print(f"{archive.name}: training.csv of {table.stat().st_size / 1e6:,.0f} MB\n", flush=True)

        ours, obvious = folder / "ours", folder / "pandas"
        memory = (
            in_fresh_process(read_and_save, read_with_project, table, ours),
            in_fresh_process(read_and_save, read_with_pandas, table, obvious),
        )
        times = in_fresh_process(compare, table, ours, obvious, args.repeats).result
        print(f"Reading training.csv; results are equal; {args.repeats} timings of each in turns")
        print_comparison(("read_training_table", "read_csv, then str.split"), times, memory)

        cost = in_fresh_process(run_clean, archive, folder / "clean")
        print("\nThe whole pipeline clean, from the zip to its files")
        print_table(
            ["", "time", "peak memory", "of the work"],
            [
                [
                    "clean",
                    f"{cost.seconds:.2f} s",
                    f"{cost.peak:,.0f} MiB",
                    f"{cost.peak - cost.before:,.0f} MiB",
                ]
            ],
        )


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
