"""What the paper concludes from its tables, as comparisons that can be made again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from facial_keypoints.pipelines.study.statistics import rank_correlation


@dataclass(frozen=True)
class Claim:
    """The paper says that ``better`` has a smaller error than ``worse`` (names of variants)."""

    words: str
    better: str
    worse: str


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

LOSSES: Final = ("test_loss", "unseen_loss")


def judge_claims(
    rows: Mapping[str, Mapping[str, Any]], least_ratio: Mapping[str, float | None]
) -> list[dict[str, Any]]:
    """Each claim with the factor by which the worse row's loss exceeds the better one's: in the
    paper, on our test set, on unseen faces; and a verdict for either of ours.

    A factor over 1 speaks for the claim. With repeated seeds it has to exceed
    ``least_ratio`` (see ``least_significant_ratio``) to be more than spread.

    Args:
        rows: by variant, the row that ``tabulate_study`` made of it.
        least_ratio: by loss, null where nothing was repeated.
    """
    judged = []
    for claim in CLAIMS:
        better, worse = rows.get(claim.better), rows.get(claim.worse)
        if better is None or worse is None:
            continue
        factors = {loss: factor(better, worse, loss) for loss in LOSSES}
        if all(ratio is None for ratio in factors.values()):
            continue
        judged.append(
            {
                "claim": claim.words,
                "better": claim.better,
                "worse": claim.worse,
                "paper": factor(better, worse, "paper_test_loss"),
                **factors,
                **{
                    f"{loss}_verdict": verdict(factors[loss], least_ratio.get(loss))
                    for loss in LOSSES
                },
            }
        )
    return judged


def verdict(ratio: float | None, least_ratio: float | None) -> str:
    """What a factor says of its claim."""
    if ratio is None:
        return "not measured"
    if least_ratio is None:
        if ratio == 1:
            return "no difference"
        return "points so" if ratio > 1 else "points the other way"
    if max(ratio, 1 / ratio) < least_ratio:
        return "within the spread"
    return "holds" if ratio > 1 else "the contrary holds"


def depth_trend(rows: list[dict[str, Any]], pools: int = 3) -> dict[str, float | None]:
    """Spearman's coefficient between convolutions and loss over the rows of Table 3 with so
    many pools, in the paper and in ours: near -1 where deeper is better.
    """
    stack = [row for row in rows if row["pools"] == pools]
    depth = [row["convs"] for row in stack]
    return {
        loss: rank_correlation(depth, [row[loss] for row in stack])
        for loss in ("paper_test_loss", *LOSSES)
    }


def factor(better: Mapping[str, Any], worse: Mapping[str, Any], loss: str) -> float | None:
    """By which factor the second row's loss exceeds the first's; of several seeds, that of their
    geometric means. Null where either is not known.
    """
    values = [row.get(f"{loss}_by_seed") or [row.get(loss)] for row in (better, worse)]
    if any(value is None or value <= 0 for row in values for value in row):
        return None
    lower, higher = (np.log(row).mean() for row in values)
    return float(np.exp(higher - lower))
