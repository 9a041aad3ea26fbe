import pandas as pd
import pytest

from facial_keypoints.plotting.charts import chart_leaderboard, chart_loss


@pytest.fixture
def chart():
    return chart_leaderboard(
        pd.DataFrame(
            {
                "variant": ["a", "failed", "(mean face)"],
                "holdout_rmse": [2.0, None, 4.0],
                "parameters": [1000, 2000, None],
                "minutes": [1.25, None, None],
            }
        )
    )


def test_chart_has_the_variants_that_were_measured(chart):
    (variants,) = chart["data"]
    assert (variants["x"], variants["y"], variants["text"]) == ([1000], [2.0], ["a"])


def test_chart_has_a_line_for_the_mean_face(chart):
    assert [line["y0"] for line in chart["layout"]["shapes"]] == [4.0]


def test_loss_has_a_line_for_each_set_that_was_measured():
    history = pd.DataFrame({"epoch": [1, 2], "val_loss": [4.0, 3.5]})
    (line,) = chart_loss(history, "a")["data"]
    assert (line["name"], line["x"], line["y"]) == ("validation", [1, 2], [4.0, 3.5])


def test_loss_of_an_ensemble_has_a_line_for_each_model():
    losses = {"first_stage_model_1_loss": [2.0, None], "member_1_loss": [1.0, 0.5]}
    lines = chart_loss(pd.DataFrame({"epoch": [1, 2], **losses}), "ensemble")["data"]
    assert [(line["name"], line["y"]) for line in lines] == [
        ("first stage model 1", [2.0]),
        ("member 1", [1.0, 0.5]),
    ]
