"""Which store a library has: ``library.json`` in its folder says so, if its sidecars are not there too.

``{"version": 1, "id": "UUID", "sidecars": "s3://bucket/prefix", "s3": {"endpoint": "..."}}``, and members of others.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pillion.errors import LibraryError, UsageError, reason
from pillion.store.base import PRIVATE, Store
from pillion.store.local import LocalStore

if TYPE_CHECKING:
    from pillion.store.objects import ObjectStore

FILE = "library.json"


class _Kept(msgspec.Struct, kw_only=True, omit_defaults=True):
    version: int = 1
    id: str | None = None
    sidecars: str | None = None
    s3: dict[str, str] = {}


def open_store(root: Path) -> Store:
    """The store of the library at ``root``. Raises LibraryError if ``library.json`` makes no sense."""
    kept, _ = _read(root)
    if kept.sidecars is None:
        return LocalStore(root)
    return _objects(root, kept)


def store_id(root: Path) -> str | None:
    """The id of the library in the object store of the library at ``root``; None if it has none."""
    kept, _ = _read(root)
    return kept.id if kept.sidecars is not None else None


def keep_elsewhere(root: Path, address: str, *, adopt: bool = False) -> None:
    """Note that the sidecars of the library at ``root`` are at an address such as ``s3://bucket/prefix``.

    ``adopt``: sidecars are there already, and those of this library, whose folder was lost. Raises UsageError (no
    address, the library keeps them elsewhere already, or those of another are there), StoreError.
    """
    from pillion.store import buckets

    url = buckets.check_address(address)
    kept, data = _read(root)
    if kept.sidecars == url:
        return
    if kept.sidecars is not None or LocalStore(root).has_contents():
        here = kept.sidecars or str(root / "sidecars")
        raise UsageError(f"The sidecars of {root} are at {here}; docs/object-store.md says how they are moved.")
    for name in ("endpoint", "region"):
        value = os.environ.get({"endpoint": "AWS_ENDPOINT_URL", "region": "AWS_REGION"}[name])
        if value:
            kept.s3[name] = value
    kept.sidecars, kept.id = url, None
    found = _objects(root, kept).owner()
    if found is not None and not adopt:
        raise UsageError(
            f"The sidecars of a library are at {url} already; if its folder was lost, 'pillion reconcile --library"
            f" {root} --sidecars {url}' makes it again."
        )
    kept.id = found or str(uuid.uuid4())
    root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    data.update(msgspec.to_builtins(kept))
    staged = root / f".{FILE}.{os.getpid()}"
    try:
        staged.write_bytes(msgspec.json.format(msgspec.json.encode(data), indent=1) + b"\n")
        os.replace(staged, root / FILE)
    except OSError as error:
        raise LibraryError(f"Cannot write {root / FILE}: {error.strerror}.") from error
    finally:
        staged.unlink(missing_ok=True)


def _objects(root: Path, kept: _Kept) -> ObjectStore:
    from pillion.store.buckets import OPTIONS
    from pillion.store.objects import ObjectStore

    unknown = sorted(set(kept.s3) - set(OPTIONS))
    if unknown:
        raise LibraryError(f"{root / FILE} has an unknown key 's3.{unknown[0]}'; there are {', '.join(OPTIONS)}.")
    return ObjectStore(root, kept.sidecars or "", kept.id, _plain(kept.s3))


def _plain(options: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value}


def _read(root: Path) -> tuple[_Kept, dict[str, Any]]:
    path = root / FILE
    try:
        text = path.read_bytes()
        return msgspec.json.decode(text, type=_Kept), msgspec.json.decode(text, type=dict[str, Any])
    except FileNotFoundError:
        return _Kept(), {}
    except NotADirectoryError:
        return _Kept(), {}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LibraryError(f"{path} cannot be read: {reason(error)}.") from error
