"""Checks of each session before anything runs: nothing that a user gives is ignored silently."""

import logging
import os
import re
from collections.abc import Container, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import join_names, suggest
from facial_keypoints.framework.runners import refuse_unsupported
from facial_keypoints.parameters import Parameters
from facial_keypoints.training.environment import check_variables, variables_of_keras

logger = logging.getLogger(__name__)

_CONFIGURATION: Final = re.compile(r"\.(ya?ml|json)(\.txt)?$", re.IGNORECASE)
"""Ends of names of files that are meant as configuration, whether Kedro reads them or not."""


class CheckHooks:
    """Refuse what a session cannot do as it is asked, and log what it takes or leaves."""

    def __init__(self) -> None:
        self._loader: Any = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Log an environment from ``KEDRO_ENV``, and the configuration files that are not read."""
        if context.env and context.env == os.environ.get("KEDRO_ENV"):
            logger.info("KEDRO_ENV: the environment is %s", context.env)
        self._loader = context.config_loader
        for problem in unread_files(self._loader):
            logger.warning("%s", problem)

    @hook_impl(wrapper=True, tryfirst=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> Generator[None, None, None]:
        """Check the run's options, and variables of Keras and TensorFlow, before other hooks start.

        Raises:
            InputError: if one of them cannot be followed.
        """
        refuse_unsupported(str(run_params["runner"]))
        if run_params["only_missing_outputs"]:
            raise InputError(
                "--only-missing-outputs is not supported: it keeps results of other parameters. "
                "Leave it out: finished trainings of the same data and parameters are reused"
            )
        check_tags(run_params["tags"] or (), run_params["pipeline_names"])
        for name in run_params["load_versions"] or ():
            if getattr(catalog[name], "_version", None) is None:
                raise InputError(
                    f"--load-versions: {name} has no versions (its catalog entry is not "
                    "'versioned: true'); leave the option out"
                )
        check_variables(os.environ)
        if settings := variables_of_keras(os.environ):
            logger.info("Environment variables of TensorFlow and Keras: %s", ", ".join(settings))
        tags = {tag for node in pipeline.nodes for tag in node.tags}
        given = run_params["runtime_params"]
        for problem in parameters_without_effect(given, self._loader.configured, tags):
            logger.warning("%s", problem)
        yield


def check_tags(tags: Iterable[str], pipeline_names: Sequence[str] | None) -> None:
    """Check that each tag selects a node.

    Args:
        tags: Any of them selects a node.
        pipeline_names: The pipelines whose nodes are selected; None for the default.

    Raises:
        InputError: if no node has a tag; the message lists the tags that there are.
    """
    nodes = [node for name in pipeline_names or ["__default__"] for node in pipelines[name].nodes]
    known = {tag for node in nodes for tag in node.tags}
    for tag in tags:
        if tag not in known:
            raise InputError(
                f"--tags: no node of {'+'.join(pipeline_names or ['full'])} has the tag {tag!r}"
                f"{suggest(tag, known)}; its tags: {', '.join(sorted(known))}"
            )


def parameters_without_effect(
    given: Mapping[str, Any], configured: Parameters, tags: Container[str]
) -> Iterator[str]:
    """Return a line about each parameter of the command line that the run does not use.

    Args:
        given: Nested parameters of the command line.
        configured: All parameters, before the study's scale and seeds are applied.
        tags: Of the nodes that run.
    """
    if "train" in tags and "competition" in given:
        yield "competition.* has no effect here; it is for --pipeline=compete"
    study = configured.study
    scaled = study.minutes is not None and study.scale is None and study.epochs is None
    if "train" in tags and scaled and "epochs" in given.get("train", ()):
        yield (
            "train.epochs is for full scale: study.minutes multiplies it by the scale that it "
            "chooses; study.epochs fixes the number of epochs"
        )
    if "compete" in tags:
        yield from (
            f"{section}.* has no effect on compete, which trains its own ensemble"
            for section in ("study", "variants", "architectures")
            if section in given
        )
    used = {"competition": configured.competition.train} if "compete" in tags else {}
    if "train" in tags:
        used |= {f"variants.{name}": configured.variants[name].train for name in configured.chosen}
    for name in given.get("train", ()):
        value = getattr(configured.train, name)
        own = [section for section, train in used.items() if getattr(train, name) != value]
        if own:
            yield (
                f"train.{name} has no effect on {join_names(own)}, where it is "
                f"{getattr(used[own[0]], name)}; to change it, give {own[0]}.train.{name}"
            )


def unread_files(loader: Any) -> Iterator[str]:
    """Return a line about the configuration files that a session does not read.

    Args:
        loader: The session's ``OmegaConfigLoader``.
    """
    source, local = Path(loader.conf_source).resolve(), loader.default_run_env
    if not source.is_dir():  # an archive
        return
    env = loader.env or local
    files = {path for name in (loader.base_env, env) for path in _configuration(source / name)}
    files |= {path for path in source.glob("*") if _CONFIGURATION.search(path.name)}
    read = _read_files(loader, [source / loader.base_env, source / env])
    unread = files - read - {source / "logging.yml"}
    if unread:
        yield (
            f"Not read: {_names(unread, source)}; the name of a configuration file starts with "
            f"parameters, catalog, credentials or mlflow and ends with .yml, or is globals.yml, in "
            f"{source.name}/{loader.base_env} or {source.name}/<env>"
        )
    if env != local and (ignored := _configuration(source / local)):
        yield (
            f"Not read with --env={env}: {_names(ignored, source)}; for this environment, write to "
            f"{source.name}/{env}, or give the values by --params"
        )


def _configuration(folder: Path) -> set[Path]:
    return {
        path
        for path in folder.rglob("*")
        if _CONFIGURATION.search(path.name)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def _read_files(loader: Any, folders: Sequence[Path]) -> set[Path]:
    """Return the files that match the loader's patterns, as Kedro looks for them."""
    found = {
        Path(name)
        for folder in folders
        for patterns in loader.config_patterns.values()
        for pattern in patterns
        for name in loader._fs.glob(f"{folder.as_posix()}/{pattern}")
    }
    return {path for path in found if path.suffix in {".yml", ".yaml", ".json"}}


def _names(paths: set[Path], source: Path) -> str:
    return ", ".join(sorted(str(path.relative_to(source.parent)) for path in paths))
