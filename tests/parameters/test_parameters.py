import re
from pathlib import Path

import pytest
from parameters import base_parameters, merged

from facial_keypoints.errors import InputError
from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.parameters import (
    Parameters,
    base_variant,
)
from facial_keypoints.parameters.checks import check_parameters

CONF = Path(__file__).parents[2] / "conf"
JARGON = re.compile(r"pydantic|https?://|Input|Field required|Extra inputs|Value error|valid ")


def variant(architecture="conv_stack", **more):
    return {"architecture": architecture, "settings": {"convs": 2, "pools": 1}, **more}


BASE = {
    **base_parameters().model_dump(mode="json"),
    "architectures": {},
    "paper": {},
    "variants": {"small": variant()},
}


def raw(**sections):
    """Base parameters with one variant; ``sections`` change them, a dict only what it names."""
    whole = {name: sections[name] for name in ("variants", "paper") if name in sections}
    return {**merged(BASE, sections), **whole}


def problems(given):
    """The lines of the one message: a heading, then a line for each problem."""
    with pytest.raises(InputError) as error:
        check_parameters(given)
    heading, *lines = str(error.value).split("\n")
    assert heading == "Parameters cannot be used:"
    assert lines
    assert all(line.startswith("  - ") for line in lines)
    assert not JARGON.search(str(error.value)), str(error.value)
    return [line.removeprefix("  - ") for line in lines]


def problem(given):
    lines = problems(given)
    assert len(lines) == 1, lines
    return lines[0]


# What is right


@pytest.mark.parametrize("env", sorted(p.parent.name for p in CONF.glob("*/globals.yml")))
def test_every_environment_is_right(env):
    assert load_parameters(CONF, env).chosen


def test_a_variant_gets_its_name_and_what_it_does_not_say_about_training():
    parameters = check_parameters(
        raw(
            train={"epochs": 7, "seed": 3, "reduce_on_plateau": {"factor": 0.3, "patience": 2}},
            variants={
                "plain": variant(),
                "other": variant(train={"epochs": 9, "reduce_on_plateau": {"patience": 8}}),
                "empty": variant(train=None),
            },
        )
    )
    plain, other, empty = parameters.variants.values()
    assert (plain.name, other.name) == ("plain", "other")
    assert (plain.train.epochs, plain.train.seed, plain.train.batch_size) == (7, 3, 64)
    assert (other.train.epochs, other.train.seed) == (9, 3)
    assert other.train.reduce_on_plateau == plain.train.reduce_on_plateau.model_copy(
        update={"patience": 8}
    )
    assert empty.train == plain.train == parameters.train


def test_what_is_checked_can_be_checked_again():
    parameters = check_parameters(raw(train={"epochs": 3}))
    assert check_parameters(parameters.model_dump(mode="json")) == parameters


@pytest.mark.parametrize(
    ("only", "chosen"),
    [
        (None, ["a", "b-1", "c_2"]),
        (["c_2", "a"], ["a", "c_2"]),
        ("b-1", ["b-1"]),
        ("c_2+a", ["a", "c_2"]),
        ("a + c_2", ["a", "c_2"]),
    ],
)
def test_the_study_chooses_in_the_order_of_the_configuration(only, chosen):
    variants = {name: variant() for name in ("a", "b-1", "c_2")}
    assert check_parameters(raw(variants=variants, study={"only": only})).chosen == chosen


@pytest.mark.parametrize(
    ("only", "chosen"),
    [
        (["table_3"], ["a"]),
        ("table_4+own", ["a", "b", "own"]),
        ("paper", ["a", "b"]),
    ],
)
def test_the_study_chooses_by_table(only, chosen):
    given = raw(
        variants={name: variant() for name in ("a", "b", "own")},
        paper={
            "table_3": [{"row": "A", "variant": "a"}],
            "table_4": [{"row": "A", "variant": "a"}, {"row": "B", "variant": "b"}],
        },
        study={"only": only},
    )
    assert check_parameters(given).chosen == chosen


def test_a_variant_starts_from_its_architecture():
    given = raw(
        architectures={"conv_stack": {"dropout": 0.2, "negative_slope": 0.3, "pools": 0}},
        variants={"a": variant(), "b": variant(settings={"dropout": 0.4})},
    )
    a, b = check_parameters(given).variants.values()
    assert a.settings == {"dropout": 0.2, "negative_slope": 0.3, "convs": 2, "pools": 1}
    assert b.settings == {"dropout": 0.4, "negative_slope": 0.3, "pools": 0}


def test_a_scaled_study_shrinks_width_epochs_and_batch_together():
    given = raw(
        train={"epochs": 100},
        variants={"a": variant(), "b": variant(settings={"width": 0.5}, train={"epochs": 150})},
        study={"scale": 0.2},
    )
    a, b = check_parameters(given).planned().variants.values()
    assert (a.settings["width"], b.settings["width"]) == (0.2, 0.1)
    assert (a.train.epochs, b.train.epochs) == (20, 30)
    assert a.train.batch_size == 13
    assert (a.train.reduce_on_plateau.patience, a.train.early_stopping_patience) == (2, 5)
    tiny = check_parameters(merged(given, {"study": {"scale": 0.02}})).planned().variants["a"]
    assert (tiny.train.epochs, tiny.train.batch_size) == (2, 8)


def test_at_full_scale_nothing_changes():
    parameters = check_parameters(raw())
    assert parameters.planned() == parameters


def test_what_the_command_line_gives_as_text_is_scaled_as_a_number():
    given = raw(variants={"a": variant(settings={"width": "0.5"})}, study={"scale": 0.5})
    assert check_parameters(given).planned().variants["a"].settings["width"] == 0.25


def test_an_architecture_with_nothing_under_it_is_as_if_it_were_not_there():
    given = raw(architectures={"conv_stack": None})
    assert check_parameters(given).variants["small"].settings == {"convs": 2, "pools": 1}


def test_seeds_repeat_each_variant_and_keep_the_name_of_the_one_there_is():
    given = raw(
        variants={"a": variant(), "b": variant(train={"seed": 5})},
        study={"only": "a", "seeds": "0+5"},
    )
    planned = check_parameters(given).planned()
    assert planned.chosen == ["a", "a-seed5"]
    seeds = {name: v.train.seed for name, v in planned.variants.items()}
    assert seeds == {"a": 0, "a-seed5": 5, "b-seed0": 0, "b": 5}
    assert [base_variant(name) for name in planned.variants] == ["a", "a", "b", "b"]
    one = check_parameters(merged(given, {"study": {"only": None, "seeds": 7}})).planned()
    assert one.chosen == ["a-seed7", "b-seed7"]


def test_what_is_wrong_for_all_variants_of_an_architecture_is_told_once():
    given = raw(
        architectures={"conv_stack": {"dropout": 2, "colour": "red"}},
        variants={"a": variant(), "b": variant(), "c": variant(settings={"dropout": 3})},
    )
    lines = problems(given)
    assert [line.split(":")[0] for line in lines] == [
        "architectures.conv_stack.dropout",
        "architectures.conv_stack.colour",
        "variants.c.settings.dropout",
    ]
    line = problem(raw(architectures={"conv_stak": {}}))
    assert line.startswith("architectures: unknown architecture 'conv_stak' (did you mean")


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"study": {"scale": 0}}, "study.scale: must be greater than or equal to 0.02, not 0"),
        ({"study": {"scale": 2}}, "study.scale: must be less than or equal to 1, not 2"),
        ({"study": {"seeds": [1, 2, 1]}}, "study.seeds: each seed once; repeated: 1"),
        ({"study": {"seeds": "0+0+3+3"}}, "study.seeds: each seed once; repeated: 0, 3"),
        ({"study": {"seeds": []}}, "study.seeds: name at least one seed, or leave it null"),
        ({"study": {"seeds": [-1]}}, "study.seeds.0: must be greater than or equal to 0, not -1"),
        ({"study": {"seeds": "0+x"}}, "study.seeds.1: must be a whole number, not 'x'"),
        ({"study": {"only": "table_9"}}, "study.only: unknown variant 'table_9' (did you mean"),
        (
            {"variants": {"a-seed3": variant()}, "paper": {}},
            "variants.a-seed3: study.seeds gives names that end so",
        ),
        (
            {"variants": {"champion": variant()}, "paper": {}},
            "variants.champion: the pipelines call something else so",
        ),
        (
            {"paper": {"table_3": [{"row": "A", "variant": "smal"}]}},
            "paper.table_3: unknown variant 'smal' (did you mean 'small'?)",
        ),
        (
            {"paper": {"table_3": [{"row": "A", "variant": "small", "val_acc": 0.5}]}},
            "paper.table_3.0: a row has all four figures",
        ),
        (
            {"paper": {"table_3": [{"row": "A", "variant": "small", "tst_loss": 1}]}},
            "paper.table_3.0.tst_loss: unknown parameter (did you mean 'test_loss'?); right ones: "
            "row, variant",
        ),
        (
            {"paper": {"table_3": [{"row": "A", "variant": "small", "val_loss": 0}]}},
            "paper.table_3.0.val_loss: must be greater than 0, not 0",
        ),
        ({"variants": {"small": variant(), "table_3": variant()}}, "variants.table_3: study.only"),
        ({"architectures": {"conv_stack": 5}}, "architectures.conv_stack: must be a group"),
        ({"architectures": [1]}, "architectures: must be a group of names and values, not [1]"),
        ({"study": {"seeds": 1.5}}, "study.seeds.0: must be a whole number, not 1.5"),
        ({"paper": {"table_9": []}}, "paper.table_9: must be 'table_3', 'table_4', 'table_5'"),
    ],
)
def test_a_study_that_cannot_be_is_told(sections, said):
    given = {"paper": {"table_3": [{"row": "A", "variant": "small"}]}, **sections}
    assert problem(raw(**given)).startswith(said)


def test_the_home_folder_may_be_written_as_a_tilde():
    parameters = check_parameters(raw(download={"source": "archive", "archive": "~/a.zip"}))
    assert parameters.download.archive == Path.home() / "a.zip"


# Unknown names


@pytest.mark.parametrize(
    ("given", "where", "meant", "right"),
    [
        (raw(augmnt={}), "augmnt", "augment", "download, clean, augment, split, train"),
        (raw(train={"epoch": 3}), "train.epoch", "epochs", "epochs, batch_size, learning_rate"),
        (raw(split={"hold_out": 0.1}), "split.hold_out", "holdout", "by, holdout, validation"),
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
            raw(variants={"train": variant(setings={})}),  # named like a parameter of its own
            "variants.train.setings",
            "settings",
            "architecture, settings, train",
        ),
        (
            raw(variants={"small": variant(settings={"pols": 2})}),
            "variants.small.settings.pols",
            "pools",
            "width, convs, filters, pools",
        ),
    ],
)
def test_an_unknown_name_is_told_with_the_right_ones(given, where, meant, right):
    line = problem(given)
    assert line.startswith(f"{where}: unknown parameter (did you mean '{meant}'?); right ones: ")
    assert f"right ones: {right}" in line


def test_a_name_like_no_other_is_told_without_a_guess():
    assert problem(raw(xyzzy=1)).startswith("xyzzy: unknown parameter; right ones: download, clean")


def test_an_unknown_architecture_is_told_with_the_right_ones():
    line = problem(raw(variants={"small": variant("conv_stak")}))
    assert line.startswith("variants.small.architecture: unknown architecture 'conv_stak'")
    assert "did you mean 'conv_stack'?" in line
    assert "right ones: alexnet, conv_stack" in line


def test_an_unknown_variant_is_told_with_the_right_ones():
    line = problem(raw(study={"only": "smal+small+huge"}))
    assert line == (
        "study.only: unknown variant 'smal' (did you mean 'small'?), 'huge'; right ones: small"
    )


def test_every_problem_is_told_and_those_of_train_only_once():
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


# Wrong values


@pytest.mark.parametrize(
    ("sections", "line"),
    [
        ({"train": {"epochs": 0}}, "train.epochs: must be greater than or equal to 1, not 0"),
        ({"train": {"epochs": 2.5}}, "train.epochs: must be a whole number, not 2.5"),
        ({"train": {"epochs": "many"}}, "train.epochs: must be a whole number, not 'many'"),
        ({"train": {"epochs": None}}, "train.epochs: must be a whole number, not None"),
        ({"train": {"learning_rate": 0}}, "train.learning_rate: must be greater than 0, not 0"),
        (
            {"train": {"learning_rate": float("inf")}},
            "train.learning_rate: must be a finite number, not inf",
        ),
        ({"train": {"max_minutes": -1}}, "train.max_minutes: must be greater than 0, not -1"),
        ({"train": {"cooldown": 1}}, "train.cooldown: must be less than 1, not 1"),
        (
            {"train": {"precision": "float16"}},
            "train.precision: must be 'auto', 'float32', 'mixed_bfloat16' or 'mixed_float16', "
            "not 'float16'",
        ),
        (
            {"train": {"deterministic": "maybe"}},
            "train.deterministic: must be true or false, not 'maybe'",
        ),
        (
            {"download": {"source": "kagle"}},
            "download.source: must be 'kaggle', 'archive' or 'synthetic', not 'kagle'",
        ),
        (
            {"download": {"competition": "a b"}},
            "download.competition: must hold only characters of [a-z0-9-], not 'a b'",
        ),
        ({"download": {"archive": 3}}, "download.archive: must be a path, not 3"),
        (
            {"download": {"synthetic": {"train_faces": 19}}},
            "download.synthetic.train_faces: must be greater than or equal to 20, not 19",
        ),
        ({"split": {"by": "row"}}, "split.by: must be 'group' or 'sample', not 'row'"),
        ({"split": {"holdout": 0}}, "split.holdout: must be greater than 0, not 0"),
        ({"split": {"validation": 1.0}}, "split.validation: must be less than 1, not 1.0"),
        ({"split": {"seed": 2**32}}, "split.seed: must be less than 4294967296, not 4294967296"),
        (
            {"clean": {"missing_labels": "fill"}},
            "clean.missing_labels: must be 'mask', 'drop' or 'forward_fill', not 'fill'",
        ),
        ({"augment": {"rotations": 12}}, "augment.rotations: must be a list, not 12"),
        ({"augment": {"rotations": None}}, "augment.rotations: must be a list, not None"),
        ({"augment": {"rotations": ["x"]}}, "augment.rotations.0: must be a number, not 'x'"),
        ({"augment": {"noise": [0.1, 0]}}, "augment.noise.1: must be greater than 0, not 0"),
        ({"augment": {"shifts": [[1]]}}, "augment.shifts.0.1: is missing"),
        ({"augment": {"shifts": [12]}}, "augment.shifts.0: must be a list, not 12"),
        (
            {"augment": {"shifts": [[1, 2, 3]]}},
            "augment.shifts.0: must have at most 2 values, not [1, 2, 3]",
        ),
        (
            {"augment": {"shifts": [[float("nan"), 2]]}},
            "augment.shifts.0.0: must be a finite number, not nan",
        ),
        (
            {"evaluate": {"grid_faces": 49}},
            "evaluate.grid_faces: must be less than or equal to 48, not 49",
        ),
        ({"study": {"only": 3}}, "study.only: must be a list, not 3"),
        ({"study": {"only": ["small", 3]}}, "study.only.1: must be a text, not 3"),
        ({"study": {"only": []}}, "study.only: no variant is chosen; leave it null for all"),
        ({"train": 3}, "train: must be a group of names and values, not 3"),
        ({"train": "fast"}, "train: must be a group of names and values, not 'fast'"),
        ({"augment": [1]}, "augment: must be a group of names and values, not [1]"),
        ({"variants": 3}, "variants: must be a group of names and values, not 3"),
        ({"variants": None}, "variants: must be a group of names and values, not None"),
        ({"variants": {}}, "variants: there is none; name at least one network to train"),
        ({"variants": {"a": None}}, "variants.a: must be a group of names and values, not None"),
        ({"variants": {"a": {}}}, "variants.a.architecture: is missing"),
        (
            {"variants": {"a": variant(train=3)}},
            "variants.a.train: must be a group of names and values, not 3",
        ),
        (
            {"variants": {"a": variant(settings=3)}},
            "variants.a.settings: must be a group of names and values, not 3",
        ),
        (
            {"variants": {"a b": variant()}},
            "variants.a b: must hold only characters of [A-Za-z0-9_-], not 'a b'",
        ),
        ({"variants": {5: variant()}}, "variants.5: must be a text, not 5"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(sections, line):
    assert problem(raw(**sections)) == line


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"convs": 0}, "variants.a.settings.convs: must be greater than or equal to 1, not 0"),
        ({"convs": 17}, "variants.a.settings: 17 convolutions need as many filters"),
        ({"width": 3}, "variants.a.settings.width: must be less than or equal to 2, not 3"),
        ({"convs": 3, "pools": 3}, "variants.a.settings: 3 pools do not fit 3 convolutions"),
        (
            {"convs": 15, "pools": 7},
            "variants.a.settings: 7 pools do not fit a picture of 96 px with 'valid' padding "
            "(at most 6); set pool_padding: same",
        ),
        (
            {"activation": "gelu"},
            "variants.a.settings.activation: must be 'relu' or 'leaky_relu', not 'gelu'",
        ),
    ],
)
def test_settings_that_do_not_fit_are_told(settings, said):
    assert problem(raw(variants={"a": variant(settings=settings)})).startswith(said)


def test_seven_pools_fit_with_same_padding():
    settings = {"convs": 15, "pools": 7, "pool_padding": "same"}
    assert check_parameters(raw(variants={"a": variant(settings=settings)}))


@pytest.mark.parametrize("archive", [None, ""])
def test_a_source_of_archive_needs_its_path(archive):
    line = problem(raw(download={"source": "archive", "archive": archive}))
    assert line.startswith("download: source is 'archive', so 'archive' must be the path")
    assert "--params download.source=archive,download.archive=" in line


def test_checked_parameters_cannot_be_changed():
    parameters = check_parameters(raw())
    with pytest.raises(ValueError, match="frozen"):
        parameters.train.epochs = 3
    assert isinstance(parameters, Parameters)
