"""How many sidecars there are and how much space they use, from the catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pillion.catalog.database import Database
from pillion.catalog.sidecars import UsageRow
from pillion.catalog.sidecars import usage as usage_rows
from pillion.model import SidecarStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Sidecars by kind, variant and status. Bytes are of the ready files, without manifests.

    ``search_bytes``: of the search index, which is in no total.
    """

    rows: Sequence[UsageRow]
    search_bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        """``{total: {sidecars, bytes, statuses}, kinds: {KIND: {..., variants: {V: {...}}}}, search: {bytes}}``.

        ``sidecars`` and ``bytes`` count only ready ones; ``statuses`` counts all, by status.
        """
        kinds: dict[str, dict[str, Any]] = {}
        for kind in dict.fromkeys(row.kind for row in self.rows):
            rows = [row for row in self.rows if row.kind == kind]
            variants = dict.fromkeys(row.variant for row in rows)
            kinds[kind] = {
                **summary(rows),
                "variants": {name: summary([row for row in rows if row.variant == name]) for name in variants},
            }
        return {"total": summary(self.rows), "kinds": kinds, "search": {"bytes": self.search_bytes}}


def summary(rows: Sequence[UsageRow]) -> dict[str, Any]:
    """``{sidecars, bytes, statuses}`` of these rows."""
    ready = [row for row in rows if row.status is SidecarStatus.READY]
    statuses: Counter[str] = Counter()
    for row in rows:
        statuses[row.status.value] += row.number
    return {
        "sidecars": sum(row.number for row in ready),
        "bytes": sum(row.bytes for row in ready),
        "statuses": dict(statuses),
    }


def usage(database: Database, root: Path) -> Usage:
    """Count everything."""
    from pillion.search.checking import size

    with database.read() as connection:
        return Usage(rows=usage_rows(connection), search_bytes=size(root))
