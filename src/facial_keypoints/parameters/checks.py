"""Parameters checked before a run, and what is wrong with them in plain words.

``check_parameters`` is called once, before pipelines are built, so that a wrong name or value is
told at once, with the right ones, and nothing has been started.
"""

from collections.abc import Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import suggest
from facial_keypoints.models.registry import architectures
from facial_keypoints.parameters import Parameters, VariantParameters


def check_parameters(raw: dict[str, Any]) -> Parameters:
    """The typed parameters, or one message that names every wrong key and the right ones.

    Raises:
        InputError: if a name is unknown or a value is out of bounds.
    """
    try:
        return Parameters.model_validate(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    for problem in problems:
        problem["loc"] = _where_it_was_written(problem["loc"], raw)
    in_train = {problem["loc"] for problem in problems if problem["loc"][:1] == ("train",)}
    lines = [
        _describe(problem, raw)
        for problem in problems
        # what is wrong in the train section is told there, not again for each variant
        if problem["loc"][:1] != ("variants",)
        or not any(problem["loc"][2 : 2 + len(place)] == place for place in in_train)
    ]
    lines = list(dict.fromkeys(lines))
    raise InputError("Parameters cannot be used:\n" + "\n".join(f"  - {line}" for line in lines))


_PLAIN: Final = {
    "missing": "is missing",
    "model_type": "must be a group of names and values",
    "dict_type": "must be a group of names and values",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "too_long": "must have at most {max_length} values",
    "string_type": "must be a text",
    "string_pattern_mismatch": "must hold only characters of {pattern}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "path_type": "must be a path",
    "invalid_key": "must be a text",
}
"""What is right, by pydantic's name of the problem, where its own words are not plain."""

_FILLED_IN: Final = (VariantParameters, "name")
"""Not for the user to give, so not named among the right ones."""


def _where_it_was_written(loc: tuple[int | str, ...], raw: Any) -> tuple[int | str, ...]:
    """The place of a variant's setting that it only took over from ``architectures``."""
    if loc[:1] != ("variants",) or loc[2:3] != ("settings",) or len(loc) < 4:
        return loc
    variant = raw["variants"][loc[1]]
    shared = raw.get("architectures")
    shared = shared.get(variant["architecture"]) if isinstance(shared, dict) else None
    own = variant.get("settings") or {}
    if isinstance(shared, dict) and loc[3] in shared and loc[3] not in own:
        return ("architectures", variant["architecture"], *loc[3:])
    return loc


def _describe(problem: Any, raw: dict[str, Any]) -> str:
    """One line for a pydantic problem, with the right names where a name is unknown."""
    path = [part for part in problem["loc"] if part != "[key]"]
    where = ".".join(map(str, path))
    context = problem.get("ctx", {})
    if problem["type"] == "extra_forbidden":
        section = _section_at(path[:-1], raw)
        known = [name for name in section.model_fields if (section, name) != _FILLED_IN]
        hint = suggest(path[-1], known)
        return f"{where}: unknown parameter{hint}; right ones: {', '.join(known)}"
    if problem["type"] == "value_error":
        return f"{where}: {context['error']}" if where else str(context["error"])
    if "pattern" in context:
        context = {"pattern": context["pattern"].strip("^+$")}
    plain = _PLAIN.get(problem["type"])
    right = plain.format(**context) if plain else problem["msg"].replace("Input should", "must")
    return f"{where}: {right}" + ("" if plain == "is missing" else f", not {problem['input']!r}")


def _section_at(path: list[Any], raw: Mapping[str, Any]) -> type[BaseModel]:
    """The class that describes the group at ``path``."""
    section: type[BaseModel] = Parameters
    if path[:1] == ["variants"]:
        section, path, variant = VariantParameters, path[2:], raw["variants"][path[1]]
        if path[:1] == ["settings"]:
            section, path = architectures()[variant["architecture"]].settings, path[1:]
    if path[:1] == ["architectures"]:
        section, path = architectures()[path[1]].settings, path[2:]
    for key in path:
        field = section.model_fields.get(str(key))
        section = (_model_in(field.annotation) if field else None) or section
    return section


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first model that an annotation such as ``dict[str, list[Model]]`` speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(part) for part in get_args(annotation))
    return next((model for model in found if model), None)
