"""Compare the augmentation with the obvious way: a loop over faces with one OpenCV call each.

The loop runs on one core, gathers images and keypoints in Python lists and stacks them at
the end. Both must give equal images and keypoints; only the random noise is compared by its
strength. The peak memory of each way is that of a fresh process, with the faces it starts from.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from measuring import (
    Times,
    in_fresh_process,
    parse_arguments,
    print_comparison,
    print_machine,
    time_in_turns,
    write_synthetic_archive,
)
from project import CONF

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.faces import read_training_faces
from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.framework.datasets import FaceSetDataset
from facial_keypoints.keypoints import IMAGE_SIZE, SWAP_INDEX
from facial_keypoints.pipelines.augment.nodes import augment_faces

RECIPE = load_parameters(CONF).augment
SIZE = (IMAGE_SIZE, IMAGE_SIZE)
BORDER = {"black": cv2.BORDER_CONSTANT, "replicate": cv2.BORDER_REPLICATE}[RECIPE.border]

Samples = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]


def augment_with_project(faces: FaceSet) -> Samples:
    augmented, _ = augment_faces(faces, RECIPE)
    return augmented.images, augmented.keypoints


def augment_in_loop(faces: FaceSet) -> Samples:
    images, points = list(faces.images), list(faces.keypoints)
    complete = [
        (image, placed)
        for image, placed in zip(faces.images, faces.keypoints, strict=True)
        if not np.isnan(placed).any()
    ]
    for image, placed in complete:
        images.append(cv2.flip(image, 1))
        points.append(((IMAGE_SIZE, 0) + placed * (-1, 1))[list(SWAP_INDEX)].astype(np.float32))
    for angle in RECIPE.rotations:
        # keypoints are measured edge to edge, OpenCV counts from pixel centres
        middle, turn = (
            cv2.getRotationMatrix2D((centre, centre), angle, 1)
            for centre in ((IMAGE_SIZE - 1) / 2, IMAGE_SIZE / 2)
        )
        for image, placed in complete:
            images.append(cv2.warpAffine(image, middle, SIZE, borderMode=BORDER))
            points.append((placed @ turn[:, :2].T + turn[:, 2]).astype(np.float32))
    for factor in RECIPE.brightness:
        for image, placed in complete:
            images.append(cv2.convertScaleAbs(image, alpha=factor))
            points.append(placed)
    for shift in RECIPE.shifts:
        matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], dtype=np.float64)
        for image, placed in complete:
            moved = (placed + shift).astype(np.float32)
            if ((moved > 0) & (moved < IMAGE_SIZE)).all():
                images.append(cv2.warpAffine(image, matrix, SIZE, borderMode=BORDER))
                points.append(moved)
    for deviation in RECIPE.noise:
        for image, placed in complete:
            noise = cv2.randn(np.empty(SIZE, dtype=np.float32), 0, 255 * deviation)
            images.append(cv2.add(image, noise, dtype=cv2.CV_8U))
            points.append(placed)
    return np.stack(images), np.stack(points)


def augment_and_save(way: Callable[[FaceSet], Samples], faces: Path, stem: Path) -> None:
    images, points = way(load_faces(faces))
    np.save(f"{stem}.images.npy", images)
    np.save(f"{stem}.points.npy", points)


def compare(path: Path, ours: Path, loop: Path, repeats: int) -> tuple[str, tuple[Times, Times]]:
    """Check that both results are equal, then time both ways; return a description and times."""
    faces = load_faces(path)
    made = check_equal(faces, ours, loop)
    times = time_in_turns(
        lambda: augment_with_project(faces), lambda: augment_in_loop(faces), repeats
    )
    return made, times


def check_equal(faces: FaceSet, ours: Path, loop: Path) -> str:
    points = [np.load(f"{stem}.points.npy") for stem in (ours, loop)]
    images = [np.load(f"{stem}.images.npy", mmap_mode="r") for stem in (ours, loop)]
    np.testing.assert_allclose(points[0], points[1], rtol=0, atol=1e-4, err_msg="keypoints differ")
    complete = faces.images[faces.complete]
    noisy = len(RECIPE.noise) * len(complete)
    exact = len(images[0]) - noisy
    np.testing.assert_array_equal(images[0][:exact], images[1][:exact], "images differ")
    noise = [
        float((array[exact : exact + len(complete)] - complete.astype(float)).std())
        for array in images
    ]
    np.testing.assert_allclose(
        noise[0], noise[1], rtol=0.02, err_msg="the noise has another strength"
    )
    return (
        f"{len(faces):,} faces, {len(complete):,} of them complete, to {len(points[0]):,} samples; "
        f"results are equal (noise: {noise[0]:.2f} and {noise[1]:.2f} grey values)"
    )


def load_faces(path: Path) -> FaceSet:
    faces: FaceSet = FaceSetDataset(filepath=str(path)).load()
    return faces


def save_faces(archive: Path, path: Path) -> None:
    FaceSetDataset(filepath=str(path)).save(read_training_faces(CompetitionArchive(archive)))


def main() -> None:
    args = parse_arguments(__doc__, repeats=5)

    print_machine()
    with tempfile.TemporaryDirectory() as name:
        faces, ours, loop = (Path(name) / stem for stem in ("faces.npz", "ours", "loop"))
        archive = args.archive
        if not archive:
            archive = Path(name) / "synthetic.zip"
            write_synthetic_archive(archive, args.rows, 2)
        in_fresh_process(save_faces, archive, faces)
        memory = (
            in_fresh_process(augment_and_save, augment_with_project, faces, ours),
            in_fresh_process(augment_and_save, augment_in_loop, faces, loop),
        )
        made, times = in_fresh_process(compare, faces, ours, loop, args.repeats).result
        print(f"{archive.name}: {made}")
        print(f"{args.repeats} timings of each in turns")
        print_comparison(("augment_faces", "a loop of cv2 calls"), times, memory)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
