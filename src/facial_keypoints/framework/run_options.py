"""Options of ``kedro run``: each one counts, however often it is given, or is refused."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from shlex import quote
from typing import Any, Final

import click
import yaml
from click.core import ParameterSource
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import suggest

_SINGLE: Final = {"env", "runner", "config", "conf_source"}
"""Options with one value; the values of the others are joined."""
_SECTION: Final = "run"
_EXAMPLE: Final = f"such as\n{_SECTION}:\n  env: demo\n  params: train.epochs=20"
_OPENING: Final = ("[", "{", "'", '"')
_WHOLE: Final = "mapping"
_COMMAND: Final = re.compile(r"kedro run (--pipeline=\w+\b)(?! --env)")


class RunOption(click.Option):
    """An option of ``kedro run`` of which no value is dropped.

    Args:
        option: The option as Kedro defines it.
    """

    def __init__(self, option: click.Option) -> None:
        callbacks: dict[str, Callable[..., Any]] = {
            "config": _read_options_file,
            "params": _read_parameters,
        }
        name = str(option.name)
        super().__init__(
            [*option.opts, name],
            callback=callbacks.get(name, option.callback),
            default=None if name in _SINGLE or name == "pipeline" else "",
            help=option.help,
            is_eager=name == "config",  # its values are the defaults of the other options
            type=option.type,
        )

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Let the parser collect the values of all occurrences.

        Args:
            parser: click's parser of the command line.
            ctx: The running command.
        """
        parser.add_option(obj=self, opts=self.opts, dest=self.name, action="append")

    def consume_value(
        self, ctx: click.Context, opts: Mapping[str, Any]
    ) -> tuple[Any, ParameterSource]:
        """Return one value from all occurrences.

        Args:
            ctx: The running command.
            opts: The values that the parser has collected, by option.

        Returns:
            The value, and whether it comes from the command line, a file or the default.

        Raises:
            InputError: if a value is empty, or an option with one value has two.
        """
        value, source = super().consume_value(ctx, opts)
        if source is ParameterSource.DEFAULT_MAP:
            return _from_file(value), source
        if source is not ParameterSource.COMMANDLINE:
            return value, source
        option = self.opts[0]
        if not all(each.strip() for each in value):
            raise InputError(f"{option} has no value; give one, or leave {option} out")
        ctx.meta[str(self.name)] = value  # as typed
        if self.name == "params":
            return value, source
        if self.name in _SINGLE:
            if len({*value}) > 1:
                raise InputError(f"{option} is given twice ({', '.join(value)}); give it once")
            return value[0], source
        return ",".join(value), source


def _from_file(value: Any) -> Any:
    """Return a value of an options file as on the command line; "a, b" may be a YAML list there."""
    if value is None:
        return ""
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _read_options_file(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Make the content of the file ``--config`` the default of the other options.

    Raises:
        InputError: if it is no such file.
    """
    if value is None:
        return None
    expected = f"it must have a section {_SECTION!r} with options of kedro run, {_EXAMPLE}"
    try:
        content = OmegaConf.to_container(OmegaConf.load(value), resolve=True)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, OmegaConfBaseException) as error:
        raise InputError(f"{value}: cannot be read ({_in_a_line(error)}); {expected}") from error
    section = content.get(_SECTION) if isinstance(content, dict) else None
    if not isinstance(section, dict):
        raise InputError(f"{value}: {expected}")
    known = [str(each.name) for each in ctx.command.params if each is not param]
    for name in section:
        if name not in known:
            raise InputError(
                f"{value}: unknown option {name!r}{suggest(name, known)}; valid names: "
                f"{', '.join(known)}"
            )
    ctx.default_map = {**(ctx.default_map or {}), **section}
    return value


def _read_parameters(
    ctx: click.Context, param: click.Parameter, value: Sequence[str] | str | dict[str, Any]
) -> dict[str, Any]:
    """Return the parameters of the options file, replaced by those of the command line."""
    in_file = (ctx.default_map or {}).get(str(param.name)) or {}
    if isinstance(in_file, str | list):
        in_file = read_parameters([in_file] if isinstance(in_file, str) else in_file)
    if ctx.get_parameter_source(str(param.name)) is not ParameterSource.COMMANDLINE:
        return dict(in_file)
    merged = OmegaConf.merge(in_file, read_parameters(value))
    return OmegaConf.to_container(merged)  # type: ignore[return-value]


def read_parameters(texts: Iterable[str]) -> dict[str, Any]:
    """Return nested parameters from the values of ``--params``.

    Args:
        texts: Each "name=value", or several, separated by commas; the values are YAML. In place
            of "=" there may be ":". A text in braces is a mapping in YAML or JSON.

    Raises:
        InputError: if a text cannot be read, or gives a parameter two values.

    Example:
        >>> read_parameters(["study.only=[a,b],train.epochs=3", "train.loss=mse"])
        {'study': {'only': ['a', 'b']}, 'train': {'epochs': 3, 'loss': 'mse'}}
    """
    parameters: dict[str, Any] = {}
    for text in texts:
        if text.strip().startswith("{"):
            _add(_read_item(f"{_WHOLE}={text}", "")[_WHOLE], parameters)
            continue
        items = _items(text)
        for before, item in pairwise(["", *items]):
            _add(_read_item(item, before), parameters)
    return parameters


def _items(text: str) -> list[str]:
    """Split at commas, except within the brackets or quotes of a value."""
    items, pieces = [], text.split(",")
    while pieces:
        item = pieces.pop(0)
        while pieces and not _is_closed(item):
            item = f"{item},{pieces.pop(0)}"
        items.append(item.strip())
    return [item for item in items if item]


def _is_closed(item: str) -> bool:
    value = _split(item)[1]
    if not value.startswith(_OPENING):
        return True
    try:
        yaml.safe_load(value)
    except yaml.YAMLError:
        return False
    return True


def _split(item: str) -> tuple[str, str]:
    name, _, value = item.partition("=" if "=" in item else ":")
    return name.strip(), value.strip()


def _read_item(item: str, before: str) -> dict[str, Any]:
    """Return a parameter from "name=value".

    Args:
        item: The text.
        before: The text before the comma that precedes it; empty without one.
    """
    name, value = _split(item)
    if not name or not value:
        message = f"--params: {item!r} is not name=value"
        if name and item[-1] in "=:":
            message = f"--params: {name} has no value; {name}=null is an empty one"
        elif before:
            name, value = _split(before)
            message += (
                ". A comma separates parameters; a list is written in brackets: --params "
                f'"{name}=[{value},{item}]", a text with a comma in quotes: --params '
                f"\"{name}='{value},{item}'\""
            )
        raise InputError(message)
    try:
        read = OmegaConf.to_container(OmegaConf.from_dotlist([f"{name}={value}"]))
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise InputError(
            f"--params: the value of {name} is not YAML: {value} ({_in_a_line(error)}); close "
            "brackets and quotes, and put the option into double quotes"
        ) from error
    return read  # type: ignore[return-value]


def _add(new: dict[str, Any], parameters: dict[str, Any], section: str = "") -> None:
    for key, value in new.items():
        earlier = parameters.setdefault(key, value)
        if isinstance(earlier, dict) and isinstance(value, dict) and earlier is not value:
            _add(value, earlier, f"{section}{key}.")
        elif earlier != value:
            raise InputError(
                f"--params gives {section}{key} twice: {earlier} and {value}; give it once"
            )


def _in_a_line(error: Exception) -> str:
    return " ".join(str(getattr(error, "problem", None) or error).split())


def commands_with_options(message: str, ctx: click.Context | None) -> str:
    """Complete the commands in a message by the options of the running one.

    Messages do not know these options. They may say "with the same --env", which is left out, or
    "with the same --env and --params", in whose place ``--params`` is added, too.

    Args:
        message: The message. A command that names an environment stays as it is.
        ctx: The running command; None outside a command.
    """
    if ctx is None:
        return message
    options = [
        f"{option}={quote(str(ctx.params[name]))}"
        for name, option in (("env", "--env"), ("conf_source", "--conf-source"))
        if ctx.params.get(name)
    ]
    same, of_all = ", with the same --env", " and --params"
    if same + of_all in message:
        options += [f"--params {quote(text)}" for text in ctx.meta.get("params", [])]
    return _COMMAND.sub(
        lambda found: " ".join(["kedro run", *options, found[1]]),
        message.replace(same + of_all, "").replace(same, ""),
    )
