import numpy as np
import pytest
from parameters import section

from facial_keypoints.keypoints import SWAP_INDEX
from facial_keypoints.parameters import RandomTransformParameters

tf = pytest.importorskip("tensorflow")
NONE = RandomTransformParameters.none().model_dump()
PARTNERS = SWAP_INDEX


def dots(places):
    """Black pictures with one soft dot each, (b, 96, 96, 1)."""
    grid = np.arange(96) + 0.5
    x, y = places[:, 0, None, None], places[:, 1, None, None]
    square = (grid[None, None, :] - x) ** 2 + (grid[None, :, None] - y) ** 2
    return (255 * np.exp(-square / 8)).astype(np.float32)[..., None]


def centre(pictures):
    """Where the light of each picture is, (b, 2), in pixels edge to edge."""
    weight = pictures.astype(float).reshape(len(pictures), 96, 96)
    weight = np.where(weight > 20, weight, 0)
    grid = np.arange(96) + 0.5
    total = weight.sum(axis=(1, 2))
    return np.stack(
        [(weight.sum(1) * grid).sum(1) / total, (weight.sum(2) * grid).sum(1) / total], 1
    )


def distorted(pictures, points, shares=None, seed=0, **how):
    from facial_keypoints.augmentation.random_transforms import RandomTransforms

    parameters = section(RandomTransformParameters, **{**NONE, **how})
    distort = RandomTransforms(parameters, PARTNERS, tf.random.Generator.from_seed(seed))
    shares = np.ones(points.shape[:2], np.float32) if shares is None else shares
    found = distort(tf.constant(pictures), tf.constant(points), tf.constant(shares))
    return [each.numpy() for each in found]


@pytest.fixture
def places():
    return np.random.default_rng(0).uniform(32, 64, (24, 2)).astype(np.float32)


@pytest.mark.parametrize(
    "how",
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
def test_a_dot_is_found_where_its_point_went(places, how):
    points = np.repeat(places[:, None], 15, axis=1)
    pictures, moved, _ = distorted(dots(places), points, **how)
    assert np.abs(moved[:, 0] - places).max() > 1
    np.testing.assert_allclose(centre(pictures), moved[:, 0], atol=0.15)


def test_nothing_asked_is_nothing_done(places):
    points = np.repeat(places[:, None], 15, axis=1)
    pictures, moved, _ = distorted(dots(places), points)
    np.testing.assert_allclose(moved, points, atol=1e-4)
    np.testing.assert_allclose(pictures, np.round(dots(places))[..., 0], atol=1)


def test_a_mirror_exchanges_left_and_right_and_their_shares():
    generator = np.random.default_rng(1)
    points = generator.uniform(10, 86, (40, 15, 2)).astype(np.float32)
    points[:, 4] = np.nan
    shares = generator.uniform(0, 1, (40, 15)).astype(np.float32)
    pictures = np.zeros((40, 96, 96, 1), np.float32)
    _, moved, weights = distorted(pictures, points, shares, mirror=True)
    mirrored = np.abs(moved[:, 10, 0] - points[:, 10, 0]) > 1e-2
    assert 8 < mirrored.sum() < 32
    swapped = points[:, PARTNERS] * [-1, 1] + [96, 0]
    np.testing.assert_allclose(moved[mirrored], swapped[mirrored], atol=1e-3)
    np.testing.assert_allclose(moved[~mirrored], points[~mirrored], atol=1e-3)
    np.testing.assert_array_equal(weights[mirrored], shares[mirrored][:, PARTNERS])
    np.testing.assert_array_equal(weights[~mirrored], shares[~mirrored])


@pytest.mark.parametrize("how", [{"blur": 1}, {"gamma": 0.5}, {"noise": 0.1}, {"erase": 1}])
def test_light_changes_the_picture_and_leaves_the_points(places, how):
    points = np.repeat(places[:, None], 15, axis=1)
    given = 60 + 0.5 * dots(places)
    pictures, moved, _ = distorted(given, points, **how)
    np.testing.assert_allclose(moved, points, atol=1e-4)
    changed = np.abs(pictures - given[..., 0]).mean(axis=(1, 2))
    assert (changed > 0.05).mean() > 0.8
    assert pictures.dtype == np.uint8


def test_erasing_covers_a_rectangle_with_one_grey(places):
    points = np.repeat(places[:, None], 15, axis=1)
    pictures, _, _ = distorted(np.full((24, 96, 96, 1), 200, np.float32), points, erase=1)
    for picture in pictures:
        covered = picture != 200
        if not covered.any():  # covered with the very grey that was there
            continue
        rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
        assert covered.sum() == len(rows) * len(columns)
        assert len(set(picture[covered].tolist())) == 1
        assert max(len(rows), len(columns)) <= 41


def test_the_same_seed_distorts_alike(places):
    points = np.repeat(places[:, None], 15, axis=1)
    how = {"rotation": 30, "noise": 0.1, "erase": 0.5}
    first, again, other = (distorted(dots(places), points, seed=s, **how) for s in (5, 5, 6))
    np.testing.assert_array_equal(first[0], again[0])
    assert (first[0] != other[0]).any()


def test_strength_is_a_factor_on_what_is_done(places):
    from facial_keypoints.augmentation.random_transforms import RandomTransforms

    how = RandomTransformParameters.none().model_copy(update={"shift": 10.0, "erase": 1.0})
    distances, changed = [], []
    for strength in (0.0, 0.1, 1.0):
        distort = RandomTransforms(how, PARTNERS, tf.random.Generator.from_seed(0))
        distort.strength.assign(strength)
        points = np.repeat(places[:, None], 15, axis=1)
        grey = np.full((len(places), 96, 96, 1), 7.0, np.float32)
        pictures, found, _ = distort(
            tf.constant(grey), tf.constant(points), tf.ones(points.shape[:2])
        )
        distances.append(float(np.abs(found.numpy() - points).max()))
        changed.append(int((pictures.numpy() != 7).any(axis=(1, 2)).sum()))
    assert distances[0] == pytest.approx(0, abs=1e-4)
    assert 0 < distances[1] <= 1.0 < distances[2] <= 10.0
    assert changed[0] == 0 < changed[2]
    assert changed[1] < changed[2]
