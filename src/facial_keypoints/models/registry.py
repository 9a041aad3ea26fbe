"""The architectures by name.

Adding one is one file in ``architectures/``: a settings class and a builder with
``@register_architecture``. Everything else (configuration checks, training, the shared
architecture test) finds it here. Builders import Keras inside, so that looking an
architecture up, or checking its settings, never loads TensorFlow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from facial_keypoints.formatting import suggest

if TYPE_CHECKING:
    import keras


_STEP: Final = 4
"""Filters and units of a network of another width are multiples of this."""


class Settings(BaseModel):
    """Base of an architecture's settings: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: float = Field(1.0, gt=0, le=2)
    """Factor on the filters of every convolution and the units of every hidden dense layer."""
    fast_training: bool = False
    """Use layers that train faster, with the same weights; the model then needs this package to be
    loaded (see ``fast_layers``)."""

    def scaled(self, count: int) -> int:
        """``count`` filters or units at this width, in fours if it is not 1.

        At a width of 0.1, networks of 4, 8, 12 ... channels train 1.1 to 1.8 times as fast as
        those of 3, 6, 10 (``benchmarks/precision.py``).
        """
        if self.width == 1:
            return count
        return max(min(count, _STEP), _STEP * round(count * self.width / _STEP))


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Architecture:
    """A registered architecture: its settings class and its builder."""

    name: str
    settings: type[Settings]
    build: Callable[[Any], "keras.Model"]


_ARCHITECTURES: dict[str, Architecture] = {}


def register_architecture(
    name: str, settings: type[S]
) -> Callable[[Callable[[S], "keras.Model"]], Callable[[S], "keras.Model"]]:
    """Return a decorator that registers a builder.

    The builder takes checked settings and returns an uncompiled model from uint8 images
    (n, 96, 96) to float32 coordinates (n, 30), the columns of Kaggle's training.csv in pixels.

    Args:
        name: Of the architecture, unique.
        settings: Class of its settings.
    """

    def register(build: Callable[[S], "keras.Model"]) -> Callable[[S], "keras.Model"]:
        if name in _ARCHITECTURES:
            raise ValueError(f"architecture {name!r} is registered twice")
        _ARCHITECTURES[name] = Architecture(name, settings, build)
        return build

    return register


def architectures() -> dict[str, Architecture]:
    """Return every architecture by its name; the modules register themselves on import."""
    package = import_module("facial_keypoints.models.architectures")
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    return dict(_ARCHITECTURES)


def architecture_named(name: str) -> Architecture:
    """Return the architecture of that name.

    Raises:
        ValueError: If there is none.
    """
    known = architectures()
    if name not in known:
        raise ValueError(
            f"unknown architecture {name!r}{suggest(name, known)}; "
            f"valid names: {', '.join(sorted(known))}"
        )
    return known[name]


def build_model(architecture: str, settings: dict[str, Any]) -> "keras.Model":
    """Return an uncompiled model, see ``register_architecture``.

    Args:
        architecture: Name of a registered architecture.
        settings: Of the architecture; omitted ones have their defaults.

    Raises:
        ValueError: If the architecture is unknown, or its settings are invalid.

    Example:
        >>> build_model("conv_stack", {"convs": 2, "pools": 1, "width": 0.1}).output_shape
        (None, 30)
    """
    chosen = architecture_named(architecture)
    return chosen.build(chosen.settings.model_validate(settings))
