import pytest

from facial_keypoints.training.precision import choose_precision, processor_has_bfloat16


@pytest.mark.parametrize(
    ("flags", "has"), [("fpu avx512_bf16 sse", True), ("amx_bf16", True), ("fpu sse avx2", False)]
)
def test_bfloat16_is_found_in_the_flags_of_the_processor(tmp_path, flags, has):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"flags\t\t: {flags}\n")
    assert processor_has_bfloat16(cpuinfo) == has


def test_processor_without_cpuinfo_is_taken_to_have_none(tmp_path):
    assert not processor_has_bfloat16(tmp_path / "nowhere")


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_given_precision_is_chosen(precision):
    assert choose_precision(precision) == (precision, "as requested")


def test_auto_chooses_one_of_two():
    assert choose_precision("auto")[0] in {"float32", "mixed_bfloat16"}


def test_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="unknown precision 'half'"):
        choose_precision("half")


@pytest.mark.parametrize(
    ("capabilities", "chosen"),
    [
        ([(9, 0)], "mixed_bfloat16"),
        ([(8, 0), (8, 6)], "mixed_bfloat16"),
        ([(8, 0), (7, 5)], "float32"),
        ([None], "float32"),  # no Nvidia GPU, or one without details
    ],
)
def test_bfloat16_is_chosen_where_every_gpu_multiplies_it(monkeypatch, capabilities, chosen):
    import tensorflow as tf

    def details(gpu):
        return {} if gpu is None else {"compute_capability": gpu}

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: capabilities)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details)
    assert choose_precision("auto")[0] == chosen
