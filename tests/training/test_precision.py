import pytest

from facial_keypoints.training import precision
from facial_keypoints.training.precision import choose_precision, processor_has_bfloat16

FULL_WIDTH = "conv_stack", {"convs": 3, "pools": 1}


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
    assert choose_precision(precision, *FULL_WIDTH) == (precision, "as requested")


def test_auto_chooses_one_of_two():
    assert choose_precision("auto", *FULL_WIDTH)[0] in {"float32", "mixed_bfloat16"}


def test_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="unknown precision 'half'"):
        choose_precision("half", *FULL_WIDTH)


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
    assert choose_precision("auto", *FULL_WIDTH)[0] == chosen


@pytest.mark.parametrize(
    ("architecture", "width", "chosen"),
    [
        ("conv_stack", 1, "mixed_bfloat16"),
        ("conv_stack", 0.5, "mixed_bfloat16"),
        ("conv_stack", 0.25, "float32"),  # 8 filters at first
        ("heatmap_unet", 1, "mixed_bfloat16"),  # though it ends in 15 heat maps
        ("heatmap_unet", 0.1, "float32"),
    ],
)
def test_narrow_network_trains_in_float32_on_a_processor(monkeypatch, architecture, width, chosen):
    monkeypatch.setattr(precision, "processor_has_bfloat16", lambda: True)
    assert choose_precision("auto", architecture, {"width": width})[0] == chosen
