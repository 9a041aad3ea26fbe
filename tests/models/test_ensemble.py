import numpy as np
import pytest
from spots import bright_spots

from facial_keypoints.models.ensemble import build_ensemble
from facial_keypoints.models.heads import NUM_HEADS, unmirror
from facial_keypoints.models.registry import build_model

pytestmark = pytest.mark.training

keras = pytest.importorskip("keras")
SETTINGS = {"filters": 2, "blocks": 1}


def random_weights(model, seed):
    """Kernels and statistics of batch normalisation; the positions of the heat maps stay."""
    random = np.random.default_rng(seed)

    def drawn(weight):
        if weight.ndim == 4:
            return weight + random.normal(0, 0.05, weight.shape)
        return np.abs(weight + random.normal(0, 0.1, weight.shape)) if weight.ndim == 1 else weight

    return [drawn(weight) for weight in model.get_weights()]


@pytest.fixture(scope="module")
def images():
    return bright_spots(6).images


@pytest.fixture(scope="module")
def members(images):
    """The weights of two members, and the mean of their predictions on images and mirror images."""
    from facial_keypoints.training.prediction import predict_with_tta

    model = build_model("heatmap_unet", {**SETTINGS, "points": NUM_HEADS})
    weights, predictions = [], []
    for seed in (1, 2):
        weights.append(random_weights(model, seed))
        model.set_weights(weights[-1])
        predictions.append(predict_with_tta(model, images))
    assert np.abs(predictions[0] - predictions[1]).max() > 0.1
    return weights, predictions


@pytest.fixture(scope="module")
def bias():
    return np.random.default_rng(0).normal(size=(NUM_HEADS, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def loaded(members, bias, tmp_path_factory):
    """The ensemble, saved and loaded in Keras' safe mode."""
    path = tmp_path_factory.mktemp("ensemble") / "model.keras"
    build_ensemble(SETTINGS, members[0], bias).save(path)
    return keras.saving.load_model(path, safe_mode=True)


def test_ensemble_is_the_mean_of_its_members_plus_the_mirror_bias(loaded, images, members, bias):
    found = np.asarray(loaded(images)).reshape(6, NUM_HEADS, 2)
    np.testing.assert_allclose(found, np.mean(members[1], axis=0) + bias, atol=1e-2)


def test_mirror_images_have_mirrored_predictions_without_the_bias(loaded, images, bias):
    found, mirrored = (
        np.asarray(loaded(each)).reshape(6, NUM_HEADS, 2) for each in (images, images[:, :, ::-1])
    )
    np.testing.assert_allclose(unmirror(mirrored - bias), found - bias, atol=1e-2)


def test_ensemble_has_only_layers_of_keras(loaded):
    layers = list(loaded._flatten_layers())
    assert all(type(layer).__module__.startswith("keras.") for layer in layers)
    assert not any("BatchNormalization" in type(layer).__name__ for layer in layers)


def test_ensemble_of_one_member_is_that_member(images, members):
    model = build_ensemble(SETTINGS, members[0][:1], np.zeros((NUM_HEADS, 2), np.float32))
    found = np.asarray(model(images)).reshape(6, NUM_HEADS, 2)
    np.testing.assert_allclose(found, members[1][0], atol=1e-2)
