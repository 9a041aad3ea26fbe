import struct

import numpy as np
import pytest
from kedro.io import DatasetError

from facial_keypoints.cli import user_message
from facial_keypoints.errors import InputError
from facial_keypoints.framework.datasets import VideoDataset
from facial_keypoints.photos.drawing import annotate_video
from facial_keypoints.photos.face_tracker import track_video
from facial_keypoints.photos.records import VideoFaces
from facial_keypoints.photos.tables import VIDEO_COLUMNS, describe_frames, video_table
from facial_keypoints.photos.video import (
    VideoFrames,
    is_video,
    open_video,
    read_frames,
    record_camera,
)
from facial_keypoints.synthetic.geometry import keypoints
from facial_keypoints.synthetic.head import Head


def frames(count=5):
    """A bright upper left quarter; each frame is a little brighter."""
    for number in range(count):
        pixels = np.full((48, 64, 3), 20 * number, np.uint8)
        pixels[:24, :32] = 250
        yield pixels


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.mp4"
    VideoDataset(filepath=str(path)).save(VideoFrames(10.0, frames))
    return path


def test_written_video_is_read(path):
    video = open_video(path)
    assert (video.width, video.height, video.rate, video.frames) == (64, 48, 10.0, 5)
    found = list(read_frames(video))
    assert len(found) == 5
    for number, pixels in enumerate(found):
        assert abs(int(pixels[40, 50, 0]) - 20 * number) < 8


def test_video_of_a_rotated_phone_is_upright(path):
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    rotated = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30)
    content[matrix : matrix + 36] = rotated  # to be rotated clockwise
    path.write_bytes(content)
    video = open_video(path)
    assert (video.width, video.height) == (48, 64)
    first = next(read_frames(video))
    assert first[10, 40].mean() > 200
    assert first[10, 10].mean() < 50


@pytest.mark.parametrize("content", [b"", b"no video", b"\0" * 1000])
def test_video_without_frames_is_reported(tmp_path, content, capfd):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"no frame can be decoded: .*ffmpeg -i a\.mp4"):
        open_video(path)
    assert capfd.readouterr().err == ""


def test_missing_video_is_reported(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        open_video(tmp_path / "a.mp4")


def test_camera_that_is_not_there_is_reported(capfd):
    with pytest.raises(InputError, match=r"predict\.camera=97: no camera can be read"):
        record_camera(97, 1.0)
    assert capfd.readouterr().err == ""


def test_video_is_known_by_its_suffix(path):
    assert is_video(path)
    assert not is_video(path.with_suffix(".jpg"))
    assert not is_video(None)


def test_failed_save_keeps_the_earlier_video(path):
    before = path.read_bytes()
    with pytest.raises(DatasetError) as caught:
        VideoDataset(filepath=str(path)).save(VideoFrames(10.0, lambda: iter(())))
    assert "the video has no frame" in user_message(caught.value)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["a.mp4"]


def faces_of_video():
    """A face in frames 0 and 2 of 3."""
    points = keypoints(Head(), 0) / 2
    return VideoFaces(
        frames=np.array(3),
        frame=np.array([0, 2]),
        face=np.array([1, 1]),
        points=np.stack([points, points + 4]),
        confidence=np.full((2, 15), 0.9),
        box=np.array([[4.0, 4, 40, 40], [8, 8, 40, 40]]),
    )


def test_table_has_a_row_for_each_frame():
    table = video_table(describe_frames(faces_of_video()), rate=10.0)
    assert list(table) == VIDEO_COLUMNS
    assert table["frame"].tolist() == [0, 1, 2]
    assert table["seconds"].tolist() == [0.0, 0.1, 0.2]
    assert table["face"].isna().tolist() == [False, True, False]
    assert table["nose_tip_x"][2] - table["nose_tip_x"][0] == pytest.approx(4)


def test_annotated_frames_have_one_readable_size(path):
    annotated = list(annotate_video(open_video(path), describe_frames(faces_of_video()))())
    assert {frame.shape for frame in annotated} == {annotated[0].shape}
    assert max(annotated[0].shape) >= 480


def test_video_is_tracked_and_its_speed_logged(path, caplog):
    caplog.set_level("INFO", "facial_keypoints")

    class Nobody:
        searches = 2

        def __call__(self, pixels):
            return []

    found = track_video(open_video(path), Nobody())
    assert found.frames == 5
    assert found.points.shape == (0, 15, 2)
    assert "5 frames in" in caplog.text
    assert "the finder ran in 2 of them" in caplog.text
    assert "No face found in the video" in caplog.text
