"""Hair and headwear: a shell around the skull, cut off at a hairline."""

from dataclasses import dataclass

import cv2
import numpy as np

from facial_keypoints.synthetic.canvas import (
    SIDE,
    SUPERSAMPLING,
    Plane,
    enlarge,
    mottle,
    smooth_step,
)
from facial_keypoints.synthetic.head import Floats, Head


@dataclass(frozen=True)
class Style:
    """A haircut (or hat); lengths in nominal pixels, angles around the head in radians."""

    name: str
    thickness: float
    front: float
    """Y of the hairline over the forehead."""
    side: float
    """Y down to which hair covers the sides of the head."""
    temple: float
    """Angle from the face's middle at which the hairline goes down."""
    tilt: float
    """How much lower the hairline lies to one side (a parting)."""
    recede: float
    """How much higher it lies over the temples."""
    jagged: float
    curl: float
    """0 is straight, 1 frizzy."""
    long: bool
    cloth: float | None
    """Grey of a hat or scarf; None is hair."""


def draw_style(rng: np.random.Generator, age: float, bearded: bool) -> Style:
    """A random haircut or hat."""
    names = ("bald", "buzz", "short", "receding", "fringe", "long", "afro", "cap", "scarf")
    odds = np.array([0.05, 0.13, 0.3, 0.05 + 0.2 * age, 0.12, 0.2, 0.07, 0.05, 0.03])
    if bearded:
        odds[[5, 8]] *= 0.15
    name = str(rng.choice(names, p=odds / odds.sum()))
    normal = rng.normal
    thickness = {"buzz": 1.0, "bald": 0.0, "afro": rng.uniform(9, 18), "cap": 4.0, "scarf": 4.0}
    front = {
        "receding": normal(-42, 3),
        "fringe": normal(-15, 2.5),
        "cap": normal(-22, 3),
        "scarf": normal(-25, 3),
    }
    long = name in ("long", "scarf") or (name == "fringe" and rng.random() < 0.5)
    cloth = float(rng.uniform(0.08, 0.9)) if name in ("cap", "scarf") else None
    return Style(
        name=name,
        thickness=float(thickness.get(name, rng.uniform(3.0, 7.0))),
        front=float(front.get(name, normal(-28, 3.0))),
        side=160.0 if long else float(rng.uniform(-2, 14)) if name != "cap" else -10.0,
        temple=float(rng.uniform(0.8, 1.15) if long else rng.uniform(0.85, 1.05)),
        tilt=float(normal(0, 4)) if name in ("short", "long", "fringe") else 0.0,
        recede=float(rng.uniform(2, 9)) if name in ("short", "receding", "buzz") else 0.0,
        jagged=0.0 if cloth is not None else 5.0 if name == "fringe" else 2.0,
        curl=1.0 if name == "afro" else float(rng.beta(1, 2)),
        long=long,
        cloth=cloth,
    )


@dataclass(frozen=True)
class Hair:
    """Hair as painted on the canvas: grey with its own shading, and what it covers (0 to 1)."""

    grey: Plane
    front: Plane
    back: Plane
    """What it covers behind face and neck."""


def paint_hair(
    head: Head, style: Style, grey: float, light: Floats, ambient: float, rng: np.random.Generator
) -> Hair | None:
    """Hair around a head, or None for a bald one.

    Args:
        head: the head.
        style: the haircut.
        grey: of the hair, 0 to 1.
        light: (3,) direction to the light in camera coordinates.
        ambient: share of light that comes from everywhere.
        rng: source of strands and locks.
    """
    if style.name == "bald":
        return None
    # Every second pixel is enough: the shell is smooth, strands are painted afterwards.
    centres = np.arange(1.0, SIDE // SUPERSAMPLING, 2)
    x, y = np.meshgrid(centres.astype(np.float32), centres.astype(np.float32))
    hit, inside = head.cast(x, y, style.thickness, 170.0 if style.long else None)
    outline = enlarge(inside) * np.float32(head.width * head.scale / 2)
    hx, hy, hz = (enlarge(plane) for plane in hit)
    angle = cv2.phase(hz, hx)
    angle[angle > np.pi] -= np.float32(2 * np.pi)

    flow = angle * np.float32(30) + np.float32(0.9) * np.sin(
        hy * np.float32(0.12) + np.float32(rng.uniform(0, 6))
    ) * np.float32(3 * style.curl)
    strands = _texture(rng, flow, hy * np.float32(0.05 + 0.6 * style.curl))
    shape = outline.shape
    locks = mottle(rng, (14, 14), shape)
    frizz = strands if style.curl < 0.9 else mottle(rng, (60, 60), shape)

    side = np.abs(angle)
    forehead = (
        style.front
        + style.tilt * np.sin(angle)
        - style.recede * smooth_step(side, 0.2, 0.75) * smooth_step(side, 1.0, 0.8)
    )
    down = smooth_step(side, style.temple - 0.08, style.temple + 0.22)
    line = forehead + down * (style.side - forehead)
    line = line + np.float32(style.jagged) * (0.5 * frizz + 0.35 * locks)
    edge = 0.8 if style.name != "buzz" else 5.0
    front = smooth_step(line - hy, -edge, edge)
    fuzzy = outline + np.float32(0.5 * (1 + 1.5 * style.curl) * (style.cloth is None)) * frizz
    silhouette = np.clip(np.float32(0.5) + fuzzy * np.float32(0.8), 0, 1)
    if style.name == "buzz":
        front = front * np.float32(0.75)

    radii = (head.width, head.top + 4, 1.12 * head.width)
    normal = [hx / radii[0] ** 2, (hy - 4) / radii[1] ** 2, hz / radii[2] ** 2]
    if style.long:
        normal[1] = normal[1] * (hy < 4)
    towards = head.rotation.T @ light
    length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + np.float32(1e-6)
    lit = np.clip(
        sum(n * np.float32(t) for n, t in zip(normal, towards, strict=True)) / length, 0, 1
    )
    shade = ambient * 0.9 + (1 - ambient) * lit
    if style.cloth is not None:
        weave = 1 + np.float32(0.05) * locks + np.float32(0.03) * strands
        painted = style.cloth * shade * weave
    else:
        # A band of gloss where the light is reflected along the strands.
        gloss = np.float32(0.16 * (1 - style.curl)) * lit**6 * (1 + np.float32(0.5) * strands)
        painted = (grey * (1 + np.float32(0.22) * frizz + np.float32(0.12) * locks)) * shade + gloss
    # Behind the head, hair goes down as far as at its sides.
    ending = 160.0 if style.long else 45.0 if style.name == "afro" else style.side + 3
    back = silhouette * smooth_step(hy + 2 * locks, ending + 2, ending - 2)
    return Hair(
        np.clip(painted, 0, 1).astype(np.float32),
        (front * silhouette).astype(np.float32),
        back.astype(np.float32),
    )


def _texture(rng: np.random.Generator, across: Plane, along: Plane) -> Plane:
    """Noise that changes quickly across the strands and slowly along them."""
    noise = mottle(rng, (16, 128), (64, 256))
    strands: Plane = cv2.remap(
        noise,
        across * np.float32(2),
        along * np.float32(4),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    return strands
