"""Competitions of any size, from a small drawn one that is repeated with noise."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib.externals.loky import get_reusable_executor

from facial_keypoints.faces import FaceSet
from facial_keypoints.framework.datasets import FaceSetDataset
from facial_keypoints.image_arrays import gather_images
from facial_keypoints.keypoints import COORDINATE_COLUMNS, IMAGE_SIZE, POPULATION_B_INDEX
from facial_keypoints.synthetic import render_faces

_DRAWN: Final = 100
"""Faces of each population that are drawn."""
_FRACTION_A: Final = 2284 / 7049
_NOISE: Final = 3
"""Most that a pixel changes by, in grey values: no image occurs twice."""
_LABEL_NOISE: Final = 0.5
"""Standard deviation in pixels."""
_AT_A_TIME: Final = 500
_TEXT: Final = np.array([f"{i} ".encode() for i in range(256)], "S4").view(np.uint8).reshape(-1, 4)
"""Each grey value as text, filled up with zeros."""


def write_tiled_archive(path: Path, train_faces: int, test_faces: int) -> None:
    """Write a competition in Kaggle's layout.

    Args:
        path: The zip to write.
        train_faces: Rows of training.csv.
        test_faces: Rows of test.csv.
    """
    drawn = _draw()
    with ZipFile(path, "w") as archive:
        header = ",".join([*COORDINATE_COLUMNS, "Image"])
        _write_table(archive, "training", header, _training_lines(drawn, train_faces))
        _write_table(archive, "test", "ImageId,Image", _test_lines(drawn, test_faces))
        lookup = _lookup(test_faces).to_csv(index=False)
        archive.writestr("IdLookupTable.csv", lookup, ZIP_DEFLATED, 1)


def write_tiled_faces(path: Path, count: int) -> None:
    """Write training faces as ``clean`` leaves them, without a table.

    Args:
        path: The ``.npz`` file to write.
        count: Number of faces.
    """
    generator = np.random.default_rng(1)
    labels: list[dict[str, npt.NDArray[Any]]] = []

    def images() -> Iterator[npt.NDArray[np.uint8]]:
        for faces in _tiles(_draw(), count, generator):
            noise = generator.normal(0, _LABEL_NOISE, faces.keypoints.shape).astype(np.float32)
            labels.append({**faces.arrays(), "keypoints": faces.keypoints + noise})
            yield labels[-1].pop("images")

    gathered = gather_images(images())
    joined = {name: np.concatenate([part[name] for part in labels]) for name in labels[0]}
    joined["group"] = np.arange(count, dtype=np.int32)
    FaceSetDataset(filepath=str(path)).save(FaceSet(images=gathered, **joined))


def _draw() -> list[FaceSet]:
    drawn = [render_faces(_DRAWN, seed=0, population=name) for name in ("A", "B")]
    get_reusable_executor().shutdown()  # else this process would wait for joblib's idle workers
    return drawn


def _training_lines(drawn: list[FaceSet], count: int) -> Iterator[bytes]:
    generator = np.random.default_rng(1)
    for faces in _tiles(drawn, count, generator):
        labels = faces.keypoints + generator.normal(0, _LABEL_NOISE, faces.keypoints.shape)
        labels = np.clip(labels, 0.5, IMAGE_SIZE - 0.5).reshape(len(faces), -1)
        table = pd.DataFrame(labels).to_csv(header=False, index=False, float_format="%.6f")
        for label, pixels in zip(table.encode().split(b"\n"), _pixels(faces.images), strict=False):
            yield label + b"," + pixels


def _test_lines(drawn: list[FaceSet], count: int) -> Iterator[bytes]:
    image_id = 0
    for faces in _tiles(drawn, count, np.random.default_rng(2)):
        for pixels in _pixels(faces.images):
            image_id += 1
            yield b"%d,%b" % (image_id, pixels)


def _tiles(drawn: list[FaceSet], count: int, generator: np.random.Generator) -> Iterator[FaceSet]:
    """Yield faces, first of population A, in Kaggle's ratio."""
    of_a = _number_of_a(count)
    for faces, number in zip(drawn, (of_a, count - of_a), strict=True):
        for start in range(0, number, _AT_A_TIME):
            rows = np.arange(start, min(start + _AT_A_TIME, number)) % len(faces)
            tile = faces.select(rows)
            noise = generator.integers(0, _NOISE + 1, tile.images.shape, np.uint8)
            images = np.clip(tile.images, 0, 255 - _NOISE) + noise
            yield FaceSet(**{**tile.arrays(), "images": images})


def _number_of_a(count: int) -> int:
    return min(max(1, round(_FRACTION_A * count)), count - 1)


def _pixels(images: npt.NDArray[np.uint8]) -> Iterator[bytes]:
    for image in images:
        text = _TEXT[image.ravel()].ravel()
        yield text[text != 0].tobytes()[:-1]


def _lookup(test_faces: int) -> pd.DataFrame:
    """Return what is asked for: all coordinates of A, those of B's keypoints."""
    names = np.array(COORDINATE_COLUMNS).reshape(-1, 2)
    of_b = names[list(POPULATION_B_INDEX)].ravel()
    of_a = _number_of_a(test_faces)
    images = np.arange(1, test_faces + 1)
    image_id = np.concatenate([np.repeat(images[:of_a], 30), np.repeat(images[of_a:], len(of_b))])
    feature = np.concatenate([np.tile(names.ravel(), of_a), np.tile(of_b, test_faces - of_a)])
    rows = {"RowId": np.arange(1, len(feature) + 1), "ImageId": image_id, "FeatureName": feature}
    return pd.DataFrame(rows).assign(Location="")


def _write_table(archive: ZipFile, name: str, header: str, lines: Iterator[bytes]) -> None:
    with (
        archive.open(f"{name}.zip", "w", force_zip64=True) as stream,
        ZipFile(stream, "w", ZIP_DEFLATED, compresslevel=1) as inner,
        inner.open(f"{name}.csv", "w", force_zip64=True) as table,
    ):
        table.write(header.encode() + b"\n")
        for line in lines:
            table.write(line + b"\n")
