import pytest
from parameters import base_parameters
from studies import full_study, study_of

from facial_keypoints.study.claims import CLAIMS, check_claims, verdict
from facial_keypoints.study.records import LossPair


@pytest.mark.parametrize(
    ("ratio", "least", "expected"),
    [
        (1.5, None, "tends to hold"),
        (0.8, None, "tends to the contrary"),
        (1.5, 1.2, "holds"),
        (0.5, 1.2, "the contrary holds"),
        (1.1, 1.2, "not significant"),
        (0.9, 1.2, "not significant"),
        (None, 1.2, "not measured"),
        (1.0, None, "no difference"),
    ],
)
def test_verdict(ratio, least, expected):
    assert verdict(ratio, least) == expected


def test_every_claim_names_configured_variants():
    named = {name for claim in CLAIMS for name in (claim.better, claim.worse)}
    assert named <= set(base_parameters().variants)


def test_claim_about_untrained_row_is_left_out():
    assert check_claims({}, LossPair(None, None)) == []
    assert study_of({"15cl-5mpl": (1.0, 2.0)}).claims == []


def test_claims_compare_our_ratios_with_the_papers():
    claims = {claim.claim: claim for claim in full_study().claims}
    assert len(claims) == len(CLAIMS)
    deep = claims["15 convolutions beat 5"]
    assert deep.paper == pytest.approx(1.5209 / 0.7246, rel=1e-4)
    assert deep.ratio.test == deep.ratio.unseen == deep.paper
    assert deep.unseen_verdict == "tends to hold"
    assert claims["Leaky ReLU beats ReLU"].paper is None


def test_depth_trend_correlates_convolutions_with_loss():
    trend = full_study().depth_trend
    assert trend.paper == trend.ours.test == trend.ours.unseen < -0.3
