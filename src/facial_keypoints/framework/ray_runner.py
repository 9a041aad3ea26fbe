"""A Kedro runner that spreads trainings over a Ray cluster."""

import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any

from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import AbstractRunner
from kedro.runner.task import Task

from facial_keypoints.errors import InputError, require_extra
from facial_keypoints.framework.datasets.trainings import TrainingFolderDataset
from facial_keypoints.framework.ray_cluster import (
    check_machines,
    connected,
    machines,
    warn_of_other_work,
)
from facial_keypoints.framework.ray_options import read_options
from facial_keypoints.framework.ray_tasks import log_queue
from facial_keypoints.framework.ray_trainings import RayTrainings
from facial_keypoints.framework.ray_workers import SECONDS_BETWEEN_CHECKS, RayWorkers
from facial_keypoints.pipelines import DISTRIBUTED, WORKERS
from facial_keypoints.training import interruption
from facial_keypoints.training.progress_bar import erase
from facial_keypoints.training.study_estimate import find_estimate

logger = logging.getLogger(__name__)


class RayRunner(AbstractRunner):
    """Train variants and ensemble members side by side, on this machine or on a Ray cluster.

    All other nodes run in this process, while no variant trains. Datasets are loaded and saved, and
    hooks called, in this process too: MLflow gets one parent run with its children. Trainings write
    their checkpoints to the catalog's folder themselves, which all machines must share.

    Args:
        address: Of a Ray cluster; None starts Ray on this machine (see ``RayOptions``).
        max_workers: Trainings at a time.
        num_cpus: Cores of each training.
        num_gpus: GPUs of each training.
        retries: How often a training whose process dies is started again.
        is_async: Not supported; Kedro gives it to every runner.

    Raises:
        InputError: If Ray is not installed, or an argument is out of bounds.
    """

    def __init__(
        self,
        address: str | None = None,
        max_workers: int | None = None,
        num_cpus: int | None = None,
        num_gpus: float | None = None,
        retries: int = 3,
        is_async: bool = False,
    ) -> None:
        super().__init__(is_async=is_async)
        self._options = read_options(
            address=address,
            max_workers=max_workers,
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            retries=retries,
        )
        require_extra("cluster", "ray")

    @property
    def _logger(self) -> logging.Logger:
        return logging.getLogger(AbstractRunner.__module__)  # as conf/logging.yml names Kedro's

    def _get_executor(self, max_workers: int) -> Executor | None:
        """Return None: Ray takes the trainings alone."""
        return None

    def _run(
        self,
        pipeline: Pipeline,
        catalog: Any,
        hook_manager: Any = None,
        run_id: str | None = None,
    ) -> None:
        """Run the nodes, each as soon as what it needs is there."""
        trainings = trainings_of(pipeline)
        users = [node for node in pipeline.nodes if WORKERS in node.inputs]
        stores = _stores_of([*trainings, *users], catalog)
        if not trainings and not stores:
            raise InputError(
                "RayRunner: nothing is trained here, so that there is nothing to spread; leave out "
                "--runner"
            )
        with connected(self._options) as is_local:
            if not is_local:
                check_machines(_first(stores))
                warn_of_other_work()
            known = [machine["Resources"] for machine in machines()]
            records = log_queue()
            workers = RayWorkers(self._options, known, records)
            if users:
                catalog[WORKERS].save(workers)
            try:
                DistributedRun(
                    pipeline,
                    catalog,
                    hook_manager,
                    run_id,
                    lambda count: RayTrainings(workers.tasks(count)),
                ).finish()
            finally:
                erase()


def _stores_of(nodes: list[Node], catalog: DataCatalog) -> list[Any]:
    """Return the datasets of the nodes' trainings."""
    names = dict.fromkeys(name for node in nodes for name in node.inputs)
    return [catalog[name] for name in names if isinstance(catalog[name], TrainingFolderDataset)]


def _first(stores: list[Any]) -> Any:
    """Return the store of a training, which all machines must reach."""
    if not stores:
        raise InputError(
            "conf/base/catalog.yml: the trainings have no TrainingFolderDataset: machines of a "
            "cluster would have no place for checkpoints"
        )
    return stores[0].load()


class DistributedRun:
    """One run of a pipeline.

    Args:
        pipeline: Its nodes.
        catalog: Their datasets.
        hooks: Called in this process, as by Kedro's own runners.
        run_id: Of Kedro's session.
        make_trainings: Returns where trainings go, for a number of them.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        catalog: Any,
        hooks: Any,
        run_id: str | None,
        make_trainings: Callable[[int], RayTrainings],
    ) -> None:
        self._pipeline = pipeline
        self._catalog = catalog
        self._hooks = hooks.hook
        self._task = partial(
            Task, catalog=catalog, hook_manager=hooks, is_async=False, run_id=run_id
        )
        self._context = {"catalog": catalog, "is_async": False, "run_id": run_id}
        self._make_trainings = make_trainings
        self._trainings: RayTrainings | None = None
        self._todo = list(pipeline.nodes)
        self._done: set[Node] = set()
        self._loads = Counter(name for node in pipeline.nodes for name in node.inputs)
        used = Counter(name for node in trainings_of(pipeline) for name in node.inputs)
        self._shared: dict[str, Any] = {name: None for name, times in used.items() if times > 1}
        self._inputs: dict[Node, dict[str, Any]] = {}

    def finish(self) -> None:
        """Run all nodes; trainings come first, and other nodes wait for them.

        Raises:
            Exception: The first one of a node; trainings under way are then given up.
        """
        dependencies = self._pipeline.node_dependencies
        while self._todo or self._trainings:
            interruption.stop_if_asked()
            ready = [node for node in self._todo if dependencies[node] <= self._done]
            waiting = [node for node in ready if DISTRIBUTED in node.tags]
            if waiting and not (self._trainings and self._trainings.is_full):
                self._begin(waiting[0])
            elif self._trainings:
                for node, outcome in self._trainings.finished(SECONDS_BETWEEN_CHECKS).items():
                    self._end(node, self._inputs.pop(node), outcome)
            else:
                self._todo.remove(ready[0])
                self._task(node=ready[0]).execute()
                self._note(ready[0])

    def _begin(self, node: Node) -> None:
        """Start a training; what an earlier run trained is reused in this process."""
        self._todo.remove(node)
        inputs = {name: self._load(name, node) for name in node.inputs}
        changed = self._hooks.before_node_run(node=node, inputs=inputs, **self._context)
        for own in changed:
            inputs.update(own or {})
        estimate = find_estimate(inputs)
        if estimate is None:
            raise TypeError(
                f"{node.name} has the tag {DISTRIBUTED}, but no StudyEstimate among its inputs"
            )
        if node.namespace in estimate.already_trained:
            self._end(node, inputs, _outcome_here(node, inputs))
            return
        if self._trainings is None:
            self._trainings = self._make_trainings(len(estimate.minutes))
        self._inputs[node] = inputs
        self._trainings.start(node, inputs, self._shared)

    def _load(self, name: str, node: Node) -> Any:
        self._hooks.before_dataset_loaded(dataset_name=name, node=node)
        data = self._shared.get(name)
        if data is None:
            data = self._catalog.load(name)
        if name in self._shared:
            self._shared[name] = data
        self._hooks.after_dataset_loaded(dataset_name=name, data=data, node=node)
        return data

    def _end(self, node: Node, inputs: dict[str, Any], outcome: dict[str, Any] | Exception) -> None:
        """Save a training's outputs, or raise its error."""
        facts = {"node": node, "inputs": inputs, **self._context}
        if isinstance(outcome, Exception):
            self._hooks.on_node_error(error=outcome, **facts)
            raise outcome
        self._hooks.after_node_run(outputs=outcome, **facts)
        for name, data in outcome.items():
            self._hooks.before_dataset_saved(dataset_name=name, data=data, node=node)
            self._catalog.save(name, data)
            self._hooks.after_dataset_saved(dataset_name=name, data=data, node=node)
        self._note(node)

    def _note(self, node: Node) -> None:
        self._done.add(node)
        RayRunner._release_datasets(node, self._catalog, self._loads, self._pipeline)


def trainings_of(pipeline: Pipeline) -> list[Node]:
    """Return the nodes that may run on another machine."""
    return [node for node in pipeline.nodes if DISTRIBUTED in node.tags]


def _outcome_here(node: Node, inputs: dict[str, Any]) -> dict[str, Any] | Exception:
    try:
        return dict(node.run(inputs))
    except Exception as error:
        return error
