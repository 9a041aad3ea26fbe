"""What is painted on the skin: eyes, eyebrows, nose, mouth, folds and beard.

The painters change the albedo (the grey of the skin before it is lit) in place.
"""

from dataclasses import dataclass

import numpy as np

from facial_keypoints.synthetic.canvas import ellipse, fill, noise, ribbon
from facial_keypoints.synthetic.geometry import SIDES, eye, eyebrow, mouth
from facial_keypoints.synthetic.head import Floats, Head, Plane


@dataclass(frozen=True)
class Appearance:
    """The colours of a person: greys and strengths from 0 to 1."""

    skin: float
    hair: float
    iris: float
    lips: float
    lashes: float
    age: float
    beard: str  # none, stubble, moustache, goatee or full


def sample_appearance(rng: np.random.Generator) -> Appearance:
    """Sample random colours, an age and a beard."""
    skin, age = 0.3 + 0.5 * rng.beta(2.6, 1.7), rng.beta(1.2, 2.2)
    beards = ("none", "stubble", "moustache", "goatee", "full")
    return Appearance(
        skin=skin,
        hair=rng.uniform(0.5, 0.8)
        if rng.random() < 1.2 * (age - 0.4)
        else rng.uniform(0.05, 0.16 if skin < 0.5 else 0.5),
        iris=rng.uniform(0.08, 0.2 if skin < 0.5 else 0.42),
        lips=skin * rng.uniform(0.42, 0.78),
        lashes=rng.uniform(0.3, 1.0),
        age=age,
        beard=beards[rng.choice(5, p=(0.74, 0.12, 0.05, 0.03, 0.06))],
    )


def paint_features(albedo: Plane, head: Head, looks: Appearance, rng: np.random.Generator) -> None:
    """Paint everything on the skin.

    Args:
        albedo: float32 (SIDE, SIDE), changed in place.
        head: the head.
        looks: its colours.
        rng: source of strengths and texture.
    """
    if looks.beard != "none":
        _paint_beard(albedo, head, looks, rng)
    _paint_nose(albedo, head, looks)
    _paint_mouth(albedo, head, looks)
    _paint_eyes(albedo, head, looks)
    u = np.linspace(0, 1, 17)
    thickness = 0.35 + np.sin(np.pi * (0.12 + 0.86 * u)) ** 0.7 * (1.4 - 0.65 * u)
    thickness, strength = thickness * rng.uniform(0.75, 1.35), rng.uniform(0.45, 0.9)
    hairs = np.clip(1 + 0.3 * noise(rng, 96, 96), 0, 1)
    for side in SIDES:
        line = head.project(ribbon(eyebrow(head, side), thickness))
        fill(albedo, line, min(looks.hair, 0.6 * looks.skin), strength, 0.35, hairs)


def _paint_eyes(albedo: Plane, head: Head, looks: Appearance) -> None:
    """Paint the skin around the eyes, sclera, iris, pupil, lids and lashes.

    Args:
        albedo: float32 (SIDE, SIDE), changed in place.
        head: the head.
        looks: its colours.
    """
    lashes = np.linspace(0.25, 0.75, 17) * (0.7 + 0.5 * looks.lashes)
    # The eyeball turns with the head: its discs are foreshortened like the face.
    radii = 3.35 * head.scale * np.abs(np.cos([head.yaw, head.pitch]))
    for side in SIDES:
        pupil, upper, lower = eye(head, side)
        around = head.project(np.concatenate([upper - [0, 2.6], np.add(lower, [0, 2.2])[::-1]]))
        fill(albedo, around, 0.62 * looks.skin, 0.3 + 0.25 * looks.age, 1.3)
        inside = np.zeros_like(albedo)
        fill(inside, head.project(np.concatenate([upper, lower[::-1]])))
        albedo += inside * (np.float32(0.84) - albedo)
        (centre,) = head.project(pupil[None])
        for size, grey, soft in ((1, 0.6, 0.12), (0.82, 1, 0.3), (0.44, 0.1, 0.1)):
            fill(albedo, ellipse(centre, size * radii), grey * looks.iris, 1.0, soft, inside)
        shadow = head.project(ribbon(np.add(upper, [0, 0.6]), 1.3))
        fill(albedo, shadow, 0.15 * looks.skin, 0.55, 0.6, inside)
        line = head.project(ribbon(upper - [0, 0.25], lashes))
        fill(albedo, line, 0.05, 0.55 + 0.4 * looks.lashes, 0.18)
        line = head.project(ribbon(np.add(lower, [0, 0.2]), 0.35))
        fill(albedo, line, 0.35 * looks.skin, 0.35 + 0.3 * looks.lashes, 0.25)


def _paint_beard(albedo: Plane, head: Head, looks: Appearance, rng: np.random.Generator) -> None:
    bend, low = np.linspace(-1, 1, 13), head.mouth_y + head.mouth_opening
    y = head.mouth_y - head.upper_lip - 2.6 + 4 * bend**2
    line = np.column_stack([(head.mouth_half_width + 1) * bend, y])
    parts = [ribbon(line, 2.4 - 1.2 * bend**2)]
    if looks.beard != "moustache":
        parts.append(ellipse((0, 0.5 * (low + head.chin) + 5), (14, 0.5 * (head.chin - low))))
    if looks.beard in {"stubble", "full"}:
        # Along the jaw, from one sideburn around the chin to the other.
        x, y = 0.86 * head.width * np.sin(1.6 * bend), 8 + (head.chin - 15) * np.cos(1.6 * bend)
        parts.append(ribbon(np.column_stack([x, y]), 5 + 6 * np.cos(1.6 * bend)))
    strength = rng.uniform(0.15, 0.35) if looks.beard == "stubble" else rng.uniform(0.5, 0.85)
    cover = np.zeros_like(albedo)
    for part in parts:
        fill(cover, head.project(part), soft=1.6)
    cover *= np.clip(strength * (1 + 0.2 * noise(rng, 60, 60)), 0, 1)
    albedo += cover * (np.float32(0.9 * looks.hair) - albedo)


def _paint_nose(albedo: Plane, head: Head, looks: Appearance) -> None:
    """Nostrils, the lines around the wings and the folds to the mouth; the rest is relief."""
    angle, arc = np.linspace(-1.3, 1.3, 9), np.sin(np.linspace(0, np.pi, 9))
    for side in SIDES:
        hole = ellipse((side * 0.45 * head.nose_width, head.nose_y + 5.4), (1.9, 1.0))
        fill(albedo, head.project(hole), 0.2 * looks.skin, 0.85, 0.35)
        x = side * (head.nose_width - 2.2 + 2.4 * np.cos(angle))
        wing = ribbon(np.column_stack([x, head.nose_y + 2.8 + 3.2 * np.sin(angle)]), 0.55)
        fill(albedo, head.project(wing), 0.5 * looks.skin, 0.6, 0.45)
        ends = head.nose_width + 1.6, head.mouth_half_width + 4.2 + 2 * head.smile
        x = side * (np.linspace(*ends, 9) + 1.8 * arc)
        fold = np.column_stack([x, np.linspace(head.nose_y + 1.5, head.mouth_y - 0.5, 9)])
        alpha = 0.12 + 0.4 * looks.age + 0.3 * max(head.smile, 0)
        fill(albedo, head.project(ribbon(fold, 0.1 + 0.8 * arc)), 0.62 * looks.skin, alpha, 0.55)


def _paint_mouth(albedo: Plane, head: Head, looks: Appearance) -> None:
    """The lips, and between them the dark, the teeth or the lip line."""
    top, upper, lower, bottom = mouth(head)

    def between(first: Floats, second: Floats) -> Floats:
        return head.project(np.concatenate([first, second[::-1]]))

    hollow = head.project(ribbon(np.add(bottom, [0, 1.6])[4:-4], 1.1))
    fill(albedo, hollow, 0.7 * looks.skin, 0.45, 0.8)
    fill(albedo, between(top, upper), 0.84 * looks.lips, 0.92, 0.22)
    fill(albedo, between(lower, bottom), looks.lips, 0.9, 0.25)
    if head.mouth_opening > 0:
        fill(albedo, between(upper, lower), 0.06)
        edge = upper + (0.3 + 0.6 * max(head.smile, 0)) * (lower - upper)
        fill(albedo, between(upper[2:-2], edge[2:-2]), 0.8, 0.9, 0.15)
    line = ribbon(upper, 0.25 + 0.35 * np.sin(np.linspace(0, np.pi, 17)))
    fill(albedo, head.project(line), 0.2 * looks.skin, 0.8, 0.25)
    for corner in (upper[0], upper[-1]):
        fill(albedo, head.project(ellipse(corner, (0.9, 0.8))), 0.3 * looks.skin, 0.6, 0.4)
