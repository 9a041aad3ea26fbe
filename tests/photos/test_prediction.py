import numpy as np
from PIL import Image

from facial_keypoints.models.calibration import Calibration
from facial_keypoints.photos.cropping import crop_photos
from facial_keypoints.photos.finders import finder_named
from facial_keypoints.photos.prediction import PhotoPredictor, framed_points, predict_crops
from facial_keypoints.photos.reading import list_photos, read_photo
from facial_keypoints.synthetic import render_faces

MEAN = render_faces(8, seed=0).keypoints
MEAN = np.nanmean(MEAN, axis=0)
CALIBRATION = Calibration("f", [1.0] * 15, [0.0, 10.0], [1.0, 0.0], 0, 0, None)


def brightest(images):
    """A model that predicts every keypoint at the brightest place, with a spread of 2 px."""
    found = np.array([np.unravel_index(i.argmax(), i.shape)[::-1] for i in images]) + 0.5
    points = np.repeat(found[:, None], 19, axis=1)
    return np.concatenate([points, np.full((len(images), 19, 1), 2.0)], axis=2).astype(np.float32)


def test_points_are_in_pixels_of_the_photo(tmp_path):
    pixels = np.zeros((300, 200, 3), np.uint8)
    pixels[120:123, 70:73] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    crops = crop_photos(list_photos(tmp_path), finder_named("whole"), 0.0, rotations=False)
    found = predict_crops(crops, brightest, CALIBRATION, MEAN, framings=1, rotations=True)
    np.testing.assert_allclose(found.points[0], np.full((15, 2), (71.5, 121.5)), atol=1.5)
    np.testing.assert_allclose(found.confidence, 0.8)
    np.testing.assert_allclose(framed_points(found)[0], brightest(found.images)[0, :15, :2])


def test_second_framing_brings_predicted_points_onto_the_mean_face(folder):
    """The model that sees the mean face in every image finds it a little larger."""

    def predictor(images):
        larger = 48 + 1.1 * (MEAN - 48)
        points = np.concatenate([larger, np.zeros((4, 2))])
        return np.tile(np.column_stack([points, np.ones(19)]), (len(images), 1, 1))

    crops = crop_photos(list_photos(folder), finder_named("whole"), 0.0, rotations=False)
    once, twice = (predict_crops(crops, predictor, CALIBRATION, MEAN, n, True) for n in (1, 2))
    ratio = np.linalg.det(twice.frames[:, :2, :2]) / np.linalg.det(once.frames[:, :2, :2])
    np.testing.assert_allclose(np.sqrt(ratio), 1 / 1.1, rtol=1e-6)


def test_face_that_is_upside_down_is_rotated(tmp_path):
    """The model is sure only where the bright place is in the upper half of the image."""
    pixels = np.zeros((200, 200, 3), np.uint8)
    pixels[150:153, 98:101] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")

    def predictor(images):
        found = brightest(images)
        found[..., 2] = np.where(found[..., 1] < 48, 1, 9)
        return found

    crops = crop_photos(list_photos(tmp_path), finder_named("whole"), 0.0, rotations=True)
    straight, rotated = (
        predict_crops(crops, predictor, CALIBRATION, MEAN, 1, rotations)
        for rotations in (False, True)
    )
    np.testing.assert_allclose(straight.confidence, 0.1)
    np.testing.assert_allclose(rotated.confidence, 0.9)
    np.testing.assert_allclose(rotated.points[0], np.full((15, 2), (99.5, 151.5)), atol=1.5)


def test_no_face_at_all_gives_no_points(folder):
    crops = crop_photos(list_photos(folder), finder_named("whole"), 1.1, rotations=False)
    empty = predict_crops(
        crops, lambda images: np.empty((len(images), 19, 3), np.float32), CALIBRATION, MEAN, 2, True
    )
    assert empty.points.shape == (0, 15, 2)
    assert empty.images.shape == (0, 96, 96)


def test_photo_in_memory_has_the_same_points_as_its_file(folder):
    files, kind = list_photos(folder), finder_named("whole")
    crops = crop_photos(files, kind, 0.0, rotations=False)
    points = predict_crops(crops, brightest, CALIBRATION, MEAN, 2, False).points[1]
    predict = PhotoPredictor(kind, brightest, CALIBRATION, MEAN, framings=2, rotations=False)
    (face,) = predict(read_photo(files.path("c.png")))
    found = np.array([(point.x, point.y) for point in face.points.values()])
    np.testing.assert_allclose(found, points, atol=1e-3)
