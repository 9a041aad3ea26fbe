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

from facial_keypoints.errors import InputError
from facial_keypoints.models.registry import architecture_named
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


PaperTable = Literal["table_3", "table_4", "table_5", "text"]


class PaperRow(Section):
    """A row of the paper's tables; without figures where its text only names the network."""

    row: str
    """As the paper names it."""
    val_loss: float | None = None
    val_acc: float | None = None
    test_loss: float | None = None
    test_acc: float | None = None

    @model_validator(mode="after")
    def _all_figures_or_none(self) -> "PaperRow":
        figures = (self.val_loss, self.val_acc, self.test_loss, self.test_acc)
        if None in figures and set(figures) != {None}:
            raise ValueError(
                "a row has all four figures (val_loss, val_acc, test_loss, test_acc) or none"
            )
        return self


class VariantParameters(Section):
    """One network to train: an architecture, its settings, and how it is trained.

    In YAML, ``settings`` and ``train`` hold only what differs from the sections
    ``architectures`` and ``train``, and there is neither ``name`` nor ``row``: ``Parameters``
    fills them in, so that a variant is all that its training needs to know.
    """

    name: str
    row: str
    """The variant's name in the configuration; ``name`` differs from it where ``study.seeds``
    repeats the training."""
    architecture: str
    settings: dict[str, Any] = Field(default={}, validate_default=True)
    train: TrainParameters
    paper: dict[PaperTable, PaperRow] = {}
    """The rows of the paper that it reproduces."""

    @property
    def groups(self) -> set[str]:
        """Words by which ``study.only`` picks it, besides its name."""
        return {"paper", *self.paper} if self.paper else set()

    @field_validator("architecture")
    @classmethod
    def _architecture_is_known(cls, architecture: str) -> str:
        return architecture_named(architecture).name

    @field_validator("settings")
    @classmethod
    def _settings_fit(cls, settings: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "architecture" in info.data:
            architecture_named(info.data["architecture"]).settings.model_validate(settings)
        return settings


def _listed(value: Any) -> Any:
    """A list as the command line gives it: "a+b", or a single value."""
    if isinstance(value, str):
        return [part.strip() for part in value.split("+")]
    return [value] if isinstance(value, int) else value


class StudyParameters(Section):
    """Which of the variants are trained and compared, how often, and at which scale.

    On the command line, where a comma ends a parameter, join values by "+":
    ``--params study.only=table_4+vgg16,study.seeds=0+1+2``.
    """

    only: Annotated[list[str] | None, BeforeValidator(_listed)] = None
    """Names from ``variants``, or of groups of them: table_3, table_4, table_5, text (what the
    paper only speaks of), paper (all of these). Null: every variant."""
    scale: float = Field(1.0, ge=0.02, le=1)
    """Factor on the width of every network, on the epochs (and patiences) of every training, on
    the share of faces trained on, and on the batch, so that an epoch has as many steps as at
    full scale. The arithmetic falls by about its fourth power."""
    seeds: Annotated[list[Seed] | None, BeforeValidator(_listed)] = None
    """Seeds to train each variant with; null: ``train.seed`` alone. Data and split stay."""
    reuse: bool = True
    """Take an earlier training of the same data, parameters and code as it is; false trains
    again."""

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: list[int] | None) -> list[int] | None:
        if seeds == []:
            raise ValueError("name at least one seed, or leave it null for train.seed")
        twice = sorted({seed for seed in seeds or [] if (seeds or []).count(seed) > 1})
        if twice:
            raise ValueError(f"each seed once; repeated: {', '.join(map(str, twice))}")
        return seeds

    def includes(self, variant: VariantParameters) -> bool:
        """Whether the variant is to be trained."""
        return self.only is None or bool({variant.row, *variant.groups} & set(self.only))


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
    architectures: dict[str, dict[str, Any]] = {}
    """Settings that every variant of an architecture starts from."""
    variants: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], VariantParameters]
    study: StudyParameters = StudyParameters()
    evaluate: EvaluateParameters = EvaluateParameters()
    upload: UploadParameters = UploadParameters()

    @field_validator("architectures")
    @classmethod
    def _shared_settings_fit(cls, shared: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, settings in shared.items():
            architecture_named(name).settings.model_validate(settings)
        return shared

    @model_validator(mode="before")
    @classmethod
    def _complete_variants(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get("variants"), dict):
            return raw
        shared = raw.get("architectures")
        complete = {
            name: {
                **variant,
                "name": str(name),
                "row": str(name),
                "settings": _merged(
                    _settings_shared(shared, variant.get("architecture")),
                    variant.get("settings"),
                ),
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
        groups = sorted(set().union(*(variant.groups for variant in self.variants.values())))
        known = [*self.variants, *groups]
        unknown = [name for name in self.study.only or [] if name not in known]
        if unknown:
            listed = ", ".join(repr(name) + did_you_mean(name, known) for name in unknown)
            raise ValueError(
                f"study.only: unknown variant {listed}; right ones: {', '.join(known)}"
            )
        if not self.chosen_variants:
            raise ValueError("study.only: no variant is chosen; leave it null for all")
        return self

    @property
    def chosen_variants(self) -> list[str]:
        """Names of the variants to train, in the order of the configuration."""
        return [name for name, v in self.variants.items() if self.study.includes(v)]

    def planned(self) -> "Parameters":
        """The same with the study's scale and seeds applied to the variants.

        Each variant stands once per seed, as "<variant>-seed<n>" but for the one that
        ``train.seed`` gives anyway: a study that grows by seeds trains only the new ones.

        Raises:
            InputError: if another variant has such a name already.
        """
        repeats = {}
        for row, variant in self.variants.items():
            small = _scaled(variant, self.study.scale)
            for seed in self.study.seeds or [variant.train.seed]:
                name = row if seed == variant.train.seed else f"{row}-seed{seed}"
                train = small.train.model_copy(update={"seed": seed})
                if name in repeats or (name != row and name in self.variants):
                    raise InputError(
                        f"variants: {name!r} is the name that study.seeds gives to {row!r} with "
                        f"seed {seed}; rename the variant"
                    )
                repeats[name] = small.model_copy(update={"name": name, "train": train})
        return self.model_copy(update={"variants": repeats})


def _settings_shared(shared: Any, architecture: Any) -> Any:
    if not isinstance(shared, dict) or not isinstance(architecture, str):
        return None
    return shared.get(architecture)


def _scaled(variant: VariantParameters, scale: float) -> VariantParameters:
    if scale == 1:
        return variant
    how = variant.train
    plateau = how.reduce_on_plateau
    fewer = how.model_copy(
        update={
            "epochs": max(1, round(how.epochs * scale)),
            # as many steps in an epoch as at full scale: a net needs steps more than pictures
            "batch_size": min(how.batch_size, max(8, round(how.batch_size * scale))),
            "early_stopping_patience": _fewer(how.early_stopping_patience, scale, 5),
            "reduce_on_plateau": plateau.model_copy(
                update={"patience": _fewer(plateau.patience, scale, 2)}
            ),
        }
    )
    width = variant.settings.get("width", 1.0) * scale
    return variant.model_copy(
        update={"settings": {**variant.settings, "width": width}, "train": fewer}
    )


def _fewer(patience: int, scale: float, least: int) -> int:
    """A patience at the scale. The learning rate does not answer to the noise between two epochs
    (``least`` 2), and training does not end before the rate has had time to fall twice (5).
    """
    return min(patience, max(least, round(patience * scale)))


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
