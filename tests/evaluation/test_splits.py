import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parameters import section

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.splits import SETS, check_split, split_rows, summarise_split
from facial_keypoints.parameters import SplitParameters


def split(groups, parameters, scale=1.0):
    return split_rows(np.array(groups, np.int32), parameters, scale)


def summary_of(faces, parameters):
    rows = split_rows(faces.group, parameters, 1.0)
    sets = {name: faces.select(rows[name]) for name in SETS}
    return summarise_split(sets, len(rows["dropped"]), parameters, 1.0), sets


@settings(max_examples=150, deadline=None)
@given(
    groups=st.lists(st.integers(0, 30), min_size=8, max_size=120),
    holdout=st.floats(0.05, 0.5),
    validation=st.floats(0.05, 0.5),
    unseen=st.just(0.0) | st.floats(0.05, 0.3),
    scale=st.just(1.0) | st.floats(0.6, 1.0),
    by=st.sampled_from(["group", "sample"]),
    shuffle=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_sets_are_disjoint_complete_and_of_the_requested_size(
    groups, holdout, validation, unseen, scale, by, shuffle, seed
):
    parameters = section(
        SplitParameters,
        by=by,
        holdout=holdout,
        validation=validation,
        unseen=unseen,
        shuffle=shuffle,
        seed=seed,
    )
    try:
        rows = split(groups, parameters, scale)
    except InputError:
        assert len(set(groups)) < 16
        return
    everyone = np.concatenate(list(rows.values()))
    assert sorted(everyone) == list(range(len(groups)))
    assert all(part.tolist() == sorted(part) for part in rows.values())
    assert all(len(rows[name]) for name in ("train", "validation", "holdout"))
    train, validating, held, never_seen, dropped = (
        {groups[row] for row in part} for part in rows.values()
    )
    assert not dropped & (train | validating)
    assert not never_seen & (train | validating | held)
    distinct = len(set(groups))
    if by == "group":
        assert not train & validating
        assert not held & (train | validating)
        assert not never_seen
        assert len(held) == math.ceil(holdout * distinct)
        remaining = distinct - len(held)
        remaining -= math.ceil((1 - scale) * remaining)
        assert len(validating) == math.ceil(validation * remaining)
        assert len(train) == remaining - len(validating)
    else:
        assert len(never_seen) == math.ceil(unseen * distinct)
        remaining = len(groups) - len(rows["unseen"]) - len(rows["dropped"])
        assert len(rows["holdout"]) == math.ceil(holdout * remaining)
        remaining -= len(rows["holdout"])
        assert len(rows["validation"]) == math.ceil(validation * remaining)


def test_split_by_sample_gives_the_papers_counts():
    groups = np.random.default_rng(0).integers(0, 7049, 26_239)
    rows = split(groups, section(SplitParameters, by="sample", unseen=0))
    assert len(rows["train"]) + len(rows["validation"]) == 22_303
    assert len(rows["holdout"]) == 3_936
    assert len(rows["validation"]) == 2_231
    assert len(rows["unseen"]) == 0


def test_unseen_faces_by_sample_are_the_holdout_by_group():
    groups = np.random.default_rng(1).integers(0, 40, 200)
    by_group = split(groups, section(SplitParameters, holdout=0.2), scale=0.5)
    by_sample = split(groups, section(SplitParameters, by="sample", unseen=0.2), scale=0.5)
    assert by_sample["unseen"].tolist() == by_group["holdout"].tolist()


def test_split_without_shuffle_takes_the_last_samples():
    parameters = section(
        SplitParameters, by="sample", unseen=0, shuffle=False, holdout=0.2, validation=0.25
    )
    rows = split(range(20), parameters)
    assert rows["holdout"].tolist() == [16, 17, 18, 19]
    assert rows["validation"].tolist() == [12, 13, 14, 15]
    assert rows["train"].tolist() == list(range(12))


def test_split_is_reproducible_and_depends_on_seed():
    first, again, other = (
        split(range(60), section(SplitParameters, seed=seed)) for seed in (4, 4, 5)
    )
    for name in SETS:
        np.testing.assert_array_equal(first[name], again[name])
    assert first["holdout"].tolist() != other["holdout"].tolist()
    assert first["validation"].tolist() != other["validation"].tolist()


def test_split_accepts_the_largest_seed():
    rows = split(range(20), section(SplitParameters, seed=2**32 - 1))
    assert [len(rows[name]) for name in SETS] == [15, 2, 3, 0]


def test_single_group_can_be_split_by_sample_only():
    with pytest.raises(InputError, match=r"none of 1 faces .*use split\.by=sample"):
        split([3] * 10, section(SplitParameters))
    rows = split([3] * 10, section(SplitParameters, by="sample", unseen=0))
    assert [len(rows[name]) for name in SETS] == [7, 1, 2, 0]


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        (section(SplitParameters, holdout=0.95), r"split\.holdout=0\.95 leaves none of 5 faces"),
        (
            section(SplitParameters, validation=0.99),
            r"split\.validation=0\.99 leaves none of 4 faces",
        ),
        (section(SplitParameters, by="sample", holdout=0.95), r"split\.holdout=0\.95 leaves none"),
        (section(SplitParameters, by="sample", unseen=0.95), r"split\.unseen=0\.95 leaves none"),
    ],
)
def test_raises_input_error_for_fraction_that_leaves_no_training_sample(parameters, error):
    with pytest.raises(InputError, match=error):
        split([0, 1, 2, 3, 4], parameters)


def test_raises_input_error_for_scale_that_leaves_no_face():
    with pytest.raises(InputError, match=r"study\.scale=0\.02 leaves none of 25 faces .*=0\.4"):
        split(range(30), section(SplitParameters), scale=0.02)


def test_raises_input_error_for_empty_set():
    with pytest.raises(InputError, match="leaves none of 0 faces"):
        split([], section(SplitParameters, by="sample"))


def test_summary_counts_samples_groups_and_leaked_holdout_samples(make_faces, caplog):
    faces = make_faces(30)
    faces.group[:] = np.arange(30) // 3
    with caplog.at_level("INFO"):
        summary, sets = summary_of(faces, section(SplitParameters, by="sample", unseen=0.2))
    training_groups = {*sets["train"].group, *sets["validation"].group}
    leaked = sum(group in training_groups for group in sets["holdout"].group)
    assert summary.leaked_holdout_samples == leaked > 0
    assert summary.leaks
    percent = 100 * leaked / len(sets["holdout"])
    assert f"{percent:.1f} % of hold-out images have a copy in" in caplog.text
    for name in SETS:
        described = getattr(summary, name)
        assert described.samples == len(sets[name])
        assert described.groups == len(set(sets[name].group))
        assert described.digest == sets[name].digest()


def test_split_by_group_does_not_leak(make_faces):
    faces = make_faces(30)
    faces.group[:] = np.arange(30) // 3
    summary, _ = summary_of(faces, section(SplitParameters))
    assert summary.leaked_holdout_samples == 0
    assert not summary.leaks


@pytest.mark.parametrize(
    ("parameters", "warns"),
    [
        (section(SplitParameters, by="sample", unseen=0), True),
        (section(SplitParameters, by="sample"), False),
        (section(SplitParameters, unseen=0), False),
    ],
)
def test_warns_if_leak_cannot_be_measured(make_faces, caplog, parameters, warns):
    summary_of(make_faces(20), parameters)
    assert ("split.unseen=0.15" in caplog.text) == warns


def test_check_split_raises_input_error_for_changed_set(make_faces):
    summary, sets = summary_of(make_faces(20), section(SplitParameters))
    check_split(summary, sets)
    with pytest.raises(InputError, match=r"holdout_faces does not match .*--pipeline=split"):
        check_split(summary, {**sets, "holdout": sets["train"]})
