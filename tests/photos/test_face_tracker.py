import numpy as np
import pytest

from facial_keypoints.models.calibration import Calibration
from facial_keypoints.photos.face_tracker import FaceTracker
from facial_keypoints.photos.finders import Box, Framing
from facial_keypoints.synthetic.geometry import keypoints
from facial_keypoints.synthetic.head import Head

MEAN = keypoints(Head(), 0)
CALIBRATION = Calibration("f", [1.0] * 15, [0.0, 10.0], [1.0, 0.0], 0, 0, None)
SIDE = 48


def scene(*places):
    """Dark squares with a bright middle at x and y."""
    pixels = np.full((200, 300, 3), 100, np.uint8)
    for x, y in places:
        pixels[y - 24 : y + 24, x - 24 : x + 24] = 0
        pixels[y - 3 : y + 3, x - 3 : x + 3] = 255
    return pixels


class SquareFinder:
    def __init__(self):
        self.calls = 0

    def find(self, pixels):
        self.calls += 1
        bright = pixels[..., 0] == 255
        corners = bright & ~np.roll(bright, 1, axis=0) & ~np.roll(bright, 1, axis=1)
        return [Box(int(x) - 21, int(y) - 21, SIDE, SIDE, 0.9) for y, x in np.argwhere(corners)]


def predictor(images):
    """The mean face about the bright middle of each image; unsure where there is none."""
    found = []
    for image in images:
        bright = np.argwhere(image > 200)
        middle = bright.mean(axis=0)[::-1] + 0.5 if len(bright) else np.array([48.0, 48.0])
        points = np.concatenate([MEAN + middle - 48, np.zeros((4, 2))])
        found.append(np.column_stack([points, np.full(19, 1.0 if len(bright) else 9.0)]))
    return np.array(found, np.float32).reshape(-1, 19, 3)


@pytest.fixture
def finder():
    return SquareFinder()


@pytest.fixture
def tracker(finder):
    return FaceTracker(
        finder,
        Framing(1.0, 0.0, 0.0),
        predictor,
        CALIBRATION,
        MEAN,
        rate=10,
        smoothing=0.0,
        framings=2,
        min_confidence=0.5,
    )


def middles(faces):
    middle = MEAN.mean(axis=0)
    return [
        tuple(np.round(face.points.mean(axis=0) - (middle - 48) * face.box[2] / 96).astype(int))
        for face in faces
    ]


def test_moving_face_is_tracked_with_few_searches(tracker, finder):
    for step in range(10):
        (face,) = tracker(scene((60 + 4 * step, 80)))
        assert face.face == 1
        np.testing.assert_allclose(middles([face])[0], (60 + 4 * step, 80), atol=2)
    assert finder.calls == 1


def test_new_face_is_found_within_a_second(tracker):
    tracker(scene((60, 80)))
    counts = [len(tracker(scene((60, 80), (200, 100)))) for _ in range(12)]
    assert counts[0] == 1
    assert counts[-1] == 2


def test_lost_face_is_searched_at_once_and_dropped(tracker, finder):
    tracker(scene((60, 80)))
    assert tracker(scene()) == []
    assert finder.calls == 2


def test_face_that_jumps_is_found_again_under_a_new_number(tracker):
    tracker(scene((60, 80)))
    (face,) = tracker(scene((230, 120)))
    assert face.face == 2


def test_empty_frames_are_searched_five_times_a_second(tracker, finder):
    for _ in range(20):
        assert tracker(scene()) == []
    assert finder.calls == 10


def test_two_boxes_on_one_face_are_one_face(tracker, finder, monkeypatch):
    found = finder.find(scene((60, 80)))
    monkeypatch.setattr(finder, "find", lambda pixels: [*found, *found])
    assert len(tracker(scene((60, 80)))) == 1
