import numpy as np
import pytest

from facial_keypoints.models.registry import build_model

keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def model():
    return build_model("conv_stack", {"convs": 1, "pools": 1, "width": 0.05})


@pytest.fixture(scope="module")
def predict(model):
    from facial_keypoints.models.inference import make_predictor

    return make_predictor(model)


@pytest.mark.parametrize("count", [0, 1, 3, 8, 9, 70])
def test_any_number_of_images_is_predicted(model, predict, count):
    images = np.random.default_rng(0).integers(0, 256, (count, 96, 96), dtype=np.uint8)
    predictions = predict(images)
    assert predictions.shape == (count, 30)
    assert predictions.dtype == np.float32
    if count:
        np.testing.assert_allclose(predictions, model(images), rtol=1e-3, atol=1e-3)
