"""What the user reads when parameters are wrong."""

import re

import pytest
from parameters import raw_parameters as raw
from parameters import raw_variant as variant

from facial_keypoints.errors import InputError
from facial_keypoints.parameters.checks import check_parameters

TABLE = {"table_3": [{"row": "A", "variant": "small"}]}
INTERNALS = re.compile(r"pydantic|https?://|Parameters\b|Settings\b|Value error|Extra inputs")


def problems(given):
    """Return the lines of the message below its heading."""
    with pytest.raises(InputError) as error:
        check_parameters(given)
    heading, *lines = str(error.value).split("\n")
    assert heading == "Invalid parameters:"
    assert lines
    assert all(line.startswith("  - ") for line in lines)
    assert not INTERNALS.search(str(error.value)), str(error.value)
    return [line.removeprefix("  - ") for line in lines]


def problem(given):
    lines = problems(given)
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize(
    ("given", "path", "suggested", "valid"),
    [
        (raw(augmnt={}), "augmnt", "augment", "download, clean, augment, split, train"),
        (raw(train={"epoch": 3}), "train.epoch", "epochs", "epochs, batch_size, optimizer"),
        (raw(split={"hold_out": 0.1}), "split.hold_out", "holdout", "by, holdout, validation"),
        (raw(competition={"minute": 5}), "competition.minute", "minutes", "minutes, size"),
        (
            raw(download={"synthetic": {"train_face": 30}}),
            "download.synthetic.train_face",
            "train_faces",
            "train_faces, test_faces, seed",
        ),
        (
            raw(train={"reduce_on_plateau": {"factr": 0.5}}),
            "train.reduce_on_plateau.factr",
            "factor",
            "factor, patience, min_learning_rate",
        ),
        (
            raw(variants={"small": variant(setings={})}),
            "variants.small.setings",
            "settings",
            "architecture, settings, train",
        ),
        (
            raw(variants={"small": variant(train={"epoch": 3})}),
            "variants.small.train.epoch",
            "epochs",
            "epochs, batch_size",
        ),
        (
            raw(variants={"small": variant(train={"reduce_on_plateau": {"patient": 3}})}),
            "variants.small.train.reduce_on_plateau.patient",
            "patience",
            "factor, patience, min_learning_rate",
        ),
        (
            raw(variants={"train": variant(setings={})}),  # a variant named like a field
            "variants.train.setings",
            "settings",
            "architecture, settings, train",
        ),
        (
            raw(variants={"small": variant(settings={"pols": 2})}),
            "variants.small.settings.pols",
            "pools",
            "width, fast_training, convs, filters, pools",
        ),
        (
            raw(paper={"table_3": [{"row": "A", "variant": "small", "tst_loss": 1}]}),
            "paper.table_3.0.tst_loss",
            "test_loss",
            "row, variant",
        ),
    ],
)
def test_unknown_name_is_reported_with_valid_names(given, path, suggested, valid):
    line = problem(given)
    assert line.startswith(f"{path}: unknown parameter (did you mean '{suggested}'?); valid names:")
    assert f"valid names: {valid}" in line


def test_unknown_name_without_a_similar_one_gets_no_suggestion():
    assert problem(raw(xyzzy=1)).startswith("xyzzy: unknown parameter; valid names: download, ")


def test_unknown_architecture_is_reported_with_valid_names():
    line = problem(raw(variants={"small": variant("conv_stak")}))
    assert line.startswith("variants.small.architecture: unknown architecture 'conv_stak'")
    assert "did you mean 'conv_stack'?" in line
    assert "alexnet, conv_stack" in line


def test_unknown_architecture_of_shared_settings_is_reported():
    line = problem(raw(architectures={"conv_stak": {}}))
    assert line.startswith("architectures: unknown architecture 'conv_stak' (did you mean")


def test_unknown_variants_are_reported_with_valid_names():
    assert problem(raw(study={"only": "smal+small+huge"})) == (
        "study.only: unknown variant 'smal' (did you mean 'small'?), 'huge'; valid names: small"
    )


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"train": {"epochs": 0}}, "train.epochs: should be greater than or equal to 1, got 0"),
        ({"split": {"by": "row"}}, "split.by: should be 'group' or 'sample', got 'row'"),
        ({"train": {"epochs": "x"}}, "train.epochs: should be a valid integer, "),
        ({"train": 3}, "train: should be a valid dictionary, got 3"),
        ({"augment": [1]}, "augment: should be a valid dictionary, got [1]"),
        ({"variants": None}, "variants: should be a valid dictionary, got None"),
        ({"variants": {"a": None}}, "variants.a: should be a valid dictionary, got None"),
        ({"variants": {"a": {}}}, "variants.a.architecture: missing"),
        ({"variants": {"a": variant(train=3)}}, "variants.a.train: should be a valid dictionary"),
        (
            {"variants": {"a": variant(settings=3)}},
            "variants.a.settings: should be a valid dictionary",
        ),
        ({"variants": {"a b": variant()}}, "variants.a b: String should match pattern"),
        ({"variants": {5: variant()}}, "variants.5: "),
        ({"variants": {}, "paper": {}}, "variants: name at least one network to train"),
        ({"variants": {"a-seed3": variant()}, "paper": {}}, "variants.a-seed3: the suffix -seed"),
        ({"variants": {"ensemble": variant()}, "paper": {}}, "variants.ensemble: this name is"),
        (
            {"variants": {"small": variant(), "table_3": variant()}},
            "variants.table_3: this name is reserved",
        ),
        ({"architectures": {"conv_stack": 5}}, "architectures.conv_stack: should be a valid dict"),
        ({"architectures": [1]}, "architectures: should be a valid dictionary, got [1]"),
        ({"study": {"only": "table_9"}}, "study.only: unknown variant 'table_9' (did you mean"),
        ({"study": {"only": []}}, "study.only: name at least one variant"),
        ({"study": {"only": ["small", 3]}}, "study.only.1: should be a valid string, got 3"),
        ({"study": {"only": 3}}, "study.only.0: should be a valid string, got 3"),
        ({"paper": {"table_9": []}}, "paper.table_9: should be 'table_3', 'table_4', 'table_5'"),
        (
            {"paper": {"table_3": [{"row": "A", "variant": "smal"}]}},
            "paper.table_3: unknown variant 'smal' (did you mean 'small'?)",
        ),
        (
            {"paper": {"table_3": [{"row": "A", "variant": "small", "val_acc": 0.5}]}},
            "paper.table_3.0: a row has all four figures",
        ),
        (
            {"paper": {"table_3": [{"row": "A", "variant": "small", "val_loss": 0}]}},
            "paper.table_3.0.val_loss: should be greater than 0, got 0",
        ),
        (
            {"variants": {"small": variant(settings={"convs": 17})}},
            "variants.small.settings: 17 convolutions need as many filters",
        ),
    ],
)
def test_message_says_where_and_what_is_wrong(sections, message):
    assert problem(raw(**{"paper": TABLE, **sections})).startswith(message)


def test_every_problem_is_reported_and_inherited_ones_once():
    given = raw(
        train={"epoch": 3, "batch_size": 0, "reduce_on_plateau": {"patience": "x"}},
        split={"by": "row"},
        variants={"a": variant(), "b": variant(), "c": variant(train={"seed": -1})},
    )
    assert [line.split(":")[0] for line in problems(given)] == [
        "split.by",
        "train.batch_size",
        "train.reduce_on_plateau.patience",
        "train.epoch",
        "variants.c.train.seed",
    ]


def test_wrong_settings_of_an_architecture_are_reported_once():
    given = raw(
        architectures={"conv_stack": {"dropout": 2, "colour": "red"}},
        variants={"a": variant(), "b": variant(), "c": variant(settings={"dropout": 3})},
    )
    assert [line.split(":")[0] for line in problems(given)] == [
        "architectures.conv_stack.dropout",
        "architectures.conv_stack.colour",
        "variants.c.settings.dropout",
    ]


def test_null_value_of_a_variant_is_reported_at_the_variant():
    line = problem(raw(variants={"a": variant(train={"batch_size": None})}))
    assert line.startswith("variants.a.train.batch_size: should be a valid integer")


def test_training_without_end_is_reported():
    line = problem(raw(variants={"a": variant(train={"epochs": None})}))
    assert line.startswith("variants.a.train: set epochs or max_minutes")
