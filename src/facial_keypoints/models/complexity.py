"""What a network is made of and what a picture costs it."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


def complexity(model: "keras.Model") -> dict[str, Any]:
    """Layers, weights and arithmetic of a model.

    Returns:
        ``convs``, ``pools``, ``dense`` (the output among them): counts of layers;
        ``filters``: of each convolution, in order; ``parameters``: all weights, the
        statistics of batch normalisation too; ``multiply_adds``: of convolutions and dense
        layers, for one picture forward (training on it takes about three times as many).
    """
    from keras import layers

    convs = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    dense = [layer for layer in model.layers if isinstance(layer, layers.Dense)]
    pools = [layer for layer in model.layers if isinstance(layer, layers.MaxPooling2D)]
    products = 0
    for conv in convs:
        _, height, width, _ = conv.output.shape
        products += height * width * math.prod(conv.kernel.shape)
    products += sum(math.prod(layer.kernel.shape) for layer in dense)
    return {
        "convs": len(convs),
        "pools": len(pools),
        "dense": len(dense),
        "filters": [conv.filters for conv in convs],
        "parameters": int(model.count_params()),
        "multiply_adds": products,
    }
