import numpy as np
import pytest

from facial_keypoints.pipelines.compete import estimate


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_averaging_gains_the_ambiguity(random):
    truth = random.uniform(0, 96, (50, 15, 2))
    members = truth + random.normal(0, 2, (4, 50, 15, 2)) + random.normal(0, 1, (50, 15, 2))
    single = np.square(members - truth).mean()
    together = np.square(members.mean(axis=0) - truth).mean()
    gained = estimate.ambiguity(members.astype(np.float32)).mean()
    assert together == pytest.approx(single - gained, rel=1e-5)
    assert gained > 1


def test_errors_are_summed_over_known_coordinates():
    labels = np.zeros((3, 15, 2))
    labels[1, 2:] = np.nan
    predicted = np.full((3, 15, 2), 2.0)
    predicted[2] = np.nan
    sums, counts = estimate.squared_errors(labels, predicted)
    assert sums.tolist() == [120, 16, 0]
    assert counts.tolist() == [30, 4, 0]


def errors_of(random, n, held_out):
    """Return errors that are larger for some faces, of the first stage and, less, of members."""
    hard = np.exp(random.normal(0, 0.8, n))
    first = 30 * 4 * hard * random.gamma(30, 1 / 30, n)
    single = 30 * 1.5 * hard * random.gamma(30, 1 / 30, n)
    known = np.where(np.arange(n) < held_out, 30.0, 0.0)
    half = np.arange(n) % 2
    return (np.where(known, single, 0), known), (first, np.full(n, 30.0)), half, single.mean() / 30


def test_first_stage_reduces_the_variance_of_the_estimate(random):
    plain, by_ratio = [], []
    for _ in range(200):
        single, first, half, truth = errors_of(random, 1000, 100)
        plain.append(single[0].sum() / single[1].sum() / truth - 1)
        by_ratio.append(estimate.estimate_mse(single, first, half) / truth - 1)
    assert np.std(by_ratio) < 0.5 * np.std(plain)
    assert abs(np.mean(by_ratio)) < 0.02


@pytest.mark.parametrize("failed", [slice(0, 500), slice(1000)], ids=["half", "all"])
def test_missing_first_stage_predictions_do_not_bias_the_estimate(random, failed):
    ratios = []
    for _ in range(100):
        single, first, half, truth = errors_of(random, 1000, 600)
        first[0][failed], first[1][failed] = 0, 0
        ratios.append(estimate.estimate_mse(single, first, half) / truth)
    assert np.mean(ratios) == pytest.approx(1, abs=0.03)


def test_bad_first_stage_model_does_not_bias_the_estimate(random):
    ratios = []
    for _ in range(100):
        single, first, half, truth = errors_of(random, 1000, 300)
        for errors in single:
            errors[half == 1] = 0  # a single member: its fold is of one half
        first[0][half == 1] *= 40
        ratios.append(estimate.estimate_mse(single, first, half) / truth)
    assert np.mean(ratios) == pytest.approx(1, abs=0.03)


def test_mean_is_of_the_other_folds():
    labels = np.full((4, 15, 2), 10.0)
    labels[0], labels[1] = 20, 40
    labels[:, 3] = np.nan
    labels[0, 3] = 1
    predicted = estimate.mean_of_other_folds(labels, np.array([0, 0, 1, 1]))
    assert (predicted[:2, :3] == 10).all()
    assert (predicted[2:, :3] == 30).all()
    assert np.isnan(predicted[:2, 3]).all()
    assert (predicted[2:, 3] == 1).all()


def test_intervals_cover_the_score_and_are_no_wider_than_necessary(random, monkeypatch):
    monkeypatch.setattr(estimate, "_DRAWS", 400)
    beyond, widths = [], []
    for _ in range(60):
        single, first, half, _ = errors_of(random, 600, 200)
        *_, score = errors_of(random, 200, 0)
        photographs = np.arange(600)
        mse = estimate.estimate_mse(single, first, half)
        draws = estimate.draw_deviations(single, first, half, photographs, 200, random)
        summary = estimate.summarise({"A": (mse, draws)}, {"A": 10, "B": 0})["A"]
        beyond.append(abs(np.sqrt(score) - (summary.low + summary.high) / 2))
        widths.append(summary.high - summary.low)
    inside = np.asarray(beyond) <= np.asarray(widths) / 2
    assert 51 <= inside.sum() <= 60
    assert np.mean(widths) / 2 < 1.5 * np.quantile(beyond, 0.95)


def test_populations_are_weighted_as_on_the_leaderboard():
    draws = np.zeros(10)
    summary = estimate.summarise({"A": (1.0, draws), "B": (4.0, draws)}, {"A": 30, "B": 10})
    assert summary["A"].rmse == 1
    assert summary["B"] == estimate.Interval(2, 2, 2)
    assert summary["leaderboard"].rmse == pytest.approx(np.sqrt(70 / 40))


def test_unmeasured_population_has_no_estimate():
    summary = estimate.summarise({"A": (1.0, np.zeros(10))}, {"A": 30, "B": 10})
    assert "B" not in summary
    assert summary["leaderboard"] == estimate.Interval(None, None, None)
