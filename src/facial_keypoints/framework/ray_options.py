"""What ``--runner-params`` sets of the ``RayRunner``."""

from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
)

from facial_keypoints.errors import InputError


class RayOptions(BaseModel):
    """How trainings are spread over a cluster.

    Attributes:
        address: Of a Ray cluster, as ``ray start --head`` prints it; None takes ``RAY_ADDRESS``, or
            starts Ray on this machine.
        max_workers: Trainings at a time; None takes as many as there are cores or GPUs for.
        num_cpus: Cores of each training; None divides all cores among the trainings.
        num_gpus: GPUs of each training; None is one where there are GPUs.
        retries: How often a training whose process dies is started again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str | None = None
    max_workers: PositiveInt | None = None
    num_cpus: PositiveInt | None = None
    num_gpus: NonNegativeFloat | None = None
    retries: NonNegativeInt = 3


def read_options(**given: Any) -> RayOptions:
    """Return the checked options.

    Raises:
        InputError: If a value is out of bounds or of another type; the message names all of them.
    """
    try:
        return RayOptions(**given)
    except ValidationError as error:
        problems = ", ".join(
            f"{problem['loc'][0]}={problem['input']} ({problem['msg'].lower()})"
            for problem in error.errors()
        )
        raise InputError(f"--runner-params: {problems}") from None
