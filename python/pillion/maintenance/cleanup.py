"""Remove the sidecars of contents that no file has any more.

Each batch takes two steps, each in its own write transaction, because results are recorded under the same lock:

1. check again which contents have no file, and delete their rows; commit;
2. remove the sidecars of those that have not come back since.

So a kill at any point leaves no row that says "ready" without its sidecar; at worst it leaves sidecars without rows,
which ``verify --repair`` removes. The other order could leave rows whose sidecars are gone. A verify beside it waits
for both (:meth:`pillion.store.Store.removing`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pillion.catalog.contents import Orphan, delete_contents, list_orphans, note_orphans
from pillion.catalog.database import Database
from pillion.catalog.sidecars import UsageRow, has_rows
from pillion.catalog.sidecars import usage as usage_rows
from pillion.errors import StoreError, reason
from pillion.failpoints import reach
from pillion.queue.checkpoints import FOLDER, Checkpoints
from pillion.store import Store
from pillion.store.base import folder_of

_BATCH = 100
_PAGE = 2000
_DAY_S = 86400.0


@dataclass(slots=True)
class CleanupReport:
    """What was removed, or would be with ``dry_run``. ``bytes``: of these sidecars; ``left``: of those that stay.

    ``problems``: (path, message) of files that could not be removed; their rows are gone anyway.
    """

    dry_run: bool
    contents: int = 0
    sidecars: int = 0
    bytes: int = 0
    left: int = 0
    quota: int | None = None
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def over_quota(self) -> int:
        """Bytes above the quota that could not be freed, because all that is left is in use or too young."""
        return 0 if self.quota is None else max(self.left - self.quota, 0)

    def to_json(self) -> dict[str, Any]:
        """The object that ``pillion cleanup --json`` prints."""
        return {
            "dry_run": self.dry_run,
            "contents": self.contents,
            "sidecars": self.sidecars,
            "bytes": self.bytes,
            "left_bytes": self.left,
            "quota": self.quota,
            "over_quota_bytes": self.over_quota,
            "problems": [{"path": path, "message": message} for path, message in self.problems],
        }


def cleanup(
    database: Database, store: Store, *, days: float, quota: int | None = None, dry_run: bool = False
) -> CleanupReport:
    """Remove the sidecars of contents that have had no file for ``days`` or longer, oldest first.

    With ``quota`` (bytes), stop as soon as all sidecars together are not above it.
    """
    now = time.time()
    until = now - days * _DAY_S
    report = CleanupReport(dry_run=dry_run, left=_total(database), quota=quota)
    if not dry_run:
        with database.write() as connection:
            note_orphans(connection, now)
    for batch in _chosen(database, report, until, now):
        if dry_run:
            _count(report, batch)
        else:
            _remove(database, store, report, batch, until, now)
    if not dry_run:
        Checkpoints(store.staging / FOLDER).drop_stale(database)
    return report


def _total(database: Database) -> int:
    with database.read() as connection:
        rows: list[UsageRow] = usage_rows(connection)
    return sum(row.bytes for row in rows)


def _chosen(database: Database, report: CleanupReport, until: float, now: float) -> Iterator[Sequence[Orphan]]:
    """Batches to remove; each is read after the one before was removed, so ``report.left`` is up to date."""
    after: tuple[float, str] | None = None
    while True:
        with database.read() as connection:
            page = list_orphans(connection, until=until, now=now, after=after, limit=_PAGE)
        if not page:
            return
        after = (page[-1].since, page[-1].content_uuid)
        for start in range(0, len(page), _BATCH):
            batch = _until_below(page[start : start + _BATCH], report)
            if not batch:
                return
            yield batch


def _until_below(orphans: Sequence[Orphan], report: CleanupReport) -> list[Orphan]:
    if report.quota is None:
        return list(orphans)
    chosen = []
    left = report.left
    for orphan in orphans:
        if left <= report.quota:
            break
        chosen.append(orphan)
        left -= orphan.bytes
    return chosen


def _count(report: CleanupReport, gone: Sequence[Orphan]) -> None:
    report.contents += len(gone)
    report.sidecars += sum(orphan.sidecars for orphan in gone)
    size = sum(orphan.bytes for orphan in gone)
    report.bytes += size
    report.left -= size


def _remove(
    database: Database, store: Store, report: CleanupReport, batch: Sequence[Orphan], until: float, now: float
) -> None:
    with store.removing():
        with database.write() as connection:
            gone = list_orphans(connection, until=until, now=now, within=[orphan.content_uuid for orphan in batch])
            delete_contents(connection, [orphan.content_uuid for orphan in gone])
        reach("cleanup.forgotten")
        with database.write() as connection:
            for orphan in gone:
                # It came back between the two transactions, and a worker may already have found its files.
                if not has_rows(connection, orphan.content_uuid):
                    _remove_files(store, report, orphan.content_uuid)
    _count(report, gone)


def _remove_files(store: Store, report: CleanupReport, content_uuid: str) -> None:
    try:
        store.remove_content(content_uuid)
        reach("cleanup.removed")
    except (OSError, ValueError, StoreError) as error:
        report.problems.append((store.where(folder_of(content_uuid)), f"{reason(error)}."))
