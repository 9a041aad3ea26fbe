"""What the nodes ask of the processes that measure and train, which are stood in for here."""

import time

import numpy as np
import pandas as pd
import pytest
from facial_keypoints.training.member import Speed, TrainedNet
from parameters import section

from facial_keypoints.keypoints import NUM_KEYPOINTS
from facial_keypoints.models.heads import NUM_HEADS
from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.pipelines.compete import nodes
from facial_keypoints.training.session import Session


@pytest.fixture
def planned(make_faces, monkeypatch):
    """Gives the timetable for eight faces, on a machine whose speed is known."""
    monkeypatch.setattr(nodes, "number_of_processes", lambda folds: 1)
    monkeypatch.setattr(nodes, "run_side_by_side", lambda *given: [[Speed(100.0, 500.0)]])

    def plan(competition):
        faces = make_faces(8)
        folds = nodes.make_folds(faces, competition)
        return (
            faces,
            folds,
            nodes.plan_competition(faces, faces, folds, competition, Session(time.time())),
        )

    return plan


def test_more_members_than_folds_are_told(planned, caplog):
    with caplog.at_level("WARNING"):
        _, folds, timetable = planned(section(CompetitionParameters, minutes=30, members=10))
    count = int(folds["fold"].max()) + 1
    assert count < 10
    assert timetable["members"] == count
    assert f"competition.members=10, but only {count} can each hold out a fold" in caplog.text
    caplog.clear()
    planned(section(CompetitionParameters, minutes=30, members=count))
    assert "competition.members" not in caplog.text


@pytest.mark.parametrize(("minutes", "told"), [(9, True), (10, False)])
def test_fewer_than_ten_minutes_are_told(planned, caplog, minutes, told):
    with caplog.at_level("WARNING"):
        planned(section(CompetitionParameters, minutes=minutes))
    assert ("10 are a start" in caplog.text) == told


def test_the_largest_seed_is_followed_by_the_smallest(planned, monkeypatch):
    seeds = {}

    def noting(queues, backups, variant, keep=True):
        tasks = dict(task for queue in queues for task in queue)
        seeds.update({number: task.seed for number, task in tasks.items()})
        return {
            number: TrainedNet([], [], np.zeros((len(task.predict), NUM_HEADS, 2)), [], 1, 0.0)
            for number, task in tasks.items()
        }

    monkeypatch.setattr(nodes, "trained", noting)
    competition = section(CompetitionParameters, minutes=30, seed=2**32 - 1)
    faces, folds, timetable = planned(competition)
    nodes.train_scouts(faces, folds, timetable, competition, backups=None)
    assert seeds == {0: 2**32 - 1, 1: 0}


def test_labels_are_taught_without_their_asymmetry_and_answers_get_it_back(
    planned, monkeypatch, caplog
):
    """All labels lie 2 px to the right of what scouts find in pictures and mirror images."""
    competition = section(CompetitionParameters, minutes=30)
    faces, folds, timetable = planned(competition)
    taught = []

    def knowing_by_heart(queues, backups, variant, keep=True):
        tasks = dict(task for queue in queues for task in queue)
        taught.extend(task.taught for task in tasks.values())
        found = {
            number: np.full((len(task.predict), NUM_HEADS, 2), 40, np.float32)
            for number, task in tasks.items()
        }
        return {
            number: TrainedNet([], [], found[number], [(1.0, 1.0, 1.0)], 1, 1.0) for number in found
        }

    monkeypatch.setattr(nodes, "trained", knowing_by_heart)
    scouts = {"found": faces.keypoints - np.float32([2, 0])}
    no_doubts = pd.DataFrame({"row": [], "point": [], "act": []}).astype({"act": bool})
    with caplog.at_level("INFO"):
        members = nodes.train_members(
            faces,
            faces,
            folds,
            scouts,
            no_doubts,
            timetable,
            competition,
            None,
            Session(time.time()),
        )
    assert "Population A: labels lie +2.00 px" in caplog.text
    assert np.nanmax(np.concatenate(taught)[..., 0]) == faces.keypoints[..., 0].max() - 2
    assert np.nanmax(np.concatenate(taught)[..., 1]) == faces.keypoints[..., 1].max()
    of_a = members["test"][:, :, :NUM_KEYPOINTS]
    np.testing.assert_allclose(of_a[..., 0], 42)
    np.testing.assert_allclose(of_a[..., 1], 40)
    held_out = folds["fold"] == members["held_out"][0]
    np.testing.assert_allclose(members["found"][0, held_out, :NUM_KEYPOINTS, 0], 42)
