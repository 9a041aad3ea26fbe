import numpy as np
import pytest

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.faces import read_test_faces, read_training_faces
from facial_keypoints.errors import InputError
from facial_keypoints.keypoints import COORDINATE_COLUMNS, KEYPOINTS, POPULATION_B_POINTS

HEADER = [*COORDINATE_COLUMNS, "Image"]
NOSE = KEYPOINTS.index("nose_tip")


@pytest.fixture
def archive_of(tmp_path, make_archive, make_table):
    """A checked archive with these training rows."""

    def build(*rows, **tables):
        path = make_archive(
            tmp_path / "a.zip", training=make_table(HEADER, rows) if rows else None, **tables
        )
        archive = CompetitionArchive(path)
        archive.check()
        return archive

    return build


def four_points():
    columns = [f"{name}_{axis}" for name in POPULATION_B_POINTS for axis in "xy"]
    return dict.fromkeys(columns, "30")


def test_population_follows_from_the_labelled_keypoints(archive_of, make_training_row, full_labels):
    faces = read_training_faces(
        archive_of(
            make_training_row(full_labels()),
            make_training_row(**four_points(), grey=1),
            make_training_row(grey=2),
            make_training_row(**four_points(), mouth_left_corner_x="50", mouth_left_corner_y="70"),
            make_training_row(**four_points(), mouth_left_corner_x="50", grey=4),
        )
    )
    assert faces.population.tolist() == [0, 1, 1, 0, 1]
    assert faces.complete.tolist() == [True, False, False, False, False]
    assert not faces.augmented.any()


def test_keypoint_with_one_coordinate_counts_as_missing(archive_of, make_training_row, full_labels):
    row = make_training_row({**full_labels(), "nose_tip_y": ""})
    faces = read_training_faces(archive_of(row))
    assert np.isnan(faces.keypoints[0, NOSE]).all()
    assert faces.labelled[0].tolist() == [point != NOSE for point in range(15)]
    assert faces.keypoints[0, 0].tolist() == [40.5, 50.25]


def test_group_is_the_first_identical_image(archive_of, make_training_row):
    greys = [3, 5, 3, 6, 5, 3]
    faces = read_training_faces(archive_of(*(make_training_row(grey=grey) for grey in greys)))
    assert faces.group.tolist() == [0, 1, 0, 3, 1, 0]


def test_raises_input_error_that_names_the_row(archive_of, make_training_row):
    archive = archive_of(make_training_row(), make_training_row(nose_tip_x="97"))
    with pytest.raises(InputError, match=r"training\.csv, row 2: nose_tip_x is '97.0'"):
        read_training_faces(archive)


def test_test_faces_have_image_ids_and_the_requested_population(archive_of, make_table):
    pixels = " ".join(["8"] * 9216)
    lookup = [[1, 4, "nose_tip_x"], [2, 2, "mouth_left_corner_x"], [3, 2, "nose_tip_x"]]
    archive = archive_of(
        test=make_table(["ImageId", "Image"], [[2, pixels], [9, pixels], [4, pixels]]),
        lookup=make_table(["RowId", "ImageId", "FeatureName"], lookup),
    )
    faces, table = read_test_faces(archive)
    assert faces.group.tolist() == [2, 9, 4]
    assert faces.population.tolist() == [0, 0, 1]  # 9 is not requested
    assert not faces.labelled.any()
    assert np.isnan(faces.keypoints).all()
    assert table["RowId"].tolist() == [1, 2, 3]


def test_raises_input_error_for_a_lookup_of_another_test_table(archive_of, make_table):
    archive = archive_of(
        lookup=make_table(["RowId", "ImageId", "FeatureName"], [[1, 2, "nose_tip_x"]])
    )
    with pytest.raises(InputError, match=r"IdLookupTable\.csv, row 1: ImageId 2 is not in"):
        read_test_faces(archive)
