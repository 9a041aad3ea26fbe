import numpy as np
import pytest
from spots import bright_spots

from facial_keypoints.models.ensemble import build_ensemble
from facial_keypoints.models.heads import NUM_HEADS
from facial_keypoints.models.registry import build_model

pytestmark = pytest.mark.training

keras = pytest.importorskip("keras")
SETTINGS = {"filters": 2, "blocks": 1}


@pytest.fixture(scope="module")
def images():
    return bright_spots(6).images


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    """Two members, saved and loaded, so that names of operations repeat."""
    keras.utils.set_random_seed(0)
    members = [
        build_model("heatmap_unet", {**SETTINGS, "points": NUM_HEADS}).get_weights()
        for _ in range(2)
    ]
    path = tmp_path_factory.mktemp("ensemble") / "model.keras"
    build_ensemble(SETTINGS, members, np.full((NUM_HEADS, 2), 0.5, np.float32)).save(path)
    return keras.saving.load_model(path)


@pytest.mark.parametrize("times", [1, 2])
def test_ensemble_predicts_its_own_points_and_their_spread(ensemble, images, times):
    from facial_keypoints.models.spread import with_spread

    for _ in range(times):
        found = np.asarray(with_spread(ensemble)(images))
    assert found.shape == (6, NUM_HEADS, 3)
    own = np.asarray(ensemble(images)).reshape(6, NUM_HEADS, 2)
    np.testing.assert_allclose(found[..., :2], own, atol=1e-3)
    assert (found[..., 2] > 0).all()


def test_mean_variance_of_the_members_is_that_of_the_ensemble(ensemble, images):
    from facial_keypoints.models.spread import with_spread

    both, first, second = (
        np.asarray(with_spread(ensemble, members)(images))[..., 2] ** 2
        for members in (None, [0], [1])
    )
    np.testing.assert_allclose(both, (first + second) / 2, rtol=1e-3)


def test_flat_heat_map_has_the_spread_of_the_whole_image(images):
    from facial_keypoints.models.spread import with_spread

    model = build_model("heatmap_unet", SETTINGS)
    heat_maps = model.get_layer("heat_maps")
    heat_maps.set_weights([np.zeros_like(weight) for weight in heat_maps.get_weights()])
    found = np.asarray(with_spread(model)(images))
    assert found.shape == (6, 15, 3)
    np.testing.assert_allclose(found[..., 2], np.sqrt(2 * (96**2 - 16) / 12), rtol=1e-3)


def test_spread_without_heat_maps_is_the_distance_from_the_mirror_image(images):
    from facial_keypoints.models.spread import with_spread

    model = build_model("conv_stack", {"convs": 1, "pools": 1, "width": 0.05})
    found = np.asarray(with_spread(model)(images))
    np.testing.assert_allclose(
        found[..., :2], np.asarray(model(images)).reshape(6, 15, 2), atol=1e-3
    )
    mirrored = np.asarray(model(images[:, :, ::-1])).reshape(6, 15, 2)
    nose = np.hypot(
        found[:, 10, 0] - (96 - mirrored[:, 10, 0]), found[:, 10, 1] - mirrored[:, 10, 1]
    )
    np.testing.assert_allclose(found[:, 10, 2], nose, rtol=1e-3)
