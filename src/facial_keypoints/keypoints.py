"""The 15 facial keypoints: order, column names, left/right partners, populations.

Coordinates are in pixels of the 96x96 picture, x to the right and y down, measured edge to
edge: pixel ``i`` covers the interval from ``i`` to ``i + 1``, so the picture spans [0, 96].
A mirror therefore maps ``x`` to ``96 - x`` for points, and column ``i`` to ``95 - i`` for
pixels. "Left" and "right" are the subject's: the left eye lies at the larger x.
"""

from typing import Final

IMAGE_SIZE: Final = 96
"""Height and width of every picture, in pixels."""

SWAP_PARTNER: Final[dict[str, str]] = {
    "left_eye_center": "right_eye_center",
    "right_eye_center": "left_eye_center",
    "left_eye_inner_corner": "right_eye_inner_corner",
    "left_eye_outer_corner": "right_eye_outer_corner",
    "right_eye_inner_corner": "left_eye_inner_corner",
    "right_eye_outer_corner": "left_eye_outer_corner",
    "left_eyebrow_inner_end": "right_eyebrow_inner_end",
    "left_eyebrow_outer_end": "right_eyebrow_outer_end",
    "right_eyebrow_inner_end": "left_eyebrow_inner_end",
    "right_eyebrow_outer_end": "left_eyebrow_outer_end",
    "nose_tip": "nose_tip",
    "mouth_left_corner": "mouth_right_corner",
    "mouth_right_corner": "mouth_left_corner",
    "mouth_center_top_lip": "mouth_center_top_lip",
    "mouth_center_bottom_lip": "mouth_center_bottom_lip",
}
"""Each point, in the order of Kaggle's columns, and the point it becomes in a mirror."""

KEYPOINTS: Final = tuple(SWAP_PARTNER)
"""The 15 names in the order of Kaggle's columns."""

NUM_KEYPOINTS: Final = len(KEYPOINTS)

SWAP_INDEX: Final = tuple(KEYPOINTS.index(SWAP_PARTNER[name]) for name in KEYPOINTS)
"""``keypoints[:, SWAP_INDEX]`` renames left to right and right to left."""

COORDINATE_COLUMNS: Final = tuple(f"{name}_{axis}" for name in KEYPOINTS for axis in "xy")
"""The 30 label columns of training.csv, in order: x and y of each point."""

POPULATIONS: Final = ("A", "B")
"""The two labelling campaigns the competition is made of, by their number 0 and 1.

A carries all 15 points; B only four, with another convention for the nose tip and the lower
lip (on Kaggle the nose tip's mean y is 57 px in A and 65 px in B).
"""

POPULATION_B_POINTS: Final = (
    "left_eye_center",
    "right_eye_center",
    "nose_tip",
    "mouth_center_bottom_lip",
)
"""The only points that population B is labelled with, and asked for in the test set."""

POPULATION_B_INDEX: Final = tuple(KEYPOINTS.index(name) for name in POPULATION_B_POINTS)

LEFT_EYE: Final = KEYPOINTS.index("left_eye_center")
RIGHT_EYE: Final = KEYPOINTS.index("right_eye_center")
