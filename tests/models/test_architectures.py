"""What every registered architecture must be able to do."""

import numpy as np
import pytest

from facial_keypoints.keypoints import IMAGE_SIZE, NUM_KEYPOINTS
from facial_keypoints.models.registry import architectures, build_model

SMALL = {"conv_stack": {"convs": 3, "pools": 2, "width": 0.1}}
"""Settings that make each architecture quick to try."""

keras = pytest.importorskip("keras")


@pytest.fixture(params=sorted(architectures()))
def model(request):
    keras.utils.set_random_seed(0)
    return build_model(request.param, SMALL.get(request.param, {}))


def pictures(n):
    return np.random.default_rng(0).integers(0, 256, (n, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)


def test_takes_byte_pictures_and_gives_float_coordinates(model):
    points = model.predict(pictures(3), verbose=0)
    assert points.shape == (3, 2 * NUM_KEYPOINTS)
    assert points.dtype == np.float32
    assert np.isfinite(points).all()


def test_survives_saving_and_loading(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    given = pictures(2)
    np.testing.assert_allclose(
        loaded.predict(given, verbose=0), model.predict(given, verbose=0), rtol=1e-5, atol=1e-5
    )


def test_training_lowers_the_loss_on_one_batch(model):
    from facial_keypoints.models.losses import MaskedMeanSquaredError

    targets = np.random.default_rng(1).uniform(20, 76, (8, 30)).astype(np.float32)
    targets[::2, 4:20] = np.nan
    model.compile(keras.optimizers.Adam(1e-3), MaskedMeanSquaredError())
    given = pictures(8)
    losses = [model.train_on_batch(given, targets) for _ in range(6)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


def test_output_stays_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build_model("conv_stack", SMALL["conv_stack"])
    finally:
        keras.config.set_dtype_policy("float32")
    assert mixed.get_layer("conv2").compute_dtype == "bfloat16"
    assert mixed.predict(pictures(1), verbose=0).dtype == np.float32


def test_defaults_are_table_1_of_the_paper():
    table_1 = build_model("conv_stack", {})
    layers = [type(layer).__name__ for layer in table_1.layers]
    filters = [layer.filters for layer in table_1.layers if type(layer).__name__ == "Conv2D"]
    assert filters == [32, 32, 64, 64, 96, 96, 128, 128, 256, 256, 512, 512, 1024, 1024, 1024]
    assert layers.count("BatchNormalization") == 15
    assert layers.count("LeakyReLU") == 15
    assert layers.count("MaxPooling2D") == 5
    assert layers.count("Dense") == 1
    assert table_1.count_params() == 28_775_230


@pytest.mark.parametrize(
    ("settings", "pools"),
    [
        ({"convs": 5, "pools": 3}, 3),
        ({"convs": 14, "pools": 3}, 3),
        ({"convs": 16, "pools": 7, "pool_padding": "same"}, 7),
    ],
)
def test_pools_stand_where_asked(settings, pools):
    stack = build_model("conv_stack", {**settings, "width": 0.05})
    names = [layer.name for layer in stack.layers if type(layer).__name__ == "MaxPooling2D"]
    assert names == [f"pool{i}" for i in range(1, pools + 1)]


def test_dense_layers_count_the_output():
    stack = build_model(
        "conv_stack", {"convs": 2, "pools": 1, "width": 0.05, "dense_layers": 3, "dense_units": 7}
    )
    dense = [layer.units for layer in stack.layers if type(layer).__name__ == "Dense"]
    assert dense == [7, 7, 30]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"convs": 5, "pools": 4}, "at most 3"),
        ({"convs": 16, "pools": 7}, "pool_padding: same"),
        ({"convs": 17}, "less than or equal to 16"),
        ({"depth": 3}, "depth"),
    ],
)
def test_settings_that_do_not_fit_are_told(settings, told):
    with pytest.raises(ValueError, match=told):
        build_model("conv_stack", settings)


def test_an_unknown_architecture_is_told_with_the_right_ones():
    with pytest.raises(ValueError, match=r"unknown architecture 'resnet'; .*conv_stack"):
        build_model("resnet", {})
