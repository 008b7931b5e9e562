#!/usr/bin/env python3
"""Measure how two libraries find where they differ: ``bench_digests.py [--sidecars N] [--differences 10 100000]``.

Two catalogs with a million ready sidecars (four for each content), of which one lacks some, are compared from either
side, by folder and by HTTP (``pillion serve``): by folder once without digests of before on either side, then with
those that each library keeps of itself. The bytes are those of the answers: by folder as MessagePack, by HTTP the JSON
that came.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from native import ROOT
from pillion import Library
from pillion.catalog.database import Database
from pillion.catalog.tables import contents, sidecars
from pillion.model import SidecarKind
from pillion.peers import inventory
from pillion.peers.compare import Differences, compare
from pillion.peers.folder import CATALOG, FolderPeer
from pillion.peers.inventory import CACHE
from pillion.peers.peer import Peer
from pillion.peers.web import WebPeer

sys.path.insert(0, str(ROOT))

from tests.support import program, serving

VARIANTS = ("icon", "grid@2x", "grid@3x", "detail@1x")
_ROWS = 20_000
Rows = Sequence[dict[str, Any]]


def _contents(number: int) -> Iterator[str]:
    picker = random.Random(1)
    return (str(uuid.UUID(int=picker.getrandbits(128), version=4)) for _ in range(number))


def _rows_of(content: str) -> Iterator[dict[str, Any]]:
    for variant in VARIANTS:
        yield {
            "content_uuid": content,
            "kind": SidecarKind("thumb"),
            "variant": variant,
            "status": "ready",
            "wanted": "r" * 32,
            "recipe": "r" * 32,
            "format": "webp",
            "rel_path": f"content/{content[:2]}/{content[2:4]}/{content}/thumbs/{variant}.webp",
            "size": 3_800,
            "checksum": (content + variant).encode().hex().ljust(64, "0")[:64],
            "created_at": 1.0,
            "updated_at": 1.0,
        }


def make(root: Path, number: int) -> None:
    """A library that has so many sidecars by its catalog alone."""
    Library.open(root).close()
    content = list(_contents(number // len(VARIANTS)))
    with closing(Database(root / CATALOG)) as database:
        database.prepare()
        for start in range(0, len(content), _ROWS):
            some = content[start : start + _ROWS]
            known = [{"content_uuid": one, "size": 1, "mime": "image/jpeg", "created_at": 1.0} for one in some]
            with database.write() as connection:
                connection.execute(contents.insert(), known)
                connection.execute(sidecars.insert(), [row for one in some for row in _rows_of(one)])


def without(full: Path, root: Path, number: int) -> None:
    """A copy of a library that lacks so many of its sidecars, each of another content, anywhere."""
    shutil.copytree(full, root)
    with closing(Database(root / CATALOG)) as database, database.write() as connection:
        database.prepare()
        there = [row[0] for row in connection.execute(contents.select().with_only_columns(contents.c.content_uuid))]
        chosen = random.Random(2).sample(there, number)
        gone = sidecars.delete().where(sidecars.c.variant == VARIANTS[0])
        for start in range(0, number, _ROWS):
            connection.execute(gone.where(sidecars.c.content_uuid.in_(chosen[start : start + _ROWS])))


@contextmanager
def _served(root: Path) -> Iterator[Callable[[], Peer]]:
    token = root / "token"
    if not token.exists():
        token.write_text(program.run_json("token", "create", "bench", "--library", root)["token"])
    with serving.serving(root, "--no-work", "--no-watch") as served:
        yield lambda: WebPeer(f"http://127.0.0.1:{served.port}", token)


def _compared(root: Path, peer: Callable[[], Peer]) -> tuple[float, Differences]:
    with closing(Database(root / CATALOG)) as database:
        database.prepare()
        begin = time.perf_counter()
        with closing(peer()) as asked:
            found = compare(database, root, asked)
        return time.perf_counter() - begin, found


def _print(what: str, root: Path, peer: Callable[[], Peer], times: int, first: str = "") -> None:
    runs = [_compared(root, peer) for _ in range(times)]
    seconds, found = [took for took, _ in runs], runs[0][1]
    print(
        f"| {what} | {len(found.has):,} has, {len(found.lacks):,} lacks | {first} |"
        f" {min(seconds):.2f} to {max(seconds):.2f} | {found.received:,} |",
        flush=True,
    )


def _sum_up(root: Path) -> None:
    """Let a library keep its digests, as it does whenever it compares itself or is asked."""
    with closing(Database(root / CATALOG)) as database:
        database.prepare()
        with database.read() as connection:
            inventory.current(connection, root)


def measure(full: Path, lesser: Path, number: int, times: int) -> None:
    """Compare both, from either side."""
    for root, other, who in ((full, lesser, "has them"), (lesser, full, "lacks them")):
        for place in (root, other):
            (place / CACHE).unlink(missing_ok=True)
        first, _ = _compared(root, partial(FolderPeer, other))
        _sum_up(other)
        _print(f"{number:,} | {who}, by folder", root, partial(FolderPeer, other), times, f"{first:.2f}")
        with _served(other) as peer:
            _print(f"{number:,} | {who}, by HTTP", root, peer, times)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sidecars", type=int, default=1_000_000)
    parser.add_argument("--differences", type=int, nargs="+", default=[10, 100_000])
    parser.add_argument("--times", type=int, default=3, help="comparisons with digests of before")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pillion-bench-") as name:
        full = Path(name) / "full"
        make(full, given.sidecars)
        print("| differences | who asks, by what | found | s, the first time | s, then | bytes |", flush=True)
        print("|---|---|---|---|---|---|", flush=True)
        for number in given.differences:
            lesser = Path(name) / f"without-{number}"
            without(full, lesser, number)
            measure(full, lesser, number, given.times)


if __name__ == "__main__":
    main()
