"""Nodes that run each in a process of its own, with nothing in common but the catalog on disk."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks.manager import _NullPluginManager
from kedro.framework.project import pipelines, settings
from kedro.framework.startup import bootstrap_project

ENV = "test"
_PRELOADED = [
    *("fresh_processes", "facial_keypoints.settings", "facial_keypoints.pipeline_registry"),
    *("facial_keypoints.framework.datasets", "kedro_datasets.pandas.csv_dataset"),
]


def run_each_node(project: Path, pipeline: str, **parameters: Any) -> list[str]:
    """Run a pipeline's nodes in order, and return their names; the catalog has a session."""
    # the server has imported what nodes import, and has run none of them
    processes = get_context("forkserver")
    processes.set_forkserver_preload(_PRELOADED)
    with ProcessPoolExecutor(1, mp_context=processes, max_tasks_per_child=1) as pool:
        names = pool.submit(_names, project, pipeline, parameters).result()
        for name in names:
            pool.submit(_run_node, project, pipeline, name, parameters).result()
    return names


def _names(project: Path, pipeline: str, parameters: dict[str, Any]) -> list[str]:
    _context(project, parameters)
    return [node.name for node in pipelines[pipeline].nodes]


def _run_node(project: Path, pipeline: str, name: str, parameters: dict[str, Any]) -> None:
    catalog = _context(project, parameters).catalog
    (node,) = pipelines[pipeline].only_nodes(name).nodes
    outputs = node.run({dataset: catalog.load(dataset) for dataset in node.inputs})
    for dataset, value in outputs.items():
        catalog.save(dataset, value)


def _context(project: Path, parameters: dict[str, Any]) -> KedroContext:
    """The project without its hooks, as a node on another machine would see it."""
    metadata = bootstrap_project(project)
    loader = settings.CONFIG_LOADER_CLASS(
        str(project / settings.CONF_SOURCE),
        env=ENV,
        runtime_params=parameters,
        **settings.CONFIG_LOADER_ARGS,
    )
    return KedroContext(
        project_path=project,
        config_loader=loader,
        env=ENV,
        package_name=metadata.package_name,
        hook_manager=_NullPluginManager(),
        runtime_params=parameters,
    )
