"""The groups that Kedro-Viz draws: one per pipeline and one per variant, closed at first.

Namespaces make groups in Kedro-Viz. In a run they would also rename every node and create an MLflow
run per group, so only Kedro-Viz gets them.
"""

import sys
from collections.abc import Mapping
from typing import Any, Final

from kedro.pipeline import Node, Pipeline

_MODELS: Final = {"train", "evaluate", "study", "submit"}
"""Stages that exchange datasets of every variant: in one group, these need no box outside."""
_WHOLE: Final = ("full", "__default__", "compete")
"""Pipelines of several stages. They come first: Kedro-Viz places a node as it meets it first."""


def for_kedro_viz(pipelines: Mapping[str, Pipeline]) -> dict[str, Pipeline]:
    """Return the pipelines, in groups where Kedro-Viz loads them.

    Args:
        pipelines: Pipelines by name; the tags of their nodes name the stages.
    """
    if "kedro_viz.server" not in sys.modules:
        return dict(pipelines)
    names = dict.fromkeys([*_WHOLE, *pipelines])
    return {name: _grouped(name, pipelines[name], set(pipelines)) for name in names}


def _grouped(name: str, pipeline: Pipeline, stages: set[str]) -> Pipeline:
    if name not in _WHOLE:
        return Pipeline([_GroupedNode(node, _variant(node) or name) for node in pipeline.nodes])
    models = "compete" if name == "compete" else "train_and_compare"
    return _Grouped([_GroupedNode(node, _group(node, models, stages)) for node in pipeline.nodes])


def _group(node: Node, models: str, stages: set[str]) -> str:
    stage = next(iter(node.tags & stages))  # other tags are for runners
    return f"{models}.{_variant(node) or stage}" if stage in _MODELS else stage


def _variant(node: Node) -> str | None:
    return node.namespace if node.tags & _MODELS else None


class _GroupedNode(Node):
    """A node in a group, with the name that it has in a run: Kedro-Viz shows commands with it."""

    def __init__(self, node: Node, group: str | None) -> None:
        super().__init__(
            node.func, node._inputs, node._outputs, name=node._name, tags=node.tags, namespace=group
        )
        self._name_in_run = node.name

    @property
    def name(self) -> str:
        return self._name_in_run


class _Group(Pipeline):
    """A group whose inputs and outputs are the datasets that it exchanges with other nodes."""

    def __init__(self, nodes: list[Node], others: Pipeline) -> None:
        super().__init__(nodes)
        self._others = others

    def inputs(self) -> set[str]:
        return {name for name in super().inputs() if self._is_shared(name)}

    def outputs(self) -> set[str]:
        return {name for name in super().outputs() if self._is_shared(name)}

    def _is_shared(self, name: str) -> bool:
        return name.startswith("params:") or name in self._others.datasets()


class _Grouped(Pipeline):
    """A pipeline whose groups hide the datasets that no other node reads or writes."""

    def only_nodes_with_namespaces(self, node_namespaces: list[str]) -> Any:
        group = super().only_nodes_with_namespaces(node_namespaces)
        return _Group(list(group.nodes), self - group)
