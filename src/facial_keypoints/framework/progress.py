"""Kedro hooks that report the progress of nodes and of the study, and print the summary."""

import logging
import time
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from facial_keypoints.formatting import format_count, format_duration
from facial_keypoints.framework.summary import print_summary
from facial_keypoints.training import interruption
from facial_keypoints.training.deadlines import time_needed
from facial_keypoints.training.study_estimate import StudyEstimate, find_estimate

logger = logging.getLogger(__name__)


class ProgressHooks:
    """Log each finished node, and before each variant the remaining time of the study.

    The nodes that train a variant are those with a ``StudyEstimate`` among their inputs.
    """

    def __init__(self) -> None:
        self._num_nodes = self._num_done = 0
        self._namespaces: list[str] = []
        self._trained: list[str] = []
        self._estimated = self._spent = 0.0
        self._started: dict[str, float] = {}  # of the nodes that run, several at a time with Ray
        self._begun: dict[str, float] = {}  # of the variants
        self._num_begun = 0

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Count the nodes, and note the namespaces in their order."""
        self._num_nodes, self._num_done = len(pipeline.nodes), 0
        self._namespaces = list(dict.fromkeys(n.namespace for n in pipeline.nodes if n.namespace))
        self._trained = []
        self._begun = {}
        self._num_begun = 0
        self._estimated = self._spent = 0.0

    @hook_impl
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        """Log the variant that is trained next, and the remaining time of the study."""
        interruption.stop_if_asked()
        self._started[node.name] = time.monotonic()
        estimate = find_estimate(inputs)
        if estimate is None:
            return
        self._num_begun += 1
        known = {*estimate.minutes, *estimate.already_trained}
        variants = [name for name in self._namespaces if name in known]
        self._begun[str(node.namespace)] = time.monotonic()
        logger.info(
            "Variant %d of %d: %s; about %s of training remaining",
            self._num_begun,
            len(variants),
            node.namespace,
            format_duration(self._remaining_seconds(estimate)),
        )

    def _remaining_seconds(self, estimate: StudyEstimate) -> float:
        """How long the trainings take that are not over, those under way among them."""
        # early stopping and a busy machine change the times; finished variants show by how much
        drift = self._spent / self._estimated if self._estimated else 1.0
        now = time.monotonic()
        return time_needed(
            (
                max(60 * drift * minutes - (now - self._begun.get(name, now)), 0.0)
                for name, minutes in estimate.minutes.items()
                if name in self._namespaces and name not in self._trained
            ),
            estimate.at_a_time,
        )

    @hook_impl
    def after_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        """Log the node and its duration; compare a variant's time with its estimate."""
        seconds = time.monotonic() - self._started.pop(node.name)
        self._num_done += 1
        logger.info(
            "[%d/%d] %s  %s", self._num_done, self._num_nodes, node.name, format_duration(seconds)
        )
        estimate = find_estimate(inputs)
        if estimate is None:
            return
        variant = str(node.namespace)
        self._trained.append(variant)
        if variant in estimate.minutes:  # else an earlier run trained it
            self._spent += seconds
            self._estimated += 60 * estimate.minutes[variant]


class SummaryHooks:
    """Log what runs on which data; print the results and the next commands at the end of a run."""

    def __init__(self) -> None:
        self._data_root = ""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Note the folder of the data."""
        self._data_root = str(context.config_loader["globals"].get("data_root", ""))

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Log the pipeline, the environment and the folder of the data."""
        names = run_params.get("pipeline_names") or [run_params.get("pipeline_name") or "full"]
        logger.info(
            "Pipeline %s, environment %s: %s; data in %s",
            "+".join(names),
            run_params.get("env") or "local",
            format_count(len(pipeline.nodes), "node"),
            self._data_root,
        )

    @hook_impl(trylast=True)
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Print the results of the run."""
        print_summary(pipeline, catalog, run_params.get("env"))
