"""Frames a second on a video, and the jitter of the points of a still face.

See benchmarks/README.md.
"""

import argparse
import time
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from photos import load_champion

from facial_keypoints.keypoints import LEFT_EYE, RIGHT_EYE
from facial_keypoints.models.calibration import Calibration
from facial_keypoints.photos.confidence import calibrate_champion
from facial_keypoints.photos.face_tracker import FaceTracker
from facial_keypoints.photos.finders import finder_named
from facial_keypoints.photos.pose import head_pose
from facial_keypoints.photos.prediction import Predictor, make_champion_predictor
from facial_keypoints.photos.reading import Pixels
from facial_keypoints.photos.video import open_video, read_frames

Points = npt.NDArray[np.float64]

SMOOTHING: Final = (0.0, 2.0, 1.0, 0.5)
STILL_FRAMES: Final = 90
NOISE: Final = 4.0
"""Standard deviation of grey values between two frames of a still face."""
WARM_UP: Final = 10


def make_tracker(
    predictor: Predictor, calibration: Calibration, mean_face: Points, rate: float, smoothing: float
) -> FaceTracker:
    kind = finder_named("auto")
    return FaceTracker(
        kind.make(),
        kind.framing,
        predictor,
        calibration,
        mean_face,
        rate=rate,
        smoothing=smoothing,
        framings=3,
        min_confidence=0.7,
    )


def track(tracker: FaceTracker, frames: list[Pixels]) -> tuple[Points, list[tuple[float, float]]]:
    """Return the first face's points in each frame, and the elapsed and CPU seconds of each."""
    points, seconds = [], []
    for pixels in frames:
        start, cpu = time.perf_counter(), time.process_time()
        faces = tracker(pixels)
        for face in faces:
            head_pose(face.points)
        seconds.append((time.perf_counter() - start, time.process_time() - cpu))
        points.append(faces[0].points if faces else np.full((15, 2), np.nan))
    return np.array(points), seconds


def eye_distance(points: Points) -> Points:
    return np.asarray(np.linalg.norm(points[:, LEFT_EYE] - points[:, RIGHT_EYE], axis=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the champion")
    arguments = parser.parse_args()
    champion, mean_face = load_champion(arguments.data)
    predictor, calibration = make_champion_predictor(champion), calibrate_champion(champion)
    video = open_video(arguments.video)
    small = list(read_frames(video))
    size = (640, 480)
    large = [cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR) for frame in small]
    print(f"{arguments.video.name}: {len(small)} frames of {video.width}x{video.height}")
    for name, frames in ((f"{video.width}x{video.height}", small), ("640x480", large)):
        tracker = make_tracker(predictor, calibration, mean_face, video.rate, 1.0)
        points, seconds = track(tracker, frames)
        elapsed, cpu = np.array(seconds[WARM_UP:]).T
        print(
            f"{name}: {1 / elapsed.mean():.1f} frames a second after warm-up (of CPU time: "
            f"{1 / cpu.mean():.1f}), median {1000 * np.median(elapsed):.1f} ms (CPU: "
            f"{1000 * np.median(cpu):.1f}), finder in {tracker.searches} frames, face in "
            f"{np.isfinite(points[:, 0, 0]).mean():.0%}"
        )
    random = np.random.default_rng(0)
    noisy = large[0] + random.normal(0, NOISE, (STILL_FRAMES, *large[0].shape))
    still = list(np.clip(np.round(noisy), 0, 255).astype(np.uint8))
    print("\nsmoothing   jitter of a still face    distance from the unsmoothed points in motion")
    raw = None
    for smoothing in SMOOTHING:
        tracker = make_tracker(predictor, calibration, mean_face, video.rate, smoothing)
        points, _ = track(tracker, still)
        settled = points[STILL_FRAMES // 3 :]
        eyes = eye_distance(settled).mean()
        steps = np.linalg.norm(np.diff(settled, axis=0), axis=2)
        tracker = make_tracker(predictor, calibration, mean_face, video.rate, smoothing)
        moving, _ = track(tracker, large)
        raw = moving if raw is None else raw
        lag = np.nanmean(np.linalg.norm(moving - raw, axis=2) / eye_distance(raw)[:, None])
        print(
            f"{smoothing:>6g} Hz   {100 * steps.mean() / eyes:>8.3f} % of the eye distance a frame"
            f"   {100 * lag:>8.2f} %"
        )


if __name__ == "__main__":
    main()
