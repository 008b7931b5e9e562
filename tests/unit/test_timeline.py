"""Pages, counts and places of the timeline, compared with what is found by looking at every row."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from pillion import _core
from pillion.catalog import locations as catalog_locations
from pillion.catalog import timeline
from pillion.catalog.database import Database
from pillion.catalog.tables import contents, entries, locations
from pillion.catalog.timeline import Chosen, Position
from pillion.model import UNKNOWN

TYPES = ["image/jpeg", "image/png", "application/pdf", "video/mp4", UNKNOWN]
CLAIMED = [None, "image/x-canon-cr3", "text/plain"]
FOLDERS = [b"a", b"a/b", b"ab", b"c"]


@dataclass
class Made:
    """A content: its place in the timeline, its type, what its names claim, and the folders with a file of it."""

    uuid: str
    at: int | None
    mime: str
    claimed: str | None
    folders: list[bytes] = field(default_factory=list)

    def fits(self, chosen: Chosen) -> bool:
        """Whether a timeline shows it."""
        if self.at is None or not self.folders:
            return False
        mime = self.claimed if self.mime == UNKNOWN and self.claimed else self.mime
        if chosen.types and not any(kind in (mime, _core.media_class(mime)) for kind in chosen.types):
            return False
        if chosen.folder is not None:
            location, path = chosen.folder
            inside = [
                location == 1 and (not path or folder == path or folder.startswith(path + b"/"))
                for folder in self.folders
            ]
            if not any(inside):
                return False
        return (chosen.since is None or self.at >= chosen.since) and (chosen.until is None or self.at < chosen.until)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[tuple[Database, list[Made]]]:
    chance = random.Random(5)
    days = [int(datetime(2024, month, 17, tzinfo=UTC).timestamp() * 1000) for month in range(1, 8)]
    rows = [
        Made(
            uuid=_core.content_uuid(f"{number:08x}" * 8),
            at=chance.choice([None, *days * 2, *range(days[2], days[2] + 50)]),
            mime=(mime := chance.choice(TYPES)),
            claimed=chance.choice(CLAIMED) if mime == UNKNOWN else None,
            folders=chance.sample(FOLDERS, chance.choice([1, 1, 2])),
        )
        for number in range(200)
    ]
    database = Database(tmp_path / "catalog.sqlite")
    database.prepare()
    with database.write() as connection:
        connection.execute(sa.insert(locations).values(id=1, path=b"/made", walked=1, added_at=0.0))
        connection.execute(
            sa.insert(contents),
            [
                {"content_uuid": row.uuid, "size": 1, "mime": row.mime, "created_at": 0.0, "shown_at": row.at}
                for row in rows
            ],
        )
        connection.execute(
            sa.insert(entries),
            [
                {
                    "location_id": 1,
                    "path": b"%s/%d" % (folder, number),
                    "size": 1,
                    "mtime_ns": 1,
                    "inode": 1,
                    "content_uuid": row.uuid,
                    "claimed_mime": row.claimed,
                }
                for number, row in enumerate(rows)
                for folder in row.folders
            ],
        )
        totals = {path: (sum(any(f.startswith(path) for f in row.folders) for row in rows), 1) for path in (b"", b"a")}
        catalog_locations.replace_folders(connection, 1, totals)
    yield database, rows
    database.close()


MIDDLE = int(datetime(2024, 4, 17, tzinfo=UTC).timestamp() * 1000)
CHOICES = [
    Chosen(),
    Chosen(since=MIDDLE - 40 * 86_400_000, until=MIDDLE + 1),
    Chosen(types=("image",)),
    Chosen(types=("application/pdf", "video")),
    Chosen(types=("image", "text/plain"), until=MIDDLE),
    Chosen(types=("audio",)),
    Chosen(folder=(1, b"a")),
    Chosen(folder=(1, b"ab"), types=("image",)),
    Chosen(folder=(1, b"")),
    Chosen(folder=(2, b"")),
]


@pytest.mark.parametrize(("few", "listed"), [(0, 0), (0, 1000), (60, 1000)])
@pytest.mark.parametrize("chosen", CHOICES, ids=str)
def test_pages_counts_and_places_are_those_of_all_that_fits(
    made: tuple[Database, list[Made]], chosen: Chosen, few: int, listed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are looked up by themselves, or looked through, and however those of a folder are known."""
    database, rows = made
    monkeypatch.setattr(timeline, "LISTED", listed)
    for name in ("FEW", "COUNTED"):
        monkeypatch.setattr(timeline, name, few)
    monkeypatch.setattr(timeline, "LOOKED_AT", 31)
    expected: list[Position] = sorted(((row.at or 0, row.uuid) for row in rows if row.fits(chosen)), reverse=True)
    with database.read() as connection:
        for descending in (True, False):
            ordered = expected if descending else expected[::-1]
            assert _paged(connection, chosen, descending) == ordered
            for offset in (1, 50, 190):
                page, _ = timeline.page(connection, chosen, after=None, limit=3, offset=offset, descending=descending)
                assert [item.content_uuid for item in page[:1]] == [uuid for _, uuid in ordered[offset : offset + 1]]
        counted = [(year, month, number) for year, month, number, _ in timeline.months(connection, chosen)]
        by_month = Counter(_month(at) for at, _ in expected)
        assert counted == [(*month, by_month[month]) for month in sorted(by_month, reverse=True)]
        for index, position in list(enumerate(expected))[::31]:
            year, month, within = timeline.place(connection, chosen, position)
            assert sum(by_month[other] for other in by_month if other > (year, month)) + within == index


def _month(at: int) -> tuple[int, int]:
    found = datetime.fromtimestamp(at / 1000, UTC)
    return found.year, found.month


def _paged(connection: sa.Connection, chosen: Chosen, descending: bool) -> Sequence[Position]:
    """What all pages show, one after the other."""
    found: list[Position] = []
    after: Position | None = None
    while True:
        page, after = timeline.page(connection, chosen, after=after, limit=23, descending=descending)
        found += [(item.shown_at, item.content_uuid) for item in page]
        if after is None:
            return found


def test_the_contents_of_a_folder_are_listed_by_their_index(made: tuple[Database, list[Made]]) -> None:
    database, _ = made
    listed = timeline._listed((1, b"a")).compile(dialect=sqlite.dialect())
    values = tuple(listed.params[name] for name in listed.positiontup or ())
    with database.read() as connection:
        ((*_, plan),) = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {listed}", values).all()
    assert "INDEX entries_folder (location_id=? AND path>? AND path<?)" in plan
