"""Files on other file systems than the local one."""

import pytest

from facial_keypoints.errors import InputError
from facial_keypoints.framework import storage
from facial_keypoints.framework.storage import unreachable, with_credentials

CATALOG = {
    "near": {"type": "X", "filepath": "data/a.csv"},
    "far": {"type": "X", "filepath": "memory://bucket/a.csv"},
    "{variant}.far": {"type": "X", "filepath": "memory://bucket/{variant}.csv"},
    "others": {"type": "X", "filepath": "memory://bucket/b.csv", "credentials": "others"},
    "no_file": {"type": "X"},
}


def test_remote_entries_get_the_credentials():
    catalog = with_credentials(CATALOG, {"object_storage": {"key": "a"}})
    named = {name: entry.get("credentials") for name, entry in catalog.items()}
    assert named == {
        "near": None,
        "far": "object_storage",
        "{variant}.far": "object_storage",
        "others": "others",
        "no_file": None,
    }


def test_entries_stay_without_credentials():
    assert with_credentials(CATALOG, {"others": {}}) == CATALOG


def test_missing_package_is_named_with_its_command(monkeypatch):
    monkeypatch.setattr("facial_keypoints.errors.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'^s3fs not installed; run: .*"\.\[storage\]"$'):
        with_credentials({"far": {"filepath": "s3://bucket/a.csv"}}, {})


def test_unknown_protocol_is_refused():
    with pytest.raises(InputError, match=r"^data_root: files at s4:// cannot be read"):
        with_credentials({"far": {"filepath": "s4://bucket/a.csv"}}, {})


def client_error(name: str) -> Exception:
    """Return an error like those of botocore."""
    return type(name, (Exception,), {"__module__": "botocore.exceptions"})("so it is")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (client_error("EndpointConnectionError"), "the storage does not answer (so it is)"),
        (client_error("NoCredentialsError"), "no credentials (so it is); give them in the entry"),
        (caused(PermissionError(), client_error("ClientError")), "access is refused (so it is)"),
        (caused(FileNotFoundError(), client_error("NoSuchBucket")), "the bucket does not exist"),
        (caused(OSError(16, "SlowDown"), client_error("ClientError")), "does not answer"),
        (caused(ValueError(), client_error("ClientError")), "does not answer"),
    ],
)
def test_errors_of_the_storage_are_said_in_one_line(error, message):
    failure = unreachable(error, "s3://bucket/a")
    assert str(failure).startswith("s3://bucket/a: ")
    assert message in str(failure)


@pytest.mark.parametrize(
    "error", [OSError(28, "disk full"), caused(FileNotFoundError(), client_error("NoSuchKey"))]
)
def test_other_errors_are_not_the_storage_s(error):
    assert unreachable(error, "s3://bucket/a") is None


def test_location_has_the_protocol_of_a_remote_file(tmp_path):
    assert storage.location(*storage.filesystem("memory://bucket/a")).startswith("memory://")
    assert storage.location(*storage.filesystem(str(tmp_path))) == str(tmp_path)
