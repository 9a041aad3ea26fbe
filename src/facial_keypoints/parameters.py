"""Every parameter of the project, typed, with its bounds and its meaning.

``check_parameters`` is called once before a run (and before pipelines are built), so that a
wrong name or value is told at once, with the right ones, and nothing has been started.
"""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from facial_keypoints.errors import InputError
from facial_keypoints.models.registry import check_settings

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """A group of parameters: unknown names are refused, values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DrawnParameters(Section):
    """The drawn competition (``download.source: drawn``)."""

    train_faces: int = Field(1500, ge=20, le=200_000)
    test_faces: int = Field(400, ge=4, le=200_000)
    seed: Seed = 0


class DownloadParameters(Section):
    """Where the competition's archive comes from."""

    source: Literal["kaggle", "archive", "drawn"] = "kaggle"
    competition: str = Field("facial-keypoints-detection", pattern=r"^[a-z0-9-]+$")
    archive: Path | None = None
    """Path of a zip that the user already has (``source: archive``)."""
    drawn: DrawnParameters = DrawnParameters()

    @model_validator(mode="after")
    def _archive_is_named(self) -> "DownloadParameters":
        if self.source == "archive" and self.archive is None:
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
    noise: list[Positive] = [0.008]
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
    ``name``: ``check_parameters`` fills both in, so that a variant is all that its training
    needs to know.
    """

    name: str
    architecture: str
    settings: dict[str, Any] = {}
    train: TrainParameters
    paper: PaperFigures | None = None

    @model_validator(mode="after")
    def _settings_fit(self) -> "VariantParameters":
        check_settings(self.architecture, self.settings)
        return self


def _names(value: Any) -> Any:
    return value.split("+") if isinstance(value, str) else value


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
    def _complete_variants(cls, raw: dict[str, Any]) -> dict[str, Any]:
        variants = raw.get("variants")
        if not isinstance(variants, dict):
            return raw
        shared = raw.get("train") or {}
        complete = {
            name: {
                **variant,
                "name": name,
                "train": _merged(shared, variant.get("train") or {}),
            }
            if isinstance(variant, dict)
            else variant
            for name, variant in variants.items()
        }
        return {**raw, "variants": complete}

    @model_validator(mode="after")
    def _choice_fits(self) -> "Parameters":
        unknown = [name for name in self.study.only or [] if name not in self.variants]
        if unknown:
            raise ValueError(
                f"study.only: unknown variant {', '.join(map(repr, unknown))}; "
                f"right ones: {', '.join(self.variants)}"
            )
        if not self.chosen_variants:
            raise ValueError("study.only: no variant is chosen; leave it null for all")
        return self

    @property
    def chosen_variants(self) -> list[str]:
        """Names of the variants to train, in the order of the configuration."""
        only = self.study.only
        return [name for name in self.variants if only is None or name in only]


def check_parameters(raw: dict[str, Any]) -> Parameters:
    """The typed parameters, or one message that names every wrong key and the right ones.

    Raises:
        InputError: if a name is unknown or a value is out of bounds.
    """
    try:
        return Parameters.model_validate(raw)
    except ValidationError as error:
        lines = [_describe(problem, Parameters) for problem in error.errors()]
    raise InputError("Parameters cannot be used:\n" + "\n".join(f"  - {line}" for line in lines))


def _merged(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    nested = {
        key: _merged(base[key], value)
        for key, value in override.items()
        if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return {**base, **override, **nested}


def _describe(problem: Any, root: type[BaseModel]) -> str:
    """One line for a pydantic problem, with the right names where a name is unknown."""
    *parents, last = problem["loc"] or ("",)
    where = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        known = list(_section_at(root, parents).model_fields)
        close = get_close_matches(str(last), known, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        return f"{where}: unknown parameter{hint}; right ones: {', '.join(known)}"
    if problem["type"] == "value_error":
        message = str(problem["ctx"]["error"])
    else:
        message = f"{problem['msg']}, not {problem['input']!r}"
    return f"{where}: {message}" if where else message


def _section_at(root: type[BaseModel], path: list[Any]) -> type[BaseModel]:
    section = root
    for key in path:
        field = section.model_fields.get(str(key))
        if field is not None:
            candidates = [field.annotation, *get_args(field.annotation)]
            section = next(
                c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)
            )
        # otherwise the key of a mapping (a variant's name), whose section is already at hand
    return section
