import numpy as np
import pandas as pd
import pytest

from facial_keypoints.archive.lookup import (
    lookup_populations,
    mean_requested,
    requested_values,
    select_requested,
)
from facial_keypoints.errors import InputError
from facial_keypoints.keypoints import COORDINATE_COLUMNS, POPULATION_B_POINTS

IMAGE_IDS = np.array([7, 3, 5], np.int32)
NOSE_X = COORDINATE_COLUMNS.index("nose_tip_x")


@pytest.fixture
def lookup():
    return pd.DataFrame(
        {
            "RowId": [4, 1, 3, 2],
            "ImageId": [5, 7, 7, 3],
            "FeatureName": ["nose_tip_y", "left_eye_outer_corner_x", "nose_tip_x", "nose_tip_y"],
        }
    )


@pytest.fixture
def values():
    """Every value is different: 30 per image, in the order of Kaggle's columns."""
    return np.arange(90, dtype=np.float32).reshape(3, 15, 2)


def test_selects_one_value_per_row_in_order(lookup, values):
    outer = COORDINATE_COLUMNS.index("left_eye_outer_corner_x")
    selected = select_requested(values, IMAGE_IDS, lookup)
    assert selected.dtype == np.float64
    assert selected.tolist() == [60 + NOSE_X + 1, outer, NOSE_X, 30 + NOSE_X + 1]


@pytest.mark.parametrize(
    ("column", "value", "requested"),
    [("ImageId", 6, "nose_tip_x of ImageId 6"), ("FeatureName", "nose", "nose of ImageId 7")],
)
def test_raises_input_error_for_a_lookup_of_another_test_set(
    lookup, values, column, value, requested
):
    lookup.loc[2, column] = value
    with pytest.raises(InputError, match=f"RowId 3 requests {requested}, which the test set does"):
        select_requested(values, IMAGE_IDS, lookup)


def test_population_follows_from_the_requested_keypoints():
    """Image 1 requests all keypoints (A), image 5 the four of B, image 9 the nose tip (B)."""
    four = [c for c in COORDINATE_COLUMNS if c[:-2] in POPULATION_B_POINTS]
    rows = [(1, c) for c in COORDINATE_COLUMNS] + [(5, c) for c in four] + [(9, "nose_tip_x")]
    lookup = pd.DataFrame(rows, columns=["ImageId", "FeatureName"])
    lookup = lookup.sample(frac=1, random_state=0).reset_index(drop=True)
    assert lookup_populations(lookup).to_dict() == {1: 0, 5: 1, 9: 1}
    assert requested_values(lookup) == {"A": 30, "B": 9}


def test_mean_covers_the_requested_values_of_each_population(lookup, values):
    outer = COORDINATE_COLUMNS.index("left_eye_outer_corner_x")
    means = mean_requested(values, IMAGE_IDS, lookup)
    assert means == {"A": (outer + NOSE_X) / 2, "B": 45 + NOSE_X + 1}


def test_mean_is_nan_for_a_population_that_is_not_requested(lookup, values):
    means = mean_requested(values, IMAGE_IDS, lookup[lookup["ImageId"] != 7])
    assert np.isnan(means["A"])
    assert means["B"] == 45 + NOSE_X + 1
