"""What an exported file tells about itself."""

import io
import json
import zipfile
from dataclasses import asdict, dataclass, field
from typing import Final

from facial_keypoints import __version__
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.keypoints import IMAGE_SIZE, KEYPOINTS
from facial_keypoints.models.deployment import CONFIDENCE_RADIUS
from facial_keypoints.parameters import ENSEMBLE
from facial_keypoints.parameters.sections import Population

METADATA_FILE: Final = "metadata.json"
"""Member of the zip archive at the end of a .tflite file."""

_CONVENTION: Final = (
    f"x to the right, y down, in pixels of the {IMAGE_SIZE}x{IMAGE_SIZE} image, edge to edge: "
    f"pixel i covers i to i + 1, so the image spans 0 to {IMAGE_SIZE}; left and right are the "
    "subject's"
)
_INPUT: Final = (
    f"uint8 (n, {IMAGE_SIZE}, {IMAGE_SIZE}): n grey images of faces, 0 is black, rows from the top "
    "(NHW, no channel axis), any n"
)
_OUTPUTS: Final = {
    "keypoints": f"float32 (n, {len(KEYPOINTS)}, 2): x and y of each keypoint",
    "confidences": (
        f"float32 (n, {len(KEYPOINTS)}): estimated probability that a keypoint is at most "
        f"{CONFIDENCE_RADIUS:.0%} of the distance between the eyes away from where a person would "
        "place it"
    ),
}
_DATA: Final = {
    "synthetic": "drawn faces, made by this package; no rights of others",
    "kaggle": (
        "Kaggle's Facial Keypoints Detection; its rules apply to the data, read them before you "
        "use a model that was trained on it for anything but the competition"
    ),
}
_DATA_OF_USER: Final = "the user's archive; the rights on its images apply"


@dataclass(frozen=True)
class ModelMetadata:
    """Metadata of an exported model.

    Attributes:
        variant: Name of the champion.
        fingerprint: Of its training.
        training_data: What it was trained on, and the rights on that.
        holdout_rmse: In pixels; None where nothing was held out.
        outputs: Description of each output by its name.
        name: Of the project.
        version: Of the project.
        licence: Of the project and the file.
        keypoints: Names, in the order of the outputs.
        convention: Of coordinates.
        input: Description of the input ``image``.
    """

    variant: str
    fingerprint: str
    training_data: str
    holdout_rmse: float | None
    outputs: dict[str, str]
    name: str = "facial-keypoints"
    version: str = __version__
    licence: str = "MIT"
    keypoints: list[str] = field(default_factory=lambda: list(KEYPOINTS))
    convention: str = _CONVENTION
    input: str = _INPUT


def describe_model(
    champion: Champion, source: str, outputs: list[str], population: Population = "A"
) -> ModelMetadata:
    """Return the metadata of an exported champion.

    Args:
        champion: The champion.
        source: ``download.source``: where its training data comes from.
        outputs: Names of the model's outputs.
        population: By whose convention an ensemble's keypoints are.
    """
    of = "" if champion.variant != ENSEMBLE else f"; keypoints as population {population} has them"
    return ModelMetadata(
        variant=champion.variant,
        fingerprint=champion.fingerprint,
        training_data=_DATA.get(source, _DATA_OF_USER),
        holdout_rmse=champion.holdout_rmse,
        outputs={name: _OUTPUTS[name] for name in outputs},
        convention=_CONVENTION + of,
    )


def as_strings(metadata: ModelMetadata) -> dict[str, str]:
    """Return the metadata as ONNX holds it: names with text; all but text is JSON."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in asdict(metadata).items()
    }


def append_metadata(content: bytes, metadata: ModelMetadata) -> bytes:
    """Return a LiteRT file with its metadata as a zip archive at its end.

    This is where LiteRT's metadata tools put labels, too: ``unzip`` and ``zipfile`` find it, and
    LiteRT ignores it.

    Args:
        content: The file.
        metadata: What to append.
    """
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as archive:  # its default date, 1980, keeps files comparable
        archive.writestr(zipfile.ZipInfo(METADATA_FILE), json.dumps(asdict(metadata), indent=2))
    return file.getvalue()


def appended_metadata(content: bytes) -> dict[str, object]:
    """Return the metadata of a LiteRT file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return dict(json.loads(archive.read(METADATA_FILE)))
