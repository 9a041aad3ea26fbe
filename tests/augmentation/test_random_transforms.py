import numpy as np
import pytest

from facial_keypoints.keypoints import SWAP_INDEX
from facial_keypoints.parameters import RandomTransformParameters

tf = pytest.importorskip("tensorflow")
NONE = RandomTransformParameters.none().model_dump()


def render_dots(places):
    """Black images with one soft dot each, (b, 96, 96, 1)."""
    grid = np.arange(96) + 0.5
    x, y = places[:, 0, None, None], places[:, 1, None, None]
    square = (grid[None, None, :] - x) ** 2 + (grid[None, :, None] - y) ** 2
    return (255 * np.exp(-square / 8)).astype(np.float32)[..., None]


def centre_of_light(images):
    """Mean position of the light of each image, (b, 2), in edge-to-edge pixels."""
    weight = images.astype(float).reshape(len(images), 96, 96)
    weight = np.where(weight > 20, weight, 0)
    grid = np.arange(96) + 0.5
    total = weight.sum(axis=(1, 2))
    return np.stack(
        [(weight.sum(1) * grid).sum(1) / total, (weight.sum(2) * grid).sum(1) / total], 1
    )


def transform(images, points, weights=None, seed=0, strength=1.0, **parameters):
    from facial_keypoints.augmentation.random_transforms import RandomTransforms

    apply = RandomTransforms(
        RandomTransformParameters(**{**NONE, **parameters}), SWAP_INDEX, (seed, 0), strength
    )
    weights = np.ones(points.shape[:2], np.float32) if weights is None else weights
    batch = apply(tf.constant(images), tf.constant(points), tf.constant(weights))
    return [each.numpy() for each in batch]


@pytest.fixture
def places():
    return np.random.default_rng(0).uniform(32, 64, (24, 2)).astype(np.float32)


@pytest.fixture
def points(places):
    return np.repeat(places[:, None], 15, axis=1)


@pytest.mark.parametrize(
    "parameters",
    [
        {"rotation": 40},
        {"scale": 0.3},
        {"aspect": 0.3},
        {"shear": 0.3},
        {"shift": 15},
        {"perspective": 0.35},
        {"mirror": True},
        {
            "rotation": 30,
            "scale": 0.2,
            "shear": 0.1,
            "shift": 9,
            "perspective": 0.1,
            "mirror": True,
        },
    ],
)
def test_moves_keypoints_with_the_image(places, points, parameters):
    images, moved, _ = transform(render_dots(places), points, **parameters)
    assert np.abs(moved[:, 0] - places).max() > 1
    np.testing.assert_allclose(centre_of_light(images), moved[:, 0], atol=0.15)


def test_changes_nothing_when_every_transform_is_off(places, points):
    images, moved, _ = transform(render_dots(places), points)
    np.testing.assert_allclose(moved, points, atol=1e-4)
    np.testing.assert_allclose(images, np.round(render_dots(places))[..., 0], atol=1)


def test_mirror_swaps_left_and_right_keypoints_and_weights():
    generator = np.random.default_rng(1)
    points = generator.uniform(10, 86, (40, 15, 2)).astype(np.float32)
    points[:, 4] = np.nan
    weights = generator.uniform(0, 1, (40, 15)).astype(np.float32)
    images = np.zeros((40, 96, 96, 1), np.float32)
    _, moved, new_weights = transform(images, points, weights, mirror=True)
    mirrored = np.abs(moved[:, 10, 0] - points[:, 10, 0]) > 1e-2
    assert 8 < mirrored.sum() < 32
    swapped = points[:, SWAP_INDEX] * [-1, 1] + [96, 0]
    np.testing.assert_allclose(moved[mirrored], swapped[mirrored], atol=1e-3)
    np.testing.assert_allclose(moved[~mirrored], points[~mirrored], atol=1e-3)
    np.testing.assert_array_equal(new_weights[mirrored], weights[mirrored][:, SWAP_INDEX])
    np.testing.assert_array_equal(new_weights[~mirrored], weights[~mirrored])


@pytest.mark.parametrize("parameters", [{"blur": 1}, {"gamma": 0.5}, {"noise": 0.1}, {"erase": 1}])
def test_photometric_transforms_change_the_image_only(places, points, parameters):
    given = 60 + 0.5 * render_dots(places)
    images, moved, _ = transform(given, points, **parameters)
    np.testing.assert_allclose(moved, points, atol=1e-4)
    changed = np.abs(images - given[..., 0]).mean(axis=(1, 2))
    assert (changed > 0.05).mean() > 0.8
    assert images.dtype == np.uint8


def test_erase_covers_a_rectangle_with_one_grey_value(points):
    images, _, _ = transform(np.full((24, 96, 96, 1), 200, np.float32), points, erase=1)
    covered_images = [image for image in images if (image != 200).any()]
    assert len(covered_images) > 20
    for image in covered_images:
        covered = image != 200
        rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
        assert covered.sum() == len(rows) * len(columns)
        assert len(set(image[covered].tolist())) == 1
        assert max(len(rows), len(columns)) <= 41


def test_same_seed_gives_the_same_batch(places, points):
    parameters = {"rotation": 30, "noise": 0.1, "erase": 0.5}
    first, again, other = (
        transform(render_dots(places), points, seed=seed, **parameters) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first[0], again[0])
    assert (first[0] != other[0]).any()


def test_strength_scales_extents_and_the_erased_fraction(points):
    grey = np.full((len(points), 96, 96, 1), 7.0, np.float32)
    distances, changed = [], []
    for strength in (0.0, 0.1, 1.0):
        images, moved, _ = transform(grey, points, strength=strength, shift=10.0, erase=1.0)
        distances.append(float(np.abs(moved - points).max()))
        changed.append(int((images != 7).any(axis=(1, 2)).sum()))
    assert distances[0] == pytest.approx(0, abs=1e-4)
    assert 0 < distances[1] <= 1.0 < distances[2] <= 10.0
    assert changed[0] == 0 < changed[2]
    assert changed[1] < changed[2]
