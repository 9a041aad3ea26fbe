"""A parametric head: its identity, expression, pose and framing, and the 3D surface of its face.

Head coordinates: the origin lies between the eyes on the axis of the head, X points to the
right in the picture (the subject's left), Y down, Z towards the viewer. Lengths are in pixels of
a picture of nominal framing, in which a frontal face point (X, Y) lands at (48 + X, 37 + Y).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

Plane = npt.NDArray[np.float32]

_CENTRE_Y = 4.0
"""Y of the middle of the skull's ellipsoid."""

_DEPTH = 1.12
"""Depth of the skull's ellipsoid in units of its width."""

_MAP_TOP, _MAP_HEIGHT, _MAP_WIDTH = -60, 150, 60
"""What of the face the map of its relief covers, in head coordinates."""

_ANCHOR_EYES = 0.72
"""Share of the eyes, against the mouth, in the point by which a face is framed: Kaggle's crops
hold the eyes steadier than the mouth."""


@dataclass(frozen=True)
class Head:
    """One face of one person in one moment; lengths in nominal pixels, angles in radians."""

    # identity
    width: float
    """Half the width of the skull at the eyes."""
    top: float
    """From the eyes up to the crown."""
    chin: float
    """From the eyes down to the chin."""
    jaw: float
    """Relative narrowing (negative: widening) of the jaw."""
    eye_x: float
    eye_half_width: float
    eye_opening: float
    """Height of the open eye."""
    eye_tilt: float
    """How much higher the outer corner lies than the inner one."""
    brow_y: float
    brow_arch: float
    brow_inner_x: float
    brow_outer_x: float
    brow_slope: float
    """How much higher the outer end lies than the inner one."""
    nose_y: float
    """Y of the tip."""
    nose_width: float
    """Half the distance between the wings."""
    nose_height: float
    mouth_y: float
    mouth_half_width: float
    upper_lip: float
    lower_lip: float
    asymmetry: tuple[float, float]
    """Differences of the left side: of the eye's height and of the mouth corner's height."""

    # expression
    smile: float
    """From -0.5 (sad) to 1 (broad smile)."""
    mouth_opening: float
    """Pixels between the lips."""
    brow_raise: float
    frown: float
    eye_closing: float
    """0 is open, 1 closed."""
    gaze: tuple[float, float]
    """Shift of both pupils."""

    # pose and framing
    yaw: float
    """Positive turns the nose to the right of the picture."""
    pitch: float
    """Positive lowers the nose."""
    roll: float
    """Positive turns clockwise, as seen."""
    scale: float
    place: tuple[float, float]
    """Where the framing anchor (between eyes and mouth) lands, in pixels of the picture."""

    @cached_property
    def rotation(self) -> Floats:
        """(3, 3): head coordinates to camera coordinates."""
        (cy, cp, cr), (sy, sp, sr) = (
            f([self.yaw, self.pitch, self.roll]) for f in (np.cos, np.sin)
        )
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return np.asarray(roll @ pitch @ yaw)

    @cached_property
    def offset(self) -> Floats:
        """(2,): where the head's origin lands in the picture, in pixels."""
        xy = np.array([[0.0, 0.0], [0.0, self.mouth_y]])
        eyes, mouth = (self.lift(xy) @ self.rotation.T)[:, :2]
        anchor = _ANCHOR_EYES * eyes + (1 - _ANCHOR_EYES) * mouth
        return np.asarray(np.array(self.place) - self.scale * anchor)

    @cached_property
    def _relief_map(self) -> npt.NDArray[np.float32]:
        """Height of nose, brows, cheeks, lips and chin over the skull's ellipsoid, at each whole
        X from 0 (a face's sides are alike) and Y from ``_MAP_TOP``.
        """
        x, y = np.arange(_MAP_WIDTH, dtype=np.float64), np.arange(_MAP_HEIGHT) + float(_MAP_TOP)

        def hill(height: float, x0: float, y0: float, sx: float, sy: float) -> Floats:
            across, down = np.exp(-0.5 * ((x - x0) / sx) ** 2), np.exp(-0.5 * ((y - y0) / sy) ** 2)
            return np.asarray(np.multiply.outer(height * down, across))

        along = np.clip((y + 7) / (self.nose_y + 7), 0, 1)
        below = np.clip((y - self.nose_y) / 8.5, 0, 1)
        ridge = self.nose_height * along**1.25 * (1 - below * below * (3 - 2 * below))
        ridge += 1.2 * (y > -12) * np.exp(-((y / 9) ** 2))
        breadth = 2.6 + (0.42 * self.nose_width - 0.6) * along
        nose = ridge[:, None] * np.exp(-0.5 * np.divide.outer(x, breadth).T ** 2)
        cheek = 2.2 + 1.6 * max(self.smile, 0)
        return np.asarray(
            nose
            + hill(3.2, 0.82 * self.nose_width, self.nose_y + 3.4, 2.4, 2.8)  # wings
            + hill(-4.2, self.eye_x - 1, 0, 8, 5.5)  # sockets
            + hill(1.8, self.eye_x, 0.6, 5.5, 3.6)  # eyeballs
            + hill(2.0, self.eye_x - 2, self.brow_y + 1, 12, 4)
            + hill(cheek, 24, 17, 8, 8)
            + hill(8.5, 0, self.mouth_y, 16, 13)  # jaws
            + hill(1.6, 0, self.mouth_y - 1.8, 9, 1.8)  # lips
            + hill(2.0, 0, self.mouth_y + 3.6 + self.mouth_opening, 8, 2.2)
            + hill(-2.2, 0, self.mouth_y + 10 + self.mouth_opening, 9, 2.8)
            + hill(6.5, 0, self.chin - 4, 11, 7),  # chin
            dtype=np.float32,
        )

    def relief(self, x: Plane, y: Plane) -> Plane:
        """Height of the face over the skull's ellipsoid at X and Y, float32 of two dimensions."""
        height: Plane = cv2.remap(
            self._relief_map,
            np.abs(x),
            y - np.float32(_MAP_TOP),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return height

    def taper(self, y: Floats | Plane) -> Any:
        """Relative width of the skull at height ``y``: the jaw's form."""
        below = np.minimum(np.maximum((y - 8) * (1 / (self.chin - 8)), 0), 1.2)
        return 1 - self.jaw * (below * below)

    def lift(self, xy: Floats) -> Floats:
        """(n, 2) points of the frontal face to (n, 3) points on its surface."""
        x, y = xy[:, 0], xy[:, 1]
        down = np.where(y < _CENTRE_Y, self.top + _CENTRE_Y, self.chin - _CENTRE_Y)
        inside = 1 - (x / (self.width * self.taper(y))) ** 2 - ((y - _CENTRE_Y) / down) ** 2
        columns = xy.astype(np.float32)
        height = self.relief(columns[:, :1], columns[:, 1:])[:, 0]
        lifted = np.empty((len(xy), 3))
        lifted[:, :2] = xy
        lifted[:, 2] = _DEPTH * self.width * np.sqrt(np.maximum(inside, 0)) + height
        return lifted

    def place_3d(self, xyz: Floats) -> Floats:
        """(n, 3) head coordinates to (n, 2) pixels of the picture, edge to edge."""
        return np.asarray(self.scale * (xyz @ self.rotation[:2].T) + self.offset)

    def project(self, xy: Floats) -> Floats:
        """(n, 2) points of the frontal face to (n, 2) pixels of the picture, edge to edge."""
        return self.place_3d(self.lift(xy))

    def cast(
        self, x: Plane, y: Plane, thickness: float = 0.0, reach: float | None = None
    ) -> tuple[tuple[Plane, Plane, Plane], Plane]:
        """Meet the ray of each pixel with the face, or with a shell around the skull.

        Args:
            x: of the rays, in pixels of the picture, float32 of two dimensions.
            y: likewise.
            thickness: distance of the shell from the skull; 0 is the face with its relief.
            reach: lower half axis of the shell, where it is not the skull's.

        Returns:
            X, Y and Z of the points in head coordinates, and how far inside the outline each
            ray passes: 1 in the middle, 0 on the outline, negative outside.
        """
        shell = thickness > 0
        single = np.float32
        x = (x - single(self.offset[0])) * single(1 / self.scale)
        y = (y - single(self.offset[1])) * single(1 / self.scale)
        back = self.rotation.astype(np.float32)
        start = [back[0, i] * x + back[1, i] * y for i in range(3)]
        ahead = back[2]
        across, deep = self.width + thickness, _DEPTH * self.width + thickness
        up = self.top + _CENTRE_Y + thickness
        down = (self.chin - _CENTRE_Y if reach is None else reach) + thickness
        # The jaw's taper and the relief depend on where the ray meets the surface: hold them
        # still, solve the ellipsoid's quadratic, and look again.
        hit_y = start[1] + ahead[1] * single(self.width)
        width: Any = single(across)
        # From before the nose, so that it hides what is behind it.
        height: Any = single(0 if shell else self.nose_height)
        rounds = 3 if shell else 9
        for step in range(rounds):
            squared_down = np.where(hit_y < _CENTRE_Y, single(1 / up**2), single(1 / down**2))
            scales = (1 / (width * width), squared_down, single(1 / deep**2))
            origin = (start[0], start[1] - single(_CENTRE_Y), start[2] - height)
            weighted = [o * s for o, s in zip(origin, scales, strict=True)]
            a = sum(d * d * s for d, s in zip(ahead, scales, strict=True))
            b = sum(w * d for w, d in zip(weighted, ahead, strict=True))
            c = sum(w * o for w, o in zip(weighted, origin, strict=True)) - single(1)
            inside = b * b / a - c
            depth = np.sqrt(np.maximum(inside, 0) / a) - b / a
            hit_y = start[1] + depth * ahead[1]
            if step < rounds - 1:
                width = single(across) * self.taper(hit_y)
                if not shell:
                    # Half a step: on a turned face, whole steps leap to and fro over the nose.
                    found = self.relief(start[0] + depth * ahead[0], hit_y)
                    height = (height + found) * single(0.5)
        hit = (start[0] + depth * ahead[0], hit_y, start[2] + depth * ahead[2])
        return hit, inside


def draw_head(rng: np.random.Generator, population: int) -> Head:
    """A random head.

    Args:
        rng: source of every choice.
        population: 0 (A) or 1 (B, framed a little less steadily).
    """

    def normal(mean: float, deviation: float) -> float:
        # People differ, but none is a monster: the tails are cut at 2.5 deviations.
        return mean + deviation * float(np.clip(rng.standard_normal(), -2.5, 2.5))

    loose = (1.0, 1.45)[population]
    smile = float(np.clip(normal(0.3, 0.45), -0.5, 1.0))
    opens = rng.random() < (0.35 if smile > 0.3 else 0.2)
    turned = rng.random() < 0.35
    return Head(
        width=normal(41, 2.0),
        top=normal(52, 3.0),
        chin=normal(61, 2.6),
        jaw=normal(-0.02, 0.06),
        eye_x=normal(18.2, 0.8),
        eye_half_width=normal(7.2, 0.45),
        eye_opening=normal(5.9, 0.8),
        eye_tilt=normal(0.3, 0.7),
        brow_y=normal(-7.6, 1.3),
        brow_arch=normal(2.4, 0.9),
        brow_inner_x=normal(8.4, 1.2),
        brow_outer_x=normal(31.6, 1.3),
        brow_slope=normal(-0.3, 1.2),
        nose_y=normal(20.2, 1.9),
        nose_width=normal(8.0, 0.9),
        nose_height=normal(13.5, 1.8),
        mouth_y=normal(39.3, 2.2),
        mouth_half_width=normal(14.4, 1.2),
        upper_lip=normal(3.4, 0.8),
        lower_lip=normal(4.7, 0.9),
        asymmetry=(normal(0, 0.25), normal(0, 0.35)),
        smile=smile,
        mouth_opening=float(rng.uniform(1.5, 8.0)) if opens else 0.0,
        brow_raise=normal(0, 1.0),
        frown=float(np.clip(normal(-0.3, 0.5), 0, 1)),
        eye_closing=1.0 if rng.random() < 0.025 else float(np.clip(normal(0.05, 0.16), 0, 0.5)),
        gaze=(normal(0, 0.7), normal(0, 0.3)),
        yaw=np.radians(normal(0, 14.5 if turned else 6.5)),
        pitch=np.radians(normal(0, 7.0 * loose)),
        roll=np.radians(normal(-0.3, 4.5)),
        scale=normal(1.02, 0.065 * loose),
        place=(normal(48.1, 2.0 * loose), normal(48.1 + 0.5 * population, 1.6 * loose)),
    )
