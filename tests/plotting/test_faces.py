import matplotlib.pyplot as plt
import numpy as np

from facial_keypoints.augmentation.offline import AugmentationSummary
from facial_keypoints.faces import FaceSet
from facial_keypoints.plotting.faces import (
    draw_augmentation_grid,
    draw_best_and_worst,
    draw_faces,
    draw_labelled_face,
)


def titles(figure):
    return [axis.get_title() for axis in figure.axes]


def test_draw_faces_places_images_in_rows(make_faces):
    faces = make_faces(5)
    figure = draw_faces(faces.images, list("abcde"), truth=faces.keypoints, columns=4)
    assert titles(figure) == ["a", "b", "c", "d", "e", "", "", ""]
    np.testing.assert_allclose(figure.axes[1].lines[0].get_xydata(), faces.keypoints[1])


def test_draw_faces_without_images_is_an_empty_figure(make_faces):
    assert titles(draw_faces(make_faces(1).images[:0], [])) == [""]


def test_figures_are_not_registered_with_pyplot(make_faces):
    """pyplot would keep every figure in memory."""
    draw_labelled_face(make_faces(1))
    assert plt.get_fignums() == []


def test_labelled_face_is_the_first_complete_one(make_faces):
    faces = make_faces(3)
    faces.labelled[0, 3] = False
    (axis,) = draw_labelled_face(faces).axes
    np.testing.assert_allclose(axis.lines[0].get_xydata(), faces.keypoints[1])


def test_labelled_face_without_a_complete_one_is_the_first(make_faces):
    faces = make_faces(2, of_b=2)
    (axis,) = draw_labelled_face(faces).axes
    np.testing.assert_array_equal(axis.lines[0].get_xydata(), faces.keypoints[0])


def test_augmentation_grid_shows_one_face_and_its_copies(make_faces):
    faces = make_faces(4)
    faces.group[:] = [0, 1, 0, 0]
    faces.augmented[2:] = True
    summary = AugmentationSummary(4, {"original": 2, "flip": 1, "noise 0.1": 1})
    assert titles(draw_augmentation_grid(faces, summary)) == ["original", "flip", "noise 0.1"]


def test_augmentation_grid_without_copies_shows_the_original(make_faces):
    summary = AugmentationSummary(3, {"original": 3})
    assert titles(draw_augmentation_grid(make_faces(3), summary)) == ["original"]


def test_best_and_worst_ignores_copies_and_filled_labels(mixed_faces):
    predicted = mixed_faces.keypoints.copy()
    predicted[0, 9] += 50  # filled label
    predicted[1] += 50  # augmented copy
    predicted[2] += 5
    figure = draw_best_and_worst(mixed_faces, predicted, 4, "heading")
    assert titles(figure) == ["best 0.0 px", f"worst {5 * np.sqrt(2):.1f} px"]


def test_best_and_worst_without_labels_is_an_empty_figure(make_faces):
    faces = make_faces(2)
    nothing = {"labelled": np.zeros((2, 15), bool), "keypoints": np.full((2, 15, 2), np.nan, "f4")}
    unlabelled = FaceSet(**{**faces.arrays(), **nothing})
    assert titles(draw_best_and_worst(unlabelled, faces.keypoints, 4, "heading")) == [""]
