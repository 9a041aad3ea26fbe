"""Which MLflow store a session records to."""

import logging
import os
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from facial_keypoints.errors import InputError
from facial_keypoints.tracking.views import view_page

logger = logging.getLogger(__name__)

VARIABLE: Final = "MLFLOW_TRACKING_URI"
REGISTRY_VARIABLE: Final = "MLFLOW_REGISTRY_URI"
_VARIABLES: Final = (VARIABLE, REGISTRY_VARIABLE)
CONFIGURATION: Final = "tracking_uri in conf/<env>/mlflow.yml"
DEFAULT: Final = "the default"
DEFAULT_URI: Final = "sqlite:///mlflow.db"
_HOST_AND_PORT: Final = re.compile(r"[\w.-]+:\d+(/.*)?")


@dataclass(frozen=True)
class Store:
    """The address of an MLflow store.

    Attributes:
        uri: As MLflow takes it; the path of an SQLite file is absolute.
        source: Where it was set: a variable or a configuration file.
        database: The SQLite file; None for other stores.
    """

    uri: str
    source: str
    database: Path | None = None

    @property
    def is_server(self) -> bool:
        """Whether it is a tracking server."""
        return urlsplit(self.uri).scheme in {"http", "https"}

    @property
    def is_sql(self) -> bool:
        """Whether it is a database."""
        from mlflow.store.db.db_types import DATABASE_ENGINES

        return urlsplit(self.uri).scheme.partition("+")[0] in DATABASE_ENGINES

    def assign(self, uri: str) -> str:
        """Return what names another store: a command, or a line of the configuration."""
        if self.source == CONFIGURATION:
            return f"tracking_uri: {uri} in conf/<env>/mlflow.yml"
        return f"export {self.source if self.source in _VARIABLES else VARIABLE}={uri}"

    def __str__(self) -> str:
        """The address without user and password."""
        scheme, separator, rest = self.uri.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"

    @property
    def argument(self) -> str:
        """The address for a command line; with a password, a variable that holds it."""
        return f'"${VARIABLE}"' if str(self) != self.uri else shlex.quote(self.uri)


def choose_store(tracking_uri: str | None, project: Path) -> Store:
    """Return the store that the configuration sets, else the variable's, else the project's own.

    Args:
        tracking_uri: From ``mlflow.yml``; None leaves the choice to ``MLFLOW_TRACKING_URI``.
        project: Folder that relative paths of the configuration refer to. Those of the variable
            refer to the working directory, as with MLflow itself.

    Raises:
        InputError: if the address of an SQLite file is invalid, or its folder does not exist.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if tracking_uri is None and given:
        store = resolve(given, Path.cwd(), VARIABLE)
        logger.info("MLflow: recording to %s (%s)", store, VARIABLE)
        return store
    source = DEFAULT if tracking_uri is None else CONFIGURATION
    store = resolve(tracking_uri or DEFAULT_URI, project, source)
    if given and given not in {tracking_uri, store.uri}:
        logger.warning(
            "%s=%s is not used: conf/<env>/mlflow.yml sets tracking_uri: %s. Set it to null to use "
            "the variable",
            VARIABLE,
            Store(given, VARIABLE),
            store,
        )
    return store


def resolve(uri: str, folder: Path, source: str) -> Store:
    """Return a store whose SQLite file, if it is one, has an absolute path.

    Args:
        uri: The address.
        folder: Folder that a relative path refers to.
        source: Where the address was set.

    Raises:
        InputError: if the address of a server or an SQLite file is invalid, or the folder of the
            file does not exist.
    """
    if not uri.startswith("sqlite"):
        store = Store(uri, source)
        if _HOST_AND_PORT.fullmatch(uri):
            raise InputError(
                f"{source}: {uri} does not begin with http:// or https://. For a server there: "
                f"{store.assign(f'http://{uri}')}"
            )
        if store.is_server and "#" in uri:
            raise InputError(
                f"{source}: {store} is a page of MLflow's UI; its server is what precedes the #: "
                f"{store.assign(uri.partition('#')[0].rstrip('/'))}"
            )
        return store
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(uri)
    except ArgumentError:
        url = None
    if url is None or url.host or not url.database or url.database == ":memory:":
        raise InputError(
            f"{source}: {uri} names no database file. Right is, for example, "
            f"{Store(uri, source).assign(DEFAULT_URI)} (with four slashes before an absolute path)"
        )
    # not resolved: the file may be a link
    path = Path(os.path.abspath(folder / Path(url.database).expanduser()))  # noqa: PTH100
    if "?" in str(path) or unquote(str(path)) != str(path):
        raise InputError(
            f"{source}: {path} contains '?' or '%' with two digits, which the address of a "
            f"database cannot contain. Rename the folder, or name another file: "
            f"{Store(uri, source).assign('sqlite:////folder/mlflow.db')}"
        )
    if not path.parent.is_dir():
        raise InputError(
            f"{source}: the folder of {uri} does not exist. Correct the address, or create the "
            f"folder: mkdir -p {shlex.quote(str(path.parent))}"
        )
    query = uri.partition("?")[2]
    return Store(f"sqlite:///{path}" + (f"?{query}" if query else ""), source, path)


def use_store(store: Store) -> None:
    """Let MLflow use a store.

    ``MLFLOW_TRACKING_URI``, which MLflow overwrites, stays as the user set it: it counts for the
    next session of this process, too.
    """
    before = os.environ.pop(VARIABLE, None)
    mlflow.set_tracking_uri(store.uri)
    os.environ.pop(VARIABLE, None)
    if before is not None:
        os.environ[VARIABLE] = before


def ui_command(run_id: str | None = None) -> tuple[str, str]:
    """Return what shows the runs of the current store (a command or an address), and a comment.

    Args:
        run_id: A run, whose experiment the comment leads to.
    """
    uri = mlflow.get_tracking_uri()
    store = Store(uri.replace(f"sqlite:///{Path.cwd()}/", "sqlite:///"), VARIABLE)
    if store.is_server:
        return str(store), "runs and curves side by side, in the browser"
    command = f"mlflow ui --backend-store-uri {store.argument}"
    page = ""
    if run_id is not None:
        with suppress(MlflowException):  # the database may have gone since
            page = "/" + view_page(MlflowClient().get_run(run_id).info.experiment_id)
    return command, f"runs and curves side by side, at\nhttp://127.0.0.1:5000{page}"
