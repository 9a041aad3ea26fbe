"""A finished training, and the fingerprint of what it was made from.

The fingerprint decides whether a training is done again: it is over the variant's settings, how
it is trained (seed among it), the samples, and the code that trains. Comments, docstrings and
layout of the code do not count, and neither does the variant's name.
"""

import ast
import hashlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.models.registry import architecture_named
from facial_keypoints.parameters import VariantParameters

if TYPE_CHECKING:
    import keras

_PACKAGE: Final = Path(__file__).parent
_CODE: Final = (
    *("models/layers.py", "models/losses.py", "models/registry.py"),
    *("pipelines/train/callbacks.py", "pipelines/train/precision.py"),
    "pipelines/train/trainer.py",
)
"""What trains, besides the architecture's own module."""


@dataclass(frozen=True)
class Training:
    """What a training leaves.

    Attributes:
        record: how it came about; ``fingerprint`` and ``origin`` among it.
        history: the curve, a row per epoch.
        load_model: gives the Keras model with its best weights; lazily, since most readers of
            a training do not need it.
        reused: whether an earlier run trained it.
    """

    record: dict[str, Any]
    history: pd.DataFrame
    load_model: Callable[[], "keras.Model"]
    reused: bool = False

    @property
    def fingerprint(self) -> str:
        """Of what it was made from."""
        return str(self.record["fingerprint"])


def samples_origin(train: FaceSet, validation: FaceSet) -> dict[str, str]:
    """What an origin says about the samples; the same for all variants."""
    return {"training samples": digest(train), "validation samples": digest(validation)}


def origin_of(variant: VariantParameters, samples: Mapping[str, str]) -> dict[str, Any]:
    """All that decides what a training of ``variant`` on these samples gives."""
    architecture = architecture_named(variant.architecture)
    settings = architecture.settings.model_validate(variant.settings)
    return {
        "architecture": variant.architecture,
        "settings": settings.model_dump(mode="json"),
        "train": variant.train.model_dump(mode="json"),
        **samples,
        "code": _code_digest(inspect.getfile(architecture.build)),
    }


def check_origin(
    training: Training, variant: VariantParameters, samples: Mapping[str, str]
) -> None:
    """See that a training is of this configuration and these samples.

    Raises:
        InputError: if it is not.
    """
    origin = origin_of(variant, samples)
    if fingerprint(origin) != training.fingerprint:
        raise InputError(
            f"{variant.name} was trained from something else "
            f"({differences(training.record['origin'], origin)}), so its results would not be "
            "those of this configuration. Nothing was changed. Train it (kedro run "
            "--pipeline=full, with the same --env and --params; the earlier training is kept), "
            "or give the parameters that it was trained with"
        )


def fingerprint(origin: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that name an origin."""
    return hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()[:12]


def digest(faces: FaceSet) -> str:
    """Sixteen hexadecimal digits that name the content of a set of faces."""
    content = hashlib.sha256()
    for array in faces.arrays().values():
        content.update(array.data if array.flags.c_contiguous else array.tobytes())
    return content.hexdigest()[:16]


def differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """In what two origins differ, in words: "train.epochs 100, now 15; training samples"."""
    before, after = dict(_flat(earlier)), dict(_flat(now))
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    opaque = {"code", "training samples", "validation samples"}
    return "; ".join(
        name if name in opaque else f"{name} {before.get(name)}, now {after.get(name)}"
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
    content = hashlib.sha256()
    for path in [Path(architecture_file), *(_PACKAGE / name for name in _CODE)]:
        content.update(_bare_code(path.read_text(encoding="utf-8")).encode())
    return content.hexdigest()[:16]


def _bare_code(source: str) -> str:
    """The code without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(statement: ast.AST) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
