"""Records of an export, saved as JSON."""

from dataclasses import dataclass
from typing import Literal

Truth = Literal["hold-out", "answer key", "out-of-fold faces"]
"""Labels that errors are measured against. Out-of-fold faces are those that one member of an
ensemble was not trained on; the other members may have been."""


@dataclass(frozen=True)
class FormatReport:
    """How one format of the model predicts.

    Attributes:
        format: Such as "onnx" or "litert int8".
        file: Name of the file.
        megabytes: Its size, in 10^6 bytes.
        max_difference: From Keras, in pixels: the largest of all coordinates of all faces.
        rmse: In pixels; None where no truth is known.
        milliseconds_1: Time of a call with one face on one core: the median of many calls.
        milliseconds_64: The same with 64 faces.
        runtime: What ran it, with its version.
    """

    format: str
    file: str
    megabytes: float
    max_difference: float
    rmse: float | None
    milliseconds_1: float
    milliseconds_64: float
    runtime: str


@dataclass(frozen=True)
class ExportReport:
    """The formats of one model, compared on the same faces.

    Attributes:
        variant: Name of the champion.
        fingerprint: Of its training.
        faces: Number of faces.
        truth: What the RMSE is measured against; None where no truth is known.
        processor: That the times were measured on.
        formats: Keras first.
    """

    variant: str
    fingerprint: str
    faces: int
    truth: Truth | None
    processor: str
    formats: list[FormatReport]
