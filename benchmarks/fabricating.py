"""Tables and faces of Kaggle's size and layout, out of nothing: smooth random pictures."""

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import (
    COORDINATE_COLUMNS,
    IMAGE_SIZE,
    NUM_KEYPOINTS,
    POPULATION_B_INDEX,
)

KAGGLE_TRAINING, KAGGLE_TEST = 7049, 1783
"""Rows of Kaggle's training.csv and test.csv."""

_SHARE_COMPLETE = 2140 / KAGGLE_TRAINING
_SHARE_TEST_A = 591 / KAGGLE_TEST
_GREYS = [str(grey) for grey in range(256)]
_EYES = [(66, 37), (30, 37), (59, 38), (73, 38), (37, 38), (23, 38)]
_BROWS = [(56, 29), (80, 30), (40, 29), (16, 30)]
_NOSE_AND_MOUTH = [(48, 58), (64, 77), (32, 77), (48, 73), (48, 83)]
_MEAN_FACE = np.array([*_EYES, *_BROWS, *_NOSE_AND_MOUTH], dtype=np.float64)
"""About where the 15 points stand in such pictures."""


def fabricate_faces(n: int, seed: int = 0) -> FaceSet:
    """``n`` faces, of which Kaggle's share has all 15 points and the rest four."""
    rng = np.random.default_rng(seed)
    labelled = np.ones((n, NUM_KEYPOINTS), dtype=bool)
    others = np.delete(np.arange(NUM_KEYPOINTS), POPULATION_B_INDEX)
    incomplete = np.arange(n) >= max(1, round(_SHARE_COMPLETE * n))
    labelled[np.ix_(incomplete, others)] = False
    place = rng.normal(0, 2, (n, 1, 2)) + rng.normal(0, 2, (n, NUM_KEYPOINTS, 2))
    keypoints = np.clip(_MEAN_FACE + place, 0.5, IMAGE_SIZE - 0.5)
    keypoints[~labelled] = np.nan
    return FaceSet(
        images=np.stack([smooth_picture(rng) for _ in range(n)]),
        keypoints=keypoints.astype(np.float32),
        labelled=labelled,
        group=np.arange(n, dtype=np.int32),
        population=incomplete.astype(np.int8),
        augmented=np.zeros(n, dtype=bool),
    )


def smooth_picture(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Soft random blotches with a little grain, uint8 (96, 96)."""
    blotches = rng.uniform(30, 230, (6, 6)).astype(np.float32)
    smooth = cv2.resize(blotches, (IMAGE_SIZE, IMAGE_SIZE), interpolation=cv2.INTER_CUBIC)
    grain = rng.standard_normal(smooth.shape, dtype=np.float32)
    return np.asarray(np.clip(smooth + 2 * grain, 0, 255).astype(np.uint8))


def write_fabricated_archive(path: Path, training: int, test: int) -> None:
    """An archive in Kaggle's layout with so many training and test rows."""
    write_archive(path, training_lines(training), test_lines(test), lookup_lines(test))


def training_lines(n: int, seed: int = 0) -> Iterator[str]:
    """training.csv with ``n`` rows, line by line; never more than 1,000 pictures in memory."""
    yield ",".join([*COORDINATE_COLUMNS, "Image"])
    for first in range(0, n, 1000):
        faces = fabricate_faces(min(1000, n - first), seed + first)
        for image, points in zip(faces.images, faces.keypoints, strict=True):
            values = ("" if np.isnan(value) else f"{value:.6f}" for value in points.ravel())
            yield ",".join([*values, picture_text(image)])


def test_lines(n: int) -> Iterator[str]:
    """test.csv with ``n`` pictures, line by line."""
    rng = np.random.default_rng(n)
    yield "ImageId,Image"
    for image_id in range(1, n + 1):
        yield f"{image_id},{picture_text(smooth_picture(rng))}"


def lookup_lines(n: int) -> Iterator[str]:
    """IdLookupTable.csv for ``n`` pictures: all 30 values of Kaggle's share, eight of the rest."""
    yield "RowId,ImageId,FeatureName,Location"
    of_b = [2 * point + axis for point in POPULATION_B_INDEX for axis in (0, 1)]
    row = 0
    for image_id in range(1, n + 1):
        for column in range(30) if image_id <= max(1, _SHARE_TEST_A * n) else of_b:
            row += 1
            yield f"{row},{image_id},{COORDINATE_COLUMNS[column]},"


def picture_text(image: npt.NDArray[np.uint8]) -> str:
    """A picture as the tables hold it: 9,216 numbers with a space between."""
    return " ".join([_GREYS[grey] for grey in image.ravel().tolist()])


def write_archive(
    path: Path, training: Iterable[str], test: Iterable[str], lookup: Iterable[str]
) -> None:
    """Lines of the three tables as an archive in Kaggle's layout."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as outer:
        for name, lines in (("training", training), ("test", test)):
            with (
                outer.open(zipfile.ZipInfo(f"{name}.zip"), "w", force_zip64=True) as stream,
                zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as inner,
                inner.open(f"{name}.csv", "w", force_zip64=True) as table,
            ):
                for line in lines:
                    table.write(f"{line}\n".encode())
        outer.writestr("IdLookupTable.csv", "".join(f"{line}\n" for line in lookup))
        outer.writestr("SampleSubmission.csv", "RowId,Location\n1,0\n")
