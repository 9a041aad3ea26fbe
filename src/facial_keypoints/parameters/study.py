"""What is trained: variants, the rows of the paper that they reproduce, and the study of them."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from facial_keypoints.models.registry import architecture_named
from facial_keypoints.parameters.stages import Positive, Section, Seed, TrainParameters

PaperTable = Literal["table_3", "table_4", "table_5", "text"]


Share = Annotated[float, Field(ge=0, le=1)]


class PaperRow(Section):
    """A row of the paper's tables; without figures where its text only names the network."""

    row: str
    """As the paper names it."""
    variant: str
    """The variant that reproduces it."""
    val_loss: Positive | None = None
    val_acc: Share | None = None
    test_loss: Positive | None = None
    test_acc: Share | None = None

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
    ``architectures`` and ``train``, and there is no ``name``: ``Parameters`` fills it in, so
    that a variant is all that its training needs to know.
    """

    name: str
    architecture: str
    settings: dict[str, Any]
    train: TrainParameters

    @field_validator("architecture")
    @classmethod
    def _architecture_is_known(cls, architecture: str) -> str:
        return architecture_named(architecture).name

    @field_validator("settings")
    @classmethod
    def _settings_fit(cls, settings: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "architecture" not in info.data:
            return settings
        kind = architecture_named(info.data["architecture"]).settings
        checked = kind.model_validate(settings)
        return {name: getattr(checked, name) for name in settings}


def _listed(value: Any) -> Any:
    """A list as the command line gives it, "a+b"."""
    return [part.strip() for part in value.split("+")] if isinstance(value, str) else value


def _seeds(value: Any) -> Any:
    return [value] if type(value) in {int, float} else _listed(value)


class StudyParameters(Section):
    """Which of the variants are trained and compared, how often, and at which scale.

    On the command line, where a comma ends a parameter, join values by "+":
    ``--params study.only=table_4+vgg16,study.seeds=0+1+2``.
    """

    only: Annotated[list[str] | None, BeforeValidator(_listed)]
    """Names from ``variants``, or of the tables in ``paper`` (text is what the paper speaks of
    without figures), or paper for all of these. Null: every variant."""
    scale: float = Field(ge=0.02, le=1)
    """Factor on the width of every network, on the epochs (and patiences) of every training, on
    the share of faces trained on, and on the batch, so that an epoch has as many steps as at
    full scale. The arithmetic falls by about its fourth power."""
    seeds: Annotated[list[Seed] | None, BeforeValidator(_seeds)]
    """Seeds to train each variant with; null: ``train.seed`` alone. Data and split stay."""
    reuse: bool
    """Take an earlier training of the same data, parameters and code as it is; false trains
    again."""

    on_failure: Literal["continue", "stop"]
    """When the loss of a variant runs away or memory does not suffice: go on with the others, or
    stop."""

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: list[int] | None) -> list[int] | None:
        if seeds == []:
            raise ValueError("name at least one seed, or leave it null for train.seed")
        twice = sorted({seed for seed in seeds or [] if (seeds or []).count(seed) > 1})
        if twice:
            raise ValueError(f"each seed once; repeated: {', '.join(map(str, twice))}")
        return seeds


def base_variant(name: str) -> str:
    """The variant as the configuration names it, of a name that ``study.seeds`` may have made."""
    return re.sub(r"-seed\d+$", "", name)
