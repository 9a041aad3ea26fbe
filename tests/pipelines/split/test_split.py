import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parameters import section

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import SplitParameters, StudyParameters
from facial_keypoints.pipelines.split import nodes


def faces_of(sources):
    """Samples of these sources; each sample's number stands in its nose tip."""
    n = len(sources)
    keypoints = np.zeros((n, 15, 2), np.float32)
    keypoints[:, 10, 0] = np.arange(n)
    return FaceSet(
        images=np.broadcast_to(np.uint8(0), (n, 96, 96)),
        keypoints=keypoints,
        labelled=np.ones((n, 15), bool),
        group=np.array(sources, np.int32),
        population=np.zeros(n, np.int8),
        augmented=np.zeros(n, bool),
    )


def split_faces(faces, split, scale=1.0):
    return nodes.split_faces(faces, split, section(StudyParameters, scale=scale))


def numbers(faces):
    return faces.keypoints[:, 10, 0].astype(int).tolist()


@settings(max_examples=150, deadline=None)
@given(
    sources=st.lists(st.integers(0, 30), min_size=8, max_size=120),
    holdout=st.floats(0.05, 0.5),
    validation=st.floats(0.05, 0.5),
    unseen=st.just(0.0) | st.floats(0.05, 0.3),
    scale=st.just(1.0) | st.floats(0.6, 1.0),
    by=st.sampled_from(["group", "sample"]),
    shuffle=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_sample_is_in_one_set_and_no_source_in_two(
    sources, holdout, validation, unseen, scale, by, shuffle, seed
):
    split = section(
        SplitParameters,
        by=by,
        holdout=holdout,
        validation=validation,
        unseen=unseen,
        shuffle=shuffle,
        seed=seed,
    )
    try:
        *parts, account = split_faces(faces_of(sources), split, scale)
    except InputError:
        assert len(set(sources)) < 16
        return
    train, validating, held, never_seen = (set(part.group.tolist()) for part in parts)
    everyone = [number for part in parts for number in numbers(part)]
    left_out = set(range(len(sources))) - set(everyone)
    assert len(everyone) == len(set(everyone))
    assert len(left_out) == account["samples_left_out_by_scale"]
    assert not {sources[number] for number in left_out} & (train | validating)
    assert all(numbers(part) == sorted(numbers(part)) for part in parts)
    assert all(len(part) for part in parts[:3])
    siblings = sum(s in train | validating for s in parts[2].group.tolist())
    assert account["holdout_samples_with_a_sibling_in_training"] == siblings
    assert not never_seen & (train | validating | held)
    distinct = len(set(sources))
    if by == "group":
        assert not train & validating
        assert not held & (train | validating)
        assert siblings == 0
        assert not never_seen
        assert len(held) == math.ceil(holdout * distinct)
        left = distinct - len(held)
        left -= math.ceil((1 - scale) * left)
        assert len(validating) == math.ceil(validation * left)
        assert len(train) == left - len(validating)
    else:
        assert len(never_seen) == math.ceil(unseen * distinct)
        left = len(sources) - len(parts[3]) - len(left_out)
        assert len(parts[2]) == math.ceil(holdout * left)
        assert len(parts[1]) == math.ceil(validation * (left - len(parts[2])))
    assert account["by"] == by
    assert list(account["digests"].values()) == [part.digest() for part in parts]
    assert list(account["samples"].values()) == [len(part) for part in parts]
    assert list(account["groups"].values()) == [
        len(s) for s in (train, validating, held, never_seen)
    ]


def test_the_papers_numbers_come_out_by_sample():
    sources = np.random.default_rng(0).integers(0, 7049, 26_239)
    faces = faces_of(sources)
    train, validation, holdout, unseen, account = split_faces(
        faces, section(SplitParameters, by="sample", unseen=0)
    )
    assert len(train) + len(validation) == 22_303
    assert len(holdout) == 3_936
    assert len(validation) == 2_231
    assert len(unseen) == 0
    assert account["holdout_samples_with_a_sibling_in_training"] > 3_700


def test_by_sample_the_unseen_faces_are_those_that_by_source_holds_out():
    faces = faces_of(np.random.default_rng(1).integers(0, 40, 200))
    _, _, held, _, _ = split_faces(faces, section(SplitParameters, holdout=0.2), scale=0.5)
    by_sample = section(SplitParameters, by="sample", unseen=0.2)
    _, _, _, unseen, _ = split_faces(faces, by_sample, scale=0.5)
    assert numbers(unseen) == numbers(held)


def test_without_shuffling_the_last_samples_are_held_out():
    faces = faces_of(range(20))
    how = section(
        SplitParameters, by="sample", unseen=0, shuffle=False, holdout=0.2, validation=0.25
    )
    train, validation, holdout, _, _ = split_faces(faces, how)
    assert numbers(holdout) == [16, 17, 18, 19]
    assert numbers(validation) == [12, 13, 14, 15]
    assert numbers(train) == list(range(12))


def test_without_unseen_faces_it_is_told_what_cannot_be_measured(caplog):
    split_faces(faces_of(range(20)), section(SplitParameters, by="sample", unseen=0))
    assert "split.unseen=0.15" in caplog.text
    caplog.clear()
    split_faces(faces_of(range(20)), section(SplitParameters, by="sample"))
    split_faces(faces_of(range(20)), section(SplitParameters, unseen=0))
    assert "split.unseen" not in caplog.text


def test_same_seed_same_split_another_seed_another():
    faces = faces_of(range(60))
    found = [
        [numbers(part) for part in split_faces(faces, section(SplitParameters, seed=seed))[:3]]
        for seed in (4, 4, 5)
    ]
    assert found[0] == found[1]
    assert found[0][2] != found[2][2]
    assert found[0][1] != found[2][1]


def test_the_largest_seed_is_a_seed_too():
    train, validation, holdout, *_ = split_faces(
        faces_of(range(20)), section(SplitParameters, seed=2**32 - 1)
    )
    assert (len(train), len(validation), len(holdout)) == (15, 2, 3)


def test_arrays_of_a_sample_stay_together(make_faces):
    faces = make_faces(30, of_b=10)
    for part in split_faces(faces, section(SplitParameters))[:3]:
        np.testing.assert_array_equal(part.images, faces.images[part.group])
        np.testing.assert_array_equal(part.keypoints, faces.keypoints[part.group])
        np.testing.assert_array_equal(part.population, faces.population[part.group])


def test_one_source_cannot_be_split_but_its_samples_can():
    faces = faces_of([3] * 10)
    with pytest.raises(InputError, match=r"of 1 faces .*split\.by=sample does not mind"):
        split_faces(faces, section(SplitParameters))
    by_sample = section(SplitParameters, by="sample", unseen=0)
    train, validation, holdout, _, account = split_faces(faces, by_sample)
    assert (len(train), len(validation), len(holdout)) == (7, 1, 2)
    assert account["holdout_samples_with_a_sibling_in_training"] == 2


@pytest.mark.parametrize(
    ("split", "scale", "told"),
    [
        (section(SplitParameters, holdout=0.95), 1, "split.holdout"),
        (section(SplitParameters, validation=0.99), 1, "split.validation"),
        (section(SplitParameters, by="sample", holdout=0.95), 1, "split.holdout"),
        (section(SplitParameters, by="sample", unseen=0.95), 1, "split.unseen"),
    ],
)
def test_shares_that_leave_nothing_are_told(split, scale, told):
    with pytest.raises(InputError, match=rf"too few, or {told} does not suit them"):
        split_faces(faces_of([0, 1, 2, 3, 4]), split, scale)


def test_a_scale_that_leaves_no_face_is_told():
    with pytest.raises(InputError, match=r"study\.scale=0\.02 leaves none of 25 faces .* 0\.4"):
        split_faces(faces_of(range(30)), section(SplitParameters), scale=0.02)


def test_no_samples_cannot_be_split():
    with pytest.raises(InputError, match="cannot take"):
        split_faces(faces_of([]), section(SplitParameters, by="sample"))
