"""Glasses, before everything else on a face."""

import numpy as np

from facial_keypoints.synthetic.canvas import Plane, fill, ribbon
from facial_keypoints.synthetic.geometry import SIDES
from facial_keypoints.synthetic.head import Floats, Head


def paint_glasses(canvas: Plane, head: Head, rng: np.random.Generator) -> None:
    """Rims, bridge and temples in front of the eyes, in place; a few are tinted."""
    frame = float(rng.choice([rng.uniform(0.02, 0.2), rng.uniform(0.35, 0.6)], p=(0.88, 0.12)))
    width, height = rng.uniform(9.5, 12), rng.uniform(7, 10.5)
    power = rng.uniform(2, 5)  # 2 is round, more is squarer
    thick = rng.uniform(0.3, 0.8)
    plane = 1.12 * head.width * 0.9 + 4.5
    angle = np.linspace(0, 2 * np.pi, 33)
    cosine, sine = np.cos(angle), np.sin(angle)
    round_off = (np.abs(cosine) ** power + np.abs(sine) ** power) ** (-1 / power)
    tint = rng.random()
    alpha = 0.88 if tint < 0.08 else 0.25 if tint < 0.2 else 0.04

    def placed(x: Floats, y: Floats) -> Floats:
        # Lenses bend back a little towards the temples.
        return head.place_3d(np.column_stack([x, y, plane - 0.008 * x * x]))

    for side in SIDES:
        x = side * (head.eye_x + 0.3) + width * round_off * cosine
        y = 1.2 + height * round_off * sine
        rim = placed(x, y)
        fill(canvas, rim, 0.1 if alpha > 0.2 else 0.9, alpha)
        closed = ribbon(rim, thick * head.scale)
        fill(canvas, closed, frame, 0.95, 0.15)
        if -side * np.sin(head.yaw) > -0.25:
            hinge = side * (head.eye_x + width)
            bar = np.array([[hinge, -1.5, plane - 0.008 * hinge**2], [side * head.width, 0, 0]])
            fill(canvas, ribbon(head.place_3d(bar), thick * head.scale), frame, 0.9, 0.15)
    inner = head.eye_x - width + 0.3
    x = np.linspace(-inner, inner, 7)
    fill(canvas, ribbon(placed(x, -1 + 0.06 * x * x - 0.06 * inner**2), thick), frame, 0.95, 0.15)
