import pytest
from parameters import section

from facial_keypoints.parameters import (
    PaperRow,
    StudyParameters,
    TrainParameters,
    VariantParameters,
    base_variant,
)
from facial_keypoints.parameters.study import scale_variant


def variant(settings=None, **train):
    return VariantParameters(
        name="any",
        architecture="conv_stack",
        settings={"convs": 2, "pools": 1, **(settings or {})},
        train=section(TrainParameters, **train),
    )


@pytest.mark.parametrize(
    ("given", "only"),
    [
        (None, None),
        ("vgg16", ["vgg16"]),
        ("table_4+vgg16", ["table_4", "vgg16"]),
        ("table_4 + vgg16", ["table_4", "vgg16"]),
        (["table_4", "vgg16"], ["table_4", "vgg16"]),
    ],
)
def test_only_accepts_names_joined_by_plus_or_a_list(given, only):
    assert section(StudyParameters, only=given).only == only


@pytest.mark.parametrize(
    ("given", "seeds"),
    [(None, None), (7, [7]), ("7", [7]), ("0+5", [0, 5]), ([0, 5], [0, 5])],
)
def test_seeds_accept_numbers_joined_by_plus_or_a_list(given, seeds):
    assert section(StudyParameters, seeds=given).seeds == seeds


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ([1, 2, 1], "seeds must differ; repeated: 1"),
        ("0+0+3+3", "seeds must differ; repeated: 0, 3"),
        ([], "name at least one seed"),
        ([-1], "greater than or equal to 0"),
        ("0+x", "valid integer"),
        (1.5, "valid integer"),
    ],
)
def test_raises_for_invalid_seeds(seeds, message):
    with pytest.raises(ValueError, match=message):
        section(StudyParameters, seeds=seeds)


@pytest.mark.parametrize("scale", [0, 2])
def test_raises_for_scale_out_of_bounds(scale):
    with pytest.raises(ValueError, match="scale"):
        section(StudyParameters, scale=scale)


def test_paper_row_has_all_figures_or_none():
    assert PaperRow(row="A", variant="a").val_loss is None
    with pytest.raises(ValueError, match="a row has all four figures"):
        PaperRow(row="A", variant="a", val_acc=0.5)


@pytest.mark.parametrize(("name", "base"), [("a", "a"), ("a-seed7", "a"), ("a-seed", "a-seed")])
def test_base_variant_drops_the_seed(name, base):
    assert base_variant(name) == base


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"convs": 0}, "convs"),
        ({"convs": 17}, "17 convolutions need as many filters"),
        ({"width": 3}, "width"),
        ({"convs": 3, "pools": 3}, "3 pools do not fit 3 convolutions"),
        ({"convs": 15, "pools": 7}, "set pool_padding: same"),
        ({"activation": "gelu"}, "activation"),
    ],
)
def test_raises_for_settings_that_do_not_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        variant(settings)


def test_seven_pools_fit_with_same_padding():
    fitting = {"convs": 15, "pools": 7, "pool_padding": "same"}
    assert variant(fitting).settings == fitting


def test_settings_keep_only_what_is_given():
    assert variant().settings == {"convs": 2, "pools": 1}


def test_scale_reduces_width_epochs_batch_size_and_patience():
    scaled = scale_variant(variant({"width": 0.5}, epochs=150), 0.2)
    assert scaled.settings["width"] == 0.1
    assert (scaled.train.epochs, scaled.train.batch_size) == (30, 13)
    assert scaled.train.warmup_steps == 40
    assert scaled.train.reduce_on_plateau.patience == 2
    assert scaled.train.early_stopping_patience == 5


def test_scale_keeps_one_epoch_and_a_batch_of_eight_at_least():
    scaled = scale_variant(variant(epochs=10), 0.02)
    assert (scaled.train.epochs, scaled.train.batch_size) == (1, 8)


def test_scale_never_raises_batch_size_or_patience():
    few = variant(batch_size=4, early_stopping_patience=3, reduce_on_plateau={"patience": 1})
    scaled = scale_variant(few, 0.5)
    assert scaled.train.batch_size == 4
    assert scaled.train.early_stopping_patience == 3
    assert scaled.train.reduce_on_plateau.patience == 1


def test_scale_converts_width_given_as_text():
    assert scale_variant(variant({"width": "0.5"}), 0.5).settings["width"] == 0.25


def test_scale_keeps_a_tenth_of_the_width():
    assert scale_variant(variant({"width": 0.5}), 0.02).settings["width"] == 0.05


def test_width_and_epochs_take_the_place_of_the_scale():
    scaled = scale_variant(variant(epochs=150), 0.2, width=0.5, epochs=40)
    assert (scaled.settings["width"], scaled.train.epochs) == (0.5, 40)
    assert scaled.train.batch_size == 13
    assert scale_variant(variant(), 1.0, epochs=7).train.epochs == 7


def test_full_scale_changes_nothing():
    assert scale_variant(variant(), 1.0) == variant()
