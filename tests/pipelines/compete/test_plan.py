from types import SimpleNamespace

import pytest
from parameters import section

from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.pipelines.compete import plan as planning
from facial_keypoints.pipelines.compete.plan import SIZES, dealt_out, make_plan


def plan_for(minutes, trained=150.0, faces=6000, processes=2, folds=10, spent=30.0, **choices):
    left = 60 * minutes - spent
    competition = section(CompetitionParameters, minutes=minutes, **choices)
    return make_plan(
        competition,
        "float32",
        processes,
        folds,
        faces,
        1800,
        left,
        trained=trained,
        predicted=500.0,
    )


@pytest.mark.parametrize("minutes", [10, 15, 60, 120, 600])
@pytest.mark.parametrize("processes", [1, 2, 8])
def test_the_timetable_fits_into_the_budget(minutes, processes):
    plan = plan_for(minutes, processes=processes)
    assert plan.training + plan.afterwards == pytest.approx(60 * minutes - 30)
    assert 0 < plan.scouting < plan.training
    assert plan.afterwards > 20
    assert plan.training > 0.75 * 60 * minutes
    assert plan.settings == SIZES[plan.size]
    assert plan.scouts >= 2
    assert plan.members >= plan.processes == processes


def test_more_time_makes_larger_nets_or_more_of_them():
    order = list(SIZES)
    plans = [plan_for(minutes) for minutes in (10, 60, 600, 6000)]
    sizes = [order.index(plan.size) for plan in plans]
    assert sizes == sorted(sizes)
    members = [plan.members for plan in plans]
    assert members == sorted(members)
    assert (sizes[-1], members[-1]) > (sizes[0], members[0])


def test_a_slow_machine_gets_smaller_nets():
    order = list(SIZES)
    assert order.index(plan_for(60, trained=5).size) < order.index(plan_for(60, trained=500).size)


def test_what_the_user_has_chosen_is_taken():
    plan = plan_for(10, size="huge", members=5)
    assert (plan.size, plan.members) == ("huge", 5)


@pytest.mark.parametrize(
    ("limit", "processes"), [("max", 8), (str(4 * 2**30), 2), ("0", 1), (None, 8)]
)
def test_a_containers_memory_holds_fewer_nets(monkeypatch, tmp_path, limit, processes):
    file = tmp_path / "memory.max"
    if limit is not None:
        file.write_text(limit)
    of_this_process = SimpleNamespace(rss=2**29)
    monkeypatch.setattr(planning, "_MEMORY_LIMIT", file)
    monkeypatch.setattr(planning, "number_of_cores", lambda: 16)
    psutil = planning.psutil
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**40))
    monkeypatch.setattr(psutil.Process, "memory_info", lambda _: of_this_process)
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda _: [])
    assert planning.number_of_processes(folds=10) == processes


def test_no_more_members_than_folds():
    assert plan_for(10, members=7, folds=4).members == 4
    assert plan_for(60000, folds=2).members == 2


def test_a_budget_that_is_over_leaves_no_time_and_no_nonsense():
    plan = plan_for(0.1, spent=60)
    assert plan.training == plan.scouting == 0
    assert plan.members >= 1


def test_tasks_are_dealt_out_and_take_time_by_weight():
    assert dealt_out([1, 3], 1, 100, 200) == [[(0, 125), (1, 200)]]
    assert dealt_out([1, 1, 1, 2], 2, 0, 30) == [[(0, 15), (2, 30)], [(1, 10), (3, 30)]]


def test_every_size_has_its_cost():
    assert set(planning._COST) == set(SIZES)
    assert {*planning._EPOCHS_WORTH, *planning._LARGER} < set(SIZES)


def test_small_nets_are_trained_until_there_is_time_for_a_medium_one():
    plans = [plan_for(minutes, processes=1) for minutes in range(10, 70, 2)]
    assert [plan.size for plan in plans] == sorted((plan.size for plan in plans), reverse=True)
    assert {plan.size for plan in plans} == {"small", "medium"}
    first = next(plan for plan in plans if plan.size == "medium")
    assert first.members == 1
    assert first.epochs > planning._EPOCHS_OF_A_MEMBER
    # several small ones in the same time, each with as many epochs as is asked for
    before = plans[plans.index(first) - 1]
    assert before.members >= 2
    assert before.epochs > planning._EPOCHS_OF_A_MEMBER


def test_as_many_members_as_the_user_wants_are_of_a_size_that_there_is_time_for():
    assert plan_for(60, processes=1).size == "medium"
    many = plan_for(60, processes=1, members=10)
    assert (many.size, many.members) == ("small", 10)
    assert plan_for(600, processes=1, members=10).size == "medium"


def test_larger_nets_come_after_as_many_as_there_are_folds():
    plans = [plan_for(minutes, processes=1) for minutes in range(60, 6000, 60)]
    assert {plan.size for plan in plans} == {"medium", "large", "huge"}
    assert all(plan.members == 10 for plan in plans if plan.size != "medium")
    assert max(plan.members for plan in plans if plan.size == "medium") == 10


def test_more_time_allows_for_more_views_of_each_picture():
    views = [plan_for(minutes).views for minutes in (10, 60, 600)]
    assert views[0] >= 1
    assert views == sorted(views)
    assert views[-1] == planning._MOST_VIEWS


def test_distortions_are_stronger_the_longer_a_net_trains():
    strengths = [plan_for(minutes, size="medium", members=1).strength for minutes in (20, 40, 100)]
    first = [strength[0] for strength in strengths]
    assert first == sorted(set(first))
    assert all(last < beginning <= 1 for beginning, last in strengths)


def test_a_strength_that_the_user_has_chosen_is_taken():
    plan = plan_for(10, recipe={"first_strength": 0.7, "last_strength": 0.2})
    assert plan.strength == (0.7, 0.2)


def test_views_take_little_of_the_training():
    plan = plan_for(60)
    seconds = plan.seconds_to_predict(1800 + 600, plan.views)
    assert 0 < seconds < 0.04 * plan.training
    assert seconds == pytest.approx(plan.views * plan.seconds_to_predict(2400))
