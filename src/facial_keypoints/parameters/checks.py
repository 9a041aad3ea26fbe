"""Check all parameters before a run, and report every problem at once."""

from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import suggest
from facial_keypoints.models.registry import architectures
from facial_keypoints.parameters.root import Parameters

Path = tuple[int | str, ...]


def check_parameters(raw: dict[str, Any]) -> Parameters:
    """Return the typed parameters.

    Raises:
        InputError: if names are unknown or values out of bounds; the message lists all of them.
    """
    try:
        return Parameters.model_validate(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    lines = {_source_path(problem["loc"], raw): _message(problem, raw) for problem in problems}
    listed = [
        f"  - {'.'.join(map(str, path))}: {message}" if path else f"  - {message}"
        for path, message in lines.items()
        # a section of the wrong type is one problem, not one for each of its fields
        if not any(path[:length] in lines for length in range(1, len(path)))
    ]
    raise InputError("Invalid parameters:\n" + "\n".join(listed))


def _source_path(path: Path, raw: dict[str, Any]) -> Path:
    """Return where the user wrote a value: variants and the competition inherit parameters."""
    path = tuple(key for key in path if key != "[key]")
    if path[:2] == ("competition", "train"):
        own, inherited, rest = raw["competition"], "train", path[2:]
    elif path[:1] == ("variants",) and path[2:3] in {("settings",), ("train",)}:
        own, inherited, rest = raw["variants"][path[1]], str(path[2]), path[3:]
    else:
        return path
    source = ("train",) if inherited == "train" else ("architectures", own["architecture"])
    for key in (inherited, *rest):
        if not isinstance(own, dict) or key not in own:
            return (*source, *rest)
        own = own[key]
    return path


def _message(problem: Any, raw: dict[str, Any]) -> str:
    """Return what is wrong; for an unknown name, with the valid ones."""
    if problem["type"] == "extra_forbidden":
        *section, name = problem["loc"]
        # the project fills in a variant's name
        valid = [each for each in _section_at(section, raw).model_fields if each != "name"]
        return f"unknown parameter{suggest(name, valid)}; valid names: {', '.join(valid)}"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    if problem["type"] == "missing":
        return "missing"
    message = problem["msg"].removeprefix("Input ").split(" or instance of ")[0]
    example = ", such as [1, 2]" if problem["type"] == "list_type" else ""
    return f"{message}{example}, got {problem['input']!r}"


def _section_at(path: list[Any], raw: dict[str, Any]) -> type[BaseModel]:
    """Return the class of the section at ``path``."""
    section: Any = Parameters
    for depth, key in enumerate(path):
        if depth == 2 and path[0] == "variants" and key == "settings":
            architecture = architectures()[raw["variants"][path[1]]["architecture"]]
            return architecture.settings
        if get_origin(section) in {dict, list}:
            section = get_args(section)[-1]
        else:
            section = section.model_fields[key].annotation
        if get_origin(section) is UnionType:  # a section or null
            section = get_args(section)[0]
    return section  # type: ignore[no-any-return]
