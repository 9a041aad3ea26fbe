from parameters import section

from facial_keypoints.parameters import CompetitionParameters, RandomTransformParameters


def test_none_disables_every_random_transform():
    none = RandomTransformParameters.none()
    assert set(none.model_dump()) == set(RandomTransformParameters.model_fields)
    assert not any(none.model_dump().values())


def test_nested_changes_keep_the_other_values():
    base = section(CompetitionParameters)
    changed = section(CompetitionParameters, train={"batch_size": 16})
    assert changed.train == base.train.model_copy(update={"batch_size": 16})
