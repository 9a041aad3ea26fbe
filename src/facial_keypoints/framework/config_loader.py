"""Load Kedro's configuration with the parameters checked and completed.

The loader does this, not a hook: Kedro-Viz and notebooks load the configuration without the
project's hooks, and need the same parameters and the same variants.
"""

from pathlib import Path
from typing import Any, Final

from kedro.config import OmegaConfigLoader
from kedro.framework.project import pipelines, settings
from kedro.utils import find_kedro_project

from facial_keypoints.parameters import Parameters
from facial_keypoints.parameters.checks import check_parameters

LOADER_ARGUMENTS: Final[dict[str, Any]] = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"]},
    # an environment names only what differs from base, also within a section
    "merge_strategy": {"parameters": "soft", "mlflow": "soft", "globals": "soft"},
}

_current: Parameters | None = None


class CheckedConfigLoader(OmegaConfigLoader):
    """Refuse wrong parameters as soon as a session loads its context.

    Raises:
        InputError: if a parameter is unknown or out of bounds.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        global _current  # noqa: PLW0603 (Kedro calls register_pipelines without the context)
        super().__init__(*args, **kwargs)
        _current = _checked(self).planned()
        self["parameters"] = _current.model_dump(mode="json")
        # which pipelines there are depends on the variants, so an earlier session's are stale
        pipelines.configure("facial_keypoints.pipeline_registry")


def current_parameters() -> Parameters:
    """Return the running session's parameters, or those of the base environment before there is
    a session (``kedro registry list``).
    """
    if _current is not None:
        return _current
    project = find_kedro_project(Path.cwd()) or Path.cwd()
    return load_parameters(project / settings.CONF_SOURCE).planned()


def load_parameters(conf_source: Path | str, env: str = "base") -> Parameters:
    """Return the checked parameters of an environment, without a Kedro session.

    Args:
        conf_source: The project's ``conf`` folder.
        env: Name of the environment.

    Returns:
        The parameters as the files give them; ``Parameters.planned`` applies the study's scale
        and seeds.

    Raises:
        InputError: if a parameter is unknown or out of bounds.
    """
    return _checked(OmegaConfigLoader(str(conf_source), env=env, **LOADER_ARGUMENTS))


def _checked(loader: OmegaConfigLoader) -> Parameters:
    given = loader["parameters"]
    env, loader.env = loader.env, loader.base_env
    try:
        base = loader["parameters"]
    finally:
        loader.env = env
    return check_parameters(_without_empty_sections(given, base))


def _without_empty_sections(given: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """Return ``given`` with the section of ``base`` where it has null.

    YAML reads a section whose lines are all commented out as null.
    """
    filled = dict(given)
    for name, section in base.items():
        if isinstance(section, dict) and name != "variants":
            value = given.get(name)
            if value is None:
                filled[name] = section
            elif isinstance(value, dict):
                filled[name] = _without_empty_sections(value, section)
    return filled
