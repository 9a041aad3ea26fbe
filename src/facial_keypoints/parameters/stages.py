"""The parameters of each stage."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """A group of parameters: unknown names are refused, values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _expand_user(path: Path) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111 (pathlib's raises where there is no home)


class SyntheticParameters(Section):
    """The drawn competition (``download.source: synthetic``)."""

    train_faces: int = Field(ge=20, le=200_000)
    test_faces: int = Field(ge=4, le=200_000)
    seed: Seed


class DownloadParameters(Section):
    """Where the competition's archive comes from."""

    source: Literal["kaggle", "archive", "synthetic"]
    competition: str = Field(pattern=r"^[a-z0-9-]+$")
    archive: Annotated[Path, AfterValidator(_expand_user)] | None
    """Path of a zip that the user already has (``source: archive``)."""
    synthetic: SyntheticParameters

    @model_validator(mode="after")
    def _archive_is_named(self) -> "DownloadParameters":
        if self.source == "archive" and self.archive in {None, Path()}:
            raise ValueError(
                "source is 'archive', so 'archive' must be the path of the zip, for example "
                "--params download.source=archive,download.archive=facial-keypoints-detection.zip"
            )
        return self


class CleanParameters(Section):
    """What becomes of missing labels: kept as NaN, rows dropped, or filled from the row before
    (the paper's).
    """

    missing_labels: Literal["mask", "drop", "forward_fill"]


class AugmentParameters(Section):
    """The recipe: each entry adds one transformed copy of every face in ``of``."""

    of: Literal["complete", "all", "none"]
    """Faces to transform: those with all 15 points, all of them, or none."""
    flip: bool
    rotations: list[Annotated[float, Field(gt=-180, le=180)]]
    """Degrees; positive turns the picture counter-clockwise as it is seen."""
    brightness: list[Positive]
    """Factors on the grey values."""
    shifts: list[tuple[float, float]]
    """Pixels (x, y); a copy with a point on or beyond the border is dropped."""
    noise: list[Annotated[float, Field(gt=0, le=1)]]
    """Standard deviations of normal noise, as shares of the grey range."""
    border: Literal["black", "replicate"]
    """What fills the corners that a rotation or shift uncovers."""
    seed: Seed


class SplitParameters(Section):
    """Which samples are held out, and which of the rest validate."""

    by: Literal["group", "sample"]
    holdout: Fraction = Field(gt=0)
    validation: Fraction = Field(gt=0)
    """Share of what the hold-out leaves."""
    unseen: Fraction
    """By sample: share of the sources kept out of the split beforehand, to measure what the
    hold-out cannot. With 0 all samples are split, as in the paper. By source the hold-out is
    unseen itself."""
    shuffle: bool
    """By sample: draw the samples at random; false takes the last ones."""
    seed: Seed


class PlateauParameters(Section):
    """Keras' ReduceLROnPlateau on the validation loss."""

    factor: Fraction = Field(gt=0)
    patience: int = Field(ge=0)
    min_learning_rate: Positive


class TrainParameters(Section):
    """How a variant is trained."""

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1, le=4096)
    learning_rate: Positive
    reduce_on_plateau: PlateauParameters
    early_stopping_patience: int = Field(ge=0)
    """Epochs without a better validation loss after which training ends; the best weights are
    restored in any case."""
    max_minutes: Positive | None
    """Wall-clock budget of one variant; training ends after the step in which it runs out."""
    cooldown: Fraction
    """Last share of ``max_minutes`` over which the learning rate falls linearly to zero."""
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]
    start_at_mean: bool
    """Start the output bias at the mean face, not at the picture's corner."""
    shuffle: bool
    """Draw the order of the samples anew in every epoch."""
    deterministic: bool
    """Same seed, same weights, at some cost in speed."""
    seed: Seed


class EvaluateParameters(Section):
    """How the hold-out is reported."""

    failure_threshold: Positive
    """NME above which a face counts as failed."""
    grid_faces: int = Field(ge=1, le=48)
    """Faces on each half (best, worst) of the sheet of predictions."""


class UploadParameters(Section):
    """How the submission is sent to Kaggle."""

    wait_minutes: Annotated[float, Field(ge=0)]
    """Longest wait for the score; 0 does not wait."""
    poll_seconds: Positive
    force: bool
    """Send a file that Kaggle has already."""
    wait_only: bool
    """Send nothing: wait for the score of what was sent last."""
    dry_run: bool
    """Send nothing and ask nothing: show what would be sent."""

    @model_validator(mode="after")
    def _asks_for_one_thing(self) -> "UploadParameters":
        if self.wait_only and self.dry_run:
            raise ValueError(
                "wait_only waits for what was sent, dry_run shows what would be; set one of them"
            )
        return self
