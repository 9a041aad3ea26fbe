"""A finished training, and the fingerprint of what it was made from.

The fingerprint decides whether a variant is trained again: it is over the variant's settings, how
it is trained (seed among it), the samples, and the code that trains. Comments, docstrings and
white space of the code do not count; neither do the machine and the versions of libraries, nor
what ``precision: auto`` comes to, which the record tells.
"""

import ast
import hashlib
import inspect
import io
import json
import tokenize
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from facial_keypoints.errors import InputError
from facial_keypoints.faces import FaceSet
from facial_keypoints.metrics import mean_face
from facial_keypoints.models.registry import architecture_named
from facial_keypoints.parameters import VariantParameters

if TYPE_CHECKING:
    import keras

_PACKAGE: Final = Path(__file__).parents[1]
_CODE: Final = (
    *("models/layers.py", "models/metrics.py", "models/registry.py"),
    *("training/callbacks.py", "training/trainer.py"),
)
"""What trains, besides the architecture's own module."""


@dataclass(frozen=True)
class Training:
    """What a training leaves.

    Attributes:
        record: how it came about; ``fingerprint`` and ``origin`` among it.
        history: the curve, a row per epoch.
        load_model: gives the Keras model with its best weights; lazily, since most readers of
            a training do not need it. A failed training has none.
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

    @property
    def failure(self) -> str | None:
        """Why there is no model; None where there is one."""
        reason = self.record.get("failure")
        return None if reason is None else str(reason)

    @property
    def is_final(self) -> bool:
        """Whether training again would end the same: a lack of memory may pass."""
        return not self.record.get("failure_may_pass", False)


def samples_origin(train: FaceSet, validation: FaceSet) -> dict[str, str]:
    """What an origin says about the samples; the same for all variants."""
    return {"training samples": train.digest(), "validation samples": validation.digest()}


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
            "those of this configuration. Train it (kedro run "
            "--pipeline=full, with the same --env and --params; the earlier training is kept), "
            "or give the parameters that it was trained with"
        )


def fingerprint(origin: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that name an origin."""
    return hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()[:12]


def differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """In what they differ, in words: "train.epochs 100, now 15; other training samples"."""
    before, after = dict(_flat(earlier)), dict(_flat(now))
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    opaque = {"code", "training samples", "validation samples"}
    return "; ".join(
        f"other {name}" if name in opaque else f"{name} {before.get(name)}, now {after.get(name)}"
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
    """The characters of Python code without comments, docstrings and white space (the same in
    every version of Python, which its syntax tree is not).
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
