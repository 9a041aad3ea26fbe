"""Photos that come as bytes."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from facial_keypoints.keypoints import KEYPOINTS
from facial_keypoints.photos.reading import PhotoError
from facial_keypoints.photos.records import FoundBox, HeadPose, PhotoFace, PhotoPoint, PhotoResult
from facial_keypoints.photos.uploads import (
    draw_result,
    point_table,
    predict_upload,
    read_upload,
)

POINTS = {name: PhotoPoint(48.0, 48.0, i / 20) for i, name in enumerate(KEYPOINTS)}
FACE = PhotoFace(1, FoundBox(0, 0, 96, 96, 1.0), POINTS, HeadPose(0, 0, 0), 30.0)


def _png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def test_bytes_are_read_as_the_file_would_be():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    np.testing.assert_array_equal(read_upload("a.png", _png(pixels)), pixels)


@pytest.mark.parametrize(
    ("name", "content"), [("a.jpg", b"no photo"), ("a", b""), ("a.heic", b"x"), ("../b.png", b"x")]
)
def test_wrong_files_are_problems(name, content):
    with pytest.raises(PhotoError):
        read_upload(name, content)
    result = predict_upload(None, name, content)
    assert result.photo == name
    assert result.width == 0
    assert "\n" not in result.problem


def test_photo_without_a_face_has_its_size():
    result = predict_upload(lambda pixels: [], "a.png", _png(np.zeros((40, 50, 3), np.uint8)))
    assert (result.width, result.height, result.problem) == (50, 40, "no face found")


def test_points_below_the_confidence_are_not_drawn():
    pixels = np.zeros((96, 96, 3), np.uint8)
    drawn = [
        cv2.imdecode(
            np.frombuffer(draw_result(pixels, PhotoResult("a", 96, 96, [FACE]), least), np.uint8),
            cv2.IMREAD_COLOR,
        )
        for least in (0.0, 1.0)
    ]
    middle = [picture[picture.shape[0] // 2, picture.shape[1] // 2].any() for picture in drawn]
    assert middle == [True, False]


def test_table_has_a_row_per_keypoint():
    table = point_table(FACE)
    assert list(table.columns) == ["keypoint", "x", "y", "confidence"]
    assert table["keypoint"].tolist()[0] == "left eye center"
