import pytest
from parameters import section
from studies import FACES, metrics_of, result_of, split_summary

from facial_keypoints.errors import InputError
from facial_keypoints.parameters import SplitParameters, TrainParameters
from facial_keypoints.study.results import VariantResult, check_results


def check(results, scale=1.0, **split):
    parameters = section(SplitParameters, by="sample", **split)
    check_results(results, FACES, FACES, split_summary(), parameters, scale)


def test_check_results_accepts_current_results():
    check({"any": result_of("any", 1.0, 2.0)})


def test_raises_input_error_for_other_split_parameters():
    with pytest.raises(InputError, match=r"other parameters \(holdout 0\.15, now 0\.2\)"):
        check({}, holdout=0.2)
    with pytest.raises(InputError, match=r"other parameters \(scale 1\.0, now 0\.5\)"):
        check({}, scale=0.5)


def test_raises_input_error_for_metrics_of_another_training():
    result = result_of("any", 1.0, 2.0)
    stale = VariantResult(result.parameters, result.training, metrics_of(1.0, 2.0, "0f0f"))
    with pytest.raises(InputError, match=r"metrics of any are of another training \(0f0f\)"):
        check({"any": stale})


def test_raises_input_error_for_training_with_other_parameters():
    result = result_of("any", 1.0, 2.0)
    other = result.parameters.model_copy(update={"train": section(TrainParameters, epochs=7)})
    stale = VariantResult(other, result.training, result.metrics)
    with pytest.raises(InputError, match=r"any was trained .*train\.epochs 100, now 7"):
        check({"any": stale})
