"""All parameters together: what one section takes from another, and the study's plan."""

from typing import Annotated, Any, Final

from pydantic import Field, field_validator, model_validator

from facial_keypoints.formatting import suggest
from facial_keypoints.models.registry import architecture_named
from facial_keypoints.parameters.competition import CompetitionParameters
from facial_keypoints.parameters.stages import (
    AugmentParameters,
    CleanParameters,
    DownloadParameters,
    EvaluateParameters,
    Section,
    SplitParameters,
    TrainParameters,
    UploadParameters,
)
from facial_keypoints.parameters.study import (
    PaperRow,
    PaperTable,
    StudyParameters,
    VariantParameters,
    base_variant,
)

_TAKEN: Final = {
    "champion",
    "ensemble",
    "evaluate",
    "holdout",
    "lookup",
    "mean_face_metrics",
    "test",
}
"""Names that nodes give to inputs which stand beside one input per variant."""


class Parameters(Section):
    """The whole of ``conf/<env>/parameters*.yml``."""

    download: DownloadParameters
    clean: CleanParameters
    augment: AugmentParameters
    split: SplitParameters
    train: TrainParameters
    architectures: dict[str, dict[str, Any] | None]
    """Settings that every variant of an architecture starts from."""
    variants: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], VariantParameters]
    paper: dict[PaperTable, list[PaperRow]]
    study: StudyParameters
    evaluate: EvaluateParameters
    upload: UploadParameters
    competition: CompetitionParameters

    @field_validator("architectures")
    @classmethod
    def _architectures_are_known(cls, shared: dict[str, Any]) -> dict[str, Any]:
        for name in shared:  # their settings are checked with each variant that takes them over
            architecture_named(name)
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
    def _names_fit(self) -> "Parameters":
        if not self.variants:
            raise ValueError("variants: there is none; name at least one network to train")
        for name in self.variants:
            if name in self._groups:
                raise ValueError(
                    f"variants.{name}: study.only means the whole table by that; rename the variant"
                )
            if name in _TAKEN:
                raise ValueError(
                    f"variants.{name}: the pipelines call something else so; rename the variant"
                )
            if base_variant(name) != name:
                raise ValueError(
                    f"variants.{name}: study.seeds gives names that end so; rename the variant"
                )
        for table, rows in self.paper.items():
            for row in rows:
                self._see_that_it_is_there(f"paper.{table}", [row.variant], [*self.variants])
        known = [*self.variants, *self._groups]
        self._see_that_it_is_there("study.only", self.study.only or [], known)
        if not self.chosen:
            raise ValueError("study.only: no variant is chosen; leave it null for all")
        return self

    @staticmethod
    def _see_that_it_is_there(where: str, names: list[str], known: list[str]) -> None:
        unknown = [repr(n) + suggest(n, known) for n in names if n not in known]
        if unknown:
            raise ValueError(
                f"{where}: unknown variant {', '.join(unknown)}; right ones: {', '.join(known)}"
            )

    @property
    def _groups(self) -> dict[str, list[str]]:
        """Variants by the words that ``study.only`` takes besides their names."""
        tables: dict[str, list[str]] = {
            table: [row.variant for row in rows] for table, rows in self.paper.items()
        }
        everything = [name for names in tables.values() for name in names]
        return {**tables, "paper": everything} if tables else {}

    @property
    def chosen(self) -> list[str]:
        """Names of the variants to train, in the order of the configuration."""
        only = self.study.only
        if only is None:
            return list(self.variants)
        wanted = {name for word in only for name in self._groups.get(word, [word])}
        return [name for name in self.variants if base_variant(name) in wanted]

    def planned(self) -> "Parameters":
        """The same with the study's scale and seeds applied to the variants.

        Each variant stands once per seed, as "<variant>-seed<n>" but for the one that
        ``train.seed`` gives anyway: a study that grows by seeds trains only the new ones.
        """
        repeats = {}
        for row, variant in self.variants.items():
            small = _scaled(variant, self.study.scale)
            for seed in self.study.seeds or [variant.train.seed]:
                name = row if seed == variant.train.seed else f"{row}-seed{seed}"
                train = small.train.model_copy(update={"seed": seed})
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
