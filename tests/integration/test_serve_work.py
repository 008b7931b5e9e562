"""The queue over HTTP: what is to be made and what failed, asking for more, events as they happen, metrics."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pillion import Library
from tests.support import photos
from tests.support.serving import API, Served, is_problem, serving


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """``files/`` with two photographs and one that is none; ``library`` that has indexed them and made nothing."""
    (tmp_path / "files").mkdir()
    for number in range(2):
        photos.write_photo(tmp_path / "files" / f"p{number}.jpg", seed=number, size=(320, 240))
    (tmp_path / "files" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"\0" * 500)
    with Library.open(tmp_path / "library", policy="mobile") as library:
        library.index(tmp_path / "files")
    return tmp_path


@contextmanager
def listening(served: Served, since: int | None = None) -> Iterator[Iterator[dict[str, Any]]]:
    """The events of a stream, one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    try:
        connection.request("GET", f"{API}/events" + ("" if since is None else f"?since={since}"))
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/event-stream")

        def events() -> Iterator[dict[str, Any]]:
            lines: dict[str, str] = {}
            while line := answer.readline().decode():
                name, _, value = line.rstrip("\n").partition(": ")
                if name:
                    lines[name] = value
                elif "data" in lines:
                    event = json.loads(lines["data"])
                    assert (lines["id"], lines["event"]) == (str(event["id"]), event["event"])
                    yield event
                    lines = {}

        yield events()
    finally:
        connection.close()


def check(served: Served, path: str, name: str, value: object) -> None:
    """What was answered is as the document says."""
    operation = served.get("openapi.json")["paths"][API + path]
    (described,) = operation.values()
    assert described["operationId"] == name
    jsonschema.validate(value, described["responses"]["200"]["content"]["application/json"]["schema"])


def test_the_queue_can_be_seen_paused_cancelled_and_asked_again(home: Path) -> None:
    with serving(home / "library", "--no-work") as served:
        status = served.get("status")
        check(served, "/status", "status", status)
        assert status["files"] == 3
        assert status["jobs"]["thumb"]["queued"] == 3
        page = served.get("jobs?limit=2&state=queued&kind=thumb")
        check(served, "/jobs", "list_jobs", page)
        rest = served.get(f"jobs?limit=2&after={page['next']}")
        assert len(page["jobs"]) + len(rest["jobs"]) == 3
        assert rest["next"] is None
        assert served.get("plan?kind=thumb")["sidecars"] == 6

        assert served.ask("pause", "POST", json_body={"kind": "thumb", "location": 1}).json == {"paused": True}
        assert served.get("status")["paused"] == [{"kind": "thumb", "location": str(home / "files")}]
        assert served.ask("resume", "POST").json == {"ended": 1}
        assert served.ask("cancel", "POST", json_body={"kind": "thumb"}).json == {"sidecars": 6}
        assert served.get("status")["jobs"]["thumb"] == {"cancelled": 3}
        assert served.ask("retry", "POST", json_body={}).json == {"sidecars": 6}
        assert served.get("status")["jobs"]["thumb"]["queued"] == 3
        assert served.get("usage")["total"]["statuses"] == {"pending": 6}
        for name, body in (
            ("pause", {"kind": "nothing"}),
            ("pause", {"location": 99}),
            ("retry", {"error_class": "bad luck"}),
            ("retry", {"content_uuids": ["x"]}),
            ("cancel", {"content_uuids": "x"}),
            ("regenerate", {"folder": "1/nowhere"}),
            ("regenerate", {"stale": 1}),
        ):
            assert is_problem(served.ask(name, "POST", json_body=body), 422), (name, body)
        assert served.process.poll() is None
    with serving(home / "library", "--read-only") as served:
        assert is_problem(served.ask("retry", "POST", json_body={}), 403)


def test_what_happens_is_told_as_it_happens_and_from_an_id_on(home: Path) -> None:
    with serving(home / "library") as served, listening(served, 0) as events:
        seen = []
        for event in events:
            seen.append(event)
            if sum(event["event"] in ("ready", "failed") for event in seen) == 3:
                break
        assert [event["id"] for event in seen] == list(range(1, len(seen) + 1))
        with listening(served, seen[1]["id"]) as later:
            assert next(later) == seen[2]
        page = served.get("events?since=1&limit=2", accept="application/json")
        assert page["events"] == seen[1:3]
        assert page["next"] == 3
        with listening(served) as new:
            served.ask("regenerate", "POST", json_body={"kind": "thumb"})
            assert next(new)["id"] > seen[-1]["id"]

        failures = served.get("failures?kind=thumb")
        check(served, "/failures", "list_failures", failures)
        assert {item["error_class"] for item in failures["failures"]} == {"corrupt"}
        assert failures["failures"][0]["sources"] == [str(home / "files/broken.jpg")]
        one = served.get("failures?limit=1")
        assert len(one["failures"]) == 1
        assert served.get(f"failures?limit=1&offset={one['next']}")["next"] is None


def test_metrics_are_what_prometheus_reads(home: Path) -> None:
    before = time.time()
    line = re.compile(r'[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9.e+-]+')
    with serving(home / "library", "--no-work") as served:
        served.ask("nothing")
        answer = served.ask("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        text = answer.body.decode()
        values = [each for each in text.splitlines() if not each.startswith("#")]
        assert all(line.fullmatch(each) for each in values)
        assert 'pillion_jobs{kind="thumb",state="queued"} 3' in values
        assert 'pillion_http_requests_total{method="GET",status="404"} 1' in values
        assert any(each.startswith('pillion_oldest_queued_seconds{kind="thumb"}') for each in values)
        assert "pillion_workers_up 0" in values
        (begun,) = [float(each.split()[1]) for each in values if each.startswith("pillion_start_time_seconds ")]
        assert before <= begun <= time.time()
        described = {each.split()[2] for each in text.splitlines() if each.startswith("# TYPE")}
        assert {re.split(r"[{ ]", each)[0] for each in values} <= described


def test_the_server_alone_is_ended_by_a_terminal(home: Path) -> None:
    """Its workers would end first, and it would say that it begins them again."""
    with serving(home / "library") as served:
        worker = served.get("health")["workers"]["pid"]
        assert os.getpgid(worker) != os.getpgid(served.process.pid)
        assert served.stop() == 0
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_it_ends_at_once_with_open_streams_and_clients_that_hang(home: Path) -> None:
    with serving(home / "library") as served, listening(served) as events:
        hanging = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(20)]
        for number, client in enumerate(hanging):
            client.sendall([b"", b"GET /api/v1/ev", b"GET /api/v1/items HTTP/1.1\r\nHost: localhost\r\n"][number % 3])
        assert served.get("health")["status"] == "ok"
        start = time.monotonic()
        assert served.stop() == 0
        assert list(events) == []
        assert time.monotonic() - start < 30
        for client in hanging:
            client.close()


def test_a_catalog_restored_under_it_is_opened_and_the_workers_follow(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "files").mkdir(parents=True)
    photos.write_photo(other / "files" / "new.jpg", seed=9)
    with Library.open(other / "library", policy="mobile") as library:
        library.index(other / "files")
    with serving(home / "library") as served:
        assert len(served.get("items")["items"]) == 3
        before = served.get("health")["workers"]["pid"]
        (home / "library" / "catalog.sqlite").rename(home / "aside")
        for ending in ("-wal", "-shm"):
            (home / "library" / f"catalog.sqlite{ending}").unlink(missing_ok=True)
        (other / "library" / "catalog.sqlite").rename(home / "library" / "catalog.sqlite")
        while len(found := served.get("items")["items"]) == 3:
            assert served.process.poll() is None
        uuid = found[0]["content_uuid"]
        assert found[0]["name"] == "new.jpg"
        assert served.ask(f"sidecars/{uuid}/thumb/icon?wait=60").status == 200
        # While they are begun again, they have none.
        while served.get("health")["workers"].get("pid", before) == before:
            assert served.process.poll() is None
