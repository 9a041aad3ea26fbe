"""What surrounds or covers a face: background, neck and clothes, hair, hats and glasses."""

import cv2
import numpy as np

from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.synthetic.canvas import SIDE, ellipse, fill, noise, ribbon
from facial_keypoints.synthetic.features import Appearance
from facial_keypoints.synthetic.geometry import SIDES
from facial_keypoints.synthetic.head import DEPTH, Floats, Head, Plane

Hair = tuple[Plane, Plane, Plane]
"""Greys, opacity before and opacity behind the head, float32 (SIDE, SIDE) each."""


def paint_background(rng: np.random.Generator) -> Plane:
    """Return a canvas with a gradient, noise and out-of-focus shapes."""
    axis = np.linspace(-0.5, 0.5, SIDE, dtype=np.float32)
    slope = rng.normal(0, 0.25, 2).astype(np.float32)
    canvas: Plane = np.float32(rng.uniform(0.05, 0.95)) + slope[0] * axis + slope[1] * axis[:, None]
    clutter = rng.random()
    if clutter > 0.3:
        cells = int(rng.integers(3, 12))
        canvas += np.float32(rng.uniform(0.02, 0.16)) * noise(rng, cells, cells)
    if clutter > 0.4:
        for _ in range(int(rng.integers(0, 7))):
            shape = ellipse(rng.uniform(-5, IMAGE_SIZE + 5, 2), rng.uniform(2, 20, 2))
            if rng.random() < 0.5:
                shape = shape[::6]  # a rhombus
            fill(canvas, shape, rng.uniform(0, 1), rng.uniform(0.3, 0.95))
        cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(0.6, 7.0)), dst=canvas)
    return np.clip(canvas, 0.01, 0.99)


def paint_body(canvas: Plane, head: Head, skin: Plane, rng: np.random.Generator) -> None:
    """Paint the neck, in the chin's shadow, and clothes below it.

    Args:
        canvas: float32 (SIDE, SIDE), changed in place.
        head: the head.
        skin: greys of the lit skin, float32 (SIDE, SIDE).
        rng: source of the clothes.
    """
    ((x, y),) = head.place(np.array([[0.0, head.chin - 9, 4.0]]))
    half = 0.62 * head.width * head.scale * rng.uniform(0.85, 1.1)
    neck = np.array([[x - half, y - 25], [x + half, y - 25], [x + half, 130], [x - half, 130]])
    fill(canvas, neck, 0.7 * skin, 1.0, 0.4)
    y += rng.uniform(9, 17) * head.scale
    shoulder, drop = y + 60 * rng.uniform(0.25, 0.6), rng.uniform(0, 14)
    outline = [[-half, y - 4], [0, y + drop], [half, y - 4], [half + 60, shoulder]]
    outline += [[half + 60, 160], [-half - 60, 160], [-half - 60, shoulder]]
    fill(canvas, np.add(outline, [x, 0]), rng.uniform(0.03, 0.85), 1.0, 0.3)


def make_hair(head: Head, looks: Appearance, lit: Plane, rng: np.random.Generator) -> Hair | None:
    """Sample a haircut, hat or scarf: a shell around the skull, open below a hairline.

    Args:
        head: the head.
        looks: its colours and age.
        lit: brightness of a round head, float32 (SIDE, SIDE).
        rng: source of every choice.

    Returns:
        The hair, or None for a bald head.
    """
    names = ("bald", "buzz", "short", "receding", "fringe", "long", "afro", "hat", "scarf")
    odds = np.array([0.05, 0.13, 0.3, 0.05 + 0.2 * looks.age, 0.12, 0.2, 0.07, 0.05, 0.03])
    if looks.beard != "none":
        odds[[5, 8]] *= 0.15
    name = names[rng.choice(len(names), p=odds / odds.sum())]
    if name == "bald":
        return None
    cloth, buzz = name in {"hat", "scarf"}, name == "buzz"
    long = name in {"long", "scarf"} or (name == "fringe" and rng.random() < 0.5)
    curl = 0.0 if cloth else 1.0 if name == "afro" else rng.beta(1, 2)
    thickness = {"buzz": 1.0, "afro": rng.uniform(9, 18)}.get(name, rng.uniform(3, 7))
    front = {"receding": -42, "fringe": -15, "hat": -22, "scarf": -25}.get(name, -28)
    side = 130.0 if long else -10.0 if name == "hat" else rng.uniform(-2, 14)

    def shell(angle: Floats, y: Floats) -> Floats:
        """Image points (n, 2) of the shell, at angles around the head and heights."""
        down = np.maximum(y - 4, 0) * (0.0 if long else 1 / (head.chin + thickness))
        up = np.maximum(4 - y, 0) / (head.top + 4 + thickness)
        radius = np.sqrt(np.clip(1 - up**2 - down**2, 0, 1))
        x = (head.width + thickness) * radius * np.sin(angle)
        z = (DEPTH * head.width + thickness) * radius * np.cos(angle)
        return head.place(np.column_stack([x, y, z]))

    heights = np.linspace(-head.top - thickness, 45 if name == "afro" else side + 3, 16)
    angle, height = np.meshgrid(np.linspace(-np.pi, np.pi, 32), heights)
    outline = cv2.convexHull(shell(angle.ravel(), height.ravel()).astype(np.float32))[:, 0]
    temple = rng.uniform(0.85, 1.1)
    angle = np.linspace(-temple, temple, 21)
    hairline = rng.normal(front, 3) + rng.normal(0, 0 if cloth else 4) * np.sin(angle)
    hairline += rng.normal(0, 2.5 if name == "fringe" else 0 if cloth else 1, 21)
    if name in {"buzz", "short", "receding"}:
        hairline -= rng.uniform(2, 9) * np.exp(-(((np.abs(angle) - 0.7) / 0.15) ** 2))
    ends = ([side, front + 12.0], [front + 12.0, side])
    angle = np.concatenate([[-temple - 0.1] * 2, angle, [temple + 0.1] * 2])
    opening = shell(angle, np.concatenate([ends[0], hairline, ends[1]]))
    if not long:  # open below the sides
        x = head.width + 60
        below = np.array([[x, side, 0], [x, 160, 0], [-x, 160, 0], [-x, side, 0]])
        opening = np.concatenate([opening, head.place(below)])

    strands = noise(rng, int(4 + 44 * curl), int(110 - 50 * curl))

    def cut(shape: Floats, soft: float) -> Plane:
        """The inside of a shape whose edge follows the strands."""
        cover = fill(np.zeros_like(lit), shape, soft=soft)
        rough = np.float32(0 if cloth else 0.4 + 0.6 * curl) * strands
        return np.asarray(np.clip(cover + rough * cover * (1 - cover), 0, 1))

    back = cut(outline, 0.8)
    opaque = back * (1 - cut(opening, 2.0 if buzz else 0.7)) * np.float32(0.75 if buzz else 1)
    if cloth:
        return np.float32(rng.uniform(0.08, 0.9)) * lit, opaque, back
    grey = np.float32(looks.hair) * (1 + np.float32(0.22) * strands) * lit
    grey += np.float32(0.14 * (1 - curl)) * lit**6 * (1 + np.float32(0.5) * strands)
    return np.clip(grey, 0, 1), opaque, back


def paint_glasses(canvas: Plane, head: Head, rng: np.random.Generator) -> None:
    """Paint rims, bridge and temples in front of the eyes; a few are tinted.

    Args:
        canvas: float32 (SIDE, SIDE), changed in place.
        head: the head.
        rng: source of the shape and the tint.
    """
    frame, tint, thick = rng.uniform(0.02, 0.5), rng.random(), rng.uniform(0.3, 0.8)
    opacity = 0.88 if tint < 0.08 else 0.25 if tint < 0.2 else 0.04
    circle = ellipse((0, 0), (1, 1))
    power = rng.uniform(2, 5)  # 2 is round, more is squarer
    size = rng.uniform((9.5, 7), (12, 10.5))
    lens = size * circle / (np.abs(circle) ** power).sum(axis=1, keepdims=True) ** (1 / power)
    lens = np.concatenate([lens, lens[:1]])

    def place(xy: Floats) -> Floats:  # lenses bend back towards the temples
        z = 1.01 * head.width + 4.5 - 0.008 * xy[:, 0] ** 2
        return head.place(np.column_stack([xy, z]))

    bridge = np.array([[-1, 0], [-0.5, -1], [0.5, -1], [1, 0]]) * [head.eye_x - size[0] + 0.3, 1]
    bars = [place(bridge)]
    for side in SIDES:
        rim = place(np.add(lens, [side * (head.eye_x + 0.3), 1.2]))
        fill(canvas, rim, 0.1 if opacity > 0.2 else 0.9, opacity)
        bars.append(rim)
        if -side * np.sin(head.yaw) > -0.25:
            hinge = place(np.array([[side * (head.eye_x + size[0]), -1.5]]))
            bars.append(np.concatenate([hinge, head.place(np.array([[side * head.width, 0, 0]]))]))
    for bar in bars:
        fill(canvas, ribbon(bar, thick * head.scale), frame, 0.95, 0.15)
