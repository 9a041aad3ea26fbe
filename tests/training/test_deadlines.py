import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_a_free_process_starts_the_next_task():
    """Not the one whose turn it is: the third task follows the short one."""
    assert assign_deadlines([1, 9, 1, 8], 2, 0, 100) == [10, 100, 20, 100]


@given(
    durations=st.lists(st.floats(0.1, 100), min_size=1, max_size=30),
    processes=st.integers(1, 8),
    filled=st.floats(0.1, 1),
)
def test_tasks_that_take_what_was_planned_end_before_their_deadlines(durations, processes, filled):
    end = time_needed(durations, processes) / filled
    deadlines = assign_deadlines(durations, processes, 0, end)
    free = [0.0] * processes
    for duration, deadline in zip(durations, deadlines, strict=True):
        first = free.index(min(free))
        free[first] += duration
        assert free[first] <= deadline * (1 + 1e-9)
    assert max(deadlines) == pytest.approx(end)
