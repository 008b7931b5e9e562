"""ThumbHashes of contents: recording them, reading them, and finding the contents that lack one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from pillion.catalog.statements import chunks, upsert
from pillion.catalog.tables import contents, meta, sidecars
from pillion.model import SidecarKind, SidecarStatus

_LACKING = "thumbhashes_lacking"


def record_thumbhashes(connection: sa.Connection, hashes: Mapping[str, bytes]) -> None:
    """content_uuid -> its ThumbHash, written over what was there."""
    if hashes:
        statement = (
            sa.update(contents)
            .where(contents.c.content_uuid == sa.bindparam("b_content"))
            .values(thumbhash=sa.bindparam("b_hash"))
        )
        connection.execute(statement, [{"b_content": uuid, "b_hash": value} for uuid, value in hashes.items()])


def thumbhashes(connection: sa.Connection, content_uuids: Sequence[str]) -> dict[str, bytes]:
    """content_uuid -> ThumbHash, of those that have one."""
    found: dict[str, bytes] = {}
    for some in chunks(sorted(content_uuids)):
        query = sa.select(contents.c.content_uuid, contents.c.thumbhash).where(
            contents.c.content_uuid.in_(some), contents.c.thumbhash.is_not(None)
        )
        found.update({row[0]: bytes(row[1]) for row in connection.execute(query)})
    return found


def some_lack(connection: sa.Connection) -> bool:
    """Whether thumbnails may be there that were made before hashes were kept."""
    return connection.scalar(sa.select(meta.c.value).where(meta.c.key == _LACKING)) is not None


def note_lacking(connection: sa.Connection, lacking: bool) -> None:
    """Remember whether :func:`lacking` is worth asking: it looks at every content."""
    if lacking:
        connection.execute(upsert(connection, meta).values(key=_LACKING, value="1").on_conflict_do_nothing())
    else:
        connection.execute(sa.delete(meta).where(meta.c.key == _LACKING))


def lacking(connection: sa.Connection, after: str, limit: int) -> list[tuple[str, str]]:
    """The next ``limit`` contents after a uuid with a ready thumbnail and no hash: (uuid, path of the smallest one)."""
    smallest = (
        sa.select(sidecars.c.rel_path)
        .where(
            sidecars.c.content_uuid == contents.c.content_uuid,
            sidecars.c.kind == SidecarKind.THUMB.value,
            sidecars.c.status == SidecarStatus.READY.value,
        )
        .order_by(sidecars.c.size)
        .limit(1)
        .scalar_subquery()
    )
    query = (
        sa.select(contents.c.content_uuid, smallest.label("rel_path"))
        .where(contents.c.thumbhash.is_(None), contents.c.content_uuid > after, smallest.is_not(None))
        .order_by(contents.c.content_uuid)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in connection.execute(query)]
