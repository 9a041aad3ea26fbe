import pytest
from parameters import section
from studies import HISTORY
from trainings import make_record

from facial_keypoints.errors import InputError
from facial_keypoints.parameters import TrainParameters, VariantParameters
from facial_keypoints.training.fingerprints import fingerprint, origin_of
from facial_keypoints.training.records import Training, check_origin

SAMPLES = {"training_samples": "a", "validation_samples": "b"}


def variant(**train):
    return VariantParameters(
        name="small",
        architecture="conv_stack",
        settings={},
        train=section(TrainParameters, **train),
    )


def training_of(**record):
    return Training(make_record(**record), HISTORY, lambda: None)


def test_training_of_other_parameters_is_refused():
    origin = origin_of(variant(epochs=10), SAMPLES)
    training = training_of(origin=origin, fingerprint=fingerprint(origin))
    check_origin(training, variant(epochs=10), SAMPLES)
    with pytest.raises(InputError, match=r"small was trained with other inputs \(train\.epochs"):
        check_origin(training, variant(epochs=11), SAMPLES)


@pytest.mark.parametrize(("may_pass", "is_final"), [(False, True), (True, False)])
def test_failure_that_may_pass_is_not_final(may_pass, is_final):
    training = training_of(failure="memory is exhausted", may_pass=may_pass)
    assert training.is_final == is_final
    assert training.failure == "memory is exhausted"
