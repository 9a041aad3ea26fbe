"""Photos that come as bytes."""

import io

import cv2
import numpy as np
import pytest
from fuzzing import count_outcomes
from hypothesis import strategies as st
from PIL import Image

from facial_keypoints.keypoints import KEYPOINTS, POPULATION_B_INDEX
from facial_keypoints.models.calibration import Calibration
from facial_keypoints.photos.reading import PhotoError
from facial_keypoints.photos.records import FoundBox, HeadPose, PhotoFace, PhotoPoint, PhotoResult
from facial_keypoints.photos.uploads import (
    PhotoModel,
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


def _files():
    """A photo in each form that a person may drop, 40 pixels high and 50 wide, by file name."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    colour, grey = Image.fromarray(pixels), Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 8  # to be rotated anticlockwise
    photos = {
        "photo.jpg": (colour, {}),
        "progressive.jpeg": (colour, {"progressive": True}),
        "cmyk.jpg": (colour.convert("CMYK"), {}),
        "rotated.jpg": (colour.transpose(Image.Transpose.ROTATE_270), {"exif": exif}),
        "animated.gif": (colour, {"save_all": True, "append_images": [colour.rotate(90)]}),
        "alpha.png": (colour.convert("RGBA"), {}),
        "grey_16.png": (grey, {}),
        "palette.png": (colour.quantize(8), {"transparency": 0}),
        "one_bit.png": (colour.convert("1"), {}),
        "lab.tif": (colour.convert("LAB"), {}),
        "lzw.tiff": (colour, {"compression": "tiff_lzw"}),
        "alpha.webp": (colour.convert("RGBA"), {}),
        "bitmap.bmp": (colour, {}),
        "portable.ppm": (colour, {}),
    }
    contents = {}
    for name, (image, options) in photos.items():
        buffer = io.BytesIO()
        image.save(buffer, Image.registered_extensions()[name[name.index(".") :]], **options)
        contents[name] = buffer.getvalue()
    return contents


FILES = _files()


@pytest.mark.parametrize("name", FILES)
def test_photo_that_a_person_may_drop_is_read(name):
    result = predict_upload(lambda pixels: [], name, FILES[name])
    assert (result.width, result.height, result.problem) == (50, 40, "no face found")


def damaged(seed):
    """Name and content of a file, cut off or with some bytes changed, or both, or neither."""
    random = np.random.default_rng(seed)
    name = sorted(FILES)[random.integers(len(FILES))]
    content = bytearray(FILES[name])
    for _ in range(random.choice([0, 0, 1, 4])):
        content[random.integers(len(content))] = random.integers(256)
    return name, bytes(content[: random.choice([len(content), random.integers(len(content))])])


def test_damaged_photo_is_read_or_is_one_line(record_property):
    def check(seed):
        result = predict_upload(lambda pixels: [], *damaged(seed))
        assert "\n" not in result.problem
        assert len(result.problem) < 200
        return "read" if result.width else "reported"

    count_outcomes(check, st.integers(0, 2**32), 150, record_property, {"read", "reported"})


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


def test_population_b_is_predicted_by_its_own_heads():
    heads = np.repeat(np.arange(19.0)[:, None], 3, axis=1)
    model = PhotoModel(
        champion=None,
        predictor=lambda images: np.tile(heads, (len(images), 1, 1)),
        calibration=Calibration("f", [1.0] * 15, [0.0, 40.0], [1.0, 0.0], 0, 0, None),
        mean_face=np.zeros((15, 2)),
        predict=None,
    )
    face = model.on_images(1)(np.zeros((96, 96, 3), np.uint8))[0]
    found = [point.x for point in face.points.values()]
    assert sorted(set(found) - set(range(15))) == [15, 16, 17, 18]
    assert [found[i] for i in POPULATION_B_INDEX] == [15, 16, 17, 18]


def test_true_points_are_crosses():
    truth = np.full((15, 2), np.nan)
    truth[0] = 20, 20
    pixels = np.zeros((480, 480, 3), np.uint8)
    drawn = draw_result(pixels, PhotoResult("a", 480, 480, []), truth=truth)
    picture = cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_GRAYSCALE)
    bright = np.argwhere(picture > 200)
    np.testing.assert_allclose(bright.mean(axis=0), 19.5, atol=0.6)  # of pixel centres


def test_table_with_true_points_has_the_distance():
    truth = np.full((15, 2), np.nan)
    truth[1] = 51, 44
    table = point_table(FACE, truth)
    assert table["error"].dropna().tolist() == [5.0]


def test_table_has_a_row_per_keypoint():
    table = point_table(FACE)
    assert list(table.columns) == ["keypoint", "x", "y", "confidence"]
    assert table["keypoint"].tolist()[0] == "left eye center"
