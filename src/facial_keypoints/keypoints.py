"""Define the 15 facial keypoints: order, column names, mirror partners, populations.

Coordinates are in pixels of the 96x96 image, x to the right and y down, measured edge to edge:
pixel ``i`` covers the interval from ``i`` to ``i + 1``, so the image spans [0, 96]. A mirror
therefore maps ``x`` to ``96 - x`` for keypoints, and column ``i`` to ``95 - i`` for pixels.
"Left" and "right" are the subject's: the left eye has the larger x.
"""

from typing import Final

IMAGE_SIZE: Final = 96
"""Height and width of every image, in pixels."""

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
"""Each keypoint, in the order of Kaggle's columns, and its partner in a mirrored image."""

KEYPOINTS: Final = tuple(SWAP_PARTNER)
"""The 15 keypoint names in the order of Kaggle's columns."""

NUM_KEYPOINTS: Final = len(KEYPOINTS)

SWAP_INDEX: Final = tuple(KEYPOINTS.index(SWAP_PARTNER[name]) for name in KEYPOINTS)
"""``keypoints[:, SWAP_INDEX]`` swaps each keypoint with its mirror partner."""

COORDINATE_COLUMNS: Final = tuple(f"{name}_{axis}" for name in KEYPOINTS for axis in "xy")
"""The 30 label columns of training.csv, in order: x and y of each keypoint."""

POPULATIONS: Final = ("A", "B")
"""The two labelling campaigns of the competition; ``FaceSet.population`` holds the index.

A labels all 15 keypoints. B labels four, and places the nose tip and the lower lip by another
convention (on Kaggle's data the mean y of the nose tip is 57 px in A and 65 px in B).
"""

POPULATION_B_POINTS: Final = (
    "left_eye_center",
    "right_eye_center",
    "nose_tip",
    "mouth_center_bottom_lip",
)
"""The keypoints that population B is labelled with; the lookup table requests only these of it."""

POPULATION_B_INDEX: Final = tuple(KEYPOINTS.index(name) for name in POPULATION_B_POINTS)

LEFT_EYE: Final = KEYPOINTS.index("left_eye_center")
RIGHT_EYE: Final = KEYPOINTS.index("right_eye_center")
