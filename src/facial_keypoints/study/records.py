"""Records of the study, saved as JSON. None means: not measured, or not in the paper."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final, Literal

from facial_keypoints.evaluation.records import SetMetrics, VariantMetrics
from facial_keypoints.evaluation.splits import SplitSummary


@dataclass(frozen=True)
class Measures:
    """The study's measures of one network.

    Attributes:
        val_loss: Mean squared error on the validation set, in square pixels.
        val_acc: The paper's accuracy on the validation set (see ``metrics.paper_accuracy``).
        test_loss: Mean squared error on the hold-out, which the paper calls test set.
        test_acc: The paper's accuracy on the hold-out.
        unseen_loss: Mean squared error on faces without a copy in training.
        unseen_acc: The paper's accuracy on them.
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


MEASURES: Final = tuple(field.name for field in fields(Measures))
PAPER_MEASURES: Final = MEASURES[:4]
"""The measures that the paper prints."""


def _loss_and_accuracy(metrics: SetMetrics) -> tuple[float | None, float | None]:
    return metrics.mse, metrics.paper_accuracy


@dataclass(frozen=True)
class TrainedVariant:
    """Results of one variant over its seeds.

    Attributes:
        trainings: Names of its trainings, one per seed.
        mean: Mean over the seeds.
        deviation: Standard deviation over the seeds.
        test_losses: One per seed; empty where any is unknown.
        unseen_losses: The same on unseen faces.
        leak: Loss on unseen faces over test loss, where the hold-out has copies in training.
        convs: Convolutions.
        pools: Max-pools.
        dense: Dense layers, without the output.
        parameters: Weights.
        multiply_adds: Of convolutions and dense layers for one image, forward.
        samples: Trained on.
        epochs: Mean over the seeds.
        minutes: Mean over the seeds.
        budgeted: Whether the time budget ended a training.
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
        row: Its name in the paper; the variant's name in the table of further variants.
        variant: The variant that reproduces it.
        paper: The paper's measures.
        ours: Our results; None where the variant is not in this run, or failed.
        difference: Ours less the paper's.
        worse_than_best: Whether the loss on unseen faces exceeds the table's best by more than
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
        claim: The conclusion in words.
        better: The variant that the paper finds better.
        worse: The variant that the paper finds worse.
        paper: Ratio of the worse variant's test loss to the better one's in the paper.
        ratio: The same ratios of ours; above 1 supports the claim.
        test_verdict: Verdict on the test set.
        unseen_verdict: Verdict on unseen faces.
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
        scale: Factor on width, epochs and faces.
        seeds: Number of seeds per variant.
        split: The split that the results are of.
        synthetic: Whether the faces are synthetic.
        missing_labels: What happened to missing labels: masked, filled, or there are none.
        faces: Original faces, before augmentation.
        samples: Originals and augmented copies.
        mean_face: Measures of predicting the mean training face.
        median_leak: Median of the rows' ``leak``.
        tables: The rows by table.
        agreement: By table, rank correlation of our measures with the paper's over its rows.
        least_significant_ratio: Ratio of two rows' losses that the seeds do not explain.
        depth_trend: Whether deeper networks are better.
        claims: The paper's conclusions, checked.
        missing: Variants of the tables that are not in this run.
        failures: By training, why it failed.
        width: Factor on the width where it is not ``scale``.
        epochs: Of every variant where they do not follow from ``scale``.
        minutes: Budget of the whole command, if there was one.
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
    width: float | None = None
    epochs: int | None = None
    minutes: float | None = None

    def rows(self) -> Iterator[StudyRow]:
        """Iterate over the rows of all tables; a variant in two tables comes twice."""
        for rows in self.tables.values():
            yield from rows

    def paper_rows(self) -> Iterator[StudyRow]:
        """Iterate over the rows of the paper's tables."""
        for name, rows in self.tables.items():
            if name != "others":
                yield from rows

    def trained(self) -> dict[str, TrainedVariant]:
        """Return the results of every trained variant, by its name."""
        return {row.variant: row.ours for row in self.rows() if row.ours is not None}

    def first_training(self, variant: str) -> str | None:
        """Return the name of a variant's training with its first seed; None if there is none."""
        ours = self.trained().get(variant)
        return ours.trainings[0] if ours else None
