"""Kedro hooks: parameters checked before a run, the study's progress, the closing summary."""

import logging
import time
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines, settings
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.utils import find_kedro_project

from facial_keypoints.parameters import Parameters, check_parameters
from facial_keypoints.summary import print_summary
from facial_keypoints.words import duration

logger = logging.getLogger(__name__)

_current: Parameters | None = None


def current_parameters() -> Parameters:
    """The parameters of the session at hand; those of the base environment before there is one
    (``kedro registry list``).
    """
    if _current is not None:
        return _current
    project = find_kedro_project(Path.cwd()) or Path.cwd()
    loader = OmegaConfigLoader(str(project / settings.CONF_SOURCE), **settings.CONFIG_LOADER_ARGS)
    return check_parameters(loader["parameters"])


class ParameterHooks:
    """Checks every parameter once, and hands the completed ones to Kedro."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse wrong names and values before anything runs; see ``parameters``."""
        global _current  # noqa: PLW0603 (the pipeline registry is called without the context)
        _current = check_parameters(context.config_loader["parameters"])
        context.config_loader["parameters"] = _current.model_dump(mode="json")
        # which pipelines there are depends on the variants, so an earlier session's are stale
        pipelines.configure("facial_keypoints.pipeline_registry")


class StudyProgressHooks:
    """Says before each variant which it is, and how long the study still takes."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._count = 0
        self._estimated = 0.0
        self._spent = 0.0
        self._began = 0.0

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Note the variants in the order in which they will be trained."""
        self._waiting = [_namespace(node) for node in pipeline.nodes if _trains(node)]
        self._count = len(self._waiting)
        self._estimated = self._spent = 0.0

    @hook_impl
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        """Announce a variant."""
        if not _trains(node):
            return
        minutes = inputs["training_estimate"]["minutes"]
        # early stopping and a busy machine make estimates wrong; those of what is done tell by
        # how much
        drift = self._spent / self._estimated if self._estimated else 1.0
        left = 60 * drift * sum(minutes.get(name, 0.0) for name in self._waiting)
        logger.info(
            "Variant %d of %d: %s; training the study takes about %s more",
            self._count - len(self._waiting) + 1,
            self._count,
            _namespace(node),
            duration(left),
        )
        self._began = time.monotonic()

    @hook_impl
    def after_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        """Compare a variant's time with its estimate."""
        if _trains(node):
            self._waiting.remove(_namespace(node))
            self._spent += time.monotonic() - self._began
            self._estimated += 60 * inputs["training_estimate"]["minutes"].get(_namespace(node), 0)


class SummaryHooks:
    """Prints the leaderboard, the score and what to type next at the end of a run."""

    @hook_impl(trylast=True)
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Print what the run has made."""
        print_summary(pipeline, catalog, run_params.get("env"))


def _trains(node: Node) -> bool:
    return "train_variant" in node.tags


def _namespace(node: Node) -> str:
    return node.namespace or node.name
