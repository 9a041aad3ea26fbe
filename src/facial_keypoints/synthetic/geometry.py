"""The outlines of eyes, eyebrows and mouth on a head, and its 15 keypoints.

Keypoints and painted outlines come from the same numbers, so a label lies exactly where the
image shows the feature. Outlines are in head coordinates (see ``head``) until ``Head.project``.
"""

from typing import Any, Final

import numpy as np

from facial_keypoints.keypoints import KEYPOINTS
from facial_keypoints.synthetic.head import Floats, Head

SIDES: Final = (1, -1)
"""The subject's left (larger x) and right."""

_NOSE_BASE: Final = 7.0
"""Distance from the tip of the nose down to its base."""

_U: Final = np.linspace(0, 1, 17)
"""Position along every outline."""


def _curve(start: Any, end: Any, rise: Floats) -> Floats:
    """The straight line from start to end (17, 2), lifted by ``rise`` (17,)."""
    line = np.asarray(start) + _U[:, None] * np.subtract(end, start)
    line[:, 1] -= rise
    return np.asarray(line)


def eye(head: Head, side: int) -> tuple[Floats, Floats, Floats]:
    """Return the outlines of one eye.

    Args:
        head: the head.
        side: 1 (the subject's left) or -1.

    Returns:
        The centre of the pupil (2,), the upper and the lower lid, each (17, 2) from the inner
        to the outer corner.
    """
    y = head.eye_asymmetry if side > 0 else 0.0
    inner = (side * (head.eye_x - head.eye_half_width + 0.1), y + 0.95 + head.eye_tilt / 2)
    outer = (side * (head.eye_x + head.eye_half_width), y + 0.95 - head.eye_tilt / 2)
    low = -0.36 * head.eye_opening * (1 - 0.3 * max(head.smile, 0)) * np.sin(np.pi * _U**1.1)
    low -= 0.6 * head.eye_closing * np.sin(np.pi * _U)
    # A lid that closes goes down to the lower one.
    opening = head.eye_opening * (1 - head.eye_closing) * np.sin(np.pi * _U**0.9) ** 0.8
    pupil = np.array([side * head.eye_x + head.gaze_x, y + head.gaze_y])
    return pupil, _curve(inner, outer, low + opening), _curve(inner, outer, low)


def eyebrow(head: Head, side: int) -> Floats:
    """Return the middle line of one eyebrow.

    Args:
        head: the head.
        side: 1 (the subject's left) or -1.

    Returns:
        (17, 2), from the inner to the outer end.
    """
    y = head.brow_y + (head.eye_asymmetry if side > 0 else 0.0)
    outer = (side * head.brow_outer_x, y - head.brow_slope)
    return _curve((side * head.brow_inner_x, y), outer, head.brow_arch * np.sin(np.pi * _U**1.25))


def mouth(head: Head) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the upper and lower edge of the upper lip, then of the lower lip.

    Each is (17, 2), from the right corner to the left.
    """
    opening, arc = head.mouth_opening, np.sin(np.pi * _U)
    wide = head.mouth_half_width + 2.6 * head.smile - 0.25 * opening
    corner_y = head.mouth_y - 0.2 - 2.0 * head.smile + 0.25 * opening
    ends = (-wide, corner_y), (wide, corner_y + head.mouth_asymmetry)
    sag = head.mouth_y + 0.3 - (corner_y + head.mouth_asymmetry / 2)
    thin = 1 - 0.22 * max(head.smile, 0)
    high = 0.12 * opening * arc**0.8 - sag * arc**1.3
    low = high - opening * arc**0.7
    top = high + thin * head.upper_lip * arc**0.75 * (
        1 - 0.16 * np.exp(-(((_U - 0.5) / 0.07) ** 2))
    )
    bottom = low - thin * head.lower_lip * arc**0.8
    return _curve(*ends, top), _curve(*ends, high), _curve(*ends, low), _curve(*ends, bottom)


def keypoints(head: Head, population: int) -> Floats:
    """Return the exact keypoints of a head in the convention of a population.

    The populations differ in two points:

    - ``nose_tip``: A labels the foremost point of the nose, B its base between the nostrils.
    - ``mouth_center_bottom_lip``: A labels the lower edge of the lower lip, B its upper edge.

    Args:
        head: the head.
        population: 0 (A) or 1 (B).

    Returns:
        (15, 2) in pixels, edge to edge, in the order of ``KEYPOINTS``.
    """
    return head.place(keypoints_on_head(head, population))


def keypoints_on_head(head: Head, population: int) -> Floats:
    """Return the keypoints of a head before it is turned and framed.

    Args:
        head: the head.
        population: 0 (A) or 1 (B).

    Returns:
        (15, 3) in head coordinates, in the order of ``KEYPOINTS``.
    """
    lips, middle = mouth(head), len(_U) // 2
    point = {
        "nose_tip": np.array([0.0, head.nose_y + _NOSE_BASE * population]),
        "mouth_center_top_lip": lips[0][middle],
        "mouth_center_bottom_lip": lips[2 if population else 3][middle],
    }
    for side, name in zip(SIDES, ("left", "right"), strict=True):
        (pupil, lid, _), brow = eye(head, side), eyebrow(head, side)
        point[f"{name}_eye_center"] = pupil
        point[f"{name}_eye_inner_corner"], point[f"{name}_eye_outer_corner"] = lid[0], lid[-1]
        point[f"{name}_eyebrow_inner_end"], point[f"{name}_eyebrow_outer_end"] = brow[0], brow[-1]
        point[f"mouth_{name}_corner"] = lips[0][-1 if side > 0 else 0]
    return head.lift(np.array([point[name] for name in KEYPOINTS]))
