"""Every parameter of the project, typed, with its bounds and its meaning (see also
``parameter_checks``).
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from facial_keypoints.models.registry import architectures
from facial_keypoints.words import did_you_mean

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


class DrawnParameters(Section):
    """The drawn competition (``download.source: drawn``)."""

    train_faces: int = Field(1500, ge=20, le=200_000)
    test_faces: int = Field(400, ge=4, le=200_000)
    seed: Seed = 0


class DownloadParameters(Section):
    """Where the competition's archive comes from."""

    source: Literal["kaggle", "archive", "drawn"] = "kaggle"
    competition: str = Field("facial-keypoints-detection", pattern=r"^[a-z0-9-]+$")
    archive: Annotated[Path, AfterValidator(_expand_user)] | None = None
    """Path of a zip that the user already has (``source: archive``)."""
    drawn: DrawnParameters = DrawnParameters()

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

    by: Literal["source", "sample"] = "source"
    holdout: Fraction = Field(0.15, gt=0)
    validation: Fraction = Field(0.1, gt=0)
    """Share of what the hold-out leaves."""
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
    deterministic: bool = False
    """Same seed, same weights, at some cost in speed."""
    seed: Seed = 0


class PaperFigures(Section):
    """The four numbers the paper prints for a row."""

    val_loss: float
    val_acc: float
    test_loss: float
    test_acc: float


class VariantParameters(Section):
    """One network to train: an architecture, its settings, and how it is trained.

    In YAML, ``train`` holds only what differs from the ``train`` section, and there is no
    ``name``: ``Parameters`` fills both in, so that a variant is all that its training
    needs to know.
    """

    name: str
    architecture: str
    settings: dict[str, Any] = Field(default={}, validate_default=True)
    train: TrainParameters
    paper: PaperFigures | None = None

    @field_validator("architecture")
    @classmethod
    def _architecture_is_known(cls, architecture: str) -> str:
        known = sorted(architectures())
        if architecture not in known:
            raise ValueError(
                f"unknown architecture {architecture!r}{did_you_mean(architecture, known)}; "
                f"right ones: {', '.join(known)}"
            )
        return architecture

    @field_validator("settings")
    @classmethod
    def _settings_fit(cls, settings: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "architecture" in info.data:
            architectures()[info.data["architecture"]].settings.model_validate(settings)
        return settings


def _names(value: Any) -> Any:
    return [name.strip() for name in value.split("+")] if isinstance(value, str) else value


class StudyParameters(Section):
    """Which of the variants are trained and compared."""

    only: Annotated[list[str] | None, BeforeValidator(_names)] = None
    """Names from ``variants``; all of them where null. On the command line, where a comma ends
    a parameter, join them by "+": ``--params study.only=5cl-3mpl+10cl-3mpl``."""


class EvaluateParameters(Section):
    """How the hold-out is reported."""

    failure_threshold: Positive = 0.1
    """NME above which a face counts as failed."""
    sheet_faces: int = Field(8, ge=1, le=48)
    """Faces on each half (best, worst) of the sheet of predictions."""


class UploadParameters(Section):
    """How the submission is sent to Kaggle."""

    wait_minutes: Annotated[float, Field(ge=0)] = 10.0
    """Longest wait for the score; 0 does not wait."""
    poll_seconds: Positive = 10.0


class Parameters(Section):
    """The whole of ``conf/<env>/parameters*.yml``."""

    download: DownloadParameters = DownloadParameters()
    clean: CleanParameters = CleanParameters()
    augment: AugmentParameters = AugmentParameters()
    split: SplitParameters = SplitParameters()
    train: TrainParameters = TrainParameters()
    variants: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], VariantParameters]
    study: StudyParameters = StudyParameters()
    evaluate: EvaluateParameters = EvaluateParameters()
    upload: UploadParameters = UploadParameters()

    @model_validator(mode="before")
    @classmethod
    def _complete_variants(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get("variants"), dict):
            return raw
        complete = {
            name: {
                **variant,
                "name": str(name),
                "train": _merged(raw.get("train"), variant.get("train")),
            }
            if isinstance(variant, dict)
            else variant
            for name, variant in raw["variants"].items()
        }
        return {**raw, "variants": complete}

    @model_validator(mode="after")
    def _choice_fits(self) -> "Parameters":
        if not self.variants:
            raise ValueError("variants: there is none; name at least one network to train")
        unknown = [name for name in self.study.only or [] if name not in self.variants]
        if unknown:
            listed = ", ".join(repr(name) + did_you_mean(name, self.variants) for name in unknown)
            raise ValueError(
                f"study.only: unknown variant {listed}; right ones: {', '.join(self.variants)}"
            )
        if not self.chosen_variants:
            raise ValueError("study.only: no variant is chosen; leave it null for all")
        return self

    @property
    def chosen_variants(self) -> list[str]:
        """Names of the variants to train, in the order of the configuration."""
        only = self.study.only
        return [name for name in self.variants if only is None or name in only]


def _merged(base: Any, override: Any) -> Any:
    """``override`` upon ``base``; what is no mapping is left for the typed check to refuse."""
    if override is None:
        override = {}
    if not isinstance(base, dict) or not isinstance(override, dict):
        return override
    nested = {
        key: _merged(base[key], value)
        for key, value in override.items()
        if isinstance(value, dict) and key in base
    }
    return {**base, **override, **nested}
