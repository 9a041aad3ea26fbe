import numpy as np
from PIL import Image

from facial_keypoints.photos.cropping import NO_FACE, crop_photos
from facial_keypoints.photos.finders import finder_named
from facial_keypoints.photos.reading import list_photos


def test_photos_are_cut_out_and_problems_kept(folder):
    crops = crop_photos(list_photos(folder), finder_named("whole"), 0.0, rotations=False)
    assert crops.photo.tolist() == [0, 2]
    assert crops.patches.shape == (2, 256, 256)
    assert crops.photo_size.tolist() == [[192, 192], [0, 0], [192, 192]]
    assert "is not a photo" in crops.problem[1]
    assert not crops.problem[0]


def test_photo_without_a_face_is_kept(folder):
    crops = crop_photos(list_photos(folder), finder_named("whole"), 1.1, rotations=True)
    assert len(crops.patches) == len(crops.photo) == 0
    assert crops.problem[0] == NO_FACE


def test_patch_shows_the_face_and_its_surroundings(tmp_path):
    pixels = np.zeros((200, 200, 3), np.uint8)
    pixels[90:110, 40:60] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    crops = crop_photos(list_photos(tmp_path), finder_named("whole"), 0.0, rotations=False)
    y, x = np.nonzero(crops.patches[0] > 128)
    seen = np.array([x.mean() + 0.5, y.mean() + 0.5, 1.0]) @ np.linalg.inv(crops.to_patch[0])
    np.testing.assert_allclose(seen[:2], (50, 100), atol=1)
