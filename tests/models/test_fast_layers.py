import numpy as np
import pytest

from facial_keypoints.models.registry import build_model

pytestmark = pytest.mark.training

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")


def pair(plain_kind, fast_kind, inputs, **options):
    """Two layers with the same weights."""
    plain, fast = plain_kind(**options), fast_kind(**options)
    for layer in (plain, fast):
        layer.build(inputs.shape)
    fast.set_weights(plain.get_weights())
    return plain, fast


def run(layer, inputs, **options):
    """Return the layer's output, and the gradients of its inputs and weights."""
    variable = tf.Variable(inputs)
    with tf.GradientTape() as tape:
        output = layer(variable, **options)
        loss = tf.reduce_sum(output * tf.reshape(tf.range(float(tf.size(output))), output.shape))
    gradients = tape.gradient(loss, [variable, *(w.value for w in layer.trainable_variables)])
    return [np.asarray(each) for each in (output, *gradients)]


def assert_close(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4 * np.abs(other).max())


def test_fused_batch_normalisation_equals_keras_own_in_training():
    """Output, gradients and moving statistics, but for rounding."""
    from facial_keypoints.models.fast_layers import FusedBatchNormalization

    inputs = np.random.default_rng(0).normal(3, 2, (16, 12, 12, 8)).astype(np.float32)
    plain, fast = pair(keras.layers.BatchNormalization, FusedBatchNormalization, inputs)
    assert_close(run(fast, inputs, training=True), run(plain, inputs, training=True))
    moving = [
        [np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)]
        for layer in (fast, plain)
    ]
    for ours, theirs in zip(*moving, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3)
    assert (moving[0][0] != 0).all()


def test_fused_batch_normalisation_equals_keras_own_in_prediction():
    from facial_keypoints.models.fast_layers import FusedBatchNormalization

    inputs = np.random.default_rng(0).normal(3, 2, (4, 6, 6, 8)).astype(np.float32)
    plain, fast = pair(keras.layers.BatchNormalization, FusedBatchNormalization, inputs)
    assert_close(run(fast, inputs, training=False), run(plain, inputs, training=False))


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_matmul_convolution_equals_keras_own(size):
    from facial_keypoints.models.fast_layers import MATMUL_SIZE, MatmulConv2D

    assert size <= MATMUL_SIZE
    inputs = np.random.default_rng(0).normal(size=(5, size, size, 6)).astype(np.float32)
    options = {"filters": 7, "kernel_size": 3, "padding": "same", "use_bias": False}
    plain, fast = pair(keras.layers.Conv2D, MatmulConv2D, inputs, **options)
    assert_close(run(fast, inputs), run(plain, inputs))


@pytest.mark.parametrize("size", [2, 3, 4])
def test_matmul_convolution_is_nearly_as_exact_as_keras_own_in_bfloat16(size):
    """Its products are rounded, but not their sum: that would double the error."""
    from facial_keypoints.models.fast_layers import MatmulConv2D

    random = np.random.default_rng(0)
    inputs = tf.cast(random.normal(size=(16, size, size, 64)), tf.bfloat16)
    kernel = tf.cast(random.normal(0, 0.05, (3, 3, 64, 32)), tf.bfloat16)
    options = {"filters": 32, "kernel_size": 3, "padding": "same", "use_bias": False}

    def convolved(kind, dtype):
        layer = kind(**options, dtype=dtype)
        layer.build(inputs.shape)
        layer.set_weights([tf.cast(kernel, dtype)])
        return np.asarray(tf.cast(layer(tf.cast(inputs, dtype)), tf.float32))

    exact = convolved(keras.layers.Conv2D, "float32")
    plain, fast = (
        np.sqrt(np.mean((convolved(kind, "bfloat16") - exact) ** 2))
        for kind in (keras.layers.Conv2D, MatmulConv2D)
    )
    assert 0 < fast < 1.7 * plain


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("conv_stack", {"convs": 11, "pools": 5, "width": 0.05}),
        ("heatmap_unet", {"filters": 4}),
    ],
)
def test_fast_network_has_the_weights_and_predictions_of_the_plain_one(architecture, settings):
    fast = build_model(architecture, {**settings, "fast_training": True})
    plain = build_model(architecture, settings)
    kinds = {type(layer).__name__ for layer in fast.layers}
    assert "FusedBatchNormalization" in kinds
    assert ("MatmulConv2D" in kinds) == (architecture == "conv_stack")
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (4, 96, 96), dtype=np.uint8)
    plain.set_weights(fast.get_weights())
    np.testing.assert_allclose(plain(images), fast(images), rtol=1e-3, atol=1e-2)


def test_trained_model_loads_without_this_package(tmp_path):
    """It consists of Keras' own layers, though it is trained with fast ones."""
    import subprocess
    import sys

    from facial_keypoints.training.models import build_trained_model

    settings = {"convs": 4, "pools": 2, "width": 0.05}
    weights = build_model("conv_stack", {**settings, "fast_training": True}).get_weights()
    build_trained_model("conv_stack", settings, weights).save(tmp_path / "model.keras")
    code = (
        "import sys, keras; sys.modules['facial_keypoints'] = None; "
        "print(keras.saving.load_model('model.keras', safe_mode=True).output_shape)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.stdout.strip() == "(None, 30)", ran.stderr
