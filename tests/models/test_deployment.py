import numpy as np
import pytest
from spots import bright_spots

from facial_keypoints.models.calibration import Calibration
from facial_keypoints.models.ensemble import build_ensemble
from facial_keypoints.models.heads import NUM_HEADS, heads_of
from facial_keypoints.models.registry import build_model

pytestmark = pytest.mark.training

keras = pytest.importorskip("keras")
SETTINGS = {"filters": 2, "blocks": 1}
CALIBRATION = Calibration(
    "f",
    scale=np.linspace(0.05, 0.2, 15).tolist(),
    error=[0.5, 1.0, 1.2, 2.0, 9.0],
    confidence=[0.95, 0.8, 0.5, 0.4, 0.0],
    labels=100,
    faces=10,
    rank_correlation=0.5,
)


@pytest.fixture(scope="module")
def images():
    return bright_spots(4).images


def heat_map_model(seed=0, **settings):
    """A model whose heat maps and offsets differ from image to image."""
    model = build_model("heatmap_unet", {**SETTINGS, **settings})
    random = np.random.default_rng(seed)
    for name in ("heat_maps", "offsets"):
        if name in [layer.name for layer in model.layers]:
            layer = model.get_layer(name)
            layer.set_weights([random.normal(0, 50, w.shape) for w in layer.get_weights()])
    return model


def saved_and_loaded(model, folder):
    """As the ensemble comes from its training: what Keras saves must not depend on this process."""
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras", safe_mode=True)


def deployed(model, folder, *more):
    from facial_keypoints.models.deployment import build_deployed_model

    return saved_and_loaded(build_deployed_model(saved_and_loaded(model, folder), *more), folder)


def test_variant_without_heat_maps_gives_its_keypoints_alone(images, tmp_path):
    model = build_model("conv_stack", {"convs": 2, "pools": 1, "width": 0.1})
    outputs = deployed(model, tmp_path)(images)
    assert list(outputs) == ["keypoints"]
    np.testing.assert_allclose(
        outputs["keypoints"], np.reshape(model(images), (4, 15, 2)), atol=1e-4
    )


def test_variant_with_heat_maps_gives_confidences_too(images, tmp_path):
    model = heat_map_model()
    outputs = deployed(model, tmp_path)(images)
    np.testing.assert_allclose(
        outputs["keypoints"], np.reshape(model(images), (4, 15, 2)), atol=2e-3
    )
    confidences = np.asarray(outputs["confidences"])
    assert confidences.shape == (4, 15)
    assert ((confidences >= 0) & (confidences <= 1)).all()
    assert np.ptp(confidences) > 0


def test_calibrated_confidences_are_those_of_predict(images, tmp_path):
    from facial_keypoints.models.spread import with_spread

    model = heat_map_model()
    outputs = deployed(model, tmp_path, CALIBRATION)(images)
    spread = np.asarray(with_spread(model)(images))[..., 2]
    expected = CALIBRATION.apply(spread)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(outputs["confidences"], expected, atol=1e-3)


def test_calibration_in_the_model_is_linear_between_knots():
    from facial_keypoints.models.deployment import calibrated_confidence

    spread = np.linspace(0, 60, 15 * 400, dtype=np.float32).reshape(400, 15)
    found = np.asarray(calibrated_confidence(spread, CALIBRATION))
    np.testing.assert_allclose(found, CALIBRATION.apply(spread), atol=1e-5)


@pytest.mark.parametrize("population", [0, 1])
def test_ensemble_gives_the_keypoints_of_a_population(images, tmp_path, population):
    models = [heat_map_model(seed, points=NUM_HEADS, offsets=False) for seed in (1, 2)]
    bias = np.random.default_rng(0).normal(size=(NUM_HEADS, 2)).astype(np.float32)
    settings = {**SETTINGS, "offsets": False}
    ensemble = build_ensemble(settings, [model.get_weights() for model in models], bias)
    outputs = deployed(ensemble, tmp_path, None, population)(images)
    expected = np.reshape(ensemble(images), (4, NUM_HEADS, 2))[:, heads_of(population)]
    np.testing.assert_allclose(outputs["keypoints"], expected, atol=2e-3)
    assert outputs["confidences"].shape == (4, 15)


def test_confidence_falls_with_the_spread_and_with_the_size_of_the_face():
    from facial_keypoints.models.deployment import confidence

    points = np.zeros((20, 15, 2), np.float32)
    points[:, 0] = 30, 0  # distance between the eyes
    spread = np.linspace(4, 14, 20, dtype=np.float32)[:, None].repeat(15, axis=1)
    found = np.asarray(confidence(points, spread))
    assert (np.diff(found, axis=0) < 0).all()
    assert (np.asarray(confidence(points / 2, spread)) < found).all()
