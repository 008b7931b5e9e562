"""A sidecar that somebody waits for is made before a long backfill, by whichever process works the queue."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pillion import Library
from pillion.job import JobState
from pillion.library.sidecars import Ready
from tests.support import photos
from tests.support.program import start

BACKFILL = 2_000


@pytest.mark.slow
def test_what_is_asked_for_is_made_by_another_process_amid_its_backfill(tmp_path: Path) -> None:
    photos.write_many(tmp_path / "photos", BACKFILL)
    (tmp_path / "new").mkdir()
    photos.write_photo(tmp_path / "new" / "photo.jpg", seed=2, size=(640, 480))
    with Library.open(tmp_path / "library", policy="server") as library:
        library.index(tmp_path / "photos", kinds=["thumb"])
        process = start("work", "--library", library.root)
        try:
            next(event for event in library.events(follow=True) if event.name == "ready")
            library.index(tmp_path / "new", kinds=["thumb"])
            (uuid,) = library.find(str(tmp_path / "new" / "photo.jpg"))
            while not isinstance(library.sidecars.get_or_enqueue(uuid, "thumb", "detail@1x"), Ready):
                assert process.poll() is None
                time.sleep(0.01)
            counts = library.status().queue["thumb"].counts
            assert counts[JobState.QUEUED] > BACKFILL / 10
        finally:
            process.kill()
            process.wait()
