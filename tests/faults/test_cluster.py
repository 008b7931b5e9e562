"""Workers of one library on PostgreSQL: one is killed, the server is killed, and nothing is lost or done twice."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillion import Library
from pillion.events import Ready
from tests.support import photos, postgres, program
from tests.support.waiting import wait_until

PICTURES = 60


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """A server of its own, because it is killed."""
    with postgres.running() as started:
        yield started


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(PICTURES):
        photos.write_photo(folder / f"{number}.jpg", seed=number, size=(320, 240))
    return folder


def _done(server: postgres.Server, database: str) -> int:
    return int(server.execute("SELECT count(*) FROM jobs WHERE state = 'done'", database)[0][0])


def test_workers_outlast_the_death_of_one_and_of_the_database(
    server: postgres.Server, pictures: Path, tmp_path: Path
) -> None:
    database = server.create()
    place = ("--library", server.url(database), "--sidecars", tmp_path / "sidecars")
    indexed = program.run("index", pictures, *place, "--kinds", "thumb", "--no-wait")
    assert indexed.returncode == 0, indexed.stderr
    victim, worker = (_worker(*place) for _ in range(2))
    wait_until(lambda: _done(server, database) > 0, "the first pictures")
    with victim:
        victim.send_signal(signal.SIGKILL)
    wait_until(lambda: _done(server, database) >= PICTURES // 4, "a quarter of the pictures")
    server.kill()
    server.start()
    with worker:
        said = worker.communicate(timeout=120)[0].decode()
    assert worker.returncode == 0, said
    again = program.run("work", *place, "--kinds", "thumb")
    assert again.returncode == 0, again.stderr

    with Library.open(server.url(database), sidecars=tmp_path / "sidecars", create=False) as library:
        assert {item.state.value for item in library.ls(kind="thumb")} == {"ready"}
        told = Counter(event.content_uuid for event in library.events() if isinstance(event, Ready))
        assert library.verify() == []
    assert set(told.values()) == {1}
    assert len(told) == _done(server, database) == PICTURES
    assert server.execute("SELECT count(*) FROM jobs WHERE attempts > 1", database) == [(0,)]


def _worker(*place: str | Path) -> subprocess.Popen[bytes]:
    command = [*program.COMMAND, "work", "--kinds", "thumb", *map(str, place)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ})
