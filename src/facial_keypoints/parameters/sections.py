"""Parameters of each pipeline: types and bounds. The values stand in conf/base/parameters_*.yml."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """Base of all sections: refuses unknown names; values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _expand_user(path: Path) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111 (pathlib's raises where there is no home)


class SyntheticParameters(Section):
    """Size and seed of the synthetic competition."""

    train_faces: int = Field(ge=20, le=200_000)
    test_faces: int = Field(ge=4, le=200_000)
    seed: Seed


class DownloadParameters(Section):
    """Where the competition's archive comes from."""

    source: Literal["kaggle", "archive", "synthetic"]
    competition: str = Field(pattern=r"^[a-z0-9-]+$")
    archive: Annotated[Path, AfterValidator(_expand_user)] | None
    synthetic: SyntheticParameters

    @model_validator(mode="after")
    def _check_archive_is_given(self) -> "DownloadParameters":
        if self.source == "archive" and self.archive in {None, Path()}:
            raise ValueError(
                "source is 'archive', so 'archive' must be the path of the zip, for example "
                "--params download.source=archive,download.archive=facial-keypoints-detection.zip"
            )
        return self


class CleanParameters(Section):
    """How missing labels are handled."""

    missing_labels: Literal["mask", "drop", "forward_fill"]


class AugmentParameters(Section):
    """Offline augmentation: each value adds one transformed copy of every face in ``of``."""

    of: Literal["complete", "all", "none"]
    flip: bool
    rotations: list[Annotated[float, Field(gt=-180, le=180)]]
    brightness: list[Positive]
    shifts: list[tuple[float, float]]
    noise: list[Annotated[float, Field(gt=0, le=1)]]
    border: Literal["black", "replicate"]
    seed: Seed


class SplitParameters(Section):
    """How samples are divided into training, validation, hold-out and unseen faces."""

    by: Literal["group", "sample"]
    holdout: Fraction = Field(gt=0)
    validation: Fraction = Field(gt=0)
    unseen: Fraction
    shuffle: bool
    seed: Seed


class PlateauParameters(Section):
    """Arguments of Keras' ReduceLROnPlateau on the validation loss."""

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
    max_minutes: Positive | None
    cooldown: Fraction
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]
    start_at_mean: bool
    shuffle: bool
    deterministic: bool
    seed: Seed


class EvaluateParameters(Section):
    """How predictions on the hold-out are reported."""

    failure_threshold: Positive
    grid_faces: int = Field(ge=1, le=48)


class UploadParameters(Section):
    """How the submission is sent to Kaggle."""

    wait_minutes: Annotated[float, Field(ge=0)]
    poll_seconds: Positive
    force: bool
    wait_only: bool
    dry_run: bool

    @model_validator(mode="after")
    def _check_one_mode(self) -> "UploadParameters":
        if self.wait_only and self.dry_run:
            raise ValueError("wait_only and dry_run exclude each other; set one of them to false")
        return self
