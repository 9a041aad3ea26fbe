"""What variants inherit, and which of them the study trains."""

import pytest
from parameters import CONF, raw_parameters, raw_variant

from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.parameters import Parameters


def parameters(**changes):
    return Parameters.model_validate(raw_parameters(**changes))


@pytest.mark.parametrize("env", sorted(path.parent.name for path in CONF.glob("*/globals.yml")))
def test_every_environment_is_valid(env):
    assert load_parameters(CONF, env).chosen


def test_parameters_survive_a_round_trip_through_json_types():
    checked = parameters(train={"epochs": 3})
    assert Parameters.model_validate(checked.model_dump(mode="json")) == checked


def test_variant_gets_its_name():
    assert parameters(variants={"a": raw_variant()}).variants["a"].name == "a"


@pytest.mark.parametrize("train", [{}, None])
def test_variant_inherits_train(train):
    checked = parameters(train={"epochs": 7}, variants={"a": raw_variant(train=train)})
    assert checked.variants["a"].train == checked.train
    assert checked.train.epochs == 7


def test_variant_overrides_single_values_of_train():
    checked = parameters(
        train={"epochs": 7, "seed": 3, "reduce_on_plateau": {"factor": 0.3, "patience": 2}},
        variants={"a": raw_variant(train={"epochs": 9, "reduce_on_plateau": {"patience": 8}})},
    )
    train = checked.variants["a"].train
    assert (train.epochs, train.seed) == (9, 3)
    assert (train.reduce_on_plateau.factor, train.reduce_on_plateau.patience) == (0.3, 8)


def test_variant_inherits_settings_of_its_architecture():
    checked = parameters(
        architectures={"conv_stack": {"dropout": 0.2, "negative_slope": 0.3, "pools": 0}},
        variants={"a": raw_variant(), "b": raw_variant(settings={"dropout": 0.4})},
    )
    a, b = checked.variants.values()
    assert a.settings == {"dropout": 0.2, "negative_slope": 0.3, "convs": 2, "pools": 1}
    assert b.settings == {"dropout": 0.4, "negative_slope": 0.3, "pools": 0}


def test_architecture_with_nothing_under_it_shares_no_settings():
    checked = parameters(architectures={"conv_stack": None})
    assert checked.variants["small"].settings == {"convs": 2, "pools": 1}


def test_settings_may_be_empty():
    checked = parameters(variants={"a": {"architecture": "conv_stack", "settings": None}})
    assert checked.variants["a"].settings == {}


@pytest.mark.parametrize(
    ("only", "chosen"),
    [(None, ["a", "b-1", "c_2"]), (["c_2", "a"], ["a", "c_2"]), ("b-1", ["b-1"])],
)
def test_chosen_variants_follow_the_order_of_the_configuration(only, chosen):
    variants = {name: raw_variant() for name in ("a", "b-1", "c_2")}
    assert parameters(variants=variants, study={"only": only}).chosen == chosen


@pytest.mark.parametrize(
    ("only", "chosen"),
    [(["table_3"], ["a"]), ("table_4+own", ["a", "b", "own"]), ("paper", ["a", "b"])],
)
def test_tables_of_the_paper_choose_their_variants(only, chosen):
    checked = parameters(
        variants={name: raw_variant() for name in ("a", "b", "own")},
        paper={
            "table_3": [{"row": "A", "variant": "a"}],
            "table_4": [{"row": "A", "variant": "a"}, {"row": "B", "variant": "b"}],
        },
        study={"only": only},
    )
    assert checked.chosen == chosen


def test_parameters_without_seeds_stay_as_they_are():
    assert parameters().repeated() == parameters()


def test_repeats_each_variant_per_seed_and_keeps_the_name_for_its_own_seed():
    repeated = parameters(
        variants={"a": raw_variant(), "b": raw_variant(train={"seed": 5})},
        study={"only": "a", "seeds": "0+5"},
    ).repeated()
    assert repeated.chosen == ["a", "a-seed5"]
    seeds = {name: variant.train.seed for name, variant in repeated.variants.items()}
    assert seeds == {"a": 0, "a-seed5": 5, "b-seed0": 0, "b": 5}
    assert all(variant.name == name for name, variant in repeated.variants.items())


def test_repeating_with_one_other_seed_renames_every_variant():
    variants = {"a": raw_variant(), "b": raw_variant(train={"seed": 5})}
    assert parameters(variants=variants, study={"seeds": 7}).repeated().chosen == [
        "a-seed7",
        "b-seed7",
    ]
