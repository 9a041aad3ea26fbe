"""Sections of the parameters for tests: the base environment's values with a few changed."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.parameters import Parameters

CONF = Path(__file__).parents[2] / "conf"
SectionT = TypeVar("SectionT", bound=BaseModel)


@cache
def base_parameters() -> Parameters:
    """Return the parameters of the base environment."""
    return load_parameters(CONF)


def section(kind: type[SectionT], **changes: Any) -> SectionT:
    """Return the section of class ``kind`` as in the base environment, but for ``changes``.

    Args:
        kind: A class of ``facial_keypoints.parameters``, such as ``TrainParameters``.
        changes: Fields by name; a dict changes only the fields that it names.
    """
    base = next(each for each in _sections(base_parameters()) if isinstance(each, kind))
    return kind.model_validate(merged(base.model_dump(), changes))


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``changes``, also within nested dicts."""
    return {
        **base,
        **{
            name: merged(base[name], value)
            if isinstance(value, dict) and isinstance(base.get(name), dict)
            else value
            for name, value in changes.items()
        },
    }


def _sections(outer: BaseModel) -> Iterator[BaseModel]:
    yield outer
    for name in type(outer).model_fields:
        value = getattr(outer, name)
        if isinstance(value, BaseModel):
            yield from _sections(value)


def raw_variant(architecture: str = "conv_stack", **fields: Any) -> dict[str, Any]:
    """Return a variant as YAML has it, with two convolutions unless ``fields`` say otherwise."""
    return {"architecture": architecture, "settings": {"convs": 2, "pools": 1}, **fields}


def raw_parameters(**changes: Any) -> dict[str, Any]:
    """Return the base environment as YAML has it, with one variant named "small" and no paper.

    Args:
        changes: Sections by name; a dict changes only the fields that it names, except that
            ``variants`` and ``paper`` are replaced.
    """
    base = {
        **base_parameters().model_dump(mode="json"),
        "architectures": {},
        "paper": {},
        "variants": {"small": raw_variant()},
    }
    replaced = {name: changes[name] for name in ("variants", "paper") if name in changes}
    return {**merged(base, changes), **replaced}
