"""Whether an MLflow store can be used, and what to do where it cannot."""

import logging
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import mlflow
from mlflow.environment_variables import MLFLOW_ALLOW_FILE_STORE
from mlflow.exceptions import MlflowException
from mlflow.utils.file_utils import get_local_path_or_none

from facial_keypoints.errors import InputError
from facial_keypoints.network.certificates import check_ca_bundle
from facial_keypoints.tracking.delivery import SET_BY_US, brief
from facial_keypoints.tracking.store import REGISTRY_VARIABLE, Store, resolve

logger = logging.getLogger(__name__)

_LOCK_TIMEOUT: Final = 20.0
"""Seconds to wait for a locked SQLite file, as MLflow does."""
_SERVER_TIMEOUT: Final = 5.0
_DATABASE_FILES: Final = {".db", ".sqlite", ".sqlite3"}
_CERTIFICATE: Final = "MLFLOW_TRACKING_SERVER_CERT_PATH"
_DAMAGED: Final = (
    "It is damaged. Move it away and run again: mv {file} {file}.damaged; a new store is created, "
    "and finished trainings are kept and recorded in it"
)
_NOT_WRITABLE: Final = "Make the file and its folder writable: chmod u+w {file} {folder}"
_REMEDIES: Final = {
    "not a database": _DAMAGED,
    "malformed": _DAMAGED,
    "locked": "Close the program that uses it, for example a database browser, and run again",
    "could not be acquired": "Another run is using it and has not finished in two minutes: end it",
    "disk is full": "Free some space, and run the same command again",
    "no space left": "Free some space, and run the same command again",
    "is a folder": "Move it away and run again: mv {file} {file}.folder",
    "readonly database": _NOT_WRITABLE,
    "unable to open": _NOT_WRITABLE,
    "permission denied": _NOT_WRITABLE,
    "read-only": _NOT_WRITABLE,
    "duplicate key": "Another session has just created its tables: run the same command again",
    "no module named": "Install the database's driver; for PostgreSQL: pip install "
    "psycopg2-binary, with an address that begins with postgresql+psycopg2://",
}
"""What to do, by words of the error."""


def check_store(store: Store) -> None:
    """Check that a server responds, or that a database can be used by this MLflow.

    Raises:
        InputError: if it cannot be used.
    """
    if store.is_server:
        _check_server(store)
    elif (
        urlsplit(store.uri).scheme in {"", "file"}
        and not store.uri.startswith("databricks")  # also databricks-uc, of registered models
        and not _allows_folders()
    ):
        _refuse_path(store)
    elif store.is_sql:
        with store_errors(store):
            _check_database(store)


def _refuse_path(store: Store) -> None:
    path = Path(get_local_path_or_none(store.uri) or store.uri)  # type: ignore[no-untyped-call]
    if path.is_file() or path.suffix in _DATABASE_FILES:
        raise InputError(
            f"{store.source}: {store} is a path; the address of a database file begins with "
            f"sqlite:///: {store.assign(f'sqlite:///{path}')}"
        )
    raise InputError(
        f"{store.source}: {store} names a folder, and MLflow {mlflow.__version__} records to "
        f"databases: {store.assign('sqlite:///runs.db')}. To copy a folder's records to it "
        f"first: mlflow migrate-filestore --source {shlex.quote(store.uri)} --target "
        "sqlite:///runs.db"
    )


def _allows_folders() -> bool:
    return bool(MLFLOW_ALLOW_FILE_STORE.get())  # type: ignore[no-untyped-call]


def check_registry() -> None:
    """Check and log the store that ``MLFLOW_REGISTRY_URI`` names for registered models.

    Raises:
        InputError: if it cannot be used.
    """
    uri = os.environ.get(REGISTRY_VARIABLE)
    if uri:
        store = resolve(uri, Path.cwd(), REGISTRY_VARIABLE)
        logger.info("MLflow: registering models in %s (%s)", store, REGISTRY_VARIABLE)
        check_store(store)


def _check_server(store: Store) -> None:
    from mlflow.utils import credentials, rest_utils

    if store.uri.startswith("https:") and not os.environ.get(_CERTIFICATE):
        check_ca_bundle()
    try:  # with MLflow's own settings for sign-in and certificates
        response = rest_utils.http_request(  # type: ignore[no-untyped-call]
            credentials.get_default_host_creds(store.uri.rstrip("/")),  # type: ignore[no-untyped-call]
            "/health",
            "GET",
            max_retries=0,
            timeout=_SERVER_TIMEOUT,
            raise_on_status=False,
        )
    except MlflowException as error:
        cause = error.__cause__ or error.__context__ or error
        name = type(cause).__name__
        remedy = (
            f"Name the certificate of its authority in {_CERTIFICATE}"
            if name == "SSLError"
            else f"Start it (on this computer: mlflow server --host 127.0.0.1 --port "
            f"{urlsplit(store.uri).port or 5000}), correct {store.source}, or remove it to record "
            "into mlflow.db in the project's folder"
        )
        raise InputError(
            f"MLflow's server at {store} does not respond ({name}). {remedy}"
        ) from None
    if response.status_code in {401, 403}:
        raise InputError(
            f"MLflow's server at {store} refuses access ({response.status_code}). Set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN; or "
            f"correct {store.source}, if another program uses that address"
        )


def _check_database(store: Store) -> None:
    """Check before MLflow does: it retries for minutes, and upgrades old databases unasked."""
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine, inspect
    from sqlalchemy.pool import NullPool

    options: dict[str, Any] = {}
    if store.database is not None:
        if store.database.is_dir():
            raise IsADirectoryError(f"{store.database} is a folder")
        for path in (store.database, store.database.parent):
            if path.exists() and not os.access(path, os.W_OK):  # SQLite notices at the first record
                raise PermissionError(f"permission denied: {path}")
        options["connect_args"] = {"timeout": _LOCK_TIMEOUT}
    engine = create_engine(store.uri, poolclass=NullPool, **options)
    with engine.connect() as connection:
        if store.database is not None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # fails where it is locked
        tables = set(inspect(connection).get_table_names())
        revisions = MigrationContext.configure(connection).get_current_heads()
        connection.rollback()
    if tables - {"alembic_version"}:
        _check_schema(store, tables, revisions)


def _check_schema(store: Store, tables: set[str], revisions: tuple[str, ...]) -> None:
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    if "experiments" not in tables:
        names = ", ".join(sorted(tables)[:3]) + (", ..." if len(tables) > 3 else "")
        raise InputError(
            f"{store} is another program's database (tables {names}). Name another file: "
            f"{store.assign('sqlite:///runs.db')}"
        )
    configuration = _get_alembic_config(db_url="")  # type: ignore[no-untyped-call]
    scripts = ScriptDirectory.from_config(configuration)
    needed = scripts.get_current_head()
    known = {script.revision for script in scripts.walk_revisions()}
    if not revisions or revisions == (needed,):  # without one, MLflow was killed in creating it
        return
    found = ", ".join(revisions)
    if not known.issuperset(revisions):
        raise InputError(
            f"A newer MLflow has upgraded {store} (its schema {found} is unknown to MLflow "
            f"{mlflow.__version__}, which writes {needed}), and there is no way back. Restore the "
            f"copy from before the upgrade, or record to a new file: "
            f"{store.assign(f'sqlite:///mlflow-{mlflow.__version__}.db')}; finished trainings are "
            "kept and recorded in it"
        )
    command = f"mlflow db upgrade {store.argument}"
    if store.database is not None:
        file = shlex.quote(str(store.database))
        command = f"cp {file} {file}.copy && {command}"
    raise InputError(
        f"An earlier MLflow has written {store} (schema {found}; MLflow {mlflow.__version__} needs "
        f"{needed}). Copy it and upgrade it: {command}"
    )


@contextmanager
def store_errors(store: Store) -> Iterator[None]:
    """Convert the error of an MLflow store that cannot be used into an InputError.

    Args:
        store: The store.

    Raises:
        InputError: if the store is damaged, read-only, locked or away.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        from sqlalchemy.exc import SQLAlchemyError  # MLflow loads it for databases alone

        # a ValueError: a variable of MLflow's with a wrong value
        if not isinstance(
            error, MlflowException | SQLAlchemyError | OSError | ImportError | ValueError
        ):
            raise
        reason = brief(error).replace(store.uri, str(store))
        raise InputError(
            f"MLflow's store {store} cannot be used ({reason}). {_remedy(error, store)}"
        ) from error


def _remedy(error: BaseException, store: Store) -> str:
    text = str(error).lower()
    variables = {name for name in os.environ if name.startswith("MLFLOW_")} - SET_BY_US
    others = f" and these variables: {', '.join(sorted(variables))}" if variables else ""
    otherwise = f"Check the address ({{source}}){others}"
    found = (remedy for words, remedy in _REMEDIES.items() if words in text)
    file = store.database or Path()
    return next(found, otherwise).format(
        file=shlex.quote(str(file)), folder=shlex.quote(str(file.parent)), source=store.source
    )
