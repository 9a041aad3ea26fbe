import numpy as np

from facial_keypoints.keypoints import NUM_KEYPOINTS, POPULATION_B_INDEX
from facial_keypoints.pipelines.compete.points import (
    NUM_HEADS,
    PARTNERS,
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
