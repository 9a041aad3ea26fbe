"""From a head to an image: light on the face, everything in its order, and the camera."""

import cv2
import numpy as np
import numpy.typing as npt

from facial_keypoints.keypoints import IMAGE_SIZE
from facial_keypoints.synthetic.canvas import SIDE, noise
from facial_keypoints.synthetic.features import paint_features, sample_appearance
from facial_keypoints.synthetic.head import Floats, Head, Plane
from facial_keypoints.synthetic.surroundings import (
    make_hair,
    paint_background,
    paint_body,
    paint_glasses,
)

Pixels = npt.NDArray[np.uint8]


def render_head(head: Head, rng: np.random.Generator, population: int) -> Pixels:
    """Render the image of a head.

    Args:
        head: its shape, expression, pose and framing.
        rng: source of everything else: colours, hair, light, background, camera.
        population: 0 (A) or 1 (B, blurred and compressed more).

    Returns:
        uint8 (96, 96).
    """
    looks = sample_appearance(rng)
    aside, above = np.clip(rng.normal([0, 0.5], [0.66, 0.25]), [-1.4, 0], [1.4, 1.05])
    direction = [np.sin(aside) * np.cos(above), -np.sin(above), np.cos(aside) * np.cos(above)]
    light, ambient = np.array(direction, np.float32), rng.uniform(0.3, 0.62)
    centres = np.arange(IMAGE_SIZE, dtype=np.float32) + np.float32(0.5)
    x, y = np.meshgrid(centres, centres)

    # Hair and neck are lit like a round head.
    radii = np.array([1.15, 1.8]) * head.width * head.scale
    nx, ny = (x - head.offset[0]) / radii[0], (y - head.offset[1]) / radii[1]
    nz = np.sqrt(np.maximum(1 - nx**2 - ny**2, 0.05))
    facing = light[0] * nx + light[1] * ny + light[2] * nz
    lit = _enlarge(ambient + (1 - ambient) * np.clip(facing, 0, 1))

    canvas = paint_background(rng)
    hair = make_hair(head, looks, lit, rng)
    if hair is not None:
        canvas += hair[2] * (np.float32(0.55) * hair[0] - canvas)
    paint_body(canvas, head, np.float32(looks.skin) * lit, rng)

    hit, inside = head.cast(x, y)
    albedo = np.float32(looks.skin) * (1 + np.float32(0.025) * noise(rng, 20, 20))
    paint_features(albedo, head, looks, rng)
    albedo *= _enlarge(_shade(head, hit, inside, light, ambient))
    cover = np.clip(0.5 + np.float32(1.5 * head.width * head.scale) * _enlarge(inside), 0, 1)
    canvas += cover * (albedo - canvas)
    if hair is not None:
        canvas += hair[1] * (hair[0] - canvas)
    if rng.random() < 0.04 + 0.22 * looks.age:
        paint_glasses(canvas, head, rng)
    return _photograph(canvas, rng, population)


def _enlarge(plane: npt.NDArray[np.floating]) -> Plane:
    """A plane over the image, resized to the canvas."""
    return np.asarray(cv2.resize(plane.astype(np.float32), (SIDE, SIDE)))


def _shade(head: Head, hit: list[Plane], inside: Plane, light: Plane, ambient: float) -> Floats:
    """The brightness of each pixel of the face (96, 96), about 0 to 1.2."""
    valid = (inside > 0.02).astype(np.float32)
    depth = np.float32(head.scale) * sum(r * h for r, h in zip(head.rotation[2], hit, strict=True))
    slope_y, slope_x = np.gradient(depth)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)

    def facing(direction: Plane) -> Floats:
        x, y, z = direction
        return np.asarray((z - x * slope_x - y * slope_y) / length)

    def blur(plane: Floats, size: float) -> Floats:
        """Blur within the face alone."""
        weight = cv2.GaussianBlur(valid, (0, 0), size) + 1e-3
        return np.asarray(cv2.GaussianBlur(plane * valid, (0, 0), size) / weight)

    # Skin lets light through: its shadows begin later and softer than Lambert's.
    diffuse = np.clip((facing(light) + 0.15) / 1.15, 0, 1)
    half = light + np.array([0, 0, 1], np.float32)
    gloss = np.clip(facing(half / np.linalg.norm(half)), 0, 1) ** 18
    occlusion = 1 - np.clip(0.075 * (blur(depth, 5) - depth), -0.1, 0.4)
    # Cast shadows: is there anything higher on the way to the light?
    shadow, (x, y, z) = np.zeros_like(depth), light / (np.hypot(light[0], light[1]) + 1e-6)
    for step in (2.0, 4.0, 6.5, 9.0, 12.0):
        move = np.array([[1, 0, -step * x], [0, 1, -step * y]])
        higher = cv2.warpAffine(depth * valid, move, depth.shape) - depth - step * z
        shadow = np.maximum(shadow, np.clip(higher / 3, 0, 1))
    direct = diffuse * (1 - 0.75 * cv2.GaussianBlur(shadow, (0, 0), 0.8))
    shade = (ambient + (1 - ambient) * direct) * occlusion + 0.16 * gloss * (1 - ambient)
    # Continue beyond the outline, which is cut out afterwards at a finer resolution.
    return np.where(valid > 0, shade, blur(shade, 1.2))


def _photograph(canvas: Plane, rng: np.random.Generator, population: int) -> Pixels:
    """Focus, exposure, contrast, noise and compression of a camera."""
    image = cv2.resize(canvas, (IMAGE_SIZE, IMAGE_SIZE), interpolation=cv2.INTER_AREA)
    blur = rng.uniform(0.0, 0.7) if population == 0 else min(rng.gamma(2.0, 0.42), 2.2)
    if blur > 0.25:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    # Cameras expose for the face, more or less.
    face = image[25:85, 24:72].mean()
    target = np.clip(0.5 * face + 0.5 * rng.normal(0.54, 0.15), 0.22, 0.72)
    contrast = rng.uniform(0.85, 1.4) if population == 0 else rng.uniform(0.55, 1.1)
    image = target + contrast * (image * (target / face) - target)
    image += rng.uniform(0.002, 0.02) * rng.standard_normal(image.shape)
    grey = np.clip(np.round(255 * image), 0, 255).astype(np.uint8)
    quality = int(rng.integers(60, 98) if population == 0 else rng.integers(30, 92))
    _, compressed = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(compressed, cv2.IMREAD_GRAYSCALE), np.uint8)
