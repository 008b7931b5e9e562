"""How long sidecars took and how large they became: sums by kind, variant and class of file, for estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pillion.catalog.statements import upsert
from pillion.catalog.tables import history
from pillion.model import MediaClass, SidecarKind

FADE_ABOVE = 5000.0
"""Once so many are summed up, the sums are halved before more are added: what happened lately counts for more."""

_SUMS = ("number", "seconds", "bytes", "source_bytes")


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Sums over ``number`` sidecars: seconds of a worker, their bytes, and the bytes of their sources."""

    kind: SidecarKind
    variant: str
    media_class: MediaClass
    number: float
    seconds: float
    bytes: float
    source_bytes: float


def add_measured(connection: sa.Connection, measured: Sequence[Measured]) -> None:
    """Add to the sums. Give each kind, variant and class at most once."""
    if not measured:
        return
    insert = upsert(connection, history)
    share = sa.case((history.c.number > FADE_ABOVE, 0.5), else_=1.0)
    added = {name: history.c[name] * share + insert.excluded[name] for name in _SUMS}
    keys = ["kind", "variant", "media_class"]
    connection.execute(
        insert.on_conflict_do_update(index_elements=keys, set_=added),
        [
            {
                "kind": item.kind.value,
                "variant": item.variant,
                "media_class": item.media_class.value,
                **{name: getattr(item, name) for name in _SUMS},
            }
            for item in measured
        ],
    )


def list_measured(connection: sa.Connection) -> list[Measured]:
    """All sums."""
    return [
        Measured(
            kind=SidecarKind(row.kind),
            variant=row.variant,
            media_class=MediaClass(row.media_class),
            **{name: getattr(row, name) for name in _SUMS},
        )
        for row in connection.execute(sa.select(history))
    ]
