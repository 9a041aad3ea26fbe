"""Nodes that run each in a fresh process, with nothing in common but the catalog on disk."""

import os
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks.manager import _NullPluginManager
from kedro.framework.project import pipelines, settings
from kedro.framework.startup import bootstrap_project
from kedro.io import CatalogProtocol
from kedro.pipeline.node import Node

ENV = "test"
_PRELOADED = [
    *("fresh_processes", "facial_keypoints.settings", "facial_keypoints.pipeline_registry"),
    *("facial_keypoints.framework.datasets", "kedro_datasets.pandas.csv_dataset"),
    *("matplotlib.figure", "matplotlib.backends.backend_agg", "sklearn.model_selection"),
]


def run_each_node(
    project: Path, pipeline: str, skip: Sequence[str] = (), **parameters: Any
) -> list[str]:
    """Run a pipeline's nodes in order, and return their names; the catalog has a session.

    Args:
        project: Its folder.
        pipeline: Its registered name.
        skip: Nodes whose outputs the catalog has.
        parameters: As of --params.
    """
    # the server has imported what nodes import, and has run none of them
    processes = get_context("forkserver")
    processes.set_forkserver_preload(_PRELOADED)
    with ProcessPoolExecutor(1, mp_context=processes) as pool:
        return pool.submit(_fork_for_each_node, project, pipeline, skip, parameters).result()


def _fork_for_each_node(
    project: Path, pipeline: str, skip: Sequence[str], parameters: dict[str, Any]
) -> list[str]:
    catalog = context_of(project, parameters).catalog  # it has loaded nothing
    nodes = [node for node in pipelines[pipeline].nodes if node.name not in skip]
    for node in nodes:
        child = os.fork()
        if child == 0:
            os._exit(_run_node(catalog, node))
        _, status = os.waitpid(child, 0)
        if status:
            raise RuntimeError(f"{node.name} failed in a fresh process")
    return [node.name for node in nodes]


def _run_node(catalog: CatalogProtocol, node: Node) -> int:
    try:
        outputs = node.run({dataset: catalog.load(dataset) for dataset in node.inputs})
        for dataset, value in outputs.items():
            catalog.save(dataset, value)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def context_of(project: Path, parameters: dict[str, Any]) -> KedroContext:
    """Return the project without its hooks, as a node on another machine would see it.

    Args:
        project: Its folder.
        parameters: As of --params.
    """
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
