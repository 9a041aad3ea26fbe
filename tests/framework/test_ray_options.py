import pytest

from facial_keypoints.errors import InputError
from facial_keypoints.framework.ray_options import read_options


def test_read_options_leaves_the_rest_to_the_cluster():
    options = read_options(max_workers=2)
    assert (options.max_workers, options.num_cpus, options.address) == (2, None, None)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"max_workers": 0}, "max_workers=0 "),
        ({"num_cpus": "many"}, "num_cpus=many "),
        ({"num_gpus": -1}, "num_gpus=-1 "),
        ({"retries": 1.5}, "retries=1.5 "),
    ],
)
def test_read_options_raises_input_error(given, problem):
    with pytest.raises(InputError, match=f"^--runner-params: {problem}"):
        read_options(**given)


def test_read_options_names_all_problems():
    with pytest.raises(InputError, match=r"max_workers=0 .*, retries=-1 "):
        read_options(max_workers=0, retries=-1)
