"""Small files that take long: others do not wait for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pillion import Library
from pillion.catalog.outcomes import Measured, add_measured
from pillion.job import LAST_FROM
from pillion.model import MediaClass, SidecarKind
from pillion.queue.slow import is_behind
from tests.support import photos
from tests.support.waiting import wait_until

PHOTOS, GOOD, SLOW = 12, 6, 6
_SQUARE = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><rect width="{number}" height="9"/></svg>'
_TURBULENCE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="4000">'
    '<filter id="f" x="0" y="0" width="1" height="1">'
    '<feTurbulence baseFrequency="0.{number}" numOctaves="1000000"/></filter>'
    '<rect width="4000" height="4000" filter="url(#f)"/></svg>'
)


@pytest.mark.parametrize("usual_s", [0.01, 60.0])
def test_photographs_do_not_wait_for_drawings_that_take_long(tmp_path: Path, usual_s: float) -> None:
    """``usual_s``: what was measured before. The slow ones of earlier runs do not make others wait for these longer."""
    folder = tmp_path / "files"
    folder.mkdir()
    _draw_slow_ones(folder, SLOW)
    for seed in range(PHOTOS):
        photos.write_photo(folder / f"p{seed}.jpg", seed=seed, size=(320, 240))
    with _started(tmp_path / "library", folder, usual_s) as library:
        every = made_of_one(library) * PHOTOS
        wait_until(lambda: made(library, "image/jpeg") == every, "the photographs")
        library.stop()
        jobs = _drawings(library)
    assert [job[:2] for job in jobs] == [("queued", 0)] * SLOW
    # One try is enough to put all of them behind, so most were not tried.
    behind = [priority for _, _, priority in jobs if is_behind(priority)]
    assert behind
    assert all(priority >= LAST_FROM for _, _, priority in jobs if priority not in behind)


def test_good_drawings_do_not_wait_for_those_that_take_long(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    _draw_slow_ones(folder, SLOW // 2)
    for number in range(GOOD):
        (folder / f"b{number}.svg").write_text(_SQUARE.format(number=number))
    photos.write_photo(folder / "p.jpg", seed=1, size=(320, 240))
    with _started(tmp_path / "library", folder, 0.01) as library:
        each = made_of_one(library)
        wait_until(lambda: made(library, "image/jpeg") == each, "the photograph")
        wait_until(lambda: made(library, "image/svg+xml") == each * GOOD, "the good drawings")
        library.stop()
        jobs = _drawings(library)
    assert [job[:2] for job in jobs if job[0] != "done"] == [("queued", 0)] * (SLOW // 2)


@contextmanager
def _started(root: Path, folder: Path, usual_s: float) -> Iterator[Library]:
    with Library.open(root, policy="mobile") as library:
        library.add_location(folder)
        library.index()
        with library._database.write() as connection:
            for variant in ("icon", "grid@2x"):
                add_measured(connection, [_measured(variant, usual_s)])
        library.start(kinds=["thumb"])
        yield library


def _measured(variant: str, seconds: float) -> Measured:
    return Measured(
        kind=SidecarKind("thumb"),
        variant=variant,
        media_class=MediaClass.IMAGE,
        number=10,
        seconds=10 * seconds,
        bytes=1000,
        source_bytes=2600,
    )


def _draw_slow_ones(folder: Path, number: int) -> None:
    for index in range(number):
        # They are found first, and so they are claimed first.
        (folder / f"a{index}.svg").write_text(_TURBULENCE.format(number=index + 1))


def made(library: Library, mime: str) -> int:
    """How many thumbnails of files of a type are there."""
    ((number,),) = _rows(
        library,
        "SELECT count(*) FROM sidecars JOIN contents USING (content_uuid)"
        f" WHERE kind = 'thumb' AND status = 'ready' AND mime = '{mime}'",
    )
    return int(number)


def _drawings(library: Library) -> list[tuple[str, int, int]]:
    """(state, attempts, priority) of their jobs."""
    return _rows(
        library,
        "SELECT jobs.state, jobs.attempts, jobs.priority FROM jobs JOIN contents USING (content_uuid)"
        " WHERE kind = 'thumb' AND mime = 'image/svg+xml'",
    )


def made_of_one(library: Library) -> int:
    """How many thumbnails a file gets."""
    (row,) = _rows(library, "SELECT count(*) FROM sidecars WHERE kind = 'thumb' GROUP BY content_uuid LIMIT 1")
    return int(row[0])


def _rows(library: Library, query: str) -> list[tuple[Any, ...]]:
    with library._database.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]
