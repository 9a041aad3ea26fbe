import numpy as np

from facial_keypoints.keypoints import (
    COORDINATE_COLUMNS,
    KEYPOINTS,
    LEFT_EYE,
    NUM_KEYPOINTS,
    POPULATION_B_INDEX,
    RIGHT_EYE,
    SWAP_INDEX,
    SWAP_PARTNER,
)


def test_coordinate_columns_are_kaggles_in_order():
    assert NUM_KEYPOINTS == 15
    assert len(COORDINATE_COLUMNS) == 30
    assert COORDINATE_COLUMNS[:4] == (
        "left_eye_center_x",
        "left_eye_center_y",
        "right_eye_center_x",
        "right_eye_center_y",
    )
    assert COORDINATE_COLUMNS[20:22] == ("nose_tip_x", "nose_tip_y")
    assert COORDINATE_COLUMNS[-2:] == ("mouth_center_bottom_lip_x", "mouth_center_bottom_lip_y")


def test_swapping_twice_is_the_identity():
    assert all(SWAP_PARTNER[SWAP_PARTNER[name]] == name for name in KEYPOINTS)
    assert np.arange(NUM_KEYPOINTS)[list(SWAP_INDEX)][list(SWAP_INDEX)].tolist() == list(range(15))


def test_partner_names_swap_left_and_right():
    for name, partner in SWAP_PARTNER.items():
        mirrored = name.replace("left", "?").replace("right", "left").replace("?", "right")
        assert partner == mirrored


def test_population_b_has_eye_centres_nose_tip_and_lower_lip():
    assert [KEYPOINTS[i] for i in POPULATION_B_INDEX] == [
        "left_eye_center",
        "right_eye_center",
        "nose_tip",
        "mouth_center_bottom_lip",
    ]
    assert POPULATION_B_INDEX[:2] == (LEFT_EYE, RIGHT_EYE)
