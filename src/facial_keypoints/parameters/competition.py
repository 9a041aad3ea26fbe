"""Parameters of the ``compete`` pipeline."""

from typing import Annotated, Literal

from pydantic import Field

from facial_keypoints.parameters.stages import Fraction, Positive, Section, Seed

_Extent = Annotated[float, Field(ge=0)]


class RandomTransformParameters(Section):
    """How strongly faces are distorted, anew each time one is seen; 0 leaves a distortion out."""

    mirror: bool
    """Mirror half of them, their left and right points exchanged."""
    rotation: Annotated[float, Field(ge=0, le=180)]
    """Most degrees to either side."""
    scale: _Extent
    """Largest logarithm of the factor on the size."""
    aspect: _Extent
    """Largest logarithm of the factor on the width, and of that by which the height shrinks."""
    shear: _Extent
    """Most pixels to the side per pixel down."""
    shift: _Extent
    """Most pixels, sideways and down."""
    perspective: Annotated[float, Field(ge=0, lt=0.4)]
    """Largest factor by which the picture grows from its centre to its border."""
    blur: Annotated[float, Field(ge=0, le=1)]
    """Share of the pictures that are blurred, by a deviation of up to 1.4 px."""
    gamma: _Extent
    """Largest logarithm of the power of the grey values."""
    noise: Annotated[float, Field(ge=0, le=1)]
    """Largest standard deviation of even noise, as a share of the grey range."""
    erase: Annotated[float, Field(ge=0, le=1)]
    """Share of the pictures in which a rectangle of 10 to 40 px is covered with grey."""

    @classmethod
    def none(cls) -> "RandomTransformParameters":
        """No distortion at all."""
        return cls(mirror=False, **dict.fromkeys(set(cls.model_fields) - {"mirror"}, 0))


class RecipeParameters(Section):
    """How a net of the competition is trained."""

    batch_size: int = Field(ge=1, le=4096)
    learning_rate: Positive
    """The highest: it rises linearly over ``warmup_steps`` and falls as a cosine to nothing."""
    warmup_steps: int = Field(ge=1)
    weight_decay: _Extent
    huber_delta: Positive
    """Pixels up to which the smooth L1 loss is a parabola."""
    global_clipnorm: Positive
    """Norm to which longer gradients are cut."""
    ema_decay: Fraction
    """Of the moving average of the weights, which is what predicts."""
    precision: Literal["auto", "float32", "mixed_bfloat16"]
    distortions: RandomTransformParameters
    first_strength: _Extent | None
    """A factor on the distortions where training begins; null goes by its epochs."""
    last_strength: _Extent
    """The same where it ends; in between it falls linearly."""


class CompetitionParameters(Section):
    """What the hours at hand are made of (see docs/competition.md)."""

    minutes: Positive
    """Wall-clock budget of the whole command, from start to submission."""
    size: Literal["auto", "tiny", "small", "medium", "large", "huge"]
    """Of the nets; ``auto`` goes by the measured speed and the budget."""
    members: Annotated[int, Field(ge=1, le=10)] | None
    """Nets in the ensemble; null goes by the measured speed and the budget."""
    label_issues: Literal["leave_out", "down_weight", "keep"]
    """What becomes of labels on which the audit would act: they are not trained on, count a
    tenth, or count like any other."""
    recipe: RecipeParameters
    seed: Seed
