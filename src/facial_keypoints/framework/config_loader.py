"""Load Kedro's configuration with the parameters checked and completed.

The loader does this, not a hook: Kedro-Viz and notebooks load the configuration without the
project's hooks, and need the same parameters and the same variants.
"""

from pathlib import Path
from typing import Any, ClassVar, Final

from kedro.config import OmegaConfigLoader
from kedro.framework.project import pipelines, settings
from kedro.utils import find_kedro_project

from facial_keypoints.errors import InputError
from facial_keypoints.framework.storage import credentials_of, with_credentials
from facial_keypoints.parameters import Parameters
from facial_keypoints.parameters.checks import check_parameters

LOADER_ARGUMENTS: Final[dict[str, Any]] = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"]},
    # an environment names only what differs from base, also within a section
    "merge_strategy": {"parameters": "soft", "mlflow": "soft", "globals": "soft"},
}


class CheckedConfigLoader(OmegaConfigLoader):
    """Check and complete the parameters as soon as a session loads its context.

    Remote datasets of the catalog get their credentials (see ``framework.storage``).

    Raises:
        InputError: if a parameter is unknown or out of bounds.
    """

    latest: ClassVar["CheckedConfigLoader | None"] = None
    """Loader of the running session: Kedro calls ``register_pipelines`` without arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.configured = _checked(self)
        self.parameters = self.configured.repeated()
        self["parameters"] = self.parameters.model_dump(mode="json")
        CheckedConfigLoader.latest = self
        # the registered pipelines depend on the variants, so those of an earlier session are stale
        pipelines.configure("facial_keypoints.pipeline_registry")

    def __getitem__(self, key: str) -> Any:
        """Return a part of the configuration."""
        part = super().__getitem__(key)
        return with_credentials(part, credentials_of(self)) if key == "catalog" else part


def current_parameters() -> Parameters:
    """Return the running session's parameters, for the pipeline registry only.

    Without a session (``kedro registry list``), return those of the base environment.
    """
    if CheckedConfigLoader.latest is not None:
        return CheckedConfigLoader.latest.parameters
    project = find_kedro_project(Path.cwd()) or Path.cwd()
    return load_parameters(project / settings.CONF_SOURCE).repeated()


def load_parameters(conf_source: Path | str, env: str = "base") -> Parameters:
    """Return the checked parameters of an environment, without a Kedro session.

    Args:
        conf_source: The project's ``conf`` folder.
        env: Name of the environment.

    Returns:
        The parameters as the files give them; ``Parameters.repeated`` applies the study's
        seeds.

    Raises:
        InputError: if a parameter is unknown or out of bounds.
    """
    return _checked(OmegaConfigLoader(str(conf_source), env=env, **LOADER_ARGUMENTS))


def _checked(loader: OmegaConfigLoader) -> Parameters:
    given = loader["parameters"]
    try:
        return check_parameters(given)
    except InputError:
        loader.env, env = loader.base_env, loader.env
        try:
            completed = _fill_empty_sections(given, loader["parameters"])
        finally:
            loader.env = env
        if completed == given:
            raise
        return check_parameters(completed)


def _fill_empty_sections(given: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """Replace null by the section of ``base``: YAML reads a section without lines as null."""
    filled = dict(given)
    for name, section in base.items():
        if isinstance(section, dict) and name != "variants":
            value = given.get(name)
            if value is None:
                filled[name] = section
            elif isinstance(value, dict):
                filled[name] = _fill_empty_sections(value, section)
    return filled
