"""Addresses of MLflow's files after the project's folder was moved or copied.

MLflow records absolute addresses. The database moves with the project, so that they then name
another project's files, or none.
"""

import logging
from pathlib import Path
from typing import Final

from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient
from mlflow.utils.file_utils import get_local_path_or_none

from facial_keypoints.tracking.store import Store

logger = logging.getLogger(__name__)

_ADDRESSES: Final = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Tables and columns that contain addresses of files."""


def local_path(address: str | None) -> Path | None:
    """Return the path of a local address (``/a/b`` or ``file:///a/b``), or None."""
    path = get_local_path_or_none(address or "models:/")  # type: ignore[no-untyped-call]
    return None if path is None else Path(path)


def moved_from(address: str | None, location: Path, project: Path, store: Store) -> Path | None:
    """Return the earlier place of a project's artifact folder, if it was moved or copied.

    Args:
        address: Where an experiment keeps its files.
        location: The artifact folder, below the project's folder.
        project: The project's folder.
        store: A store that lies in the project moves with it; the files of another store have
            moved if they are gone at the earlier place and exist here.

    Returns:
        The folder that ``location`` was; None where it is the same, or another one.
    """
    path, tail = local_path(address), location.relative_to(project).parts
    if path is None or not path.is_absolute() or path.is_relative_to(project):
        return None
    folders = (each for each in (path, *path.parents) if each.parts[-len(tail) :] == tail)
    earlier = next(folders, None)
    if earlier is None or (earlier.exists() and location.exists() and earlier.samefile(location)):
        return None
    is_moved = location.exists() and not earlier.exists()
    return earlier if is_moved or _is_in(project, store) else None


def _is_in(project: Path, store: Store) -> bool:
    return store.database is not None and store.database.is_relative_to(project)


def relocate_project(store: Store, location: Path, project: Path, experiment: str) -> None:
    """Change the addresses of files that were moved or copied with the project.

    Args:
        store: A database.
        location: The artifact folder, below the project's folder.
        project: The project's folder.
        experiment: Name of the session's experiment. Another one is relocated only if its files
            are here, or nowhere else. In a store outside the project, only those of files that
            are here: others may be another machine's.
    """
    earlier, is_shared = set(), not _is_in(project, store)
    for each in MlflowClient().search_experiments(view_type=ViewType.ALL):
        if each.experiment_id == "0":  # MLflow's own, in any working directory
            continue
        folder = moved_from(each.artifact_location, location, project, store)
        if folder is not None and (
            (not is_shared and (each.name == experiment or not folder.exists()))
            or _has_copies(each.experiment_id, folder, location)
        ):
            earlier.add(folder)
    for folder in sorted(earlier):
        relocate(store, folder, location, is_shared=is_shared)


def _has_copies(experiment_id: str, earlier: Path, location: Path) -> bool:
    runs = MlflowClient().search_runs([experiment_id], run_view_type=ViewType.ALL)
    paths = (local_path(run.info.artifact_uri) for run in runs)
    return any(
        path is not None
        and path.is_relative_to(earlier)
        and (location / path.relative_to(earlier)).exists()
        for path in paths
    )


def relocate(store: Store, earlier: Path, location: Path, *, is_shared: bool) -> None:
    """Change the recorded addresses of files that are now in another folder.

    An address stays if its file exists in the earlier folder alone.

    Args:
        store: A database.
        earlier: The recorded folder.
        location: The present folder.
        is_shared: An address stays, too, if its file exists in neither: it may be on another
            machine that records to the same store.
    """
    from sqlalchemy import column, create_engine, select, table, update

    changed = kept = 0
    engine = create_engine(store.uri)
    with engine.begin() as connection:
        for name, field in _ADDRESSES:
            rows = table(name, column(field))
            addresses = connection.execute(select(rows.c[field]).distinct()).scalars().all()
            for address in addresses:
                path = local_path(address)
                if path is None or not path.is_relative_to(earlier):
                    continue
                target = location / path.relative_to(earlier)
                if path != earlier and not target.exists() and (is_shared or path.exists()):
                    kept += 1
                    continue
                present = target.as_uri() if address.startswith("file:") else str(target)
                new = update(rows).where(rows.c[field] == address).values({field: present})
                changed += connection.execute(new).rowcount
    engine.dispose()
    logger.info(
        "MLflow: the project was moved or copied from %s; %d recorded addresses of files are "
        "changed to this folder%s",
        earlier,
        changed,
        f", {kept} stay, as their files are not in it" if kept else "",
    )
