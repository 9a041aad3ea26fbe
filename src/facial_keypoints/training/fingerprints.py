"""Fingerprints: what a training was made from, and whether it is still the same.

A fingerprint decides whether a variant is trained again and whether a checkpoint belongs to a
training. It is over the architecture and its settings, how it is trained (seed among it), the
samples, the code that trains, and environment variables that change how TensorFlow computes numbers
(none are set as a rule). Comments, docstrings and white space of the code do not count;
neither do the machine and the versions of libraries, nor which precision ``auto`` chooses, which
the record tells.
"""

import ast
import hashlib
import inspect
import io
import json
import os
import tokenize
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from facial_keypoints.faces import FaceSet
from facial_keypoints.metrics import mean_face
from facial_keypoints.models.registry import architecture_named
from facial_keypoints.parameters import TrainParameters, VariantParameters
from facial_keypoints.training.environment import numeric_variables

_PACKAGE: Final = Path(__file__).parents[1]
_CODE: Final = (
    *("models/layers.py", "models/fast_layers.py", "models/metrics.py", "models/registry.py"),
    *("augmentation/geometry.py", "augmentation/random_transforms.py"),
    *("training/augmentation.py", "training/callbacks.py", "training/input_pipeline.py"),
    *("training/models.py", "training/trainer.py"),
)
"""What trains, besides the architecture's own module."""
_OPAQUE: Final = {"code", "training samples", "validation samples", "initial weights"}


def training_origin(
    architecture: str, settings: Mapping[str, Any], train: TrainParameters, **inputs: Any
) -> dict[str, Any]:
    """Return all that decides on the outcome of a training.

    Args:
        architecture: Name of a registered architecture.
        settings: Of the architecture.
        train: How it is trained.
        inputs: What it is trained on, such as digests of its samples, with "_" for spaces.
    """
    registered = architecture_named(architecture)
    checked = registered.settings.model_validate(dict(settings))
    variables = numeric_variables(os.environ)
    return {
        "architecture": architecture,
        "settings": checked.model_dump(mode="json"),
        "train": train.model_dump(mode="json"),
        **({"environment": variables} if variables else {}),
        **{name.replace("_", " "): value for name, value in inputs.items()},
        "code": _code_digest(inspect.getfile(registered.build)),
    }


def samples_origin(train: FaceSet, validation: FaceSet) -> dict[str, str]:
    """Return what an origin says about the samples, the same for all variants.

    Args:
        train: Samples to train on.
        validation: Samples to validate on.
    """
    return {"training_samples": train.digest(), "validation_samples": validation.digest()}


def origin_of(variant: VariantParameters, samples: Mapping[str, str]) -> dict[str, Any]:
    """Return all that decides on the training of a variant.

    Args:
        variant: The variant.
        samples: From ``samples_origin``.
    """
    return training_origin(variant.architecture, variant.settings, variant.train, **samples)


def fingerprint(origin: Mapping[str, Any]) -> str:
    """Return twelve hexadecimal digits that identify an origin."""
    return hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()[:12]


def differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Describe how two origins differ.

    Args:
        earlier: One origin.
        now: The other.

    Example:
        >>> earlier = {"train": {"epochs": 100}, "code": "a"}
        >>> differences(earlier, {"train": {"epochs": 15}, "code": "b"})
        'train.epochs 100, now 15; other code'
    """
    before, after = dict(_flat(earlier)), dict(_flat(now))
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return "; ".join(
        f"other {name}" if name in _OPAQUE else f"{name} {before.get(name)}, now {after.get(name)}"
        for name in names
    )


def _flat(origin: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in origin.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@cache
def _code_digest(architecture_file: str) -> str:
    files = [Path(architecture_file), *(_PACKAGE / name for name in _CODE)]
    sources = [*(path.read_text(encoding="utf-8") for path in files), inspect.getsource(mean_face)]
    content = "".join(bare_code(source) for source in sources)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def bare_code(source: str) -> str:
    """Return Python code without comments, docstrings and white space.

    It is the same in every version of Python, which the syntax tree is not.
    """
    lines = [line.encode() for line in source.splitlines(keepends=True)]  # columns are in bytes
    spans = [
        (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    for first, start, last, end in spans:
        for number in range(first, (last or first) + 1):
            line = lines[number - 1]
            left = start if number == first else 0
            right = end if number == last else len(line)
            lines[number - 1] = line[:left] + b" " * (len(line[left:right])) + line[right:]
    bare = b"\n".join(lines).decode()
    tokens = tokenize.generate_tokens(io.StringIO(bare).readline)
    return "".join(
        "".join(token.string.split()) for token in tokens if token.type != tokenize.COMMENT
    )
