import pytest


@pytest.mark.parametrize(
    ("metrics", "score"),
    [
        ({"rmse_leaderboard": 1.5, "rmse": 2.0}, 1.5),
        ({"rmse_leaderboard": None, "rmse": 2.0}, 2.0),
        ({"rmse_leaderboard": None, "rmse": None, "mse": 9.0}, 3.0),
        ({"rmse_leaderboard": None, "rmse": None, "mse": None}, None),
    ],
)
def test_score_falls_back_to_what_could_be_measured(make_set_metrics, metrics, score):
    assert make_set_metrics(**metrics).score == score
