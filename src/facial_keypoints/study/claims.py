"""Check the paper's conclusions against our results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from facial_keypoints.study.records import ClaimResult, DepthTrend, LossPair, StudyRow
from facial_keypoints.study.statistics import loss_ratio, rank_correlation


@dataclass(frozen=True)
class Claim:
    """The paper concludes that the variant ``better`` has a smaller error than ``worse``."""

    words: str
    better: str
    worse: str


POOLS_COMPARED: Final = ("14cl-3mpl", "14cl-5mpl")
"""Variants of the paper's Figure 2."""
CLAIMS: Final = (
    Claim("15 convolutions beat 5", "15cl-5mpl", "5cl-3mpl"),
    Claim("15 convolutions beat 14 (five pools)", "15cl-5mpl", "14cl-5mpl"),
    Claim("16 convolutions are worse than 15", "15cl-5mpl", "16cl-5mpl"),
    Claim("Five pools beat three (14 convolutions)", "14cl-5mpl", "14cl-3mpl"),
    Claim("Dropout 0.1 beats none", "15cl-5mpl-drop10", "15cl-5mpl-drop00"),
    Claim("Dropout 0.1 beats 0.2", "15cl-5mpl-drop10", "15cl-5mpl-drop20"),
    Claim("Dropout 0.1 beats 0.3", "15cl-5mpl-drop10", "15cl-5mpl-drop30"),
    Claim("One dense layer beats three", "15cl-5mpl-drop10", "15cl-5mpl-drop10-3dense"),
    Claim("One dense layer beats two", "15cl-5mpl-drop10", "15cl-5mpl-drop10-2dense"),
    Claim("Leaky ReLU beats ReLU", "15cl-5mpl", "15cl-5mpl-relu"),
    Claim("15 convolutions beat VGG-16", "15cl-5mpl", "vgg16"),
    Claim("15 convolutions beat AlexNet", "15cl-5mpl", "alexnet"),
)


def check_claims(rows: Mapping[str, StudyRow], least_ratio: LossPair) -> list[ClaimResult]:
    """Check each claim whose two variants have a common loss.

    Args:
        rows: By variant.
        least_ratio: Least significant ratio of each loss (see ``least_significant_ratio``).
    """
    results = []
    for claim in CLAIMS:
        better, worse = rows.get(claim.better), rows.get(claim.worse)
        if better is None or better.ours is None or worse is None or worse.ours is None:
            continue
        test = loss_ratio(better.ours.test_losses, worse.ours.test_losses)
        unseen = loss_ratio(better.ours.unseen_losses, worse.ours.unseen_losses)
        if test is None and unseen is None:
            continue
        results.append(
            ClaimResult(
                claim=claim.words,
                better=claim.better,
                worse=claim.worse,
                paper=loss_ratio(_paper_losses(better), _paper_losses(worse)),
                ratio=LossPair(test, unseen),
                test_verdict=verdict(test, least_ratio.test),
                unseen_verdict=verdict(unseen, least_ratio.unseen),
            )
        )
    return results


def verdict(ratio: float | None, least_ratio: float | None) -> str:
    """Return what a ratio of losses says of its claim.

    Args:
        ratio: Loss of the worse variant over that of the better one; None if not measured.
        least_ratio: The least significant ratio; None without repeated trainings.
    """
    if ratio is None:
        return "not measured"
    if least_ratio is None:
        if ratio == 1:
            return "no difference"
        return "tends to hold" if ratio > 1 else "tends to the contrary"
    if max(ratio, 1 / ratio) < least_ratio:
        return "not significant"
    return "holds" if ratio > 1 else "the contrary holds"


def depth_trend(rows: Sequence[StudyRow], pools: int = 3) -> DepthTrend:
    """Correlate the number of convolutions with the loss.

    Args:
        rows: Of Table 3.
        pools: Number of max-pools of the rows to compare.
    """
    stack = [(row, row.ours) for row in rows if row.ours is not None and row.ours.pools == pools]
    depth = [ours.convs for _, ours in stack]
    return DepthTrend(
        paper=rank_correlation(depth, [row.paper.test_loss for row, _ in stack]),
        ours=LossPair(
            rank_correlation(depth, [ours.mean.test_loss for _, ours in stack]),
            rank_correlation(depth, [ours.mean.unseen_loss for _, ours in stack]),
        ),
    )


def _paper_losses(row: StudyRow) -> list[float]:
    return [] if row.paper.test_loss is None else [row.paper.test_loss]
