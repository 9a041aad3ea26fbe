"""From a head to a picture: light on the face, everything in its order, and the camera."""

import cv2
import numpy as np
import numpy.typing as npt

from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.synthetic.canvas import (
    Plane,
    enlarge,
    fill,
    mottle,
    shrink,
)
from facial_keypoints.synthetic.features import (
    draw_looks,
    paint_beard,
    paint_brows,
    paint_eyes,
    paint_mouth,
    paint_nose,
    paint_skin,
)
from facial_keypoints.synthetic.geometry import SIDES
from facial_keypoints.synthetic.glasses import paint_glasses
from facial_keypoints.synthetic.hair import draw_style, paint_hair
from facial_keypoints.synthetic.head import Floats, Head
from facial_keypoints.synthetic.surroundings import (
    paint_background,
    paint_body,
    paint_ear,
)


def paint_face(head: Head, rng: np.random.Generator, population: int) -> npt.NDArray[np.uint8]:
    """The picture of a head.

    Args:
        head: its shape, expression, pose and framing.
        rng: source of everything else: looks, hair, light, background, camera.
        population: 0 (A) or 1 (B: blurred and compressed more, as stills of films are).

    Returns:
        uint8 (96, 96).
    """
    looks = draw_looks(rng)
    style = draw_style(rng, looks.age, looks.beard_kind != "none")
    light, ambient = _draw_light(rng)

    canvas = paint_background(rng)
    hair = paint_hair(head, style, looks.hair, light, ambient, rng)
    if hair is not None:
        canvas += hair.back * (0.55 * hair.grey - canvas)
    paint_body(canvas, head, looks.skin, light, ambient, rng)

    turned = {side: -side * np.sin(head.yaw) > 0.1 for side in SIDES}
    lit = {s: ambient + (1 - ambient) * max(0.8 * s * light[0] + 0.5 * light[2], 0) for s in SIDES}
    for side in SIDES:
        if not turned[side]:
            paint_ear(canvas, head, side, looks.skin, lit[side])

    centres = np.arange(IMAGE_SIZE, dtype=np.float32) + np.float32(0.5)
    hit, inside = head.cast(*np.meshgrid(centres, centres))
    shade = enlarge(_light_up(head, hit, inside, light, ambient))
    covered = np.clip(0.5 + 3 * enlarge(inside) * np.float32(head.width * head.scale / 2), 0, 1)

    albedo = np.full_like(canvas, looks.skin)
    albedo *= 1 + np.float32(0.025) * mottle(rng, (20, 20), canvas.shape)
    albedo *= 1 + np.float32(0.02) * mottle(rng, (96, 96), canvas.shape)
    paint_beard(albedo, (enlarge(hit[0]), enlarge(hit[1])), head, looks, rng)
    paint_skin(albedo, head, looks, rng)
    paint_nose(albedo, head, looks)
    paint_mouth(albedo, head, looks)
    highlights = paint_eyes(albedo, head, looks)
    paint_brows(albedo, head, looks, rng)
    albedo *= shade
    for outline in highlights:
        fill(albedo, outline, 0.95, 0.85 * float(rng.uniform(0.5, 1)), 0.12)
    canvas += covered * (albedo - canvas)

    for side in SIDES:
        if turned[side]:
            paint_ear(canvas, head, side, looks.skin, lit[side])
    if hair is not None:
        canvas += hair.front * (hair.grey - canvas)
    if rng.random() < 0.04 + 0.22 * looks.age:
        paint_glasses(canvas, head, rng)
    return _photograph(canvas, rng, population)


def _draw_light(rng: np.random.Generator) -> tuple[Floats, float]:
    """Direction to the light (3,) in camera coordinates, and the ambient share."""
    aside = np.radians(np.clip(rng.normal(0, 38), -80, 80))
    above = np.radians(np.clip(rng.normal(30, 14), 0, 60))
    light = np.array([np.sin(aside) * np.cos(above), -np.sin(above), np.cos(aside) * np.cos(above)])
    return light, float(rng.uniform(0.3, 0.62))


def _light_up(
    head: Head, hit: tuple[Plane, Plane, Plane], inside: Plane, light: Floats, ambient: float
) -> Plane:
    """How much light each point of the face gives back, about 0 to 1.2."""
    towards_us = (head.scale * head.rotation[2]).astype(np.float32)
    depth = sum(t * h for t, h in zip(towards_us, hit, strict=True))
    valid = (inside > 0.02).astype(np.float32)
    slope_y, slope_x = np.gradient(depth)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    facing = (light[2] - light[0] * slope_x - light[1] * slope_y) / length
    # Skin lets light through: its shadows begin later and softer than Lambert's.
    diffuse = np.clip((facing + 0.15) / 1.15, 0, 1)
    half = light + np.array([0, 0, 1])
    half = half / np.linalg.norm(half)
    gloss = np.clip((half[2] - half[0] * slope_x - half[1] * slope_y) / length, 0, 1) ** 18

    weight = cv2.GaussianBlur(valid, (0, 0), 5) + np.float32(1e-3)
    hollow = cv2.GaussianBlur(depth * valid, (0, 0), 5) / weight - depth
    occlusion = 1 - np.clip(hollow * 0.075, -0.1, 0.4)
    shadow = np.zeros_like(depth)
    aside = np.hypot(light[0], light[1]) + 1e-6
    for step in (2.0, 4.0, 6.5, 9.0, 12.0):
        x, y = step * light[0] / aside, step * light[1] / aside
        move = np.array([[1, 0, x], [0, 1, y]], np.float32)
        towards = cv2.warpAffine(
            depth * valid, move, depth.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        over = towards - depth - step * light[2] / aside
        shadow = np.maximum(shadow, np.clip(over / 3, 0, 1))
    direct = diffuse * (1 - 0.75 * cv2.GaussianBlur(shadow, (0, 0), 0.8))
    shade = (ambient + (1 - ambient) * direct) * occlusion + 0.16 * gloss * (1 - ambient)
    # Beyond the outline, go on with what is next to it: the edge is cut out afterwards.
    near = cv2.GaussianBlur(valid, (0, 0), 1.2) + np.float32(1e-3)
    around = cv2.GaussianBlur((shade * valid).astype(np.float32), (0, 0), 1.2) / near
    lit: Plane = np.where(valid > 0, shade, around).astype(np.float32)
    return lit


def _photograph(canvas: Plane, rng: np.random.Generator, population: int) -> npt.NDArray[np.uint8]:
    """Focus, exposure, contrast, compression and noise of a camera."""
    picture = shrink(canvas)
    blur = rng.uniform(0.0, 0.7) if population == 0 else min(rng.gamma(2.0, 0.42), 2.2)
    if blur > 0.25:
        cv2.GaussianBlur(picture, (0, 0), float(blur), dst=picture)
    # Cameras expose for the face, more or less.
    face = float(picture[25:85, 24:72].mean())
    wanted = np.clip(0.5 * face + 0.5 * rng.normal(0.54, 0.15), 0.22, 0.72)
    contrast = rng.uniform(0.85, 1.4) if population == 0 else rng.uniform(0.55, 1.1)
    picture = wanted + contrast * (picture * np.float32(wanted / face) - wanted)
    picture += rng.uniform(0.002, 0.02) * rng.standard_normal(picture.shape).astype(np.float32)
    grey = np.clip(np.round(255 * picture), 0, 255).astype(np.uint8)
    quality = int(rng.integers(60, 98) if population == 0 else rng.integers(30, 92))
    _, compressed = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(compressed, cv2.IMREAD_GRAYSCALE)
    return np.asarray(decoded, dtype=np.uint8)
