"""All parameters together: what variants inherit, and which of them the study trains."""

from typing import Annotated, Any, Final

from pydantic import Field, field_validator, model_validator

from facial_keypoints.formatting import suggest
from facial_keypoints.models.registry import architecture_named
from facial_keypoints.parameters.competition import CompetitionParameters
from facial_keypoints.parameters.sections import (
    AugmentParameters,
    CleanParameters,
    DownloadParameters,
    EvaluateParameters,
    ExportParameters,
    PredictParameters,
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

ENSEMBLE: Final = "ensemble"
"""Name of the competition's model, which has the same datasets as a variant."""


class Parameters(Section):
    """All of ``conf/<env>/parameters*.yml``."""

    download: DownloadParameters
    clean: CleanParameters
    augment: AugmentParameters
    split: SplitParameters
    train: TrainParameters
    architectures: dict[str, dict[str, Any] | None]
    variants: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], VariantParameters]
    paper: dict[PaperTable, list[PaperRow]]
    study: StudyParameters
    evaluate: EvaluateParameters
    upload: UploadParameters
    export: ExportParameters
    predict: PredictParameters
    competition: CompetitionParameters

    @field_validator("architectures")
    @classmethod
    def _check_architectures(cls, shared: dict[str, Any]) -> dict[str, Any]:
        for name in shared:  # settings are checked with each variant that inherits them
            architecture_named(name)
        return shared

    @model_validator(mode="before")
    @classmethod
    def _complete_variants(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get("variants"), dict):
            return raw
        shared = raw.get("architectures")
        shared = shared if isinstance(shared, dict) else {}
        variants = {
            name: {
                **variant,
                "name": str(name),
                "settings": _merge(
                    shared.get(str(variant.get("architecture"))) or {}, variant.get("settings")
                ),
                "train": _merge(raw.get("train"), variant.get("train")),
            }
            if isinstance(variant, dict)
            else variant
            for name, variant in raw["variants"].items()
        }
        raw = {**raw, "variants": variants}
        competition = raw.get("competition")
        if isinstance(competition, dict):
            train = _merge(raw.get("train"), competition.get("train"))
            raw["competition"] = {**competition, "train": train}
        return raw

    @model_validator(mode="after")
    def _check_names(self) -> "Parameters":
        if not self.variants:
            raise ValueError("variants: name at least one network to train")
        for name in self.variants:
            if name in self._groups or name == ENSEMBLE:
                raise ValueError(f"variants.{name}: this name is reserved; rename the variant")
            if base_variant(name) != name:
                raise ValueError(
                    f"variants.{name}: the suffix -seed<n> is reserved for study.seeds; "
                    "rename the variant"
                )
        for table, rows in self.paper.items():
            _check_known(f"paper.{table}", [row.variant for row in rows], [*self.variants])
        _check_known("study.only", self.study.only or [], [*self.variants, *self._groups])
        if not self.chosen:
            raise ValueError("study.only: name at least one variant, or null for all")
        return self

    @property
    def _groups(self) -> dict[str, list[str]]:
        """Variants by the group names that ``study.only`` accepts: paper tables and "paper"."""
        tables: dict[str, list[str]] = {
            table: [row.variant for row in rows] for table, rows in self.paper.items()
        }
        names = [name for table in tables.values() for name in table]
        return {**tables, "paper": names} if tables else {}

    @property
    def chosen(self) -> list[str]:
        """Names of the variants to train, in the order of the configuration."""
        only = self.study.only
        if only is None:
            return list(self.variants)
        wanted = {name for entry in only for name in self._groups.get(entry, [entry])}
        return [name for name in self.variants if base_variant(name) in wanted]

    def repeated(self) -> "Parameters":
        """Return the parameters with each variant once per seed of the study.

        They are named ``<variant>-seed<n>``. The repetition with the
        variant's own ``train.seed`` keeps the plain name, so that adding seeds to a study trains
        only the new ones.
        """
        repeated = {}
        for base_name, variant in self.variants.items():
            for seed in self.study.seeds or [variant.train.seed]:
                name = base_name if seed == variant.train.seed else f"{base_name}-seed{seed}"
                train = variant.train.model_copy(update={"seed": seed})
                repeated[name] = variant.model_copy(update={"name": name, "train": train})
        return self.model_copy(update={"variants": repeated})


def _check_known(where: str, names: list[str], known: list[str]) -> None:
    unknown = [repr(name) + suggest(name, known) for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"{where}: unknown variant {', '.join(unknown)}; valid names: {', '.join(known)}"
        )


def _merge(base: Any, override: Any) -> Any:
    """Merge nested dicts; anything else is left for the type check to refuse."""
    if override is None:
        return base
    if not isinstance(base, dict) or not isinstance(override, dict):
        return override
    nested = {
        key: _merge(base[key], value)
        for key, value in override.items()
        if isinstance(value, dict) and key in base
    }
    return {**base, **override, **nested}
