"""Which store a library has."""

from __future__ import annotations

from pathlib import Path

from pillion.store.base import Store
from pillion.store.local import LocalStore


def open_store(root: Path) -> Store:
    """The store of the library at ``root``."""
    return LocalStore(root)
