"""The graph that Kedro-Viz draws: each dataset inside of a group, and lines from group to group.

By itself, Kedro-Viz draws every dataset that groups exchange beside them, which hides the order of
the groups. Here a dataset belongs to the group that writes it, and appears when that is opened.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

LAYERS: Final = (
    *("raw", "intermediate", "primary", "feature"),
    *("model_input", "models", "model_output", "reporting"),
)
"""Source: Kedro's data engineering convention."""
_ROOT: Final = "__root__"
_TYPES: Final = ("task", "data")

Edge = tuple[str, str]
"""From a node or dataset to another, by id."""


def arrange(manager: Any, pipeline: str) -> Any:
    """Return Kedro-Viz's tree of groups, with each dataset inside of a group; adapt its edges.

    Args:
        manager: Kedro-Viz's ``DataAccessManager``.
        pipeline: Name of the registered pipeline.
    """
    from kedro_viz.models.flowchart.edge import GraphEdge
    from kedro_viz.models.flowchart.nodes import ModularPipelineChild

    tree = type(manager).create_modular_pipelines_tree_for_registered_pipeline(manager, pipeline)
    nodes = manager.get_nodes_for_registered_pipeline(pipeline)
    types = {node.id: node.type for node in nodes if node.type in _TYPES}
    edges = manager.edges[pipeline]
    direct = {(e.source, e.target) for e in edges if e.source in types and e.target in types}
    group_of = {child.id: name for name in tree.keys() - {_ROOT} for child in tree[name].children}
    homes = place(types, direct, group_of)
    for group in tree.values():
        group.inputs, group.outputs = group.inputs - types.keys(), group.outputs - types.keys()
        group.children = {child for child in group.children if child.id not in types}
    for node, home in homes.items():
        tree[home or _ROOT].children.add(ModularPipelineChild(id=node, type=types[node]))
    for edge in list(edges):
        ends = {edge.source, edge.target}
        if ends & types.keys() and ends & tree.keys():
            edges.remove_edge(edge)
    for source, target in lift(direct, homes):
        edges.add_edge(GraphEdge(source=source, target=target))
    return tree


def sort_layers(manager: Any, pipeline: str) -> list[str]:
    """Return the layers of a pipeline in the order of the data, not of their names.

    Args:
        manager: Kedro-Viz's ``DataAccessManager``.
        pipeline: Name of the registered pipeline.
    """
    layers = type(manager).get_sorted_layers_for_registered_pipeline(manager, pipeline)
    return sorted(layers, key=LAYERS.index)


def place(
    types: Mapping[str, str], edges: Collection[Edge], group_of: Mapping[str, str]
) -> dict[str, str]:
    """Return the group of every task and dataset, "" outside of all groups.

    A dataset is in the group that writes it. One that no task writes is in the smallest group
    that contains all its readers, or, where all tasks are in groups, in that of the first reader.

    Args:
        types: "task" or "data" by id, in the order of the pipeline.
        edges: Between tasks and datasets.
        group_of: Groups of the tasks, such as "train.5cl-3mpl".
    """
    homes = {node: group_of.get(node, "") for node, type_ in types.items() if type_ == "task"}
    tasks = dict(homes)
    homes |= {target: tasks[source] for source, target in edges if source in tasks}
    for dataset in types.keys() - homes.keys():
        readers = [tasks[task] for task in tasks if (dataset, task) in edges]
        homes[dataset] = _common(readers) or ("" if "" in tasks.values() else readers[0])
    return homes


def lift(edges: Iterable[Edge], homes: Mapping[str, str]) -> set[Edge]:
    """Return the edges and those of the groups: of each group that contains one end of an edge.

    Args:
        edges: Between tasks and datasets.
        homes: Their groups.
    """
    lifted = set()
    for source, target in edges:
        of_source, of_target = set(ancestors(homes[source])), set(ancestors(homes[target]))
        starts, ends = {source, *(of_source - of_target)}, {target, *(of_target - of_source)}
        lifted |= {(start, end) for start in starts for end in ends}
    return lifted


def ancestors(group: str) -> list[str]:
    """Return the groups that contain a group, and itself.

    >>> ancestors("train.5cl-3mpl")
    ['train', 'train.5cl-3mpl']
    """
    parts = group.split(".") if group else []
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _common(groups: Iterable[str]) -> str:
    """The smallest group that contains all of them, or ""."""
    return max(set.intersection(*map(set, map(ancestors, groups))), key=len, default="")
