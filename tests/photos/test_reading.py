import numpy as np
import pytest
from PIL import Image

from facial_keypoints.errors import InputError
from facial_keypoints.photos import reading
from facial_keypoints.photos.reading import PhotoError, list_photos, read_photo


def picture(height=40, width=60):
    """Red on the left half, blue on the right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = 255
    pixels[:, width // 2 :, 2] = 255
    return pixels


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "bmp", "ppm", "gif"])
def test_reads_format(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(picture()).save(path)
    pixels = read_photo(path)
    assert pixels.shape == (40, 60, 3)
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(pixels[20, [10, 50]], [[255, 0, 0], [0, 0, 255]], atol=12)


def test_cmyk_jpeg_has_the_same_colours(tmp_path):
    Image.fromarray(picture()).convert("CMYK").save(tmp_path / "a.jpg")
    pixels = read_photo(tmp_path / "a.jpg")
    np.testing.assert_allclose(pixels[20, [10, 50]], [[255, 0, 0], [0, 0, 255]], atol=40)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "I;16", "I", "F"])
def test_reads_mode_as_rgb(tmp_path, mode):
    grey = np.full((20, 30), 128, np.uint8)
    if mode == "I;16":
        image = Image.fromarray(np.full((20, 30), 128 * 257, np.uint16))
    elif mode in {"I", "F"}:
        image = Image.fromarray(grey).convert(mode)
    else:
        image = Image.fromarray(grey).convert("L").convert(mode)
    path = tmp_path / ("a.tif" if mode in {"I", "F"} else "a.png")
    image.save(path)
    pixels = read_photo(path)
    assert pixels.shape == (20, 30, 3)
    if mode not in {"1", "F"}:
        assert abs(int(pixels.mean()) - 128) <= 1


def test_rgb_of_16_bits_is_reduced(tmp_path):
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / "a.tif"
    cv2.imwrite(str(path), np.full((20, 30, 3), 200 * 257, np.uint16))
    assert abs(int(read_photo(path).mean()) - 200) <= 1


def test_transparent_pixels_are_white(tmp_path):
    Image.fromarray(np.zeros((20, 30, 4), np.uint8)).save(tmp_path / "a.png")
    assert (read_photo(tmp_path / "a.png") == 255).all()


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be rotated clockwise
    Image.fromarray(picture()).save(tmp_path / "a.jpg", exif=exif)
    pixels = read_photo(tmp_path / "a.jpg")
    assert pixels.shape == (60, 40, 3)
    assert pixels[5, 20].argmax() == 0
    assert pixels[55, 20].argmax() == 2


def test_truncated_photo_is_reported(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(picture(200, 200)).save(path)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(PhotoError, match=r"cannot be read .*the file is damaged"):
        read_photo(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jpg", b"no photo", "is not a photo that can be read"),
        ("a.jpg", b"", "is not a photo that can be read"),
        ("a.heic", b"ftypheic", "not supported; convert it to JPEG"),
    ],
)
def test_file_that_is_no_photo_is_reported(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PhotoError, match=message):
        read_photo(tmp_path / name)


def test_unreadable_file_is_reported(tmp_path):
    with pytest.raises(PhotoError, match=r"cannot be read \(No such file or directory\)$"):
        read_photo(tmp_path / "deleted.png")


def test_photo_of_one_pixel_is_reported(tmp_path):
    Image.new("RGB", (1, 1)).save(tmp_path / "a.png")
    with pytest.raises(PhotoError, match="has 1x1 pixels"):
        read_photo(tmp_path / "a.png")


def test_photo_of_too_many_megapixels_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_MEGAPIXELS", 1)
    Image.new("1", (2000, 1000)).save(tmp_path / "a.png")
    with pytest.raises(PhotoError, match="has 2 megapixels, more than 1"):
        read_photo(tmp_path / "a.png")


def test_lists_photos_of_folder_and_subfolders_sorted(tmp_path):
    for name in ("b.JPG", "sub/a.png", ".hidden.png", ".cache/c.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    files = list_photos(tmp_path)
    assert files.names == ["b.JPG", "sub/a.png"]
    assert files.path("b.JPG").is_file()


def test_lists_single_file_of_any_suffix(tmp_path):
    (tmp_path / "photo").write_bytes(b"x")
    assert list_photos(tmp_path / "photo").names == ["photo"]


def test_raises_input_error_without_input():
    with pytest.raises(InputError, match=r"predict.input is not set: .*--params predict.input="):
        list_photos(None)


def test_raises_input_error_for_missing_input(tmp_path):
    with pytest.raises(InputError, match="none does not exist"):
        list_photos(tmp_path / "none")


def test_raises_input_error_for_folder_without_photos(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"contains no photo \(\.jpg"):
        list_photos(tmp_path)
