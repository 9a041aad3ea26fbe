"""Records, the table and annotated photos."""

import numpy as np
import pytest

from facial_keypoints.evaluation.records import Champion
from facial_keypoints.keypoints import KEYPOINTS
from facial_keypoints.photos import drawing
from facial_keypoints.photos.drawing import annotate, annotate_photos, draw_point
from facial_keypoints.photos.reading import PhotoFiles
from facial_keypoints.photos.records import FaceCrops, FacePoints
from facial_keypoints.photos.tables import COLUMNS, collect_results, results_table
from facial_keypoints.plotting.photos import draw_contact_sheet
from facial_keypoints.synthetic.geometry import keypoints
from facial_keypoints.synthetic.head import Head

POINTS = keypoints(Head(), 0)


@pytest.fixture
def found():
    """Three photos: two faces, none, and one that cannot be read."""
    frames = np.stack([np.eye(3)] * 2)
    crops = FaceCrops(
        patches=np.zeros((2, 256, 256), np.uint8),
        to_patch=frames,
        frames=frames,
        boxes=np.array([[10.0, 10, 80, 80], [0, 0, 50, 50]]),
        box_confidence=np.array([0.9, 0.8]),
        photo=np.array([0, 0]),
        photo_size=np.array([[200, 100], [50, 50], [0, 0]]),
        problem=np.array(["", "no face found", "cannot be read"]),
    )
    points = FacePoints(
        points=np.stack([POINTS, POINTS / 2]),
        confidence=np.full((2, 15), 0.75),
        frames=frames,
        images=np.zeros((2, 96, 96), np.uint8),
    )
    return crops, points


@pytest.fixture
def files():
    return PhotoFiles("photos", ["a.jpg", "b.tif", "sub/c.png"])


@pytest.fixture
def results(files, found):
    return collect_results(files, *found, Champion("tiny", "abc", None), "whole")


def test_each_photo_has_its_faces_or_its_problem(results):
    assert [(len(p.faces), p.problem) for p in results.photos] == [
        *((2, None), (0, "no face found"), (0, "cannot be read"))
    ]
    first, second = results.photos[0].faces
    assert (first.face, second.face) == (1, 2)
    assert first.eye_distance == pytest.approx(2 * second.eye_distance, abs=0.01)
    assert abs(first.pose.yaw) < 1
    assert list(first.points) == list(KEYPOINTS)


def test_table_has_a_row_per_face_and_per_photo_without_one(results):
    table = results_table(results)
    assert list(table) == COLUMNS
    assert table["photo"].tolist() == ["a.jpg", "a.jpg", "b.tif", "sub/c.png"]
    assert table["face"].tolist()[:2] == [1, 2]
    assert table["face"].isna().tolist() == [False, False, True, True]
    assert table["problem"].isna().tolist() == [True, True, False, False]
    np.testing.assert_allclose(
        table["nose_tip_x"][0], POINTS[KEYPOINTS.index("nose_tip"), 0], atol=1e-3
    )


def test_annotated_photos_keep_names_that_can_be_written(files, results):
    assert list(annotate_photos(files, results)) == ["a.jpg", "b.tif.png"]


@pytest.mark.parametrize(
    ("size", "expected"), [((96, 96), 480), ((3000, 1500), 1600), ((900, 600), 900)]
)
def test_annotated_photo_has_a_readable_size(size, expected):
    assert max(annotate(np.zeros((*size, 3), np.uint8), []).shape) == expected


def test_small_faces_are_enlarged(results):
    pixels = np.zeros((300, 300, 3), np.uint8)
    faces = results.photos[0].faces[1:]
    factor = annotate(pixels, faces).shape[0] / 300
    assert factor * faces[0].eye_distance == pytest.approx(80, rel=0.02)


def test_large_photo_with_small_faces_is_not_shrunk(results):
    pixels = np.zeros((100, 3000, 3), np.uint8)
    assert annotate(pixels, results.photos[0].faces).shape == pixels.shape


def test_face_is_drawn_where_its_points_are(results):
    drawn = annotate(np.zeros((600, 600, 3), np.uint8), results.photos[0].faces[:1])
    factor = drawn.shape[0] / 600
    for name, point in results.photos[0].faces[0].points.items():
        pixel = drawn[int(point.y * factor), int(point.x * factor)]
        assert tuple(pixel.tolist()) == drawing.colour_of(name), name


@pytest.mark.parametrize("point", [(-50, 5), (5, 500), (np.nan, 3), (1e9, 1e9), (19.9, 0.1)])
def test_points_at_or_beyond_the_edge_are_drawn_as_far_as_they_are_seen(point):
    canvas = np.zeros((20, 20, 3), np.uint8)
    draw_point(canvas, np.array(point, float), "nose_tip", 0.9, 3)
    assert canvas.any() == (point == (19.9, 0.1))


def test_unsure_point_is_a_ring():
    sure, unsure = (np.zeros((40, 40, 3), np.uint8) for _ in range(2))
    draw_point(sure, np.array([20.0, 20.0]), "nose_tip", 0.9, 6)
    draw_point(unsure, np.array([20.0, 20.0]), "nose_tip", 0.1, 6)
    assert sure[20, 20].max() > 200
    assert unsure[20, 20].max() < 50
    assert unsure[20, 25].max() > 200


def test_contact_sheet_shows_each_face(found, files):
    crops, points = found
    figure = draw_contact_sheet(points, crops, files.names)
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == ["a.jpg, 1\n75%", "a.jpg, 2\n75%"]


def test_contact_sheet_without_faces_is_empty(found, files):
    crops, points = found
    nothing = FacePoints(*(array[:0] for array in vars(points).values()))
    crops = FaceCrops(**{**vars(crops), "photo": crops.photo[:0]})
    assert "0 faces" in draw_contact_sheet(nothing, crops, files.names).get_suptitle()
