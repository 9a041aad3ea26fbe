"""Parameters of the ``compete`` pipeline; see docs/competition.md."""

from typing import Annotated, Literal

from pydantic import Field

from facial_keypoints.parameters.sections import Fraction, Positive, Section, Seed

_NonNegative = Annotated[float, Field(ge=0)]
_Probability = Annotated[float, Field(ge=0, le=1)]


class RandomTransformParameters(Section):
    """Largest extent of each random transform; 0 disables it."""

    mirror: bool
    rotation: Annotated[float, Field(ge=0, le=180)]
    scale: _NonNegative
    aspect: _NonNegative
    shear: _NonNegative
    shift: _NonNegative
    perspective: Annotated[float, Field(ge=0, lt=0.4)]
    blur: _Probability
    gamma: _NonNegative
    noise: _Probability
    erase: _Probability

    @classmethod
    def none(cls) -> "RandomTransformParameters":
        """Return parameters that leave images as they are."""
        return cls(mirror=False, **dict.fromkeys(set(cls.model_fields) - {"mirror"}, 0))


class RecipeParameters(Section):
    """How one model of the competition is trained."""

    batch_size: int = Field(ge=1, le=4096)
    learning_rate: Positive
    warmup_steps: int = Field(ge=1)
    weight_decay: _NonNegative
    huber_delta: Positive
    global_clipnorm: Positive
    ema_decay: Fraction
    precision: Literal["auto", "float32", "mixed_bfloat16"]
    distortions: RandomTransformParameters
    first_strength: _NonNegative | None
    last_strength: _NonNegative


class CompetitionParameters(Section):
    """Time budget, ensemble and label audit of the competition."""

    minutes: Positive
    size: Literal["auto", "tiny", "small", "medium", "large", "huge"]
    members: Annotated[int, Field(ge=1, le=10)] | None
    label_issues: Literal["leave_out", "down_weight", "keep"]
    recipe: RecipeParameters
    seed: Seed
