"""At which scale the study is trained."""

from dataclasses import dataclass, field

from facial_keypoints.errors import InputError
from facial_keypoints.parameters import StudyParameters, VariantParameters, scale_variant
from facial_keypoints.parameters.study import MIN_WIDTH


@dataclass(frozen=True)
class StudyPlan:
    """At which scale every variant of the study is trained.

    Attributes:
        scale: Factor on width, epochs, batch size and number of faces.
        width: Factor on the width in place of ``scale``; None follows from ``scale``.
        epochs: Of every variant; None for ``scale`` times its own.
        minutes: Budget of the whole command; None without one.
        request: Fingerprint of all that the plan was made for; None without a budget.
        training_seconds: Expected time of each variant's training; empty without a budget.
        images_per_second: Expected speed of each variant's training; empty without a budget.
        save_seconds: Of the budget, to save and record each training.
        afterwards_seconds: Of the budget, for what follows all trainings.
        at_a_time: How many variants train side by side.
    """

    scale: float
    width: float | None = None
    epochs: int | None = None
    minutes: float | None = None
    request: str | None = None
    training_seconds: dict[str, float] = field(default_factory=dict)
    images_per_second: dict[str, float] = field(default_factory=dict)
    save_seconds: float = 0.0
    afterwards_seconds: float = 0.0
    at_a_time: int = 1

    @property
    def width_factor(self) -> float:
        """Factor on the width, whatever it follows from."""
        return self.width or max(self.scale, MIN_WIDTH)

    def apply(self, variant: VariantParameters) -> VariantParameters:
        """Return the variant at the plan's scale."""
        return scale_variant(variant, self.scale, width=self.width, epochs=self.epochs)

    def check(self, study: StudyParameters) -> None:
        """Check that the plan is of these parameters.

        Raises:
            InputError: If it was made for others.
        """
        scale = study.scale or (self.scale if study.minutes else 1.0)
        wanted = (scale, study.width, study.epochs, study.minutes)
        if wanted != (self.scale, self.width, self.epochs, self.minutes):
            raise InputError(
                f"the study was planned with other parameters (study.scale={self.scale:g}, "
                f"study.minutes={'null' if self.minutes is None else f'{self.minutes:g}'}); run: "
                "kedro run --pipeline=full, with the same --env and --params (finished trainings "
                "of the same samples are reused)"
            )
