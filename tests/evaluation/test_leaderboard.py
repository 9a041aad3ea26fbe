import pandas as pd
import pytest
from trainings import make_record

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.leaderboard import MEAN_FACE, rank_variants, select_champion
from facial_keypoints.evaluation.records import Champion, VariantMetrics
from facial_keypoints.training.records import Training


@pytest.fixture
def make_metrics(make_set_metrics):
    def make(validation, holdout):
        return VariantMetrics(
            make_set_metrics(rmse_leaderboard=validation),
            make_set_metrics(rmse_leaderboard=holdout),
            None,
        )

    return make


def training(run="run", **record):
    made = make_record(mlflow_run_id=run, fingerprint=f"of {run}", **record)
    return Training(made, pd.DataFrame(), lambda: None)


def test_champion_has_the_lowest_validation_rmse_whatever_its_holdout(make_metrics):
    trainings = {"a": training("run-a"), "b": training("run-b")}
    metrics = {"a": make_metrics(2.0, 1.0), "b": make_metrics(1.5, 3.0)}
    table = rank_variants(metrics, trainings, make_metrics(9.0, 9.0))
    assert list(table["variant"]) == ["b", "a", MEAN_FACE]
    assert list(table["holdout_rmse"]) == [3.0, 1.0, 9.0]
    assert select_champion(table, trainings) == Champion("b", "of run-b", "run-b", 1.5, 3.0)


def test_failed_variant_is_ranked_last_without_failure_rate(make_metrics, make_set_metrics):
    trainings = {"a": training("run-a", failure="no memory"), "b": training("run-b")}
    nothing = make_set_metrics(rmse_leaderboard=None, rmse=None, mse=None)
    failed = VariantMetrics(nothing, nothing, None, failure="no memory")
    metrics = {"a": failed, "b": make_metrics(1.5, 3.0)}
    table = rank_variants(metrics, trainings, make_metrics(9.0, 9.0))
    assert list(table["variant"]) == ["b", "a", MEAN_FACE]
    assert table["failure"].fillna("").tolist() == ["", "no memory", ""]
    assert pd.isna(table["holdout_failure_rate"].iloc[1])
    assert select_champion(table, trainings).variant == "b"


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (None, "holds no label, or all predictions are NaN"),
        ("no memory", r"trainings failed:\n  - a: no memory"),
    ],
)
def test_raises_input_error_if_no_variant_could_be_measured(make_set_metrics, failure, error):
    nothing = make_set_metrics(rmse_leaderboard=None, rmse=None, mse=None)
    metrics = VariantMetrics(nothing, nothing, None, failure=failure)
    trainings = {"a": training(failure=failure)}
    table = rank_variants({"a": metrics}, trainings, metrics)
    with pytest.raises(InputError, match=f"no variant has an error .*{error}"):
        select_champion(table, trainings)
