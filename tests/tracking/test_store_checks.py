import logging
import os
import sqlite3
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from facial_keypoints.errors import InputError
from facial_keypoints.tracking import store_checks as module
from facial_keypoints.tracking.store import CONFIGURATION, VARIABLE, Store, resolve
from facial_keypoints.tracking.store_checks import check_registry, check_store, store_errors


@pytest.fixture(autouse=True)
def current_store_afterwards():
    before = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture
def database(tmp_path):
    """Return a function that makes a database of tables, with a schema's revision."""

    def make(tables, *revisions, name="mlflow.db"):
        with sqlite3.connect(tmp_path / name) as connection:
            for table in (*tables, "alembic_version"):
                connection.execute(f"create table {table} (version_num)")
            connection.executemany(
                "insert into alembic_version values (?)", [(each,) for each in revisions]
            )
        connection.close()
        return resolve(f"sqlite:///{name}", tmp_path, CONFIGURATION)

    return make


def test_check_store_accepts_a_new_and_an_empty_file(tmp_path):
    store = resolve("sqlite:///mlflow.db", tmp_path, CONFIGURATION)
    check_store(store)
    store.database.write_bytes(b"")
    check_store(store)


def test_check_store_raises_input_error_for_an_earlier_schema(database, tmp_path):
    file = f"{tmp_path}/mlflow.db"
    command = rf"cp {file} {file}\.copy && mlflow db upgrade sqlite:///{file}$"
    with pytest.raises(InputError, match=command):
        check_store(database(["experiments"], "0584bdc529eb"))


def test_check_store_raises_input_error_for_a_later_schema(database):
    message = rf"newer MLflow has upgraded .*ffffffffffff is unknown to MLflow {mlflow.__version__}"
    with pytest.raises(InputError, match=message):
        check_store(database(["experiments"], "ffffffffffff"))


def test_check_store_raises_input_error_for_another_programs_database(database):
    message = r"another program's database \(tables alembic_version, studies, trials\)"
    with pytest.raises(InputError, match=message):
        check_store(database(["studies", "trials"], "v3.2.0.a"))


def test_check_store_raises_input_error_for_a_database_shared_with_another_program(database):
    with pytest.raises(InputError, match=r"v3\.2\.0\.a is unknown to MLflow"):
        check_store(database(["experiments", "studies"], "0584bdc529eb", "v3.2.0.a"))


@pytest.mark.parametrize("content", [b"rubbish", b"SQLite format 3\0" + b"\xff" * 4000])
def test_check_store_raises_input_error_for_a_damaged_file(tmp_path, content):
    file = tmp_path / "mlflow.db"
    file.write_bytes(content)
    with pytest.raises(InputError, match=rf"damaged\. .*: mv {file} {file}\.damaged; a new store"):
        check_store(resolve("sqlite:///mlflow.db", tmp_path, CONFIGURATION))
    assert file.read_bytes() == content


def test_check_store_raises_input_error_for_a_folder(tmp_path):
    (tmp_path / "mlflow.db").mkdir()
    with pytest.raises(InputError, match=r"mlflow\.db is a folder\). Move it away"):
        check_store(resolve("sqlite:///mlflow.db", tmp_path, CONFIGURATION))


@pytest.mark.parametrize("path", ["mlflow.db", "."])
def test_check_store_raises_input_error_for_a_read_only_file(database, monkeypatch, path):
    store = database(["experiments"])
    file = store.database
    monkeypatch.setattr(os, "access", lambda each, mode: each != file.parent / path)
    command = rf"chmod u\+w {file} {file.parent}$"
    with pytest.raises(InputError, match=rf"\(permission denied: .*\)\. Make .* {command}"):
        check_store(store)


def test_check_store_raises_input_error_for_a_locked_file(database, monkeypatch):
    monkeypatch.setattr(module, "_LOCK_TIMEOUT", 0.0)
    store = database(["experiments"])
    connection = sqlite3.connect(store.database)
    connection.execute("begin exclusive")
    with pytest.raises(InputError, match=r"\(database is locked\)\. Close the program"):
        check_store(store)
    connection.close()


def test_check_store_raises_input_error_for_a_missing_driver():
    store = Store("mysql+pymysql://me:secret@host/db", VARIABLE)
    with pytest.raises(InputError, match="Install the database's driver") as caught:
        check_store(store)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (sqlite3.OperationalError("attempt to write a readonly database"), "writable: chmod u\\+w"),
        (sqlite3.OperationalError("database or disk is full"), "Free some space"),
        (sqlite3.DatabaseError("database disk image is malformed"), "It is damaged"),
        (PermissionError(13, "Permission denied"), "writable: chmod u\\+w"),
        (
            MlflowException("(psycopg2.errors.UniqueViolation) duplicate key value violates"),
            "Another session has just created its tables: run the same command again",
        ),
    ],
)
def test_store_errors_name_the_remedy(tmp_path, error, remedy):
    from sqlalchemy.exc import DBAPIError

    if isinstance(error, sqlite3.Error):
        error = DBAPIError("select", None, error)
    store = resolve("sqlite:///mlflow.db", tmp_path, CONFIGURATION)
    with pytest.raises(InputError, match=remedy), store_errors(store):
        raise error


def test_store_errors_pass_errors_of_the_program():
    with pytest.raises(ZeroDivisionError), store_errors(Store("http://server", VARIABLE)):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("uri", "right"),
    [
        ("mlflow.db", "mlflow.db"),
        ("./runs.sqlite", "runs.sqlite"),
        ("/folder/runs.db", "/folder/runs.db"),
        ("file:///folder/runs.db", "/folder/runs.db"),
    ],
)
def test_check_store_raises_input_error_for_the_path_of_a_database(uri, right):
    with pytest.raises(InputError, match=rf"is a path; .* export {VARIABLE}=sqlite:///{right}$"):
        check_store(Store(uri, VARIABLE))


@pytest.mark.parametrize("uri", ["databricks", "databricks://profile", "databricks-uc"])
def test_check_store_leaves_databricks_to_mlflow(uri):
    check_store(Store(uri, VARIABLE))


@pytest.mark.parametrize("uri", ["mlruns", "./mlruns", "file:///folder/mlruns"])
def test_check_store_raises_input_error_for_a_folder_as_store(uri):
    message = rf"{VARIABLE}: {uri} names a folder, .* --source {uri} --target sqlite:///runs\.db$"
    with pytest.raises(InputError, match=message):
        check_store(Store(uri, VARIABLE))


def test_check_store_leaves_a_folder_to_mlflow_where_it_allows_it(monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    check_store(Store("mlruns", VARIABLE))


def test_store_errors_name_mlflows_variables_and_no_password(monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    store = Store("postgres://me:secret@host/db", VARIABLE)
    message = r"\(unknown postgres://host/db\)\. Check .* variables: .*MLFLOW_ENABLE_WORKSPACES"
    with pytest.raises(InputError, match=message), store_errors(store):
        raise mlflow.MlflowException(f"unknown {store.uri}")


def test_registry_is_checked_and_logged(database, monkeypatch, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="facial_keypoints")
    check_registry()
    assert not caplog.text
    database(["experiments"], "ffffffffffff", name="registry.db")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"sqlite:///{tmp_path}/registry.db")
    with pytest.raises(InputError, match="newer MLflow"):
        check_registry()
    assert f"registering models in sqlite:///{tmp_path}/registry.db" in caplog.text


def test_unreachable_server_raises_input_error_that_names_the_variable():
    store = Store("http://me:secret@127.0.0.1:9", VARIABLE)
    with pytest.raises(InputError, match=f"--port 9\\), correct {VARIABLE}, or remove") as caught:
        check_store(store)
    assert "secret" not in str(caught.value)


@pytest.fixture
def server():
    """A server that answers each request with 401, unless it is signed."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            signed = self.headers.get("Authorization") == "Bearer right"
            self.send_response(200 if signed else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as one:
        Thread(target=one.serve_forever, daemon=True).start()
        yield Store(f"http://127.0.0.1:{one.server_port}", VARIABLE)
        one.shutdown()


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_check_store_raises_input_error_for_missing_certificates(tmp_path, monkeypatch, variable):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "gone.pem"))
    with pytest.raises(InputError, match=f"{variable} names .*gone.pem, which cannot be used"):
        check_store(Store("https://127.0.0.1:9", CONFIGURATION))


@pytest.mark.parametrize("token", [None, "wrong"])
def test_server_that_refuses_access_raises_input_error(server, monkeypatch, token):
    if token is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
    with pytest.raises(InputError, match=r"refuses access \(401\)\. Set MLFLOW_TRACKING_USERNAME"):
        check_store(server)


def test_server_is_asked_with_mlflows_credentials(server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "right")
    check_store(server)
