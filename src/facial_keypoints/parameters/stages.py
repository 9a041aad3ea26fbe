"""The parameters of each stage."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """A group of parameters: unknown names are refused, values cannot be changed.

    A group with nothing under it, which YAML reads as null, is as if it were not there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _without_empty_groups(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        groups = {name for name, field in cls.model_fields.items() if _is_group(field.annotation)}
        return {key: value for key, value in raw.items() if value is not None or key not in groups}


def _is_group(annotation: Any) -> bool:
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, Section | dict)


def _expand_user(path: Path) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111 (pathlib's raises where there is no home)


class SyntheticParameters(Section):
    """The drawn competition (``download.source: synthetic``)."""

    train_faces: int = Field(1500, ge=20, le=200_000)
    test_faces: int = Field(400, ge=4, le=200_000)
    seed: Seed = 0


class DownloadParameters(Section):
    """Where the competition's archive comes from."""

    source: Literal["kaggle", "archive", "synthetic"] = "kaggle"
    competition: str = Field("facial-keypoints-detection", pattern=r"^[a-z0-9-]+$")
    archive: Annotated[Path, AfterValidator(_expand_user)] | None = None
    """Path of a zip that the user already has (``source: archive``)."""
    synthetic: SyntheticParameters = SyntheticParameters()

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

    missing_labels: Literal["mask", "drop", "forward_fill"] = "mask"


class AugmentParameters(Section):
    """The recipe: each entry adds one transformed copy of every face in ``of``."""

    of: Literal["complete", "all", "none"] = "complete"
    """Faces to transform: those with all 15 points, all of them, or none."""
    flip: bool = True
    rotations: list[Annotated[float, Field(gt=-180, le=180)]] = [12.0, -12.0]
    """Degrees; positive turns the picture counter-clockwise as it is seen."""
    brightness: list[Positive] = [1.5, 0.8]
    """Factors on the grey values."""
    shifts: list[tuple[float, float]] = [(-12, -12), (-12, 12), (12, -12), (12, 12)]
    """Pixels (x, y); a copy with a point on or beyond the border is dropped."""
    noise: list[Annotated[float, Field(gt=0, le=1)]] = [0.008]
    """Standard deviations of normal noise, as shares of the grey range."""
    border: Literal["black", "replicate"] = "replicate"
    """What fills the corners that a rotation or shift uncovers."""
    seed: Seed = 0


class SplitParameters(Section):
    """Which samples are held out, and which of the rest validate."""

    by: Literal["group", "sample"] = "group"
    holdout: Fraction = Field(0.15, gt=0)
    validation: Fraction = Field(0.1, gt=0)
    """Share of what the hold-out leaves."""
    unseen: Fraction = 0.15
    """By sample: share of the sources kept out of the split beforehand, to measure what the
    hold-out cannot. With 0 all samples are split, as in the paper. By source the hold-out is
    unseen itself."""
    shuffle: bool = True
    """By sample: draw the samples at random; false takes the last ones."""
    seed: Seed = 0


class PlateauParameters(Section):
    """Keras' ReduceLROnPlateau on the validation loss."""

    factor: Fraction = Field(0.5, gt=0)
    patience: int = Field(5, ge=0)
    min_learning_rate: Positive = 1e-6


class TrainParameters(Section):
    """How a variant is trained."""

    epochs: int = Field(100, ge=1)
    batch_size: int = Field(64, ge=1, le=4096)
    learning_rate: Positive = 1e-3
    reduce_on_plateau: PlateauParameters = PlateauParameters()
    early_stopping_patience: int = Field(15, ge=0)
    """Epochs without a better validation loss after which training ends; the best weights are
    restored in any case."""
    max_minutes: Positive | None = None
    """Wall-clock budget of one variant; training ends after the step in which it runs out."""
    cooldown: Fraction = 0.25
    """Last share of ``max_minutes`` over which the learning rate falls linearly to zero."""
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "auto"
    start_at_mean: bool = True
    """Start the output bias at the mean face, not at the picture's corner."""
    shuffle: bool = True
    """Draw the order of the samples anew in every epoch."""
    deterministic: bool = False
    """Same seed, same weights, at some cost in speed."""
    seed: Seed = 0


class EvaluateParameters(Section):
    """How the hold-out is reported."""

    failure_threshold: Positive = 0.1
    """NME above which a face counts as failed."""
    grid_faces: int = Field(8, ge=1, le=48)
    """Faces on each half (best, worst) of the sheet of predictions."""


class UploadParameters(Section):
    """How the submission is sent to Kaggle."""

    wait_minutes: Annotated[float, Field(ge=0)] = 10.0
    """Longest wait for the score; 0 does not wait."""
    poll_seconds: Positive = 10.0
    force: bool = False
    """Send a file that Kaggle has already."""
    wait_only: bool = False
    """Send nothing: wait for the score of what was sent last."""
    dry_run: bool = False
    """Send nothing and ask nothing: show what would be sent."""

    @model_validator(mode="after")
    def _asks_for_one_thing(self) -> "UploadParameters":
        if self.wait_only and self.dry_run:
            raise ValueError(
                "wait_only waits for what was sent, dry_run shows what would be; set one of them"
            )
        return self
