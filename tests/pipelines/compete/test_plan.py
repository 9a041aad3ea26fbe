from types import SimpleNamespace

import pytest
from parameters import section

from facial_keypoints.parameters import CompetitionParameters
from facial_keypoints.pipelines.compete import plan as planning
from facial_keypoints.pipelines.compete.plan import SIZES, make_plan
from facial_keypoints.training.speed import Speed

START = 1e9
SPENT = 30.0


def plan_for(minutes, trained=150.0, faces=6000, processes=2, folds=10, spent=SPENT, **choices):
    return make_plan(
        section(CompetitionParameters, minutes=minutes, **choices),
        Speed(trained, 500.0, 5.0),
        num_processes=processes,
        num_folds=folds,
        num_faces=faces,
        num_test_faces=1800,
        started_at=START,
        now=START + spent,
    )


@pytest.mark.parametrize("minutes", [10, 15, 60, 120, 600])
@pytest.mark.parametrize("processes", [1, 2, 8])
def test_plan_fits_into_the_budget(minutes, processes):
    plan = plan_for(minutes, processes=processes)
    assert plan.started_at == START + SPENT
    assert plan.deadline == pytest.approx(plan.started_at + plan.training_seconds)
    assert START + 60 * minutes - plan.deadline > 20  # for audit, estimate and submission
    assert 0 < plan.first_stage_seconds < plan.training_seconds
    assert plan.training_seconds > 0.75 * 60 * minutes
    assert plan.settings == SIZES[plan.size]
    assert plan.num_first_stage >= 2
    assert plan.num_members >= plan.num_processes == processes
    assert plan.epochs > 0
    assert plan.images_per_second == pytest.approx(processes * 150 / planning._COST[plan.size])


def test_more_time_makes_larger_models_or_more_of_them():
    order = list(SIZES)
    plans = [plan_for(minutes) for minutes in (10, 60, 600, 6000)]
    sizes = [order.index(plan.size) for plan in plans]
    assert sizes == sorted(sizes)
    members = [plan.num_members for plan in plans]
    assert members == sorted(members)
    assert (sizes[-1], members[-1]) > (sizes[0], members[0])


def test_slow_machine_gets_smaller_models():
    order = list(SIZES)
    assert order.index(plan_for(60, trained=5).size) < order.index(plan_for(60, trained=500).size)


def test_chosen_size_and_members_are_taken():
    plan = plan_for(10, size="huge", members=5)
    assert (plan.size, plan.num_members) == ("huge", 5)


@pytest.mark.parametrize(("capacity", "processes"), [(20, 10), (3, 3), (0, 1)])
def test_number_of_processes_is_that_of_the_workers_up_to_the_folds(capacity, processes):
    workers = SimpleNamespace(capacity=lambda cores, memory: capacity)
    assert planning.number_of_processes(10, workers) == processes


def test_no_more_members_than_folds():
    assert plan_for(10, members=7, folds=4).num_members == 4
    assert plan_for(60000, folds=2).num_members == 2


def test_exhausted_budget_leaves_no_time():
    plan = plan_for(0.1, spent=60)
    assert plan.training_seconds == plan.first_stage_seconds == plan.epochs == 0
    assert plan.num_members >= 1
    assert plan.deadline == plan.started_at


def test_bound_on_epochs_replaces_the_clock():
    """With a budget that is never reached, no machine's speed decides on the training."""
    slow, fast = (plan_for(600, trained=t, size="tiny", max_epochs=40) for t in (100, 1000))
    assert slow.epochs == fast.epochs == 40
    for decides in ("num_members", "first_stage_fraction", "initial_strength", "num_views"):
        assert getattr(slow, decides) == getattr(fast, decides)
    assert slow.first_stage_fraction == 0.15
    assert plan_for(600, size="tiny", max_epochs=10**6).epochs == plan_for(600, size="tiny").epochs


def test_speed_of_a_chosen_size_is_that_of_the_size_itself():
    automatic = plan_for(10, trained=150)
    chosen = plan_for(10, trained=150 / planning._COST[automatic.size], size=automatic.size)
    assert chosen.epochs == pytest.approx(automatic.epochs)
    assert chosen.images_per_second == pytest.approx(automatic.images_per_second)


def test_every_size_has_a_cost():
    assert set(planning._COST) == set(SIZES)
    assert {*planning._MIN_EPOCHS, *planning._LARGER} < set(SIZES)


def test_small_models_are_trained_until_there_is_time_for_a_medium_one():
    plans = [plan_for(minutes, processes=1) for minutes in range(10, 70, 2)]
    assert [plan.size for plan in plans] == sorted((plan.size for plan in plans), reverse=True)
    assert {plan.size for plan in plans} == {"small", "medium"}
    first = next(plan for plan in plans if plan.size == "medium")
    assert first.num_members == 1
    assert first.epochs > planning._EPOCHS_PER_MEMBER
    # several small ones in the same time, each with as many epochs as a member needs
    before = plans[plans.index(first) - 1]
    assert before.num_members >= 2
    assert before.epochs * before.num_members > planning._EPOCHS_PER_MEMBER


def test_size_leaves_time_for_the_chosen_number_of_members():
    assert plan_for(60, processes=1).size == "medium"
    many = plan_for(60, processes=1, members=10)
    assert (many.size, many.num_members) == ("small", 10)
    assert plan_for(600, processes=1, members=10).size == "medium"


def test_larger_models_follow_once_every_fold_has_a_member():
    plans = [plan_for(minutes, processes=1) for minutes in range(60, 6000, 60)]
    assert {plan.size for plan in plans} == {"medium", "large", "huge"}
    assert all(plan.num_members == 10 for plan in plans if plan.size != "medium")
    assert max(plan.num_members for plan in plans if plan.size == "medium") == 10


def test_more_time_allows_more_views_of_each_image():
    views = [plan_for(minutes).num_views for minutes in (10, 60, 600)]
    assert views[0] >= 1
    assert views == sorted(views)
    assert views[-1] == planning._MAX_VIEWS


def test_transforms_are_stronger_the_longer_a_model_trains():
    strengths = [
        plan_for(minutes, size="medium", members=1).initial_strength for minutes in (20, 40, 100)
    ]
    assert strengths == sorted(set(strengths))
    assert all(strength <= 1 for strength in strengths)


def test_chosen_strength_of_transforms_is_taken():
    assert plan_for(10, train={"initial_strength": 0.7}).initial_strength == 0.7


def test_views_take_little_of_the_training():
    plan = plan_for(60)
    to_build = plan.seconds_to_predict(0)
    seconds = plan.seconds_to_predict(1800 + 600, plan.num_views) - to_build
    assert 0 < seconds < 0.04 * plan.training_seconds
    assert seconds == pytest.approx(plan.num_views * (plan.seconds_to_predict(2400) - to_build))
