"""Something that can be learnt at once, and a network that learns it in seconds."""

import numpy as np
from parameters import section

from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import TrainParameters, VariantParameters


def bright_spots(n, seed=0):
    """Faces of which every point is one bright spot: something that can be learnt at once."""
    generator = np.random.default_rng(seed)
    places = generator.uniform(20, 76, (n, 2))
    grid = np.arange(96) + 0.5
    images = np.exp(
        -(
            (grid[None, None, :] - places[:, 0, None, None]) ** 2
            + (grid[None, :, None] - places[:, 1, None, None]) ** 2
        )
        / 200
    )
    keypoints = np.repeat(places[:, None, :], 15, axis=1).astype(np.float32)
    keypoints[::3, 5:] = np.nan
    return FaceSet(
        images=(255 * images).astype(np.uint8),
        keypoints=keypoints,
        labelled=np.isfinite(keypoints).all(axis=2),
        group=np.arange(n, dtype=np.int32),
        population=np.zeros(n, dtype=np.int8),
        augmented=np.zeros(n, dtype=bool),
    )


def variant(**train):
    return VariantParameters(
        name="tiny",
        architecture="conv_stack",
        settings={"convs": 6, "pools": 3, "width": 0.1, "dropout": 0.0},
        train=section(TrainParameters, **{"precision": "float32", "batch_size": 16, **train}),
    )
