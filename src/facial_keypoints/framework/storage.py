"""Folders on other file systems than the local one, such as S3: their credentials and errors.

Every entry of the catalog whose file is remote gets the credentials ``object_storage`` of
``conf/<env>/credentials.yml`` where there are such; else the file system's library looks for its
own, as s3fs does in the AWS variables and profiles.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

import fsspec
from kedro.config import MissingConfigException
from kedro.io.core import get_protocol_and_path

from facial_keypoints.errors import InputError, UnreachableError, require_extra

CREDENTIALS: Final = "object_storage"
_LOCAL: Final = "file"
_S3: Final = ("s3", "s3a")
_S3_CONFIG: Final = {"retries": {"total_max_attempts": 2}}
"""Of botocore: s3fs itself tries five times, each waits for 15 seconds."""
_CLIENTS: Final = {"aiobotocore", "aiohttp", "botocore"}
"""Packages whose errors are of the network, the credentials or the bucket."""
_NO_CREDENTIALS: Final = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}
_WHERE: Final = f"the entry {CREDENTIALS} of conf/<env>/credentials.yml or the AWS variables"


def filesystem(
    filepath: str, credentials: Mapping[str, Any] | None = None
) -> tuple[fsspec.AbstractFileSystem, PurePosixPath]:
    """Return the file system of a path or URL, and the path on it.

    Args:
        filepath: Path or URL.
        credentials: Options of the file system; for s3fs: key, secret, client_kwargs and others.
    """
    protocol, path = get_protocol_and_path(filepath)
    given = options(filepath, credentials) if protocol != _LOCAL else {"auto_mkdir": True}
    return fsspec.filesystem(protocol, **given), PurePosixPath(path)


def options(filepath: str, credentials: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the options of a remote file system; none of the local one.

    Args:
        filepath: Path or URL.
        credentials: Those of the user.
    """
    if not is_remote(filepath):
        return {}
    given: dict[str, Any] = {"use_listings_cache": False}  # other processes write there, too
    if get_protocol_and_path(filepath)[0] in _S3:
        given |= {"config_kwargs": _S3_CONFIG}
    return given | dict(credentials or {})


def is_remote(filepath: str) -> bool:
    """Return whether a path or URL is on another file system than the local one."""
    return bool(get_protocol_and_path(filepath)[0] != _LOCAL)


def is_local(fs: fsspec.AbstractFileSystem) -> bool:
    """Return whether a file system is that of this machine."""
    return isinstance(fs, fsspec.implementations.local.LocalFileSystem)


def location(fs: fsspec.AbstractFileSystem, path: PurePosixPath) -> str:
    """Return a path as users write it: with the protocol where it is remote.

    Args:
        fs: File system.
        path: The path on it.
    """
    return str(path) if is_local(fs) else str(fs.unstrip_protocol(str(path)))


def credentials_of(loader: Any) -> dict[str, Any]:
    """Return all credentials of a configuration; none where it has no file of them.

    Args:
        loader: Kedro's configuration loader.
    """
    try:
        return dict(loader["credentials"])
    except (MissingConfigException, KeyError):
        return {}


def with_credentials(catalog: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return a catalog whose remote entries name the credentials ``object_storage``.

    Args:
        catalog: Configuration of the datasets.
        known: All credentials; entries stay as they are where ``object_storage`` is missing, and
            those that name others keep them.

    Raises:
        InputError: If a package for one of the file systems is not installed.
    """
    remote = [
        name
        for name, entry in catalog.items()
        if isinstance(entry, dict) and is_remote(str(entry.get("filepath", "")))
    ]
    for protocol in {get_protocol_and_path(catalog[name]["filepath"])[0] for name in remote}:
        _require(protocol)
    if CREDENTIALS not in known:
        return catalog
    return catalog | {name: {"credentials": CREDENTIALS, **catalog[name]} for name in remote}


def _require(protocol: str) -> None:
    if protocol in _S3:
        require_extra("storage", "s3fs")
    try:
        fsspec.get_filesystem_class(protocol)
    except (ImportError, ValueError) as error:
        raise InputError(
            f"data_root: files at {protocol}:// cannot be read ({error}); name a folder or "
            "s3://bucket/prefix in conf/<env>/globals.yml"
        ) from error


def unreachable(error: BaseException, where: str) -> UnreachableError | None:
    """Return the user's error for one of the network, the credentials or the bucket; else None.

    Args:
        error: What a file system raised, wrapped by others or not.
        where: The file or folder, for the message.
    """
    causes = list(_causes(error))
    client = next((each for each in causes if _is_of_client(each)), None)
    if client is None:
        return None
    kind, reason = type(client).__name__, " ".join(str(client).split())
    if kind == "NoSuchBucket":
        return UnreachableError(
            f"{where}: the bucket does not exist; create it, or name another in data_root "
            "(conf/<env>/globals.yml)"
        )
    if any(isinstance(each, FileNotFoundError) for each in causes):
        return None
    if kind in _NO_CREDENTIALS:
        return UnreachableError(f"{where}: no credentials ({reason}); give them in {_WHERE}")
    if any(isinstance(each, PermissionError) for each in causes):
        return UnreachableError(f"{where}: access is refused ({reason}); correct {_WHERE}")
    return UnreachableError(
        f"{where}: the storage does not answer ({reason}); check the network and endpoint_url, "
        "then run the same command again to resume"
    )


def _is_of_client(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _CLIENTS


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
