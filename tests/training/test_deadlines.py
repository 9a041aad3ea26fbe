from facial_keypoints.training.deadlines import assign_deadlines, time_needed


def test_deadlines_follow_the_weights_of_each_process():
    assert assign_deadlines([1, 3], 1, 100, 200) == [125, 200]
    assert assign_deadlines([1, 1, 1, 2], 2, 0, 30) == [15, 10, 30, 30]
    assert assign_deadlines([1, 1], 2, 0, 30) == [30, 30]


def test_each_training_starts_as_soon_as_one_is_over():
    assert time_needed([1, 3], 1) == 4
    assert time_needed([1, 3, 1, 1], 2) == 3
    assert time_needed([1, 3, 1, 1], 9) == 3
    assert time_needed([], 2) == 0
