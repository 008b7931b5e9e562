"""Small files that take long: others do not wait for them."""

from __future__ import annotations

from pathlib import Path

from pillion import Library
from pillion.job import LAST_FROM
from tests.support import photos
from tests.support.waiting import wait_until

PHOTOS = 12
_TURBULENCE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="4000">'
    '<filter id="f" x="0" y="0" width="1" height="1">'
    '<feTurbulence baseFrequency="0.{number}" numOctaves="1000000"/></filter>'
    '<rect width="4000" height="4000" filter="url(#f)"/></svg>'
)


def test_photographs_do_not_wait_for_drawings_that_take_long(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(6):
        # They are found first, and so they are claimed first.
        (folder / f"a{number}.svg").write_text(_TURBULENCE.format(number=number + 1))
    for seed in range(PHOTOS):
        photos.write_photo(folder / f"p{seed}.jpg", seed=seed, size=(320, 240))
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.add_location(folder)
        library.index()
        library.start(kinds=["thumb"])

        def made() -> int:
            rows = _rows(library, "SELECT count(*) FROM sidecars WHERE kind = 'thumb' AND status = 'ready'")
            return int(rows[0][0])

        every = made_of_one(library) * PHOTOS
        wait_until(lambda: made() == every, "the photographs")
        library.stop()
        drawings = _rows(
            library,
            "SELECT jobs.state, jobs.attempts, jobs.priority FROM jobs JOIN contents USING (content_uuid)"
            " WHERE kind = 'thumb' AND mime = 'image/svg+xml'",
        )
    assert [tuple(row)[:2] for row in drawings] == [("queued", 0)] * 6
    assert all(priority >= LAST_FROM for _, _, priority in drawings)


def made_of_one(library: Library) -> int:
    """How many thumbnails a file gets."""
    (row,) = _rows(library, "SELECT count(*) FROM sidecars WHERE kind = 'thumb' GROUP BY content_uuid LIMIT 1")
    return int(row[0])


def _rows(library: Library, query: str) -> list[tuple[object, ...]]:
    with library._database.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]
