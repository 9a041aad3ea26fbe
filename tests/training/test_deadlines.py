from facial_keypoints.training.deadlines import assign_deadlines


def test_deadlines_follow_the_weights_of_each_process():
    assert assign_deadlines([1, 3], 1, 100, 200) == [125, 200]
    assert assign_deadlines([1, 1, 1, 2], 2, 0, 30) == [15, 10, 30, 30]
    assert assign_deadlines([1, 1], 2, 0, 30) == [30, 30]
