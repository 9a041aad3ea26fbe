"""Kedro's configuration loader, with the parameters checked and completed.

This is done by the loader, not by a hook: Kedro-Viz and notebooks load the configuration without
the project's hooks, and need the same parameters and the same variants.
"""

from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.framework.project import pipelines, settings
from kedro.utils import find_kedro_project

from facial_keypoints.parameters import Parameters
from facial_keypoints.parameters.checks import check_parameters

_current: Parameters | None = None


class CheckedConfigLoader(OmegaConfigLoader):
    """Refuses wrong parameters as soon as a session loads its context; see ``parameter_checks``.

    Raises:
        InputError: if a parameter is unknown or out of bounds.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        global _current  # noqa: PLW0603 (Kedro calls register_pipelines without the context)
        super().__init__(*args, **kwargs)
        _current = check_parameters(self["parameters"]).planned()
        self["parameters"] = _current.model_dump(mode="json")
        # which pipelines there are depends on the variants, so an earlier session's are stale
        pipelines.configure("facial_keypoints.pipeline_registry")


def current_parameters() -> Parameters:
    """The parameters of the session at hand; those of the base environment before there is one
    (``kedro registry list``).
    """
    if _current is not None:
        return _current
    project = find_kedro_project(Path.cwd()) or Path.cwd()
    loader = OmegaConfigLoader(str(project / settings.CONF_SOURCE), **settings.CONFIG_LOADER_ARGS)
    return check_parameters(loader["parameters"]).planned()
