"""Images with one soft dot each, to see whether images and keypoints move together."""

import numpy as np

from facial_keypoints.keypoints import IMAGE_SIZE

PIXEL_CENTRES = np.arange(IMAGE_SIZE) + 0.5


def draw_dots(points, width=2.0):
    """Return uint8 images (n, 96, 96) with a dot at each point (n, 2), edge to edge."""
    across = np.exp(-np.square(PIXEL_CENTRES - points[:, :1]) / (2 * width**2))
    down = np.exp(-np.square(PIXEL_CENTRES - points[:, 1:]) / (2 * width**2))
    return np.rint(250 * down[:, :, None] * across[:, None, :]).astype(np.uint8)


def find_dots(images):
    """Return the centres of brightness (n, 2) of images (n, 96, 96), edge to edge."""
    weight = images.astype(np.float64)
    total = weight.sum(axis=(1, 2))
    x = (weight.sum(axis=1) * PIXEL_CENTRES).sum(axis=1) / total
    y = (weight.sum(axis=2) * PIXEL_CENTRES).sum(axis=1) / total
    return np.stack([x, y], axis=1)
