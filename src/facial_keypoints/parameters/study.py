"""Parameters of the study: variants, the paper's rows that they reproduce, and their comparison."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from facial_keypoints.models.registry import architecture_named
from facial_keypoints.parameters.sections import Positive, Section, Seed, TrainParameters, as_list

MIN_SCALE: Final = 0.02
"""Less leaves too few faces to train on."""
MIN_WIDTH: Final = 0.1
"""At a smaller scale the width stays at this: a step of narrower networks takes as long, bound by
the number of its operations, not by their arithmetic."""

PaperTable = Literal["table_3", "table_4", "table_5", "text"]
_Accuracy = Annotated[float, Field(ge=0, le=1)]


class PaperRow(Section):
    """A row of the paper's tables; without figures where only the text names the network."""

    row: str
    """Name of the row in the paper."""
    variant: str
    """Name of the variant that reproduces it."""
    val_loss: Positive | None = None
    val_acc: _Accuracy | None = None
    test_loss: Positive | None = None
    test_acc: _Accuracy | None = None

    @model_validator(mode="after")
    def _check_all_figures_or_none(self) -> "PaperRow":
        figures = (self.val_loss, self.val_acc, self.test_loss, self.test_acc)
        if None in figures and set(figures) != {None}:
            raise ValueError(
                "a row has all four figures (val_loss, val_acc, test_loss, test_acc) or none"
            )
        return self


class VariantParameters(Section):
    """One network to train: an architecture, its settings, and how it is trained.

    In YAML, ``settings`` and ``train`` hold only what differs from the sections
    ``architectures`` and ``train``. ``Parameters`` fills in the rest and the name.
    """

    name: str
    architecture: str
    settings: dict[str, Any]
    train: TrainParameters

    @field_validator("architecture")
    @classmethod
    def _check_architecture(cls, architecture: str) -> str:
        return architecture_named(architecture).name

    @field_validator("settings")
    @classmethod
    def _check_settings(cls, settings: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "architecture" not in info.data:
            return settings
        kind = architecture_named(info.data["architecture"]).settings
        checked = kind.model_validate(settings)
        return {name: getattr(checked, name) for name in settings}


class StudyParameters(Section):
    """Which variants are trained and compared, with which seeds, and at which scale."""

    only: Annotated[list[str] | None, BeforeValidator(as_list)]
    minutes: Positive | None
    """Wall-clock budget of the whole command, from start to submission; null: no budget."""
    scale: Annotated[float, Field(ge=MIN_SCALE, le=1)] | None
    """Factor on width, epochs, batch size and number of faces of all variants; null follows from
    ``minutes`` and the measured speed, and is 1 without a budget."""
    width: Annotated[float, Field(ge=MIN_SCALE, le=1)] | None
    """Factor on the width; null for ``scale``, but 0.1 at least."""
    epochs: Annotated[int, Field(ge=1)] | None
    """Epochs of every variant, in place of ``scale`` times ``train.epochs``."""
    seeds: Annotated[list[Seed] | None, BeforeValidator(as_list)]
    reuse: bool
    on_failure: Literal["continue", "stop"]

    @field_validator("seeds")
    @classmethod
    def _check_seeds_differ(cls, seeds: list[int] | None) -> list[int] | None:
        if seeds == []:
            raise ValueError("name at least one seed, or null for train.seed")
        repeated = sorted({seed for seed in seeds or [] if (seeds or []).count(seed) > 1})
        if repeated:
            raise ValueError(f"seeds must differ; repeated: {', '.join(map(str, repeated))}")
        return seeds


def base_variant(name: str) -> str:
    """Return the configured variant's name, without the suffix that ``study.seeds`` adds.

    >>> base_variant("vgg16-seed3")
    'vgg16'
    """
    return re.sub(r"-seed\d+$", "", name)


def scale_variant(
    variant: VariantParameters,
    scale: float,
    *,
    width: float | None = None,
    epochs: int | None = None,
) -> VariantParameters:
    """Return a variant at a fraction of its width, epochs, batch size and patience.

    Args:
        variant: The variant at full scale.
        scale: Factor, above 0 and up to 1. The number of multiply-adds falls by about its fourth
            power.
        width: Factor on the width; None for ``scale``, but ``MIN_WIDTH`` at least.
        epochs: Number of epochs; None for ``scale`` times the variant's.
    """
    factor = max(scale, MIN_WIDTH) if width is None else width
    if scale == 1 and factor == 1 and epochs is None:
        return variant
    train, plateau = variant.train, variant.train.reduce_on_plateau
    scaled_train = train.model_copy(
        update={
            "epochs": epochs or (train.epochs and max(1, round(train.epochs * scale))),
            # keep the number of steps per epoch: a model needs steps more than images
            "batch_size": min(train.batch_size, max(8, round(train.batch_size * scale))),
            "warmup_steps": max(1, round(train.warmup_steps * scale)),
            # at least 5, so that the learning rate can fall twice before training ends
            "early_stopping_patience": train.early_stopping_patience
            and _scale_patience(train.early_stopping_patience, scale, 5),
            # at least 2, so that noise between two epochs does not lower the learning rate
            "reduce_on_plateau": plateau.model_copy(
                update={"patience": _scale_patience(plateau.patience, scale, 2)}
            ),
        }
    )
    settings = {**variant.settings, "width": variant.settings.get("width", 1.0) * factor}
    return variant.model_copy(update={"settings": settings, "train": scaled_train})


def _scale_patience(patience: int, scale: float, minimum: int) -> int:
    return min(patience, max(minimum, round(patience * scale)))
