"""One folder per pipeline; pipelines never import each other."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

DISTRIBUTED: Final = "distributed"
"""Tag of nodes that a runner may send to another machine."""
WORKERS: Final = "workers"
"""Dataset of the processes that a node trains models in; a runner may save others."""


def variant_inputs(variants: Iterable[str], *datasets: str) -> dict[str, str]:
    """Return keyword inputs of a node that reads datasets of every variant.

    Args:
        variants: Names of the variants.
        datasets: Names of datasets in a variant's namespace, such as "metrics".

    >>> variant_inputs(["a", "b"], "metrics")
    {'a.metrics': 'a.metrics', 'b.metrics': 'b.metrics'}
    """
    names = [f"{variant}.{dataset}" for variant in variants for dataset in datasets]
    return {name: name for name in names}


def by_variant(inputs: Mapping[str, Any], dataset: str) -> dict[str, Any]:
    """Return one dataset of every variant from the keyword inputs of a node.

    Args:
        inputs: As ``variant_inputs`` names them.
        dataset: The dataset's name in a variant's namespace.

    >>> by_variant({"a.metrics": 1, "a.training": 2}, "metrics")
    {'a': 1}
    """
    suffix = f".{dataset}"
    return {
        name.removesuffix(suffix): value for name, value in inputs.items() if name.endswith(suffix)
    }
