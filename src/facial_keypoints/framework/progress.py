"""Kedro hooks: progress of nodes and of the study, and the closing summary."""

import logging
import time
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from facial_keypoints.formatting import format_duration
from facial_keypoints.framework.summary import print_summary
from facial_keypoints.training import interruption

logger = logging.getLogger(__name__)


class ProgressHooks:
    """Says which node is done, and before each variant how long the study still takes."""

    def __init__(self) -> None:
        self._nodes = self._done = 0
        self._variants: list[str] = []
        self._trained = 0
        self._estimated = self._spent = 0.0
        self._began = 0.0

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Count the nodes, and note the variants in the order in which they will be trained."""
        self._nodes, self._done = len(pipeline.nodes), 0
        self._variants = [_namespace(node) for node in pipeline.nodes if _trains(node)]
        self._trained = 0
        self._estimated = self._spent = 0.0

    @hook_impl
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        """Start the node's clock; announce a variant."""
        interruption.stop_if_asked()
        self._began = time.monotonic()
        if not _trains(node):
            return
        minutes = inputs["training_estimate"].minutes
        # early stopping and a busy machine make estimates wrong; what is done tells by how much
        drift = self._spent / self._estimated if self._estimated else 1.0
        left = 60 * drift * sum(minutes.get(v, 0.0) for v in self._variants[self._trained :])
        logger.info(
            "Variant %d of %d: %s; training the study takes about %s more",
            self._trained + 1,
            len(self._variants),
            _namespace(node),
            format_duration(left),
        )

    @hook_impl
    def after_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        """Tick the node off; compare a variant's time with its estimate."""
        seconds = time.monotonic() - self._began
        self._done += 1
        logger.info("[%d/%d] %s  %s", self._done, self._nodes, node.name, format_duration(seconds))
        if _trains(node):
            minutes = inputs["training_estimate"].minutes
            self._trained += 1
            if _namespace(node) in minutes:  # else it was trained already
                self._spent += seconds
                self._estimated += 60 * minutes[_namespace(node)]


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
