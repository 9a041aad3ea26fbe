import pytest
from parameters import section

from facial_keypoints.errors import InputError
from facial_keypoints.parameters import StudyParameters
from facial_keypoints.training.study_plan import StudyPlan


@pytest.mark.parametrize(
    ("plan", "study"),
    [
        (StudyPlan(0.3, minutes=10), {"minutes": 10}),
        (StudyPlan(0.3), {"minutes": None, "scale": 0.3}),
        (StudyPlan(1.0), {"minutes": None}),
    ],
)
def test_plan_of_the_same_parameters_is_accepted(plan, study):
    plan.check(section(StudyParameters, **study))


@pytest.mark.parametrize(
    "study",
    [
        {"minutes": 20},
        {"minutes": None},
        {"minutes": 10, "scale": 0.5},
        {"minutes": 10, "width": 1},
    ],
)
def test_plan_of_other_parameters_is_refused(study):
    with pytest.raises(InputError, match=r"planned with other.*study\.scale=0\.3"):
        StudyPlan(0.3, minutes=10).check(section(StudyParameters, **study))
