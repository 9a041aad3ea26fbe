"""What the nodes ask of the processes that measure and train, which are stood in for here."""

import numpy as np
import pytest

from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.pipelines.compete import nodes
from facial_keypoints.pipelines.compete.member import Speed, TrainedNet
from facial_keypoints.pipelines.compete.points import NUM_HEADS


@pytest.fixture
def planned(make_faces, monkeypatch):
    """Gives the timetable for eight faces, on a machine whose speed is known."""
    monkeypatch.setattr(nodes, "number_of_processes", lambda folds: 1)
    monkeypatch.setattr(nodes, "run_side_by_side", lambda *given: [[Speed(100.0, 500.0)]])

    def plan(competition):
        faces = make_faces(8)
        folds = nodes.fold_training_faces(faces, competition)
        return faces, folds, nodes.plan_competition(faces, faces, folds, competition)

    return plan


def test_more_members_than_folds_are_told(planned, caplog):
    with caplog.at_level("WARNING"):
        _, folds, timetable = planned(CompetitionParameters(minutes=30, members=10))
    count = int(folds["fold"].max()) + 1
    assert count < 10
    assert timetable["members"] == count
    assert f"competition.members=10, but only {count} can each hold out a fold" in caplog.text
    caplog.clear()
    planned(CompetitionParameters(minutes=30, members=count))
    assert "competition.members" not in caplog.text


def test_the_largest_seed_is_followed_by_the_smallest(planned, monkeypatch):
    seeds = {}

    def noting(queues, backups, keep=True):
        tasks = dict(task for queue in queues for task in queue)
        seeds.update({number: task.seed for number, task in tasks.items()})
        return {
            number: TrainedNet([], [], np.zeros((len(task.predict), NUM_HEADS, 2)), [], 1, 0.0)
            for number, task in tasks.items()
        }

    monkeypatch.setattr(nodes, "trained", noting)
    competition = CompetitionParameters(minutes=30, seed=2**32 - 1)
    faces, folds, timetable = planned(competition)
    nodes.train_scouts(faces, folds, timetable, competition, backups=None)
    assert seeds == {0: 2**32 - 1, 1: 0}
