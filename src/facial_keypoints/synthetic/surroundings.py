"""What is around a face: the background, neck, clothes and ears."""

import cv2
import numpy as np

from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.synthetic.canvas import (
    SIDE,
    Plane,
    ellipse,
    enlarge,
    fill,
    mottle,
    smooth_step,
)
from facial_keypoints.synthetic.head import Floats, Head


def paint_background(rng: np.random.Generator) -> Plane:
    """A wall, foliage, a room: gradient, noise of several sizes and out-of-focus shapes."""
    base, slope = rng.uniform(0.05, 0.95), rng.normal(0, 0.25, 2)
    axis = np.linspace(-0.5, 0.5, SIDE, dtype=np.float32)
    canvas: Plane = (base + slope[0] * axis[None, :] + slope[1] * axis[:, None]).astype(np.float32)
    busy = rng.random()
    if busy > 0.3:
        cells = int(rng.integers(3, 12))
        canvas += np.float32(rng.uniform(0.02, 0.16)) * mottle(rng, (cells, cells), canvas.shape)
    if busy > 0.6:
        canvas += np.float32(rng.uniform(0.01, 0.08)) * mottle(rng, (48, 48), canvas.shape)
    for _ in range(int(rng.integers(0, 7)) if busy > 0.4 else 0):
        centre, size = rng.uniform(-5, IMAGE_SIZE + 5, 2), rng.uniform(4, 40, 2)
        grey, alpha = rng.uniform(0, 1), rng.uniform(0.3, 0.95)
        if rng.random() < 0.45:
            outline = ellipse(centre, (size[0] / 2, size[1] / 2))
        else:
            angle = rng.normal(0, 0.3)
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size / 2
            outline = centre + corners @ turn.T
        fill(canvas, outline, grey, alpha)
    if busy > 0.4:
        cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(0.6, 7.0)), dst=canvas)
    return np.clip(canvas, 0.01, 0.99)


def paint_body(
    canvas: Plane, head: Head, skin: float, light: Floats, ambient: float, rng: np.random.Generator
) -> None:
    """Neck, in the chin's shadow, and clothes below it, in place."""
    chin = head.place_3d(np.array([[0.0, head.chin - 9, 4.0]]))[0]
    half = 0.62 * head.width * head.scale * rng.uniform(0.85, 1.1)
    centres = np.arange(IMAGE_SIZE) + 0.5
    across = np.clip((centres - chin[0]) / half, -1, 1)
    lit = np.clip(across * light[0] + np.sqrt(1 - across**2) * light[2], 0, 1)
    below = smooth_step(centres, chin[1] - 2, chin[1] + 22)
    shade = (ambient + (1 - ambient) * lit)[None, :] * (0.45 + 0.5 * below)[:, None]
    edges = (centres - chin[0]) / half
    cover = smooth_step(np.abs(edges), 1 + 0.7 / half, 1 - 0.7 / half)[None, :]
    cover = np.repeat(cover * np.float32(1), IMAGE_SIZE, axis=0)
    cover[: max(int(chin[1]) - 25, 0)] = 0
    grey, alpha = enlarge(skin * shade), enlarge(cover)
    canvas += alpha * (grey - canvas)

    cloth = float(rng.uniform(0.03, 0.95))
    neckline = chin[1] + rng.uniform(9, 17) * head.scale
    drop = rng.uniform(0, 14)
    left, right = chin[0] - 1.06 * half, chin[0] + 1.06 * half
    slope = rng.uniform(0.25, 0.6)
    body = np.array(
        [
            [left - 60, neckline + 60 * slope],
            [left, neckline - 4],
            [chin[0], neckline + drop],
            [right, neckline - 4],
            [right + 60, neckline + 60 * slope],
            [right + 60, 160],
            [left - 60, 160],
        ]
    )
    fill(canvas, body, cloth * 0.85, 1.0, 0.3)
    if rng.random() < 0.4:
        collar = float(rng.uniform(0.6, 0.95))
        for x in (left, right):
            inner = np.array([[x, neckline - 7], [chin[0], neckline + drop + 6], [x, neckline + 9]])
            fill(canvas, inner, collar, 1.0, 0.25)


def paint_ear(canvas: Plane, head: Head, side: int, skin: float, lit: float) -> None:
    """One ear, in place: a shell that stands off the head, with a darker hollow."""
    outline = ellipse((0.0, 6.5), (1.0, 9.5), 24)
    stretch = 1 + 0.18 * np.cos(np.linspace(0, 2 * np.pi, 24, endpoint=False) + np.pi / 2)

    def placed(size: float, shift: float) -> Floats:
        out = (outline[:, 0] * stretch * size + 0.75 + shift) * 4.6
        y = 6.5 + (outline[:, 1] - 6.5) * size
        x = side * (head.width * 0.955 + 0.55 * out)
        return head.place_3d(np.column_stack([x, y, -6 - 0.85 * out]))

    fill(canvas, placed(1.0, 0.0), skin * lit, 1.0, 0.25)
    fill(canvas, placed(0.66, -0.05), skin * lit * 0.6, 0.6, 0.6)
    fill(canvas, placed(0.36, 0.1), skin * lit * 1.05, 0.5, 0.5)
