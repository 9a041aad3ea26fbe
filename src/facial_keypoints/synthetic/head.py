"""A parametric 3-D head: shape, expression, pose, framing, and the surface of its face.

Head coordinates: the origin lies between the eyes on the axis of the head, X points to the right
of the image (the subject's left), Y down, Z towards the viewer. The unit is a pixel of an image
of nominal framing, in which the point (X, Y) of a frontal face lands at (48 + X, 37 + Y).
"""

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Plane = npt.NDArray[np.float32]

_CENTRE_Y: Final = 4.0
"""Y of the centre of the skull's ellipsoid."""

DEPTH: Final = 1.12
"""Depth of the skull's ellipsoid in units of its width."""

_MAP_TOP, _MAP_HEIGHT, _MAP_WIDTH = -60, 150, 60
"""The part of the face that the relief map covers, in head coordinates."""

_EYE_WEIGHT: Final = 0.72
"""Weight of the eyes, against the mouth, in the point by which a face is framed: Kaggle's crops
vary less at the eyes than at the mouth."""

_VARIES_MORE_IN_B: Final = ("pitch", "scale", "centre_x", "centre_y")
"""Stills of films are framed less steadily."""


def _normal(mean: float, deviation: float) -> Any:
    """A field whose default is the mean face's value; ``sample_head`` reads the deviation."""
    return field(default=mean, metadata={"deviation": deviation})


@dataclass(frozen=True)
class Head:
    """One face of one person at one moment; lengths in head coordinates, angles in radians.

    The default is the mean face, frontal and in nominal framing:

    >>> Head().project(np.array([[0.0, 0.0]])).round().tolist()
    [[48.0, 37.0]]
    """

    width: float = _normal(41, 2.0)  # half the width of the skull at the eyes
    top: float = _normal(52, 3.0)  # from the eyes up to the crown
    chin: float = _normal(61, 2.6)  # from the eyes down to the chin
    jaw: float = _normal(-0.02, 0.06)  # relative narrowing of the jaw
    eye_x: float = _normal(18.2, 0.8)
    eye_half_width: float = _normal(7.2, 0.45)
    eye_opening: float = _normal(5.9, 0.8)  # height of the open eye
    eye_tilt: float = _normal(0.3, 0.7)  # how much higher the outer corner lies
    brow_y: float = _normal(-7.6, 1.65)
    brow_arch: float = _normal(2.4, 0.9)
    brow_inner_x: float = _normal(8.2, 1.3)
    brow_outer_x: float = _normal(31.6, 1.3)
    brow_slope: float = _normal(-0.3, 1.3)  # how much higher the outer end lies
    nose_y: float = _normal(20.2, 1.9)  # of the tip
    nose_width: float = _normal(8.0, 0.9)  # half the distance between the wings
    nose_height: float = _normal(13.5, 1.8)
    mouth_y: float = _normal(39.3, 2.2)
    mouth_half_width: float = _normal(14.4, 1.2)
    upper_lip: float = _normal(3.4, 0.8)
    lower_lip: float = _normal(4.7, 0.9)
    eye_asymmetry: float = _normal(0, 0.25)  # how much lower the left eye and eyebrow lie
    mouth_asymmetry: float = _normal(0, 0.35)  # how much lower the left mouth corner lies
    smile: float = _normal(0.3, 0.45)  # -0.5 (sad) to 1 (broad smile)
    mouth_opening: float = 0.0  # distance between the lips
    eye_closing: float = _normal(0.05, 0.16)  # 0 (open) to 1 (closed)
    gaze_x: float = _normal(0, 0.7)  # shift of both pupils
    gaze_y: float = _normal(0, 0.3)
    yaw: float = _normal(0, np.radians(6.5))  # positive turns the nose to the right of the image
    pitch: float = _normal(0, np.radians(7.0))  # positive lowers the nose
    roll: float = _normal(np.radians(-0.3), np.radians(4.5))  # positive turns clockwise
    scale: float = _normal(1.02, 0.065)
    centre_x: float = _normal(48.1, 2.0)  # where the framing point (between eyes and mouth) lands
    centre_y: float = _normal(48.1, 1.6)

    @cached_property
    def rotation(self) -> Floats:
        """(3, 3): head coordinates to camera coordinates."""
        angles = np.diag([-self.pitch, self.yaw, self.roll])
        pitch, yaw, roll = (cv2.Rodrigues(angle)[0] for angle in angles)
        return np.asarray(roll @ pitch @ yaw)

    @cached_property
    def offset(self) -> Floats:
        """(2,): where the origin of the head coordinates lands in the image, in pixels."""
        xy = np.array([[0.0, 0.0], [0.0, self.mouth_y]])
        eyes, mouth = (self.lift(xy) @ self.rotation.T)[:, :2]
        anchor = _EYE_WEIGHT * eyes + (1 - _EYE_WEIGHT) * mouth
        return np.asarray([self.centre_x, self.centre_y] - self.scale * anchor)

    @cached_property
    def _relief_map(self) -> Plane:
        """Height of the face over the ellipsoid at each whole X from 0 and Y from ``_MAP_TOP``."""
        x, y = np.arange(float(_MAP_WIDTH)), np.arange(_MAP_HEIGHT) + float(_MAP_TOP)
        along = np.clip((y + 7) / (self.nose_y + 7), 0, 1)
        ridge = self.nose_height * along**1.25 * np.clip(1 - (y - self.nose_y) / 8.5, 0, 1)
        ridge += 1.2 * (y > -12) * np.exp(-((y / 9) ** 2))
        breadth = 2.6 + (0.42 * self.nose_width - 0.6) * along
        relief = ridge[:, None] * np.exp(-0.5 * np.divide.outer(x, breadth).T ** 2)
        low = self.mouth_y + self.mouth_opening
        for height, x0, y0, size_x, size_y in (
            (3.2, 0.82 * self.nose_width, self.nose_y + 3.4, 2.4, 2.8),  # wings of the nose
            (-4.2, self.eye_x - 1, 0, 8, 5.5),  # eye sockets
            (1.8, self.eye_x, 0.6, 5.5, 3.6),  # eyeballs
            (2.0, self.eye_x - 2, self.brow_y + 1, 12, 4),
            (2.2 + 1.6 * max(self.smile, 0), 24, 17, 8, 8),  # cheeks
            (8.5, 0, self.mouth_y, 16, 13),  # jaws
            (1.6, 0, self.mouth_y - 1.8, 9, 1.8),  # lips
            (2.0, 0, low + 3.6, 8, 2.2),
            (-2.2, 0, low + 10, 9, 2.8),
            (6.5, 0, self.chin - 4, 11, 7),  # chin
        ):
            down, across = ((y - y0) / size_y) ** 2, ((x - x0) / size_x) ** 2
            relief += np.outer(height * np.exp(-0.5 * down), np.exp(-0.5 * across))
        return np.asarray(relief, np.float32)

    def _relief(self, x: Plane, y: Plane) -> Plane:
        """Height of the face over the ellipsoid at X and Y, two-dimensional arrays."""
        at = np.abs(x), y - np.float32(_MAP_TOP)
        return np.asarray(
            cv2.remap(self._relief_map, *at, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        )

    def _radii(self, y: Any) -> tuple[Any, Any, np.float32]:
        """Half axes of the ellipsoid at ``y``: the jaw narrows it, and its lower half is longer."""
        below = np.clip((y - 8) * (1 / (self.chin - 8)), 0, 1.2)
        up, down = np.float32(self.top + _CENTRE_Y), np.float32(self.chin - _CENTRE_Y)
        width = self.width * (1 - self.jaw * (below * below))
        return width, np.where(y < _CENTRE_Y, up, down), np.float32(DEPTH * self.width)

    def lift(self, xy: Floats) -> Floats:
        """Return the 3-D surface points (n, 3) of points (n, 2) of the frontal face."""
        x, y = xy.T
        width, height, depth = self._radii(y)
        inside = 1 - (x / width) ** 2 - ((y - _CENTRE_Y) / height) ** 2
        columns = xy.astype(np.float32)
        z = depth * np.sqrt(np.maximum(inside, 0))
        return np.column_stack([xy, z + self._relief(columns[:, :1], columns[:, 1:])[:, 0]])

    def place(self, xyz: Floats) -> Floats:
        """Return the pixels (n, 2), edge to edge, of points (n, 3) in head coordinates."""
        return np.asarray(self.scale * (xyz @ self.rotation[:2].T) + self.offset)

    def project(self, xy: Floats) -> Floats:
        """Return the pixels (n, 2), edge to edge, of points (n, 2) of the frontal face."""
        return self.place(self.lift(xy))

    def cast(self, x: Plane, y: Plane) -> tuple[list[Plane], Plane]:
        """Intersect the viewing rays of pixels with the face.

        Args:
            x: float32, two-dimensional, in pixels edge to edge.
            y: like ``x``.

        Returns:
            X, Y and Z of the intersections in head coordinates, and how far inside the outline
            each ray passes: 1 in the middle, 0 on the outline, negative outside.
        """
        x = (x - np.float32(self.offset[0])) / np.float32(self.scale)
        y = (y - np.float32(self.offset[1])) / np.float32(self.scale)
        across, down, ahead = self.rotation.astype(np.float32)
        start = [a * x + d * y for a, d in zip(across, down, strict=True)]
        hit_y = start[1] + ahead[1] * np.float32(self.width)
        # Start in front of the nose, so that it hides what is behind it.
        height: Any = np.float32(self.nose_height)
        # Radii and relief depend on where the ray meets the surface: hold them constant, solve
        # the ellipsoid's quadratic equation, and repeat.
        for _ in range(9):
            radii = self._radii(hit_y)
            centred = (start[0], start[1] - np.float32(_CENTRE_Y), start[2] - height)
            origin = [p / r for p, r in zip(centred, radii, strict=True)]
            direction = [a / r for a, r in zip(ahead, radii, strict=True)]
            a = sum(d * d for d in direction)
            b = sum(d * o for d, o in zip(direction, origin, strict=True))
            inside = b * b / a - sum(o * o for o in origin) + np.float32(1)
            depth = np.sqrt(np.maximum(inside, 0) / a) - b / a
            hit = [s + depth * a for s, a in zip(start, ahead, strict=True)]
            hit_y = hit[1]
            # Half a step: on a turned face, whole steps oscillate around the nose.
            height = (height + self._relief(hit[0], hit_y)) * np.float32(0.5)
        return hit, inside


def sample_head(rng: np.random.Generator, population: int) -> Head:
    """Sample a random head.

    Args:
        rng: source of every choice.
        population: 0 (A) or 1 (B, framed less steadily).

    Returns:
        The head.
    """
    value: dict[str, float] = {}
    for one in fields(Head):
        # No extreme faces: the tails are cut at 2.5 deviations.
        deviation = one.metadata.get("deviation", 0.0) * np.clip(rng.standard_normal(), -2.5, 2.5)
        factor = 1.45 if population == 1 and one.name in _VARIES_MORE_IN_B else 1.0
        value[one.name] = float(one.default + factor * deviation)
    value["smile"] = float(np.clip(value["smile"], -0.5, 1.0))
    if rng.random() < (0.35 if value["smile"] > 0.3 else 0.2):
        value["mouth_opening"] = float(rng.uniform(1.5, 8.0))
    closed = rng.random() < 0.025
    value["eye_closing"] = 1.0 if closed else float(np.clip(value["eye_closing"], 0, 0.5))
    if rng.random() < 0.35:
        value["yaw"] *= 2.2
    value["centre_y"] += 0.5 * population
    return Head(**value)
