"""Painting what lies on the skin: eyes, brows, nostrils, lips, lines, beards, glasses."""

from dataclasses import dataclass

import numpy as np

from facial_keypoints.synthetic.canvas import (
    Plane,
    blend,
    ellipse,
    fill,
    mask,
    mottle,
    ribbon,
    smooth_step,
    window_of,
)
from facial_keypoints.synthetic.geometry import SIDES, brow, eye, mouth
from facial_keypoints.synthetic.head import Floats, Head


@dataclass(frozen=True)
class Looks:
    """How a person is coloured and made up; greys from 0 to 1, strengths from 0 to 1."""

    skin: float
    hair: float
    iris: float
    sclera: float
    brow_strength: float
    lip_darkness: float
    lashes: float
    age: float
    beard: float
    beard_kind: str
    """One of "none", "stubble", "moustache", "goatee", "full"."""
    freckles: bool


def draw_looks(rng: np.random.Generator) -> Looks:
    """Random looks."""
    skin = float(np.clip(0.3 + 0.5 * rng.beta(2.6, 1.7), 0.28, 0.82))
    age = float(rng.beta(1.2, 2.2))
    dark = skin < 0.5
    grey = rng.random() < 1.2 * (age - 0.4)
    hair = rng.uniform(0.5, 0.8) if grey else rng.uniform(0.05, 0.16 if dark else 0.5)
    woman = rng.random() < 0.48
    kinds = ("none", "stubble", "moustache", "goatee", "full")
    kind = "none" if woman else str(rng.choice(kinds, p=(0.5, 0.22, 0.1, 0.07, 0.11)))
    return Looks(
        skin=skin,
        hair=float(hair),
        iris=float(rng.uniform(0.08, 0.2) if dark else rng.uniform(0.1, 0.42)),
        sclera=float(rng.uniform(0.72, 0.92)),
        brow_strength=float(rng.uniform(0.45, 0.9)),
        lip_darkness=float(rng.uniform(0.3, 0.62) if woman else rng.uniform(0.22, 0.4)),
        lashes=float(rng.uniform(0.6, 1.0) if woman else rng.uniform(0.3, 0.65)),
        age=age,
        beard=float(rng.uniform(0.15, 0.35) if kind == "stubble" else rng.uniform(0.5, 0.85)),
        beard_kind=kind,
        freckles=bool(rng.random() < 0.12),
    )


def paint_beard(
    albedo: Plane, face: tuple[Plane, Plane], head: Head, looks: Looks, rng: np.random.Generator
) -> None:
    """Darken the skin where a beard grows; ``face`` is X and Y of the face under each pixel."""
    if looks.beard_kind == "none":
        return
    x, y = np.abs(face[0]), face[1]
    noise = mottle(rng, (40, 40), albedo.shape)
    lip = head.mouth_y - 2.5
    bent = y - np.float32(0.018) * x * x  # the moustache hangs down to its ends
    over = smooth_step(bent, lip - 5.5, lip - 1.5) * smooth_step(bent, lip + 4, lip + 1)
    wide = head.mouth_half_width
    cover = over * smooth_step(x, wide + 3, wide - 4)
    low = head.mouth_y + 7 + head.mouth_opening
    if looks.beard_kind in ("goatee", "full", "stubble"):
        chin = smooth_step(y, low, low + 5) * smooth_step(x, 19, 11)
        cover = np.maximum(cover, chin)
    if looks.beard_kind in ("full", "stubble"):
        # From the moustache's ends along the cheek, rising to the sideburns.
        cheek = head.mouth_y + 2 - np.float32(0.05) * np.maximum(x - wide, 0) ** 2
        grown = smooth_step(y, cheek - 4, cheek + 5)
        cover = np.maximum(cover, grown * smooth_step(x, wide, wide + 5))
        cover = np.maximum(cover, grown * smooth_step(y, low + 1, low + 6))
    cover = np.clip(cover * (1 + 0.18 * noise), 0, 1) * looks.beard
    albedo += cover.astype(np.float32) * (looks.hair * 0.9 - albedo)


def paint_skin(albedo: Plane, head: Head, looks: Looks, rng: np.random.Generator) -> None:
    """Folds, wrinkles, freckles and the shadows around the eyes, as the skin's own darkness."""
    shade = looks.skin * 0.62
    for side in SIDES:
        start = np.array([side * (head.nose_width + 1.6), head.nose_y + 1.5])
        end = np.array([side * (head.mouth_half_width + 4.2 + 2 * head.smile), head.mouth_y - 0.5])
        u = np.linspace(0, 1, 9)[:, None]
        line = start + u * (end - start)
        line[:, 0] += side * 1.8 * np.sin(np.pi * u[:, 0])
        depth = 0.12 + 0.4 * looks.age + 0.3 * max(head.smile, 0)
        width = 0.9 * np.sin(np.pi * np.linspace(0.1, 0.97, 9))
        fill(albedo, head.project(ribbon(line, width)), shade, min(depth, 0.8), 0.55)
        one = eye(head, side)
        around = np.concatenate(
            [one.crease + np.array([0, -0.8]), (one.lower_lid + np.array([0, 2.2]))[::-1]]
        )
        fill(albedo, head.project(around), shade, 0.3 + 0.25 * looks.age, 1.3)
        bag = one.lower_lid[3:-2] + np.array([0, 2.6 + 1.2 * looks.age])
        fill(albedo, head.project(ribbon(bag, 0.5)), shade, 0.15 + 0.5 * looks.age, 0.5)
    if looks.age > 0.45:
        for k in range(3):
            x = np.linspace(-17, 17, 11)
            y = head.brow_y - head.brow_raise - 8 - 4.5 * k + 0.004 * x**2 + rng.normal(0, 0.3, 11)
            outline = head.project(ribbon(np.column_stack([x, y]), 0.5))
            fill(albedo, outline, shade, 0.5 * (looks.age - 0.3), 0.5)
    if head.frown > 0.3:
        for side in SIDES:
            line = np.array([[side * 2.6, head.brow_y - 4], [side * 3.2, head.brow_y + 1.5]])
            fill(albedo, head.project(ribbon(line, 0.5)), shade, 0.5 * head.frown, 0.45)
    if looks.freckles:
        middles = np.column_stack([rng.normal(0, 14, 40), rng.normal(12, 5, 40)])
        spots = middles[:, None] + ellipse((0, 0), (0.45, 0.45), 8)
        placed = head.project(spots.reshape(-1, 2)).reshape(spots.shape)
        fill(albedo, placed, shade, float(rng.uniform(0.25, 0.6)), 0.2)
    for _ in range(rng.poisson(0.2)):
        spot = ellipse((rng.uniform(-25, 25), rng.uniform(8, 50)), (0.8, 0.8), 10)
        fill(albedo, head.project(spot), 0.3 * looks.skin, 0.6, 0.25)


def paint_nose(albedo: Plane, head: Head, looks: Looks) -> None:
    """Nostrils and the lines around wings and base; the rest of the nose is relief."""
    dark = looks.skin * 0.2
    for side in SIDES:
        hole = ellipse((side * 0.45 * head.nose_width, head.nose_y + 5.4), (1.9, 1.0), 14)
        hole[:, 1] -= 0.25 * side * (hole[:, 0] - side * 0.45 * head.nose_width)
        fill(albedo, head.project(hole), dark, 0.85, 0.35)
        angle = np.linspace(-1.3, 1.3, 9)
        wing = np.column_stack(
            [
                side * (head.nose_width - 2.2 + 2.4 * np.cos(angle)),
                head.nose_y + 2.8 + 3.2 * np.sin(angle),
            ]
        )
        fill(albedo, head.project(ribbon(wing, 0.55)), looks.skin * 0.5, 0.6, 0.45)
    base = ellipse((0, head.nose_y + 7.0), (2.2, 0.7), 12)
    fill(albedo, head.project(base), looks.skin * 0.5, 0.45, 0.6)


def paint_eyes(albedo: Plane, head: Head, looks: Looks) -> list[Floats]:
    """Sclera, iris, pupil, lids and lashes; gives the outlines of the highlights."""
    lights = []
    for side in SIDES:
        one = eye(head, side)
        opening = head.project(np.concatenate([one.upper_lid, one.lower_lid[::-1]]))
        window = window_of(opening, 2)
        inside = mask(opening, window)
        pupil = head.project(one.pupil[None])[0]
        # The eyeball turns with the head: its discs are foreshortened like the face.
        radius = one.iris_radius * head.scale
        radii = (radius * abs(np.cos(head.yaw)), radius * abs(np.cos(head.pitch)))
        small = (0.44 * radii[0], 0.44 * radii[1])
        blend(albedo, window, inside, looks.sclera)
        lid_shadow = mask(
            head.project(ribbon(one.upper_lid + np.array([0, 0.6]), 1.3)), window, 0.6
        )
        blend(albedo, window, inside * mask(ellipse(pupil, radii), window, 0.12), looks.iris * 0.6)
        inner = (0.82 * radii[0], 0.82 * radii[1])
        blend(albedo, window, inside * mask(ellipse(pupil, inner), window, 0.3), looks.iris)
        blend(albedo, window, inside * mask(ellipse(pupil, small), window, 0.1), 0.02)
        blend(albedo, window, inside * lid_shadow * np.float32(0.55), looks.skin * 0.15)
        corner = one.inner + np.array([side * 0.3, 0.1])
        fill(albedo, head.project(ellipse(corner, (0.9, 0.7), 10)), looks.skin * 0.75, 0.7, 0.25)
        lash = np.linspace(0.25, 0.75, 17) * (0.7 + 0.5 * looks.lashes)
        upper = head.project(ribbon(one.upper_lid - np.array([0, 0.25]), lash))
        fill(albedo, upper, 0.05, 0.55 + 0.4 * looks.lashes, 0.18)
        lower = head.project(ribbon(one.lower_lid + np.array([0, 0.2]), 0.35))
        fill(albedo, lower, looks.skin * 0.35, 0.35 + 0.3 * looks.lashes, 0.25)
        crease = head.project(ribbon(one.crease[1:-1], 0.4))
        fill(albedo, crease, looks.skin * 0.4, 0.5, 0.3)
        if head.eye_closing < 0.6:
            place = pupil + np.array([0.32, -0.36]) * radii
            lights.append(ellipse(place, (0.75 * head.scale, 0.7 * head.scale), 10))
    return lights


def paint_brows(albedo: Plane, head: Head, looks: Looks, rng: np.random.Generator) -> None:
    """Eyebrows, as a soft band with hairs in it."""
    grey = min(looks.hair, looks.skin * 0.6)
    thick = rng.uniform(0.75, 1.35)
    for side in SIDES:
        one = brow(head, side)
        band = head.project(ribbon(one.line, one.thickness * thick))
        fill(albedo, band, grey, looks.brow_strength, 0.35)
        root = one.line[rng.integers(0, 16, 14)]
        root[:, 1] += rng.normal(0.5, 0.5, 14)
        along = np.column_stack([side * rng.uniform(1.2, 2.6, 14), -rng.uniform(0.2, 1.8, 14)])
        across = np.array([0.2, 0.2])
        hairs = np.stack([root - across, root + along, root + across], axis=1)
        placed = head.project(hairs.reshape(-1, 2)).reshape(hairs.shape)
        fill(albedo, placed, grey * 0.7, 0.6 * looks.brow_strength)


def paint_mouth(albedo: Plane, head: Head, looks: Looks) -> None:
    """Lips, and between them the dark, the teeth or the lip line."""
    lips = mouth(head)
    grey = looks.skin * (1 - looks.lip_darkness)
    upper = head.project(np.concatenate([lips.upper_edge, lips.upper_inner[::-1]]))
    lower = head.project(np.concatenate([lips.lower_inner, lips.lower_edge[::-1]]))
    # The hollow under the lower lip lies in its shadow.
    hollow = ribbon(lips.lower_edge[5:-5] + np.array([0, 1.6]), 1.1)
    fill(albedo, head.project(hollow), looks.skin * 0.7, 0.45, 0.8)
    fill(albedo, upper, grey * 0.84, 0.92, 0.22)
    fill(albedo, lower, grey, 0.9, 0.25)
    if head.mouth_opening > 0:
        gap = head.project(np.concatenate([lips.upper_inner, lips.lower_inner[::-1]]))
        window = window_of(gap)
        inside = mask(gap, window)
        blend(albedo, window, inside, 0.06)
        depth = 0.35 + 0.6 * max(head.smile, 0)
        edge = lips.upper_inner + depth * (lips.lower_inner - lips.upper_inner)
        edge[:, 0] *= 0.86
        teeth = mask(head.project(np.concatenate([lips.upper_inner, edge[::-1]])), window, 0.2)
        # Teeth fade towards the corners, where they lie deeper in the mouth.
        fade = 1 - 0.6 * np.abs(np.linspace(-1, 1, teeth.shape[1], dtype=np.float32)) ** 2
        blend(albedo, window, inside * teeth * fade, 0.88)
    line = lips.upper_inner
    width = 0.25 + 0.35 * np.sin(np.pi * np.linspace(0, 1, len(line)))
    fill(albedo, head.project(ribbon(line, width)), looks.skin * 0.2, 0.8, 0.25)
    for end in (lips.upper_edge[0], lips.upper_edge[-1]):
        fill(albedo, head.project(ellipse(end, (0.9, 0.8), 10)), looks.skin * 0.3, 0.6, 0.4)
