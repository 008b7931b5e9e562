"""Maintenance of a library: check and repair it, rebuild its catalog, clean it up, report its size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pillion.catalog.database import Database
from pillion.errors import LibraryError, UsageError
from pillion.machine import at_work, this_owner
from pillion.maintenance.cleanup import CleanupReport
from pillion.maintenance.cleanup import cleanup as _cleanup
from pillion.maintenance.reconcile import Reconciled, reconcile, reconcile_elsewhere
from pillion.maintenance.repair import Repaired
from pillion.maintenance.repair import repair as _repair
from pillion.maintenance.usage import Usage
from pillion.maintenance.usage import usage as _usage
from pillion.maintenance.verify import Finding, verify
from pillion.store import Store

__all__ = ["CleanupReport", "Maintenance", "Reconciled", "Repaired", "Usage", "reconcile", "reconcile_elsewhere"]

DEFAULT_DAYS = 30.0


class Maintenance:
    """The maintenance of one open library. Methods that change something raise LibraryError if it is read-only."""

    def __init__(self, root: Path, database: Database, store: Store, *, read_only: bool) -> None:
        self._root = root
        self._database = database
        self._store = store
        self._read_only = read_only

    def _must_be_writable(self) -> None:
        if self._read_only:
            raise LibraryError(f"The library {self._root} is read-only: it can be read, but not changed.")

    def verify(self, progress: Callable[[int], None] | None = None) -> list[Finding]:
        """What does not match between catalog and files; empty if everything matches. Changes nothing."""
        return verify(self._database, self._store, progress)

    def repair(self) -> list[Repaired]:
        """Verify, then repair what was found; see :func:`pillion.maintenance.repair.repair`."""
        self._must_be_writable()
        owner = this_owner()
        with at_work(owner):
            return _repair(self._database, self._store, owner)

    def cleanup(
        self, *, older_than_days: float | None = None, quota: int | None = None, dry_run: bool = False
    ) -> CleanupReport:
        """Remove sidecars of contents that no file has any more; see :func:`pillion.maintenance.cleanup.cleanup`.

        ``older_than_days``: by default 30, or 0 with a ``quota`` (bytes). Raises UsageError if either is negative.
        """
        days = older_than_days if older_than_days is not None else (DEFAULT_DAYS if quota is None else 0.0)
        # Written like this so that NaN is refused too.
        if not days >= 0 or (quota is not None and quota < 0):
            raise UsageError("The number of days and the quota must not be below 0.")
        if not dry_run:
            self._must_be_writable()
        return _cleanup(self._database, self._store, days=days, quota=quota, dry_run=dry_run)

    def usage(self) -> Usage:
        """How many sidecars there are and how much space they use."""
        return _usage(self._database, self._root)
