"""Where Kedro-Viz draws datasets, and its lines."""

import pytest

from facial_keypoints.framework.viz_graph import lift, place

TYPES = {"read": "task", "train": "task", "compare": "task"}
GROUPS = {"read": "clean", "train": "train.a", "compare": "evaluate"}


def home(dataset, edges, groups):
    return place({dataset: "data", **TYPES}, edges, groups)[dataset]


def test_dataset_is_in_the_group_that_writes_it():
    edges = {("train", "model"), ("model", "compare")}
    assert home("model", edges, GROUPS) == "train.a"
    assert home("model", edges, {"compare": "evaluate"}) == ""


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (GROUPS, "train.a"),  # no common group: that of the first reader
        ({"read": "train.b", "train": "train.a", "compare": "train"}, "train"),
        ({"train": "a"}, ""),
    ],
)
def test_dataset_that_no_task_writes_is_near_its_readers(groups, expected):
    assert home("session", {("session", "train"), ("session", "compare")}, groups) == expected


def test_lines_of_groups_lead_from_where_only_one_end_is():
    homes = {"train": "train.a", "model": "train.a", "compare": "evaluate"}
    assert lift({("train", "model")}, homes) == {("train", "model")}
    starts, ends = ("model", "train.a", "train"), ("compare", "evaluate")
    assert lift({("model", "compare")}, homes) == {(s, e) for s in starts for e in ends}


def test_group_has_a_line_to_a_group_inside_of_its_neighbour_but_not_to_itself():
    homes = {"plan": "train", "train": "train.a"}
    assert lift({("plan", "train")}, homes) == {("plan", "train"), ("plan", "train.a")}
