"""Parameters of the ``compete`` pipeline."""

from typing import Annotated, Literal

from pydantic import Field

from facial_keypoints.parameters.sections import Positive, Section, Seed, TrainParameters


class CompetitionParameters(Section):
    """How a budget of minutes is spent (see docs/competition.md)."""

    minutes: Positive
    """Wall-clock budget of the whole command, from start to submission."""
    size: Literal["auto", "tiny", "small", "medium", "large", "huge"]
    """Of the models; ``auto`` follows from the measured speed and the budget."""
    members: Annotated[int, Field(ge=1, le=10)] | None
    """Models in the ensemble; null follows from the measured speed and the budget."""
    label_issues: Literal["exclude", "downweight", "keep"]
    """What becomes of labels that the audit flags: they are excluded from training, count a tenth,
    or count like any other."""
    train: TrainParameters
    """How each model is trained; in YAML, what differs from the section ``train``."""
    max_epochs: Annotated[int, Field(ge=1)] | None
    """Bound on the epochs of each model besides the time budget; null: none. With a budget that is
    never reached, the same seed gives the same ensemble."""
    seed: Seed
