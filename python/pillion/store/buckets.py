"""The one user of obstore: addresses, keys, time limits, and what each sort of store can do.

``s3://`` is for use. ``file://`` (a folder) and ``memory://`` (gone with the process) are for tests: the first has no
conditional replacement.
"""

from __future__ import annotations

import configparser
import os
import re
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

from pillion import extras
from pillion.errors import StoreRefusedError, UsageError

if TYPE_CHECKING:
    from obstore.store import S3Config

SCHEMES = ("s3", "file", "memory")

OPTIONS = (
    "endpoint",
    "region",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "virtual_hosted_style_request",
    "skip_signature",
)
"""What ``library.json`` may say of an S3 store; each else comes from the environment (AWS_ENDPOINT_URL and so on)."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,62}")

_CONNECT_S = 5
_ANSWER_S = 60
"""Seconds for a whole answer."""
_RETRIES = 3
_RETRY_S = 20
"""No new try after so long."""

_in_memory: dict[str, Any] = {}
_lock = threading.Lock()


def is_address(text: str) -> bool:
    """Whether a text is meant as the address of an object store."""
    return urlsplit(text).scheme in SCHEMES and "://" in text


def check_address(url: str) -> str:
    """The address without a slash at its end. Raises UsageError for one that is none."""
    parts = urlsplit(url)
    if parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc) and not parts.query and not parts.fragment:
        names = [name for name in parts.path.split("/") if name]
        if not any(name in (".", "..") for name in names):
            return "/".join([f"s3://{parts.netloc}", *names])
    elif (parts.scheme == "file" and parts.path.startswith("/")) or (parts.scheme == "memory" and parts.netloc):
        return url.rstrip("/")
    raise UsageError(f"'{url[:200]}' is no address of an object store; it is like s3://bucket/prefix.")


def library() -> Any:
    """The module obstore. Raises StoreRefusedError if it is not installed."""
    problem = extras.missing("cluster", "Sidecars in an object store", "obstore")
    if problem is not None:
        raise StoreRefusedError(f"{problem}.")
    import obstore
    import obstore.exceptions

    return obstore


def connect(url: str, options: Mapping[str, str]) -> Any:
    """The store at an address; nothing is asked of it yet. Raises StoreRefusedError."""
    library()
    from obstore import exceptions
    from obstore.store import LocalStore, MemoryStore, S3Store

    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(unquote(parts.path), mkdir=True)
    if parts.scheme == "memory":
        with _lock:
            return _in_memory.setdefault(url, MemoryStore())
    config = {**_of_environment(), **options}
    endpoint = config.get("endpoint", "")
    try:
        return S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            config=cast("S3Config", config),
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=_CONNECT_S),
                "timeout": timedelta(seconds=_ANSWER_S),
            },
            retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_S)},
        )
    except (exceptions.BaseError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise StoreRefusedError(f"The settings for {url} cannot be used: {first[:300]}") from error


def _of_environment() -> dict[str, str]:
    """What the environment, or the file that other programs for S3 read, says."""
    said = os.environ.get
    found: dict[str, str] = {"region": said("AWS_REGION") or said("AWS_DEFAULT_REGION") or "us-east-1"}
    endpoint = said("AWS_ENDPOINT_URL_S3") or said("AWS_ENDPOINT_URL") or said("AWS_ENDPOINT")
    if endpoint:
        found["endpoint"] = endpoint
    if "AWS_ACCESS_KEY_ID" not in os.environ:
        found.update(_of_profile())
    return found


def _of_profile() -> dict[str, str]:
    path = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")).expanduser()
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
        table = parser[os.environ.get("AWS_PROFILE", "default")]
    except (KeyError, OSError, configparser.Error, UnicodeDecodeError):
        return {}
    names = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}
    return {name.removeprefix("aws_"): table[name] for name in names if name in table}


def put_options(url: str, version: str | None, attributes: Mapping[str, str]) -> dict[str, Any]:
    """How an object is put: new (``version`` None), or in the place of one of this version."""
    if url.startswith("file:"):
        return {"mode": "create" if version is None else "overwrite"}
    return {"mode": "create" if version is None else {"e_tag": version}, "attributes": dict(attributes)}


def is_ordered(url: str) -> bool:
    """Whether lists come in the order of keys."""
    return url.startswith("s3:")


def signed(objects: Any, key: str, seconds: int) -> str | None:
    """An address of an object that needs no keys for so long, at most seven days; None where there are none."""
    from obstore.store import S3Store

    if not isinstance(objects, S3Store):
        return None
    address: str = library().sign(objects, "GET", key, timedelta(seconds=min(seconds, 7 * 86400)))
    return address
