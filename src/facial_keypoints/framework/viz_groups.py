"""The groups that Kedro-Viz draws: one per pipeline and, in it, one per variant, closed at first.

Namespaces make groups in Kedro-Viz. In a run they would also rename every node and create an MLflow
run per group, so only Kedro-Viz gets them.
"""

import inspect
import sys
from collections.abc import Mapping
from typing import Final

from kedro.pipeline import Node, Pipeline
from kedro.pipeline.preview_contract import TextPreview

_OF_VARIANTS: Final = {"train", "evaluate", "study", "submit"}
"""Stages whose nodes have the namespace of a variant."""
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
    return {
        name: Pipeline([_grouped(name, node, set(pipelines)) for node in pipelines[name].nodes])
        for name in names
    }


def _grouped(name: str, node: Node, stages: set[str]) -> Node:
    variant = node.namespace if node.tags & _OF_VARIANTS else None
    if name not in _WHOLE:
        return _GroupedNode(node, variant)
    stage = next(iter(node.tags & stages))  # other tags are for runners
    return _GroupedNode(node, f"{stage}.{variant}" if variant else stage)


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

    def preview(self) -> TextPreview:
        """Return the docstring, which Kedro-Viz otherwise shows in the source code only."""
        return TextPreview((inspect.getdoc(self.func) or "").replace("``", "`"))
