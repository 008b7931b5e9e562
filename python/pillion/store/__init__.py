"""The files of a library: staging, final places, manifests. See ``base.py``."""

from __future__ import annotations

from pillion.store.base import (
    MANIFEST,
    MANIFEST_VERSION,
    MARK,
    PRIVATE,
    Placement,
    Store,
    described,
    fetch,
    is_library,
    is_part,
    rescue,
    secured,
    staged_path,
    take,
    thumbhash_text,
)
from pillion.store.local import LocalStore
from pillion.store.opening import keep_elsewhere, open_store

__all__ = [
    "MANIFEST",
    "MANIFEST_VERSION",
    "MARK",
    "PRIVATE",
    "LocalStore",
    "Placement",
    "Store",
    "described",
    "fetch",
    "is_library",
    "is_part",
    "keep_elsewhere",
    "open_store",
    "rescue",
    "secured",
    "staged_path",
    "take",
    "thumbhash_text",
]
