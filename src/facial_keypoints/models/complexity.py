"""Layers, weights and arithmetic of a model."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class NetworkSize:
    """What a network consists of, and what an image costs it.

    Attributes:
        convs: Number of convolutions.
        pools: Number of max-pooling layers.
        dense: Number of dense layers, the output among them.
        filters: Of each convolution, in order.
        parameters: All weights, the statistics of batch normalisation too.
        multiply_adds: Of convolutions and dense layers, for one image forward; training on it takes
            about three times as many.
    """

    convs: int
    pools: int
    dense: int
    filters: list[int]
    parameters: int
    multiply_adds: int


def network_size(model: "keras.Model") -> NetworkSize:
    """Return layers, weights and arithmetic of a model."""
    from keras import layers

    convs = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    dense = [layer for layer in model.layers if isinstance(layer, layers.Dense)]
    pools = [layer for layer in model.layers if isinstance(layer, layers.MaxPooling2D)]
    products = sum(math.prod(layer.kernel.shape) for layer in dense)
    products += sum(map(_products, convs))
    return NetworkSize(
        convs=len(convs),
        pools=len(pools),
        dense=len(dense),
        filters=[conv.filters for conv in convs],
        parameters=int(model.count_params()),
        multiply_adds=products,
    )


def fraction_in_blocks(model: "keras.Model", block: int) -> float:
    """Return the fraction of the convolutions' multiply-adds in layers of whole blocks of channels.

    Args:
        model: With at least one convolution.
        block: Number of channels; those into and out of a layer are to be multiples of it.
    """
    from keras import layers

    convs = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    whole = [conv for conv in convs if not any(n % block for n in conv.kernel.shape[-2:])]
    return sum(map(_products, whole)) / sum(map(_products, convs))


def _products(conv: "keras.layers.Conv2D") -> int:
    """Multiply-adds of a convolution for one image forward."""
    _, height, width, _ = conv.output.shape
    return int(height * width * math.prod(conv.kernel.shape))
