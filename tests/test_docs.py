"""The commands, messages and tables of the documentation are true."""

import ast
import importlib
import importlib.util
import json
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from itertools import pairwise

import click
import pytest
from kedro.framework.project import configure_project, pipelines
from kedro_viz.launchers.cli.run import run as kedro_viz
from mlflow.cli import cli as mlflow
from page_commands import PAGES, PROJECT, commands

from facial_keypoints.cli import cli
from facial_keypoints.framework.config_loader import LOADER_ARGUMENTS, CheckedConfigLoader

SHELL = {
    "createdb",
    "git",
    "cd",
    ".",
    "export",
    "unset",
    "unzip",
    "curl",
    "printf",
    "sed",
    "python3",
    "mkdir",
    "echo",
    "cp",
    "pip",
    "pre-commit",
    "ray",
}
"""First words of commands that are not this project's."""
GIVEN = {"$A": "download.archive=facial-keypoints-detection.zip", "8cl-4mpl-wide": "8cl-3mpl"}
"""A variable of the shell and a variant that a page defines, and what stands for them."""


def parsed_commands():
    """The first program of each command line of the pages, with its arguments."""
    found = {}
    for line, page in commands().items():
        command = line.split(" | ")[0]
        for name, value in GIVEN.items():
            command = command.replace(name, value)
        if not re.match(r"[A-Z]+=", command):
            words = command.split() if "'" in command else shlex.split(command)
            found.setdefault(command, pytest.param(words, id=f"{page}: {command}"))
    return found.values()


@pytest.mark.parametrize("words", parsed_commands())
def test_command_of_a_page_exists(words):
    program, *rest = words
    if program in SHELL:
        return
    check = {"kedro": check_kedro, "make": check_make, "mlflow": check_mlflow}
    check |= dict.fromkeys(("python", ".venv/bin/python", "pytest"), check_files)
    check[program.removeprefix(".venv/bin/")](rest)


def check_kedro(words):
    name, *options = words
    if name == "viz":
        kedro_viz.make_context("run", [word for word in options if word != "run"])
    elif name in cli.commands:
        context = cli.commands[name].make_context(name, options)
        if name == "run":
            check_run(context.params)


def check_run(given):
    """Check what a run checks before its first node."""
    configure_project("facial_keypoints")
    names = [*(given.get("pipelines") or []), *filter(None, [given.get("pipeline")])]
    assert set(names) <= set(pipelines)
    load(given["env"] or "base", json.dumps(given["params"]))


@cache
def load(env, params):
    """Let the project check the parameters of a run, given as JSON."""
    given = json.loads(params)
    loader = CheckedConfigLoader(
        str(PROJECT / "conf"), env=env, runtime_params=given, **LOADER_ARGUMENTS
    )
    return loader["parameters"]


def check_make(words):
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.M)
    assert {word for word in words if "=" not in word} <= set(targets)


def check_mlflow(words):
    name, *options = words
    command = mlflow.get_command(click.Context(mlflow), name)
    while isinstance(command, click.Group):
        name, *options = options
        command = command.get_command(click.Context(command), name)
    command.make_context(name, options)


def check_files(words):
    files = [word for word in words if re.match(r"(benchmarks|examples|tests|docs)/", word)]
    assert [name for name in files if not (PROJECT / name).exists()] == []


@cache
def texts():
    """The texts in the package's code, without what is filled in."""
    found = []
    for path in (PROJECT / "src").rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        values = (node.value for node in nodes if isinstance(node, ast.Constant))
        found.extend(value for value in values if isinstance(value, str))
    return "\n".join(found)


@pytest.mark.parametrize(
    "message",
    re.findall(r"^### (.*)$", (PROJECT / "docs/troubleshooting.md").read_text("utf-8"), re.M),
)
def test_message_of_the_troubleshooting_page_exists(message):
    parts = [part.strip(" .:()") for part in message.split("…")]
    parts = [part for part in parts if len(part) > 3]
    assert parts
    assert [part for part in parts if part not in texts()] == []


def test_layers_of_the_architecture_page_are_those_of_the_contract():
    page = (PROJECT / "docs/architecture.md").read_text("utf-8")
    table = page[page.index("| layer | packages |") :].partition("\n\n")[0]
    shown = [set(re.findall(r"`(\w+)(?:/<name>)?`", row)) for row in table.splitlines()[2:]]
    tool = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    contract = [
        {name.strip().removeprefix("facial_keypoints.") for name in layer.split("|")}
        for layer in tool["contracts"][0]["layers"]
    ]
    order = {name: number for number, names in enumerate(contract) for name in names}
    assert set.union(*shown) == set(order)
    numbers = [[order[name] for name in names] for names in shown]
    assert all(max(above) < min(below) for above, below in pairwise(numbers))


def test_every_page_is_in_the_navigation():
    navigation = (PROJECT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2]
    folder = PROJECT / "docs"
    pages = {str(page.relative_to(folder)) for page in folder.rglob("*.md")}
    assert pages <= set(re.findall(r": ([\w/]+\.md)$", navigation, re.M))


@pytest.mark.parametrize("name", ["README", "CONTRIBUTING", "SECURITY", "benchmarks/README"])
def test_links_of_a_page_outside_the_site_lead_somewhere(name):
    page = PROJECT / f"{name}.md"
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        if not re.match(r"https?:|mailto:", target):
            there = page.parent / path if path else page
            assert there.exists(), target
            headings = re.findall(r"^#+ (.*)$", there.read_text("utf-8"), re.M) if anchor else []
            slugs = {re.sub(r"[^\w\- ]", "", each).lower().replace(" ", "-") for each in headings}
            assert not anchor or anchor in slugs, target


@pytest.mark.server  # half a minute
@pytest.mark.skipif(importlib.util.find_spec("material") is None, reason="MkDocs is not installed")
def test_site_has_no_dead_link_and_no_missing_reference(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site/reference/parameters.html").is_file()


def test_parameters_page_has_the_meaning_of_every_parameter():
    pytest.importorskip("mkdocs", reason="MkDocs is not installed")
    spec = importlib.util.spec_from_file_location("site_pages", PROJECT / "docs/site_pages.py")
    site_pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(site_pages)
    rows = [row.split(" | ") for row in site_pages._parameters() if row.startswith("| <code>")]
    assert len(rows) > 100
    assert [name for name, _, _, meaning, _ in rows if not meaning.strip()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_python_code_of_a_page_imports_what_exists(page):
    blocks = re.findall(r"^( *)```python\n(.*?)^\1```", page.read_text("utf-8"), re.M | re.S)
    for indent, block in blocks:
        tree = ast.parse(re.sub(f"^{indent}", "", block, flags=re.M))
        for statement in ast.walk(tree):
            if isinstance(statement, ast.ImportFrom) and "facial_keypoints" in statement.module:
                module = importlib.import_module(statement.module)
                assert [
                    each.name for each in statement.names if not hasattr(module, each.name)
                ] == []
