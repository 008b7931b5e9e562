"""How long sidecars took and how large they became: sums by kind, variant and class of file, for estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pillion.catalog.statements import Prepared
from pillion.catalog.tables import history
from pillion.model import MediaClass, SidecarKind

FADE_ABOVE = 5000.0
"""Once so many are summed up, the sums are halved before more are added: what happened lately counts for more."""

_KEYS = ("kind", "variant", "media_class")
_SUMS = ("number", "seconds", "bytes", "source_bytes")
_SHARE = f"CASE WHEN history.number > {FADE_ABOVE} THEN 0.5 ELSE 1.0 END"
_ADD = Prepared(
    f"INSERT INTO history ({', '.join(_KEYS + _SUMS)}) VALUES ({', '.join(':' + name for name in _KEYS + _SUMS)})"
    f" ON CONFLICT ({', '.join(_KEYS)}) DO UPDATE SET"
    f" {', '.join(f'{name} = history.{name} * {_SHARE} + excluded.{name}' for name in _SUMS)}"
)


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
    rows = [
        (
            item.kind.value,
            item.variant,
            item.media_class.value,
            item.number,
            item.seconds,
            item.bytes,
            item.source_bytes,
        )
        for item in measured
    ]
    _ADD.many(connection, _KEYS + _SUMS, rows)


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
