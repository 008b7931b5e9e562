"""Places in the timeline, and facts, as the catalog keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa

from pillion.catalog import locations as catalog_locations
from pillion.catalog.contents import facts_of
from pillion.catalog.database import Database
from pillion.catalog.locations import EntryRow
from pillion.catalog.tables import contents
from pillion.facts import FileFacts, MediaFacts


def _uuid(number: int) -> str:
    return str(UUID(int=number))


def _row(path: str, content: int, mtime_ms: int, facts: FileFacts | None = None) -> EntryRow:
    return EntryRow(
        path=path.encode(),
        size=1,
        mtime_ns=mtime_ms * 1_000_000,
        inode=1,
        content_uuid=_uuid(content),
        hash="0" * 64,
        mime="image/jpeg",
        facts=facts,
    )


def _record(database: Database, *rows: EntryRow, location: bytes = b"/photos") -> int:
    with database.write() as connection:
        place = catalog_locations.ensure_location(connection, location, 1.0)
        catalog_locations.record_entries(connection, place.id, rows, 1.0)
    return place.id


def _shown(database: Database) -> Mapping[int, int | None]:
    with database.read() as connection:
        rows = connection.execute(sa.select(contents.c.content_uuid, contents.c.shown_at))
        return {UUID(row[0]).int: row[1] for row in rows}


def _remove(database: Database, location_id: int, *paths: str) -> None:
    with database.write() as connection:
        known = dict(catalog_locations.known_entries(connection, location_id))
        catalog_locations.mark_removed(connection, [known[path.encode()][0] for path in paths], 2.0)


def test_a_content_is_shown_at_its_capture_date_and_else_at_the_time_of_its_oldest_file(database: Database) -> None:
    dated = FileFacts(version=1, taken_at=50, body='{"taken": "1970-01-01T00:00:00.050"}')
    location = _record(database, _row("a", 1, 300), _row("b", 1, 200), _row("c", 2, 300, dated))
    assert _shown(database) == {1: 200, 2: 50}
    _remove(database, location, "b")
    assert _shown(database) == {1: 300, 2: 50}
    _record(database, _row("d", 1, 100), _row("e", 2, 10, dated))
    assert _shown(database) == {1: 100, 2: 50}


def test_what_no_file_has_is_not_shown_until_a_file_has_it_again(database: Database) -> None:
    dated = FileFacts(version=1, taken_at=50, body='{"taken": "1970-01-01T00:00:00.050"}')
    location = _record(database, _row("a", 1, 300), _row("c", 2, 300, dated))
    _remove(database, location, "a", "c")
    assert _shown(database) == {1: None, 2: None}
    _record(database, _row("a", 1, 400), _row("c", 2, 400, dated))
    assert _shown(database) == {1: 400, 2: 50}
    # A file that now holds something else.
    _record(database, _row("a", 3, 500))
    assert _shown(database) == {1: None, 2: 50, 3: 500}


def test_a_forgotten_location_takes_its_contents_out_of_the_timeline(database: Database) -> None:
    first = _record(database, _row("a", 1, 300), _row("b", 2, 300))
    _record(database, _row("b", 2, 400), location=b"/other")
    with database.write() as connection:
        catalog_locations.forget_location(connection, first, 3.0)
    assert _shown(database) == {1: None, 2: 400}


def test_facts_that_are_read_by_newer_rules_take_the_place_of_older_ones(database: Database) -> None:
    old = FileFacts(version=1, taken_at=50, body='{"make": "Old"}')
    new = FileFacts(version=2, taken_at=60, body='{"make": "New"}')
    _record(database, _row("a", 1, 300, old))
    _record(database, _row("a", 1, 300, new))
    assert _shown(database) == {1: 60}
    _record(database, _row("b", 1, 300, FileFacts(version=3)))
    assert _shown(database) == {1: 300}
    with database.read() as connection:
        assert facts_of(connection, [_uuid(1)])[_uuid(1)].make == "New"


def test_facts_that_this_version_does_not_know_are_left_out() -> None:
    facts = MediaFacts.of('{"make": "Canon", "of_tomorrow": 1}')
    assert facts.to_json() == {"make": "Canon"}
    assert MediaFacts.of(None).to_json() == {}
