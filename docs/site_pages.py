"""Pages of the site that are made when it is built: the reference, and files outside of docs/.

MkDocs calls the functions whose names begin with ``on_``.
"""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel

from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.parameters import Parameters

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "src/facial_keypoints"
CONF: Final = ROOT / "conf"
ELSEWHERE: Final = {
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
    "CHANGELOG.md": "changelog.md",
}
"""Files of the repository that are pages of the site, with their addresses."""
PARAMETERS: Final = """# Parameters

Generated from the parameters' types and from `conf/base/parameters_*.yml`.
[Set parameters](../set_parameters.md) shows how to change them. The last column shows the values of
other environments. On the command line, the section comes first:
`--params download.source=synthetic`.
"""
PYTHON: Final = """# Python

The packages and modules of `facial_keypoints`, generated from their docstrings.
[Architecture](../../architecture.md) shows which package imports which.
"""


def on_post_build(config: MkDocsConfig) -> None:
    """Add the static Kedro-Viz page, if ``make viz-build`` has made it.

    Args:
        config: The site's configuration.
    """
    if (ROOT / "build/viz").is_dir():
        shutil.copytree(ROOT / "build/viz", Path(config.site_dir) / "viz", dirs_exist_ok=True)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages.

    Args:
        files: Those of docs/.
        config: The site's configuration.
    """
    pages = {address: (ROOT / path).read_text("utf-8") for path, address in ELSEWHERE.items()}
    pages["reference/parameters.md"] = PARAMETERS + "\n".join(_parameters())
    pages["reference/examples.md"] = _examples()
    packages = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
    packages += sorted(path.stem for path in PACKAGE.glob("[!_]*.py"))
    index = [f"- [`{name}`]({name}.md): {_summary(name)}" for name in packages]
    pages["reference/python/index.md"] = "\n".join([PYTHON, *index])
    for name in packages:
        pages[f"reference/python/{name}.md"] = f"# {name}\n\n::: facial_keypoints.{name}\n"
    for address, content in pages.items():
        files.append(File.generated(config, address, content=content))
    _list_in_navigation(config, packages)
    return files


def _summary(name: str) -> str:
    """The first line of the docstring of a package or module."""
    path = PACKAGE / f"{name}.py"
    path = path if path.exists() else PACKAGE / name / "__init__.py"
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return docstring.partition("\n")[0]


def _list_in_navigation(config: MkDocsConfig, packages: list[str]) -> None:
    """Replace the entry of the folder ``reference/python/`` by its pages."""
    reference = next(entry["Reference"] for entry in config.nav or [] if "Reference" in entry)
    folder = next(entry for entry in reference if "Python" in entry)
    pages: list[Any] = ["reference/python/index.md"]
    folder["Python"] = pages + [{name: f"reference/python/{name}.md"} for name in packages]


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links between files of the repository lead to the site's pages.

    Args:
        markdown: The page's source.
        page: The page.
        config: The site's configuration.
        files: All pages.
    """
    up = "../" * page.file.src_uri.count("/")

    def replace(link: re.Match[str]) -> str:
        target, anchor = link[1], link[2] or ""
        path = target.removeprefix("../")
        if path in ELSEWHERE:
            return f"]({up}{ELSEWHERE[path]}{anchor})"
        if path.startswith("examples/"):
            return f"]({up}reference/examples.md)"
        if path.startswith("docs/") and page.file.src_uri in ELSEWHERE.values():
            return f"]({up}{path.removeprefix('docs/')}{anchor})"
        return link[0]

    return re.sub(r"\]\(([^)#:\s]+)(#[^)\s]*)?\)", replace, markdown)


def _examples() -> str:
    parts = ["# Examples without this package\n\nThey need NumPy, OpenCV and the runtime alone.\n"]
    for path in sorted((ROOT / "examples").glob("*.py")):
        code = path.read_text("utf-8").rstrip()
        parts.append(f"## {path.name}\n\n```python\n{code}\n```\n")
    return "\n".join(parts)


def _parameters() -> Iterator[str]:
    """Yield a table per section, from types, default values and comments."""
    comments = _comments()
    values_of_base = load_parameters(CONF)
    environments = sorted(
        path.name for path in CONF.iterdir() if (path / "parameters.yml").exists()
    )
    others = {
        name: yaml.safe_load((CONF / name / "parameters.yml").read_text()) for name in environments
    }
    for name, field in Parameters.model_fields.items():
        section = field.annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            continue  # variants and the paper's tables are lists of their own
        base = getattr(values_of_base, name).model_dump(mode="json")
        yield f"\n## {name}\n\n{(section.__doc__ or '').strip()}\n"
        yield '<div class="parameters" markdown>\n'
        yield "| name | default | type and range | meaning | other environments |"
        yield "|---|---|---|---|---|"
        schema = section.model_json_schema()
        for path, kind in _fields(schema, schema.get("$defs", {}), [name]):
            values = [
                f"{environment}: `{_value(other)}`"
                for environment, data in others.items()
                if (other := _find(data, path, None)) is not None
            ]
            default = _value(_find({name: base}, path, None))
            meaning = _meaning(path, comments)
            shown = f"<code>{'.<wbr>'.join(path[1:])}</code>"
            cells = [shown, f"`{default}`", kind, meaning, ", ".join(values)]
            yield "| " + " | ".join(cells).replace("\n", " ") + " |"
        yield "\n</div>"


def _meaning(path: list[str], comments: dict[tuple[str, ...], str]) -> str:
    """A parameter's comment; ``train`` and ``competition.train`` have the same fields."""
    also = path[1:] if path[0] == "competition" else ["competition", *path]
    return comments.get(tuple(path)) or comments.get(tuple(also), "")


def _fields(schema: Any, definitions: Any, path: list[str]) -> Iterator[tuple[list[str], str]]:
    """Yield each field with its type; sections within sections are entered."""
    for name, field in schema.get("properties", {}).items():
        options = field.get("anyOf", field.get("allOf", [field]))
        inner = [_resolve(option, definitions) for option in options]
        section = next((each for each in inner if "properties" in each), None)
        if section is not None:
            yield from _fields(section, definitions, [*path, name])
        else:
            yield [*path, name], " or ".join(_describe(each, definitions) for each in inner)


def _resolve(schema: Any, definitions: Any) -> Any:
    reference = schema.get("$ref", "").removeprefix("#/$defs/")
    return definitions[reference] if reference else schema


def _describe(schema: Any, definitions: Any) -> str:
    """A type of a JSON schema in words."""
    names = {"integer": "whole number", "boolean": "true or false", "string": "text"}
    if "enum" in schema:
        return ", ".join(f"`{_value(value)}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{_value(schema['const'])}`"
    kind = str(schema.get("type", "value"))
    if kind == "array":
        return f"list of {_describe(_resolve(schema.get('items', {}), definitions), definitions)}"
    bounds = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to"}
    bounds["exclusiveMaximum"] = "below"
    if "exclusiveMinimum" in schema:
        del bounds["minimum"]
    limits = [f"{word} {schema[key]:,}" for key, word in bounds.items() if key in schema]
    return " ".join([names.get(kind, kind), *limits])


def _find(data: Any, path: list[str], missing: Any) -> Any:
    for name in path:
        if not isinstance(data, dict) or name not in data:
            return missing
        data = data[name]
    return data


def _value(value: Any) -> str:
    text = {None: "null", True: "true", False: "false"}.get(value) if _is_plain(value) else None
    return text or str(value)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _comments() -> dict[tuple[str, ...], str]:
    """The comments of conf/base/parameters_*.yml by the path of their parameter."""
    found: dict[tuple[str, ...], str] = {}
    for file in sorted((CONF / "base").glob("parameters_*.yml")):
        path: list[tuple[int, str]] = []
        last: tuple[str, ...] = ()
        for line in file.read_text("utf-8").splitlines():
            if key := re.match(r"( *)([\w-]+):(.*)", line):
                indent = len(key[1])
                path = [each for each in path if each[0] < indent] + [(indent, key[2])]
                last = tuple(name for _, name in path)
                comment = re.search(r"(?:^|\s)# (.*)", key[3])
                if comment:
                    found[last] = comment[1]
            elif (more := re.match(r" {8,}# (.*)", line)) and last in found:
                found[last] += f" {more[1]}"
    return {path: comment.replace("|", "\\|") for path, comment in found.items()}
