"""What every architecture, and every configured variant, must be able to do."""

import re

import numpy as np
import pytest
from parameters import base_parameters

from facial_keypoints.keypoints import IMAGE_SIZE, NUM_KEYPOINTS
from facial_keypoints.models.architectures.heatmap_unet import fold_norms
from facial_keypoints.models.complexity import network_size
from facial_keypoints.models.registry import architectures, build_model

pytestmark = pytest.mark.training

TABLE_1 = [32, 32, 64, 64, 96, 96, 128, 128, 256, 256, 512, 512, 1024, 1024, 1024]

keras = pytest.importorskip("keras")


PARAMETERS = base_parameters()
VARIANTS = PARAMETERS.variants
"""Of the base environment, all rows of the paper among them."""
PAPER = sorted({row.variant for rows in PARAMETERS.paper.values() for row in rows})
"""Variants that reproduce a row of the paper."""
SMALL = {"width": 0.05, "dense_units": 64}
"""Settings that make a variant fast."""
STEADY = {"dropout": 0.0}
"""Not for stacks of convolutions: half of a few units dropped hides whether the loss falls."""


def small_settings(architecture, settings):
    """Return the settings with which a variant is fast, as far as its architecture has them."""
    changes = SMALL | ({} if architecture == "conv_stack" else STEADY)
    known = architectures()[architecture].settings.model_fields
    return settings | {name: value for name, value in changes.items() if name in known}


MODELS = {
    name: (v.architecture, small_settings(v.architecture, v.settings))
    for name, v in VARIANTS.items()
}
MODELS |= {
    name: (name, small_settings(name, {}))
    for name in sorted(set(architectures()) - {v.architecture for v in VARIANTS.values()})
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    keras.utils.set_random_seed(0)
    yield build_model(*MODELS[request.param])
    keras.backend.clear_session()


def images_of(count):
    return np.random.default_rng(0).integers(
        0, 256, (count, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8
    )


def test_predicts_float_coordinates_of_byte_images_also_when_loaded(model, tmp_path):
    images = images_of(3)
    points = np.asarray(model(images))
    assert points.shape == (3, 2 * NUM_KEYPOINTS)
    assert points.dtype == np.float32
    assert np.isfinite(points).all()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(loaded(images), points, rtol=1e-4, atol=1e-4)


STACKS = [name for name, (architecture, _) in MODELS.items() if architecture == "conv_stack"]
QUICK = {"5cl-3mpl", *(set(MODELS) - set(STACKS))}


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS],
)
def test_training_lowers_the_loss_on_one_batch(name):
    keras.utils.set_random_seed(0)
    model = build_model(*MODELS[name])
    targets = np.random.default_rng(1).uniform(20, 76, (8, 30)).astype(np.float32)
    # building a graph takes longer than these few steps
    model.compile(keras.optimizers.Adam(1e-3), "mse", run_eagerly=True)
    losses = [float(model.train_on_batch(images_of(8), targets)) for _ in range(5)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


def test_output_stays_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build_model("conv_stack", {"convs": 3, "pools": 2, "width": 0.1})
    finally:
        keras.config.set_dtype_policy("float32")
    assert mixed.get_layer("conv2").compute_dtype == "bfloat16"
    assert mixed(images_of(1)).dtype == np.float32


def test_defaults_are_table_1_of_the_paper():
    table_1 = build_model("conv_stack", {})
    layers = [type(layer).__name__ for layer in table_1.layers]
    filters = [layer.filters for layer in table_1.layers if type(layer).__name__ == "Conv2D"]
    assert filters == TABLE_1
    assert layers.count("BatchNormalization") == 15
    assert layers.count("LeakyReLU") == 15
    assert layers.count("MaxPooling2D") == 5
    assert layers.count("Dense") == 1
    assert table_1.count_params() == 28_775_230


@pytest.mark.parametrize("name", [n for n in PAPER if re.match(r"\d+cl-", n)])
def test_row_of_the_paper_has_the_layers_of_its_name(name):
    variant = VARIANTS[name]
    stack = build_model(variant.architecture, variant.settings)
    size = network_size(stack)
    convs, pools = map(int, re.match(r"(\d+)cl-(\d)mpl", name).groups())
    dense = re.search(r"(\d)dense", name)
    assert (size.convs, size.pools) == (convs, pools)
    assert size.dense == (int(dense[1]) if dense else 1)
    assert size.filters == [*TABLE_1, 1024][:convs]
    kinds = [type(layer).__name__ for layer in stack.layers]
    activation = "ReLU" if name.endswith("relu") else "LeakyReLU"
    after_conv = [kinds[i + 1 : i + 3] for i, kind in enumerate(kinds) if kind == "Conv2D"]
    assert after_conv == [[activation, "BatchNormalization"]] * convs
    kernels = {layer.kernel_size for layer in stack.layers if hasattr(layer, "kernel_size")}
    windows = {layer.pool_size for layer in stack.layers if hasattr(layer, "pool_size")}
    assert (kernels, windows) == ({(3, 3)}, {(2, 2)})
    rates = [layer.rate for layer in stack.layers if type(layer).__name__ == "Dropout"]
    drop = re.search(r"drop(\d\d)", name)
    assert rates == ([int(drop[1]) / 100] if drop and drop[1] != "00" else [])


def test_multiply_adds_are_half_of_what_tensorflow_counts_as_operations():
    import tensorflow as tf
    from tensorflow.compat.v1 import profiler

    tf.get_logger().setLevel("ERROR")
    for name in ("alexnet", "5cl-3mpl-3dense"):
        variant = VARIANTS[name]
        network = build_model(variant.architecture, {**variant.settings, "width": 0.2})
        graph = (
            tf.function(network)
            .get_concrete_function(tf.TensorSpec((1, IMAGE_SIZE, IMAGE_SIZE), tf.uint8))
            .graph
        )
        counted = profiler.profile(
            graph, options={**profiler.ProfileOptionBuilder.float_operation(), "output": "none"}
        )
        operations = {
            node.name: node.total_float_ops
            for node in leaves(counted)
            if any(kind in node.name for kind in ("convolution", "MatMul"))
        }
        assert sum(operations.values()) == 2 * network_size(network).multiply_adds


def leaves(node):
    """Yield the leaves of a profile."""
    if not node.children:
        yield node
    for child in node.children:
        yield from leaves(child)


@pytest.mark.parametrize(
    ("settings", "pools"),
    [
        ({"convs": 5, "pools": 3}, 3),
        ({"convs": 14, "pools": 3}, 3),
        ({"convs": 5, "pools": 5, "convs_per_pool": 1}, 5),
        ({"convs": 16, "pools": 7, "pool_padding": "same"}, 7),
    ],
)
def test_pools_follow_the_first_groups_of_convolutions(settings, pools):
    stack = build_model("conv_stack", {**settings, "width": 0.05})
    names = [layer.name for layer in stack.layers if type(layer).__name__ == "MaxPooling2D"]
    assert names == [f"pool{i}" for i in range(1, pools + 1)]


def test_dense_layers_count_the_output():
    stack = build_model(
        "conv_stack", {"convs": 2, "pools": 1, "width": 0.5, "dense_layers": 3, "dense_units": 24}
    )
    dense = [layer.units for layer in stack.layers if type(layer).__name__ == "Dense"]
    assert dense == [12, 12, 30]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"convs": 5, "pools": 4}, "at most 3"),
        ({"convs": 16, "pools": 7}, "pool_padding: same"),
        ({"convs": 17}, "convs must be at most 16"),
        ({"depth": 3}, "depth"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build_model("conv_stack", settings)


def test_heat_maps_have_the_centres_of_their_cells_also_in_a_copy():
    unet = build_model("heatmap_unet", {"filters": 4})
    for model in (unet, keras.models.clone_model(unet)):
        (centres,) = model.get_layer("expected_position").get_weights()
        assert centres.shape == (24 * 24, 2)
        assert centres[0].tolist() == [2, 2]
        assert centres[1].tolist() == [6, 2]
        assert centres[-1].tolist() == [94, 94]


def test_folded_normalisation_leaves_the_predictions_as_they_were():
    settings = {"filters": 4, "points": 3}
    trained = build_model("heatmap_unet", settings)
    folded = build_model("heatmap_unet", {**settings, "folded_norms": True})
    random = np.random.default_rng(0)
    trained.set_weights([np.abs(w + random.normal(0, 0.1, w.shape)) for w in trained.get_weights()])
    fold_norms(trained, folded)
    assert len(folded.get_weights()) < len(trained.get_weights())
    images = images_of(4)
    np.testing.assert_allclose(folded(images), trained(images), rtol=1e-3, atol=1e-2)
