import numpy as np
import pytest

from facial_keypoints.keypoints import NUM_KEYPOINTS, POPULATION_B_INDEX
from facial_keypoints.models.heads import (
    NUM_HEADS,
    PARTNERS,
    asymmetry,
    gather,
    heads_to_use,
    mirrored_back,
    spread,
)

B = list(POPULATION_B_INDEX)
MEAN = np.full((NUM_KEYPOINTS, 2), 33, np.float32)


def test_what_is_spread_is_gathered_again(make_faces):
    faces = make_faces(6, of_b=2)
    heads = spread(faces.keypoints, faces.population)
    assert np.isnan(heads[:4, NUM_KEYPOINTS:]).all()
    assert np.isnan(heads[4:, :NUM_KEYPOINTS]).all()
    again = gather(heads, faces.population, heads_to_use(faces), MEAN)
    np.testing.assert_array_equal(again, faces.keypoints)


def test_each_population_answers_by_its_own_heads(make_faces):
    use = heads_to_use(make_faces(6, of_b=2))
    assert use[0].tolist() == list(range(NUM_KEYPOINTS))
    assert use[1, B].tolist() == list(range(NUM_KEYPOINTS, NUM_HEADS))


def test_without_labels_the_other_population_or_the_mean_answers(make_faces):
    only_a, only_b = make_faces(4), make_faces(4, of_b=4)
    assert heads_to_use(only_a)[1].tolist() == list(range(NUM_KEYPOINTS))
    use = heads_to_use(only_b)
    others = np.setdiff1d(np.arange(NUM_KEYPOINTS), B)
    assert use[0, B].tolist() == list(range(NUM_KEYPOINTS, NUM_HEADS))
    assert (use[:, others] == -1).all()
    heads = np.zeros((2, NUM_HEADS, 2), np.float32)
    points = gather(heads, np.array([0, 1]), use, MEAN)
    assert (points[:, others] == 33).all()
    assert (points[:, B] == 0).all()


def test_a_mirror_undone_twice_changes_nothing():
    heads = np.random.default_rng(0).uniform(0, 96, (3, NUM_HEADS, 2)).astype(np.float32)
    np.testing.assert_allclose(mirrored_back(mirrored_back(heads)), heads, atol=1e-4)
    assert sorted(PARTNERS) == list(range(NUM_HEADS))
    left_eye, right_eye = NUM_KEYPOINTS, NUM_KEYPOINTS + 1  # B's
    assert PARTNERS[left_eye] == right_eye
    assert mirrored_back(heads)[0, left_eye, 0] == 96 - heads[0, right_eye, 0]


@pytest.fixture
def errors_of():
    """Gives labels and answers (n, 19, 2) whose difference is a given one and noise of 1 px."""

    def make(count, difference):
        random = np.random.default_rng(1)
        found = random.uniform(20, 76, (count, NUM_HEADS, 2)).astype(np.float32)
        return found + difference + random.normal(size=found.shape).astype(np.float32), found

    return make


def test_what_mirrors_do_not_share_is_found(errors_of):
    to_the_right = np.zeros((NUM_HEADS, 2), np.float32)
    to_the_right[NUM_KEYPOINTS:, 0] = 0.5  # all of B's points
    to_the_right[0, 1], to_the_right[1, 1] = 0.3, -0.3  # A's left eye lower, the right one higher
    found = asymmetry(*errors_of(4000, to_the_right))
    np.testing.assert_allclose(found, to_the_right, atol=0.05)


def test_what_mirrors_share_is_left_to_the_net(errors_of):
    shared = np.zeros((NUM_HEADS, 2), np.float32)
    shared[:, 1] = 0.7
    shared[0, 0], shared[1, 0] = 0.4, -0.4  # both eyes outwards
    assert np.abs(asymmetry(*errors_of(4000, shared))).max() < 0.05


def test_as_many_figures_are_taken_for_noise_whatever_a_point_becomes_in_a_mirror():
    random = np.random.default_rng(0)
    nothing = np.zeros((50, NUM_HEADS, 2), np.float32)
    runs = 400
    found = [
        asymmetry(random.normal(size=nothing.shape).astype(np.float32), nothing)
        for _ in range(runs)
    ]
    taken_for_noise = np.mean([own == 0 for own in found], axis=0)
    alone = np.asarray(PARTNERS) == np.arange(NUM_HEADS)
    assert (taken_for_noise[alone, 1] == 1).all()  # their height is the same in a mirror
    # one standard deviation to each side holds 0.68 of a normal distribution
    deviation = np.sqrt(0.68 * 0.32 / runs)
    for figures in (taken_for_noise[~alone], taken_for_noise[alone, 0]):
        np.testing.assert_allclose(figures, 0.68, atol=4 * deviation)


def test_few_labels_and_unknown_points_are_not_believed(errors_of):
    beside = np.zeros((NUM_HEADS, 2), np.float32)
    beside[:, 0] = 0.1
    labels, found = errors_of(20, beside)
    labels[:, 3] = np.nan
    few = asymmetry(labels, found)
    assert np.abs(few).mean() < 0.15
    assert (few == 0).mean() > 0.3
    assert (few[[3, PARTNERS[3]]] == 0).all()
    assert (asymmetry(labels[:1], found[:1]) == 0).all()
    assert (asymmetry(labels[:0], found[:0]) == 0).all()
