"""The server amid faults: a crowd at one sidecar, a catalog that is locked, a full disk, a client that is gone."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa

from pillion import Library
from pillion.catalog import database
from pillion.errors import CatalogError, ErrorClass, ItemError
from pillion.library.sidecars import Sidecars
from pillion.library.timeline import Chosen
from pillion.server import app
from pillion.server.app import Api
from pillion.server.guard import Guard
from pillion.server.tokens import Tokens
from tests.support import photos

T = TypeVar("T")
CROWD = 1000


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """A library with one photograph that is indexed; nothing is made of it. Nobody waits long for a lock."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)
    (tmp_path / "files").mkdir()
    photos.write_photo(tmp_path / "files" / "p.jpg", seed=1, size=(320, 240))
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.index(tmp_path / "files", kinds=["thumb"])
        yield library


class Asked:
    """An answer as the application sent it."""

    def __init__(self, sent: list[dict[str, Any]]) -> None:
        self.status: int = sent[0]["status"]
        self.headers: dict[bytes, bytes] = dict(sent[0]["headers"])
        self.body = b"".join(message.get("body", b"") for message in sent[1:])


async def ask(api: Api, path: str, query: str = "", method: str = "GET") -> Asked:
    """One request, without a network."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await api(scope, receive, send)
    return Asked(sent)


def answered(library: Library, ask_it: Callable[[Api], Awaitable[T]]) -> T:
    """What a client finds at an API of a library."""

    async def main() -> T:
        guard = Guard(tokens=Tokens(library.root), names={"localhost"}, needs_token=False, loopback=True)
        api = Api(library, guard)
        try:
            return await ask_it(api)
        finally:
            api.close()

    return asyncio.run(main())


def missing(library: Library) -> str:
    (item,) = library.timeline.page(Chosen())[0]
    return f"/api/v1/sidecars/{item.content_uuid}/thumb/icon"


def test_a_crowd_at_one_missing_sidecar_asks_for_it_once(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    path, asked = missing(library), Counter[str]()
    get = Sidecars.get_or_enqueue

    def counted(self: Sidecars, *key: Any, **more: Any) -> Any:
        asked["times"] += 1
        return get(self, *key, **more)

    monkeypatch.setattr(Sidecars, "get_or_enqueue", counted)
    library.start(kinds=["thumb"])

    async def crowd(api: Api) -> Counter[tuple[int, bytes]]:
        answers = await asyncio.gather(*(ask(api, path, "wait=60") for _ in range(CROWD)))
        assert api.making.waiting == 0
        return Counter((answer.status, answer.body[:4]) for answer in answers)

    statuses = answered(library, crowd)
    made = [event for event in library.events() if event.name == "started"]
    assert sum(statuses.values()) == CROWD
    assert {status for status, _ in statuses} <= {200, 503}
    assert statuses[200, b"RIFF"] > 0
    assert asked["times"] <= CROWD // 10
    assert len(made) == 1


def test_what_is_asked_while_another_catalog_takes_its_place_is_answered_from_that_one(
    library: Library, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    (other / "files").mkdir(parents=True)
    photos.write_photo(other / "files" / "new.jpg", seed=2, size=(320, 240))
    with Library.open(other / "library", policy="mobile") as restored:
        restored.index(other / "files", kinds=["thumb"])
    asked, replaced = threading.Event(), threading.Event()

    def look(library: Library) -> bytes:
        asked.set()
        assert replaced.wait(60)
        (item,) = library.timeline.page(Chosen())[0]
        return item.path

    async def replace_amid_it(api: Api) -> bytes:
        asking = asyncio.create_task(api.read(look))
        await asyncio.to_thread(asked.wait)
        for ending in ("-wal", "-shm"):
            library.root.joinpath(f"catalog.sqlite{ending}").unlink(missing_ok=True)
        (other / "library" / "catalog.sqlite").rename(library.root / "catalog.sqlite")
        await api.look_at_catalog()
        replaced.set()
        found = await asking
        await api.write(Library.close)
        return found

    assert answered(library, replace_amid_it) == b"new.jpg"


def test_reading_goes_on_while_the_catalog_is_locked(library: Library) -> None:
    library.run(kinds=["thumb"])
    paths = ("/api/v1/items", "/api/v1/health", "/api/v1/timeline", "/metrics", missing(library))
    with library._database.write() as connection:
        connection.execute(sa.text("UPDATE meta SET value = value"))

        async def look(api: Api) -> list[int]:
            return [(await ask(api, path)).status for path in paths]

        assert answered(library, look) == [200] * len(paths)


def test_a_change_while_the_catalog_is_locked_is_refused_for_now(library: Library) -> None:
    (item,) = library.timeline.page(Chosen())[0]
    path = f"/api/v1/sidecars/{item.content_uuid}/thumb/detail@2x"
    with library._database.write() as connection:
        connection.execute(sa.text("UPDATE meta SET value = value"))
        answer = answered(library, lambda api: ask(api, path))
    assert answer.status == 503
    assert json.loads(answer.body)["error_class"] == "busy"
    assert int(answer.headers[b"retry-after"]) > 0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ItemError(ErrorClass.DISK_FULL, "no space is left"), 507),
        (ItemError(ErrorClass.MISSING_TOOL, "a package is missing"), 501),
        (CatalogError("The catalog is damaged."), 503),
        (OSError(5, "Input/output error"), 503),
        (RuntimeError("surprise"), 500),
    ],
)
def test_every_fault_is_a_problem(
    library: Library, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Sidecars, "get_or_enqueue", fail)
    path = missing(library)
    answer = answered(library, lambda api: ask(api, path))
    problem = json.loads(answer.body)
    assert (answer.status, problem["status"]) == (status, status)
    assert answer.headers[b"content-type"] == b"application/problem+json"
    assert "surprise" not in problem["detail"]


def test_too_many_at_once_are_told_to_come_again(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "_MOST_QUEUED", 3)

    async def crowd(api: Api) -> Counter[int]:
        answers = await asyncio.gather(*(ask(api, "/api/v1/items") for _ in range(50)))
        return Counter(answer.status for answer in answers)

    statuses = answered(library, crowd)
    assert set(statuses) == {200, 503}


def test_who_is_gone_is_not_waited_for(library: Library) -> None:
    path = missing(library)

    async def leave(api: Api) -> int:
        asking = asyncio.ensure_future(ask(api, path, "wait=60"))
        while not api.making.waiting:
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait({asking})
        return api.making.waiting

    assert answered(library, leave) == 0
