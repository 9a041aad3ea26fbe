import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import SplitParameters
from facial_keypoints.pipelines.split.nodes import split_faces


def faces_of(sources):
    """Samples of these sources; each sample's number stands in its nose tip."""
    n = len(sources)
    keypoints = np.zeros((n, 15, 2), np.float32)
    keypoints[:, 10, 0] = np.arange(n)
    return FaceSet(
        images=np.broadcast_to(np.uint8(0), (n, 96, 96)),
        keypoints=keypoints,
        labelled=np.ones((n, 15), bool),
        source=np.array(sources, np.int32),
        population=np.zeros(n, np.int8),
        augmented=np.zeros(n, bool),
    )


def numbers(faces):
    return faces.keypoints[:, 10, 0].astype(int).tolist()


@settings(max_examples=150, deadline=None)
@given(
    sources=st.lists(st.integers(0, 30), min_size=8, max_size=120),
    holdout=st.floats(0.05, 0.5),
    validation=st.floats(0.05, 0.5),
    by=st.sampled_from(["source", "sample"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_sample_is_in_one_set_and_no_source_in_two(sources, holdout, validation, by, seed):
    split = SplitParameters(by=by, holdout=holdout, validation=validation, seed=seed)
    try:
        *parts, account = split_faces(faces_of(sources), split)
    except InputError:
        assert by == "source"
        assert len(set(sources)) < 5
        return
    everyone = [number for part in parts for number in numbers(part)]
    assert sorted(everyone) == list(range(len(sources)))
    assert all(numbers(part) == sorted(numbers(part)) and len(part) for part in parts)
    train, validating, held = (set(part.source.tolist()) for part in parts)
    siblings = sum(s in train | validating for s in parts[2].source.tolist())
    assert account["holdout_samples_with_a_sibling_in_training"] == siblings
    if by == "source":
        assert not train & validating
        assert not held & (train | validating)
        assert siblings == 0
        distinct = len(set(sources))
        assert len(held) == math.ceil(holdout * distinct)
        assert len(validating) == math.ceil(validation * (distinct - len(held)))
    else:
        assert len(parts[2]) == math.ceil(holdout * len(sources))
        rest = len(sources) - len(parts[2])
        assert len(parts[1]) == math.ceil(validation * rest)
    assert account["by"] == by
    assert list(account["samples"].values()) == [len(part) for part in parts]
    assert list(account["sources"].values()) == [len(s) for s in (train, validating, held)]


def test_the_papers_numbers_come_out_by_sample():
    sources = np.random.default_rng(0).integers(0, 7049, 26_239)
    faces = faces_of(sources)
    train, validation, holdout, account = split_faces(faces, SplitParameters(by="sample"))
    assert len(train) + len(validation) == 22_303
    assert len(holdout) == 3_936
    assert len(validation) == 2_231
    assert account["holdout_samples_with_a_sibling_in_training"] > 3_700


def test_same_seed_same_split_another_seed_another():
    faces = faces_of(range(60))
    found = [
        [numbers(part) for part in split_faces(faces, SplitParameters(seed=seed))[:3]]
        for seed in (4, 4, 5)
    ]
    assert found[0] == found[1]
    assert found[0][2] != found[2][2]
    assert found[0][1] != found[2][1]


def test_the_largest_seed_is_a_seed_too():
    train, validation, holdout, _ = split_faces(
        faces_of(range(20)), SplitParameters(seed=2**32 - 1)
    )
    assert (len(train), len(validation), len(holdout)) == (15, 2, 3)


def test_arrays_of_a_sample_stay_together(make_faces):
    faces = make_faces(30, of_b=10)
    for part in split_faces(faces, SplitParameters())[:3]:
        np.testing.assert_array_equal(part.images, faces.images[part.source])
        np.testing.assert_array_equal(part.keypoints, faces.keypoints[part.source])
        np.testing.assert_array_equal(part.population, faces.population[part.source])


def test_one_source_cannot_be_split_but_its_samples_can():
    faces = faces_of([3] * 10)
    with pytest.raises(InputError, match=r"of 1 sources .*split\.by=sample does not mind"):
        split_faces(faces, SplitParameters())
    train, validation, holdout, account = split_faces(faces, SplitParameters(by="sample"))
    assert (len(train), len(validation), len(holdout)) == (7, 1, 2)
    assert account["holdout_samples_with_a_sibling_in_training"] == 2


@pytest.mark.parametrize(
    "split",
    [
        SplitParameters(holdout=0.95),
        SplitParameters(validation=0.99),
        SplitParameters(by="sample", holdout=0.95),
    ],
)
def test_shares_that_leave_nothing_are_told(split):
    with pytest.raises(InputError, match=r"too few, or split\.holdout or split\.validation"):
        split_faces(faces_of([0, 1, 2, 3, 4]), split)


def test_no_samples_cannot_be_split():
    with pytest.raises(InputError, match="cannot take"):
        split_faces(faces_of([]), SplitParameters(by="sample"))
