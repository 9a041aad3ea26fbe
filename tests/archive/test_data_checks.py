"""Tables that can be read, but whose labels or images are not what they claim to be."""

import numpy as np
import pandas as pd
import pytest

from facial_keypoints.archive.competition import CompetitionArchive
from facial_keypoints.archive.data_checks import check_data, find_data_issues
from facial_keypoints.archive.faces import read_test_faces, read_training_faces
from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.keypoints import COORDINATE_COLUMNS, POPULATION_B_INDEX, SWAP_INDEX
from facial_keypoints.synthetic import write_archive

ONLY_A = np.delete(np.arange(15), POPULATION_B_INDEX)


def read(folder, train_faces, test_faces, seed):
    path = folder / f"{train_faces}-{seed}.zip"
    write_archive(path, train_faces, test_faces, seed)
    archive = CompetitionArchive(path)
    return (read_training_faces(archive), *read_test_faces(archive))


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Faces, test faces and lookup table of the smallest environment's competition."""
    return read(tmp_path_factory.mktemp("tables"), 60, 12, 0)


def changed(faces, keypoints=None, images=None):
    """Return the faces as they are read from a table with these labels and images."""
    points = np.array(faces.keypoints if keypoints is None else keypoints, np.float32)
    points[~np.isfinite(points).all(axis=2) | (points < 0).any(axis=2)] = np.nan
    images = np.ascontiguousarray(faces.images if images is None else images, np.uint8)
    codes, _ = pd.factorize(pd.Series([image.tobytes() for image in images]))
    labelled = np.isfinite(points).all(axis=2)
    return FaceSet(
        images=images,
        keypoints=points,
        labelled=labelled,
        group=pd.Series(range(len(images))).groupby(codes).transform("min").to_numpy(np.int32),
        population=(~labelled[:, ONLY_A].any(axis=1)).astype(np.int8),
        augmented=np.zeros(len(images), bool),
    )


def fill(points, value):
    return np.where(np.isnan(points), value, points)


def forward_fill(points):
    return pd.DataFrame(points.reshape(len(points), -1)).ffill().to_numpy().reshape(points.shape)


def exchange(points, first, second):
    flat = points.reshape(len(points), -1).copy()
    columns = [COORDINATE_COLUMNS.index(first), COORDINATE_COLUMNS.index(second)]
    flat[:, columns] = flat[:, columns[::-1]]
    return flat.reshape(points.shape)


def replace_some(points, others, fraction=0.3):
    return np.where(np.arange(len(points))[:, None, None] < fraction * len(points), others, points)


LABELS = {
    "zeros": (lambda p: fill(p, 0), "filled_labels"),
    "centre": (lambda p: fill(p, 48), "filled_labels"),
    "means": (lambda p: fill(p, np.nanmean(p, axis=0)), "filled_labels"),
    "forward fill": (forward_fill, "filled_labels"),
    "forward fill along the row": (
        lambda p: pd.DataFrame(p.reshape(60, -1)).ffill(axis=1).to_numpy().reshape(p.shape),
        "filled_labels",
    ),
    "means of the row": (
        lambda p: fill(p, np.nanmean(p, axis=1, keepdims=True)),
        "filled_labels",
    ),
    "one column constant": (
        lambda p: np.where(np.arange(30).reshape(15, 2) == 20, 48, p),
        "filled_labels",
    ),
    "identical": (lambda p: np.broadcast_to(p[0], p.shape), "filled_labels"),
    "0 to 1": (lambda p: p / 96, "scaled_labels"),
    "of 48 x 48 images": (lambda p: p / 2, "scaled_labels"),
    "some 0 to 1": (lambda p: replace_some(p, p / 96), "scaled_labels"),
    "a few zeros": (
        lambda p: np.where(np.arange(60)[:, None, None] == 3, 0, p),
        "filled_labels",
    ),
    "some left and right": (lambda p: replace_some(p, p[:, list(SWAP_INDEX)]), "swapped_labels"),
    "x and y": (lambda p: p[..., ::-1], "swapped_labels"),
    "left and right": (lambda p: p[:, list(SWAP_INDEX)], "swapped_labels"),
    "mirrored": (lambda p: p * [-1, 1] + [96, 0], "swapped_labels"),
    "y upwards": (lambda p: p * [1, -1] + [0, 96], "swapped_labels"),
    "left and right of a pair": (
        lambda p: exchange(p, "mouth_left_corner_x", "mouth_right_corner_x"),
        "misplaced_labels",
    ),
    "x and y of a keypoint": (
        lambda p: exchange(p, "nose_tip_x", "nose_tip_y"),
        "misplaced_labels",
    ),
    "one column 0 to 1": (
        lambda p: np.where(np.arange(30).reshape(15, 2) == 21, p / 96, p),
        "misplaced_labels",
    ),
    "shifted by 6 px": (lambda p: p + np.array([6, 0]), "shifted_labels"),
    "shifted by 20 px": (lambda p: p - [20, 0], "shifted_labels"),
    "of other rows": (lambda p: np.roll(p, 1, axis=0), "shuffled_labels"),
}
"""Ways to spoil labels (n, 15, 2), and the check that finds each."""

IMAGES = {
    "constant": (lambda i: np.full_like(i, 128), "identical_images"),
    "0 to 1": (lambda i: i // 128, "flat_images"),
    "two grey values": (lambda i: (i > 100) * 255, "flat_images"),
    "identical": (lambda i: np.broadcast_to(i[0], i.shape), "identical_images"),
    "negatives": (lambda i: 255 - i, "inverted_images"),
    "transposed": (lambda i: i.transpose(0, 2, 1), "turned_images"),
    "rotated by 90 degrees": (lambda i: np.rot90(i, 1, (1, 2)), "turned_images"),
    "rotated by 180 degrees": (lambda i: i[:, ::-1, ::-1], "turned_images"),
    "upside down": (lambda i: i[:, ::-1], "turned_images"),
    "mirrored": (lambda i: i[:, :, ::-1], "turned_images"),
    "noise": (
        lambda i: np.random.default_rng(0).integers(0, 256, i.shape, np.uint8),
        "shuffled_labels",
    ),
}

TEST_IMAGES = {
    "constant": (lambda i: np.full_like(i, 128), "identical_images"),
    "0 to 1": (lambda i: i // 128, "flat_images"),
    "negatives": (lambda i: 255 - i, "test_images"),
    "transposed": (lambda i: i.transpose(0, 2, 1), "test_images"),
    "rotated by 90 degrees": (lambda i: np.rot90(i, 1, (1, 2)), "test_images"),
    "upside down": (lambda i: i[:, ::-1], "test_images"),
    "noise": (
        lambda i: np.random.default_rng(0).integers(0, 256, i.shape, np.uint8),
        "test_images",
    ),
}


def refusal(faces, test_faces, lookup):
    with pytest.raises(InputError) as error:
        check_data(faces, test_faces, lookup, [])
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.fault(
    "Tables", "Labels filled in, scaled, swapped, shifted or of other rows", "refused"
)
@pytest.mark.parametrize("how", LABELS)
def test_raises_input_error_for_labels(tables, how):
    faces, test_faces, lookup = tables
    spoil, check = LABELS[how]
    message = refusal(changed(faces, spoil(faces.keypoints)), test_faces, lookup)
    assert message.startswith(f"{check}: training.csv: ")
    assert f"--params clean.accept={check}" in message


@pytest.mark.fault("Tables", "Images constant, inverted, scaled or turned", "refused")
@pytest.mark.parametrize("how", IMAGES)
def test_raises_input_error_for_training_images(tables, how):
    faces, test_faces, lookup = tables
    spoil, check = IMAGES[how]
    message = refusal(changed(faces, images=spoil(faces.images)), test_faces, lookup)
    assert f"{check}: training.csv: " in message


@pytest.mark.fault("Tables", "Images constant, inverted, scaled or turned", "refused")
@pytest.mark.parametrize("how", TEST_IMAGES)
def test_raises_input_error_for_test_images(tables, how):
    faces, test_faces, lookup = tables
    spoil, check = TEST_IMAGES[how]
    spoilt = FaceSet(
        **{**test_faces.arrays(), "images": np.ascontiguousarray(spoil(test_faces.images))}
    )
    assert f"{check}: test.csv: " in refusal(faces, spoilt, lookup)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_refusal_names_the_filled_in_point(tables, zero):
    faces, test_faces, lookup = tables
    message = refusal(changed(faces, fill(faces.keypoints, zero)), test_faces, lookup)
    assert "451 labels of 11 keypoints lie at exactly (0, 0); leave missing labels blank" in message


def test_refusal_names_the_shift(tables):
    faces, test_faces, lookup = tables
    message = refusal(changed(faces, faces.keypoints + np.array([6, 0])), test_faces, lookup)
    assert "shifted by about +6, +0 px against the images" in message


def test_finds_a_shift_to_another_dark_point(tables):
    """The outer corners are dark, too; Kaggle's mean face tells which of the two are the eyes."""
    faces, test_faces, lookup = tables
    images = np.full_like(faces.images, 150)
    images += np.random.default_rng(0).integers(0, 20, images.shape, np.uint8)
    points = np.nan_to_num(faces.keypoints).astype(int)
    for row, (eye, other) in enumerate(points[:, :2]):
        for x, y in (eye, other):
            images[row, y - 1 : y + 2, x - 1 : x + 2] = 10
            images[row, y - 1 : y + 2, x + 7 : x + 10] = 10
    right = find_data_issues(changed(faces, images=images), test_faces, lookup)
    assert "shifted_labels" not in {issue.check for issue in right}
    shifted = changed(faces, faces.keypoints + np.array([8, 0]), images)
    message = refusal(shifted, test_faces, lookup)
    assert "shifted_labels: training.csv: the labels are shifted by about +8, +0 px" in message


def test_accepted_findings_are_logged_and_returned(tables, caplog):
    faces, test_faces, lookup = tables
    spoilt = changed(faces, fill(faces.keypoints, 0))
    (issue,) = check_data(spoilt, test_faces, lookup, ["filled_labels"]).found
    assert issue.accepted
    assert issue.count == 451
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.message.startswith("filled_labels: training.csv: 451 labels")


@pytest.mark.parametrize(
    ("spoil", "check", "count"),
    [
        (
            lambda f: changed(f, images=np.where(f.group[:, None, None] < 4, 9, f.images)),
            "flat_images",
            4,
        ),
        (lambda f: changed(f, images=f.images // 4), "scaled_images", 60),
        (lambda f: changed(f.select(np.repeat(np.arange(60), 2))), "repeated_rows", 60),
    ],
    ids=["some flat", "dark", "every row twice"],
)
def test_warns_where_most_rows_can_be_used(tables, caplog, spoil, check, count):
    faces, test_faces, lookup = tables
    (issue,) = check_data(spoil(faces), test_faces, lookup, []).found
    assert (issue.check, issue.count, issue.severity) == (check, count, "warning")
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_warns_of_test_images_from_the_training_set(tables):
    faces, test_faces, lookup = tables
    copied = FaceSet(**{**test_faces.arrays(), "images": faces.images[:12]})
    (issue,) = find_data_issues(faces, copied, lookup)
    assert issue.message == "test.csv: 12 of 12 images are in training.csv as well"


def test_warns_of_test_images_that_the_lookup_table_does_not_name(tables):
    faces, test_faces, lookup = tables
    (issue,) = find_data_issues(faces, test_faces, lookup[lookup["ImageId"] <= 6])
    assert issue.message == "test.csv: 6 of 12 images have no row in IdLookupTable.csv"


def test_finds_labels_of_other_rows_in_one_population(tables):
    faces, test_faces, lookup = tables
    b = np.flatnonzero(faces.population == 1)
    images = faces.images.copy()
    images[b] = np.roll(images[b], 1, axis=0)
    message = refusal(changed(faces, images=images), test_faces, lookup)
    assert (
        "the labels of population B fit their images no better than those of other rows" in message
    )


@pytest.mark.parametrize("seed", range(1, 3))
@pytest.mark.parametrize(("train_faces", "test_faces"), [(60, 12), (20, 4)])
def test_synthetic_competitions_pass_silently(tmp_path, train_faces, test_faces, seed):
    assert find_data_issues(*read(tmp_path, train_faces, test_faces, seed)) == []


def test_tables_of_few_rows_pass(make_faces):
    lookup = pd.DataFrame({"ImageId": [0, 1], "FeatureName": ["nose_tip_x"] * 2})
    assert find_data_issues(make_faces(9), make_faces(2), lookup) == []


def test_faces_in_another_part_of_the_image_pass(tables):
    faces, test_faces, lookup = tables
    framed = changed(faces, faces.keypoints + np.array([8, 0]), np.roll(faces.images, 8, axis=2))
    assert find_data_issues(framed, test_faces, lookup) == []


def test_labels_in_whole_pixels_pass(tables):
    faces, test_faces, lookup = tables
    whole = changed(faces, np.round(faces.keypoints))
    assert find_data_issues(whole, test_faces, lookup) == []
