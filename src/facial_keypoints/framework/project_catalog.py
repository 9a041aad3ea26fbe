"""The project's catalog outside of a Kedro session: no hooks, no MLflow, no run lock."""

from pathlib import Path
from typing import Final

from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog

from facial_keypoints.errors import InputError
from facial_keypoints.formatting import suggest
from facial_keypoints.framework.config_loader import LOADER_ARGUMENTS
from facial_keypoints.framework.storage import credentials_of, with_credentials

DEFAULT: Final = "local"
"""The environment of commands without ``--env``."""


def load_catalog(project: Path, env: str = DEFAULT) -> DataCatalog:
    """Return the catalog of an environment, to read what runs have written.

    Args:
        project: The project's folder, with ``conf``.
        env: Name of the environment.

    Raises:
        InputError: If there is no such environment.
    """
    conf = project / "conf"
    known = {path.name for path in conf.iterdir() if path.is_dir()} | {DEFAULT}
    if env not in known:
        raise InputError(
            f"unknown environment {env!r}{suggest(env, known)}; valid names: "
            f"{', '.join(sorted(known - {'base'}))}"
        )
    (conf / env).mkdir(exist_ok=True)  # git keeps no empty folder
    loader = OmegaConfigLoader(str(conf), env=env, **LOADER_ARGUMENTS)
    roots = {
        name: value if "://" in value else str(project / value)
        for name, value in loader["globals"].items()
        if name in {"data_root", "raw_root"}
    }
    loader["globals"] = {**loader["globals"], **roots}
    credentials = credentials_of(loader)
    return DataCatalog.from_config(with_credentials(loader["catalog"], credentials), credentials)
