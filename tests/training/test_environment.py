import json
import os

import pytest
from parameters import section

from facial_keypoints.errors import InputError
from facial_keypoints.parameters import TrainParameters, VariantParameters
from facial_keypoints.training.environment import (
    check_variables,
    numeric_variables,
    use_tensorflow,
    variables_of_keras,
)
from facial_keypoints.training.fingerprints import differences, fingerprint, origin_of


@pytest.fixture
def keras_home(tmp_path):
    """Return variables that name a folder with the given keras.json."""

    def write(content):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "keras.json").write_text(text)
        return {"KERAS_HOME": str(tmp_path)}

    return write


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "KERAS_BACKEND",
            "jax",
            "KERAS_BACKEND=jax: the networks are trained with TensorFlow",
        ),
        ("KERAS_BACKEND", "TensorFlow", "KERAS_BACKEND=TensorFlow"),
        (
            "KERAS_MAX_EPOCHS",
            "2",
            "KERAS_MAX_EPOCHS=2: .* train fewer epochs .* unset KERAS_MAX",
        ),
        ("KERAS_MAX_STEPS_PER_EPOCH", "1", "KERAS_MAX_STEPS_PER_EPOCH=1: .* fewer steps"),
    ],
)
def test_raises_input_error_for_variables_that_change_a_training(variable, value, message):
    with pytest.raises(InputError, match=message):
        check_variables({variable: value})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"floatx": "float64"}, "keras.json sets floatx to 'float64', .* default, 'float32'"),
        ({"image_data_format": "channels_first"}, "sets image_data_format to 'channels_first'"),
        ({"epsilon": 1e-3}, "sets epsilon to 0.001"),
        ([1], "keras.json sets floatx to"),
    ],
)
def test_raises_input_error_for_settings_in_keras_json(keras_home, content, message):
    with pytest.raises(InputError, match=message):
        check_variables(keras_home(content))


@pytest.mark.parametrize(
    "content",
    [
        {
            "floatx": "float32",
            "epsilon": 1e-07,
            "backend": "tensorflow",
            "image_data_format": "channels_last",
        },
        {"backend": "theano", "image_dim_ordering": "th"},  # of old versions of Keras
        "no JSON",
    ],
)
def test_keras_json_without_effect_is_accepted(keras_home, content):
    check_variables(keras_home(content))


def test_usual_environment_is_accepted(tmp_path):
    usual = {
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": str(tmp_path),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    check_variables(usual)
    check_variables({})
    assert variables_of_keras({**usual, "TF_ENABLE_ONEDNN_OPTS": "1"}) == []


def test_variables_that_tensorflow_follows_are_listed(keras_home):
    given = {"TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": "", "TF_VAR_password": "x"}
    assert variables_of_keras({**given, **keras_home({"backend": "jax"})}) == [
        "CUDA_VISIBLE_DEVICES=",
        "TF_ENABLE_ONEDNN_OPTS=0",
        "KERAS_BACKEND=tensorflow (keras.json names jax)",
    ]
    assert numeric_variables(given) == {}


@pytest.mark.parametrize(
    ("given", "used"), [(None, "tensorflow"), ("", "tensorflow"), ("jax", "jax")]
)
def test_keras_uses_tensorflow_unless_told_otherwise(monkeypatch, given, used):
    monkeypatch.setenv("KERAS_BACKEND", given or "")
    if given is None:
        monkeypatch.delenv("KERAS_BACKEND")
    use_tensorflow()
    assert os.environ["KERAS_BACKEND"] == used  # ``check_variables`` refuses the last one


def test_variables_that_change_numbers_are_part_of_the_fingerprint(monkeypatch):
    variant = VariantParameters(
        name="small", architecture="conv_stack", settings={}, train=section(TrainParameters)
    )
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    plain = origin_of(variant, {})
    assert "environment" not in plain
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_auto_jit=2")
    other = origin_of(variant, {})
    assert fingerprint(plain) != fingerprint(other)
    assert differences(plain, other) == ("environment.TF_XLA_FLAGS None, now --tf_xla_auto_jit=2")
