#!/usr/bin/env python3
"""Keep `pillion serve` busy for a long time, and print the memory of the server and of its workers as time goes on.

The load is mixed and modest: thumbnails that are there and that have to be made, searches, the timeline, items, events,
metrics, and changes (files that come and go under the watcher, results asked for again, pauses). Prints a row a minute;
exits with 1 if an answer was a server error, or if the memory of the server alone (not of files that the system keeps
in memory for it) grew by more than a tenth and 16 MiB between the middle and the end.

    python tools/soak_serve.py [--minutes 60] [--rate 20] [--photos 300]
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psutil
from PIL import Image

from fuzz_api import serving
from pillion import Library

_MIB = 1024 * 1024
_WORDS = ["harbour", "jam", "lighthouse", "letter", "Sunday", "winter", "plum", "gallery"]
_ALLOWED = 16.0
"""MiB that the server may grow by in the second half of the time, beside a tenth of what it has."""


@dataclass
class Load:
    """Requests of one client, one after the other. ``statuses``: how often each was answered."""

    port: int
    files: Path
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    statuses: Counter[int] = field(default_factory=Counter)
    uuids: list[str] = field(default_factory=list)
    cursor: str | None = None
    made: int = 0

    def ask(self, path: str, method: str = "GET", body: object = None, **headers: str) -> Any:
        """An answer's JSON, or None."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            self.statuses[answer.status] += 1
            data = answer.read()
            is_json = (answer.getheader("content-type") or "").startswith("application/json")
            return json.loads(data) if is_json and answer.status == 200 else None
        finally:
            connection.close()

    def one(self) -> None:
        """One request, or a change of the files."""
        (step,) = self.chance.choices(list(_STEPS), list(_STEPS.values()))
        step(self)

    def uuid(self) -> str:
        """Some content."""
        return self.chance.choice(self.uuids)


def _page(load: Load) -> None:
    cursor = f"&cursor={load.cursor}" if load.cursor else ""
    answer = load.ask(f"/api/v1/items?limit=100{cursor}") or {"items": [], "next": None}
    load.cursor = answer["next"]
    load.uuids = (load.uuids + [item["content_uuid"] for item in answer["items"]])[-2000:]


def _thumbnail(load: Load) -> None:
    load.ask(f"/api/v1/sidecars/{load.uuid()}/thumb/{load.chance.choice(['icon', 'grid@2x'])}?make=false")


def _missing(load: Load) -> None:
    load.ask(f"/api/v1/sidecars/{load.uuid()}/thumb/detail@1x?wait=2")


def _search(load: Load) -> None:
    load.ask(f"/api/v1/search?q={quote(' '.join(load.chance.sample(_WORDS, 2)))}")


def _events(load: Load) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", load.port, timeout=60)
    connection.request("GET", "/api/v1/events?since=0", headers={"Accept": "text/event-stream"})
    connection.getresponse().read(200)
    connection.close()


def _new_file(load: Load) -> None:
    load.made += 1
    write_photo(load.files / f"new {load.made}.jpg", load.made + 10_000)
    gone = load.files / f"new {load.made - 50}.jpg"
    gone.unlink(missing_ok=True)


def _regenerate(load: Load) -> None:
    body = {"kind": "thumb", "content_uuid": load.uuid()}
    load.ask("/api/v1/regenerate", "POST", body)


def _pause(load: Load) -> None:
    load.ask("/api/v1/pause", "POST", {"kind": "thumb"})
    load.ask("/api/v1/resume", "POST", {})


def _plain(path: str) -> Callable[[Load], None]:
    return lambda load: load.ask(f"{path.format(uuid=load.uuid())}")


_STEPS: dict[Callable[[Load], None], int] = {
    _thumbnail: 60,
    _page: 10,
    _search: 6,
    _missing: 4,
    _events: 3,
    _new_file: 2,
    _regenerate: 1,
    _pause: 1,
    _plain("/api/v1/timeline"): 4,
    _plain("/api/v1/items/{uuid}"): 6,
    _plain("/api/v1/originals/{uuid}"): 3,
    _plain("/api/v1/items/{uuid}/similar"): 1,
    _plain("/api/v1/status"): 3,
    _plain("/metrics"): 1,
    _plain("/"): 1,
}
"""What is asked, and how often."""


def write_photo(path: Path, seed: int) -> None:
    """A small picture that no other is like."""
    Image.effect_noise((320, 240), 20 + seed % 60).convert("RGB").save(path, quality=80)


def memory(server: psutil.Process) -> tuple[float, float, float, int, int]:
    """MiB of the server itself, of files that it has in memory, and of all below it, how many those are, and its open
    files.
    """
    now = server.memory_info()
    files = now.shared / _MIB
    own = now.rss / _MIB - files
    below = 0.0
    number = 0
    for child in server.children(recursive=True):
        try:
            below += child.memory_info().rss / _MIB
            number += 1
        except psutil.NoSuchProcess:
            continue
    return own, files, below, number, server.num_fds()


def keep_busy(load: Load, server: psutil.Process, minutes: float, rate: float) -> Iterator[tuple[float, int]]:
    """The load; yields the server's memory in MiB and the number of requests once a minute, which are printed."""
    begun = time.monotonic()
    minute = 0
    while (passed := time.monotonic() - begun) < minutes * 60:
        load.one()
        if passed >= minute * 60:
            own, mapped, below, number, files = memory(server)
            row = (
                f"{minute:4} min {own:8.1f} MiB server {mapped:6.1f} MiB of files {below:9.1f} MiB in {number:2} below"
            )
            asked = sum(load.statuses.values())
            print(f"{row} {files:5} files open {asked:8,} asked", flush=True)
            minute += 1
            yield own, asked
        time.sleep(max(0.0, load.chance.expovariate(rate)))
    yield memory(server)[0], sum(load.statuses.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=20, help="About how many requests a second.")
    parser.add_argument("--photos", type=int, default=300)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "files"
        files.mkdir()
        for number in range(arguments.photos):
            write_photo(files / f"{number}.jpg", number)
            (files / f"{number}.txt").write_text(" ".join(random.Random(number).choices(_WORDS, k=40)))
        with Library.open(Path(folder) / "library", policy="mobile") as library:
            library.add_location(files)
            library.index()
            library.run()
        with serving(Path(folder) / "library") as url:
            alive = (one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE)
            (server,) = (one for one in alive if "serve" in one.cmdline())
            load = Load(urlsplit(url).port or 0, files)
            _page(load)
            seen = list(keep_busy(load, server, arguments.minutes, arguments.rate))
    (first, _), (middle, then), (last, asked) = seen[min(1, len(seen) - 1)], seen[len(seen) // 2], seen[-1]
    slope = (last - middle) / max(1, asked - then) * 10_000
    print(f"server: {first:.1f} MiB at the start, {middle:.1f} in the middle, {last:.1f} at the end")
    print(f"from the middle on {slope:+.1f} MiB for 10,000 requests")
    print(f"answers: {dict(load.statuses)}")
    errors = sum(number for status, number in load.statuses.items() if status >= 500)
    return 1 if errors or last > middle * 1.1 + _ALLOWED else 0


if __name__ == "__main__":
    sys.exit(main())
