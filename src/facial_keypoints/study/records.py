"""Records of the study, saved as JSON. None means: not measured, or not in the paper."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from facial_keypoints.evaluation.records import SetMetrics, VariantMetrics
from facial_keypoints.evaluation.splits import SplitSummary


@dataclass(frozen=True)
class Measures:
    """The study's measures of one network.

    Attributes:
        val_loss: mean squared error on the validation set, in square pixels.
        val_acc: the paper's accuracy on the validation set (see ``metrics.paper_accuracy``).
        test_loss: mean squared error on the hold-out, which the paper calls test set.
        test_acc: the paper's accuracy on the hold-out.
        unseen_loss: mean squared error on faces without a sibling in training.
        unseen_acc: the paper's accuracy on them.
        unseen_rmse: RMSE on them in pixels, weighted as the leaderboard weights it.
    """

    val_loss: float | None = None
    val_acc: float | None = None
    test_loss: float | None = None
    test_acc: float | None = None
    unseen_loss: float | None = None
    unseen_acc: float | None = None
    unseen_rmse: float | None = None

    @classmethod
    def of(cls, metrics: VariantMetrics) -> "Measures":
        """Return the study's measures of a variant's metrics."""
        unseen = metrics.unseen
        return cls(
            *_loss_and_accuracy(metrics.validation),
            *_loss_and_accuracy(metrics.holdout),
            *(_loss_and_accuracy(unseen) if unseen else (None, None)),
            unseen_rmse=unseen.rmse_leaderboard if unseen else None,
        )


def _loss_and_accuracy(metrics: SetMetrics) -> tuple[float | None, float | None]:
    return metrics.mse, metrics.paper_accuracy


@dataclass(frozen=True)
class TrainedVariant:
    """Results of one variant over its seeds.

    Attributes:
        trainings: names of its trainings, one per seed.
        mean: mean over the seeds.
        deviation: standard deviation over the seeds.
        test_losses: one per seed; empty where any is unknown.
        unseen_losses: the same on unseen faces.
        leak: loss on unseen faces over test loss, where the hold-out has siblings in training.
        convs: convolutions.
        pools: max-pools.
        dense: dense layers, without the output.
        parameters: weights.
        multiply_adds: of convolutions and dense layers for one image, forward.
        samples: trained on.
        epochs: mean over the seeds.
        minutes: mean over the seeds.
        budgeted: whether the time budget ended a training.
    """

    trainings: list[str]
    mean: Measures
    deviation: Measures
    test_losses: list[float]
    unseen_losses: list[float]
    leak: float | None
    convs: int
    pools: int
    dense: int
    parameters: int
    multiply_adds: int
    samples: int
    epochs: float
    minutes: float
    budgeted: bool


@dataclass(frozen=True)
class StudyRow:
    """A row of a table.

    Attributes:
        row: its name in the paper; the variant's name in the table of further variants.
        variant: the variant that reproduces it.
        paper: the paper's measures.
        ours: our results; None where the variant is not in this run, or failed.
        difference: ours less the paper's.
        worse_than_best: whether the loss on unseen faces exceeds the table's best by more than
            the seeds explain; None where that is unknown.
    """

    row: str
    variant: str
    paper: Measures
    ours: TrainedVariant | None
    difference: Measures
    worse_than_best: bool | None = None


@dataclass(frozen=True)
class LossPair:
    """One number for each of the two losses that the study compares."""

    test: float | None
    unseen: float | None


@dataclass(frozen=True)
class ClaimResult:
    """A conclusion of the paper, checked.

    Attributes:
        claim: the conclusion in words.
        better: the variant that the paper finds better.
        worse: the variant that the paper finds worse.
        paper: ratio of the worse variant's test loss to the better one's in the paper.
        ratio: the same ratios of ours; above 1 supports the claim.
        test_verdict: verdict on the test set.
        unseen_verdict: verdict on unseen faces.
    """

    claim: str
    better: str
    worse: str
    paper: float | None
    ratio: LossPair
    test_verdict: str
    unseen_verdict: str


@dataclass(frozen=True)
class DepthTrend:
    """Rank correlation of the number of convolutions with the loss, over Table 3's rows with three
    pools; near -1 where deeper networks are better.
    """

    paper: float | None
    ours: LossPair


@dataclass(frozen=True)
class StudyResult:
    """The whole study.

    Attributes:
        scale: ``study.scale``.
        seeds: number of seeds per variant.
        split: the split that the results are of.
        synthetic: whether the faces are synthetic.
        missing_labels: what happened to missing labels: masked, filled, or there are none.
        faces: original faces, before augmentation.
        samples: originals and augmented copies.
        mean_face: measures of predicting the mean training face.
        median_leak: median of the rows' ``leak``.
        tables: the rows by table.
        agreement: by table, rank correlation of our measures with the paper's over its rows.
        least_significant_ratio: ratio of two rows' losses that the seeds do not explain.
        depth_trend: whether deeper networks are better.
        claims: the paper's conclusions, checked.
        missing: variants of the tables that are not in this run.
        failures: by training, why it failed.
    """

    scale: float
    seeds: int
    split: SplitSummary
    synthetic: bool
    missing_labels: Literal["mask", "fill", "none"]
    faces: int
    samples: int
    mean_face: Measures
    median_leak: float | None
    tables: dict[str, list[StudyRow]]
    agreement: dict[str, Measures]
    least_significant_ratio: LossPair
    depth_trend: DepthTrend
    claims: list[ClaimResult]
    missing: list[str]
    failures: dict[str, str]

    def rows(self) -> Iterator[StudyRow]:
        """Iterate over the rows of all tables; a variant in two tables comes twice."""
        for rows in self.tables.values():
            yield from rows

    def trained(self) -> dict[str, TrainedVariant]:
        """Return the results of every trained variant, by its name."""
        return {row.variant: row.ours for row in self.rows() if row.ours is not None}

    def first_training(self, variant: str) -> str | None:
        """Return the name of a variant's training with its first seed; None if there is none."""
        ours = self.trained().get(variant)
        return ours.trainings[0] if ours else None
