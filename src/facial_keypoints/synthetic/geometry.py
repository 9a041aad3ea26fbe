"""From a head to the 15 points and to the outlines of what is painted.

Points and outlines come from the same numbers, so a label is where the drawing shows it.
"""

from dataclasses import dataclass

import numpy as np

from facial_keypoints.keypoints import KEYPOINTS, NUM_KEYPOINTS
from facial_keypoints.synthetic.head import Floats, Head

SIDES = (1, -1)
"""The subject's left (larger x) and right."""


@dataclass(frozen=True)
class Eye:
    """One eye on the frontal face, in head coordinates; outlines run from the inner corner."""

    pupil: Floats
    inner: Floats
    outer: Floats
    upper_lid: Floats
    lower_lid: Floats
    crease: Floats
    """The fold of skin over the upper lid."""
    iris_radius: float


@dataclass(frozen=True)
class Brow:
    """One eyebrow: its middle line from the inner end, and its half thickness there."""

    line: Floats
    thickness: Floats


@dataclass(frozen=True)
class Mouth:
    """The four edges of the lips, each from the right corner to the left, (n, 2)."""

    upper_edge: Floats
    upper_inner: Floats
    lower_inner: Floats
    lower_edge: Floats


def _between(start: Floats, end: Floats, rise: Floats, steps: int = 17) -> Floats:
    """A line from start to end, lifted by ``rise`` (steps,)."""
    u = np.linspace(0, 1, steps)[:, None]
    line = start + u * (end - start)
    line[:, 1] -= rise
    return np.asarray(line)


def eye(head: Head, side: int) -> Eye:
    """The eye of one side (1 is the subject's left)."""
    lift = head.asymmetry[0] if side > 0 else 0.0
    middle = np.array([side * head.eye_x, lift])
    inner = middle + np.array([-side * (head.eye_half_width - 0.1), 0.95 + head.eye_tilt / 2])
    outer = middle + np.array([side * head.eye_half_width, 0.95 - head.eye_tilt / 2])
    pupil = middle + head.gaze
    opening = head.eye_opening * (1 - head.eye_closing) * (1 + 0.04 * head.brow_raise)
    u = np.linspace(0, 1, 17)
    arc = np.sin(np.pi * u**0.9) ** 0.8
    low = -np.sin(np.pi * u**1.1) * (0.36 * head.eye_opening * (1 - 0.3 * max(head.smile, 0)))
    low -= 0.6 * head.eye_closing * np.sin(np.pi * u)
    # A lid that closes goes down to the lower one.
    upper = _between(inner, outer, low + arc * opening)
    crease = upper - np.outer(np.sin(np.pi * np.clip(u + 0.06, 0, 1)), [0, 1.2 + 0.16 * opening])
    crease[:, 1] -= 0.5
    return Eye(pupil, inner, outer, upper, _between(inner, outer, low), crease, 3.35)


def brow(head: Head, side: int) -> Brow:
    """The eyebrow of one side (1 is the subject's left)."""
    y = head.brow_y - head.brow_raise + (head.asymmetry[0] if side > 0 else 0.0)
    inner = np.array([side * (head.brow_inner_x - 1.2 * head.frown), y + 1.6 * head.frown])
    outer = np.array([side * head.brow_outer_x, y - head.brow_slope + 0.2])
    u = np.linspace(0, 1, 17)
    line = _between(inner, outer, head.brow_arch * np.sin(np.pi * u**1.25))
    return Brow(line, 0.35 + 1.25 * np.sin(np.pi * (0.12 + 0.86 * u)) ** 0.7 * (1.1 - 0.5 * u))


def mouth(head: Head) -> Mouth:
    """The lips."""
    smile, wide = head.smile, head.mouth_half_width + 2.6 * head.smile
    wide -= 0.25 * head.mouth_opening
    corner_y = head.mouth_y - 0.2 - 2.0 * smile + 0.25 * head.mouth_opening
    right = np.array([-wide, corner_y])
    left = np.array([wide, corner_y + head.asymmetry[1]])
    u = np.linspace(0, 1, 25)
    arc = np.sin(np.pi * u)
    # From the middle of the corners down to the lip line, and to each edge.
    sag = head.mouth_y + 0.3 - (corner_y + head.asymmetry[1] / 2)
    thin = 1 - 0.22 * max(smile, 0)
    top = head.mouth_opening * -0.12 * arc**0.8
    line = -sag * arc**1.3 - top
    low = line - head.mouth_opening * arc**0.7
    bow = arc**0.75 * (1 - 0.16 * np.exp(-(((u - 0.5) / 0.07) ** 2)))
    upper = line + thin * head.upper_lip * bow
    lower = low - thin * head.lower_lip * arc**0.8
    edges = (_between(right, left, rise, 25) for rise in (upper, line, low, lower))
    return Mouth(*edges)


def points(head: Head, population: int) -> Floats:
    """The true places of the 15 points in the picture, (15, 2), pixels edge to edge.

    Both populations label eyes, brows, mouth corners and the upper lip alike (B is asked only
    for the eyes' centres, the nose tip and the lower lip). They differ by rule in two points:

    - nose tip: A takes the foremost point of the nose, B the base of the nose between the
      nostrils, 7 px lower on a frontal face;
    - centre of the lower lip: A takes the lip's lower edge, B its upper edge, where it meets
      the lip line (or the opening of the mouth).

    Args:
        head: the face.
        population: 0 (A) or 1 (B).
    """
    lips = mouth(head)
    places: dict[str, Floats] = {}
    for side, name in zip(SIDES, ("left", "right"), strict=True):
        one, hair = eye(head, side), brow(head, side)
        places[f"{name}_eye_center"] = one.pupil
        places[f"{name}_eye_inner_corner"] = one.inner
        places[f"{name}_eye_outer_corner"] = one.outer
        places[f"{name}_eyebrow_inner_end"] = hair.line[0]
        places[f"{name}_eyebrow_outer_end"] = hair.line[-1]
        places[f"mouth_{name}_corner"] = lips.upper_edge[-1 if side > 0 else 0]
    middle = len(lips.upper_edge) // 2
    low = lips.lower_edge if population == 0 else lips.lower_inner
    places["mouth_center_top_lip"] = lips.upper_edge[middle]
    places["mouth_center_bottom_lip"] = low[middle]
    places["nose_tip"] = np.array([0.0, head.nose_y + (0 if population == 0 else 7.0)])
    placed = head.project(np.array([places[name] for name in KEYPOINTS]))
    return placed.reshape(NUM_KEYPOINTS, 2)
