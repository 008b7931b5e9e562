#!/usr/bin/env python3
"""Measure the HTTP server: thumbnails and 304s a second, their 99th percentile, and the timeline of a large library.

The load comes from wrk (Debian's package), whose script asks for one thumbnail after the other; nginx, where it is
installed, serves the same files beside it. Rates are given by the wall clock, and for one core by the processor time
that the server took, since other work on the machine slows the first and hardly the second. thumbor, in an environment
of its own, makes and keeps the same thumbnails of the same photographs. The timeline is that of a catalog with made
rows: no file of it is on the disk.

    python tools/bench_serve.py [--items 1000000] [--seconds 8] [--thumbnails 2000]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import sqlalchemy as sa
from PIL import Image

import native
from native import ROOT
from pillion import Library
from pillion.catalog.database import Database
from pillion.catalog.tables import contents, entries, folders, locations

sys.path.insert(0, str(ROOT))

from benches.peers import environments

CLIENTS = 64
_THUMBOR = ("thumbor==7.8.0",)
_SCRIPT = """
local paths, at = {{}}, 0
for line in io.lines("{list}") do
  local path, tag = line:match("(%S+) (%S+)")
  paths[#paths + 1] = wrk.format("GET", path, {headers})
end
function request()
  at = at % #paths + 1
  return paths[at]
end
"""


@dataclass(frozen=True)
class Rate:
    """Requests a second, in all and for each core that the server took; ``p99_ms``: 99 of 100 took at most so long."""

    wall: float
    core: float
    p99_ms: float


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--thumbnails", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which("wrk") is None:
            print("wrk is not installed (Debian: apt install wrk): only the timeline is measured")
        else:
            measure_thumbnails(Path(folder), arguments.thumbnails, arguments.seconds)
        measure_timeline(Path(folder), arguments.items)
    return 0


# thumbnails -----------------------------------------------------------------------------------------------------------


def measure_thumbnails(folder: Path, number: int, seconds: int) -> None:
    """Print the rates of thumbnails that a client has not, and has; with workers busy; and of nginx."""
    library = folder / "photos.pillion"
    make_thumbnails(folder / "photos", library, number)
    with Library.open(library) as opened:
        ready = [item for item in opened.ls(kind="thumb") if item.checksum and item.path]
    size = statistics.mean(item.bytes or 0 for item in ready)
    print(f"{len(ready):,} thumbnails of {size / 1000:.1f} kB on average, {CLIENTS} clients")
    addresses = [
        (f"/api/v1/sidecars/{item.content_uuid}/thumb/{item.variant}?sum={item.checksum}", str(item.checksum))
        for item in ready
    ]
    with serving(library, "--no-work") as (port, process):
        warm(port, addresses)
        report("pillion, 200", load(folder, port, addresses, seconds, process, match=False))
        report("pillion, 304", load(folder, port, addresses, seconds, process, match=True))
    with serving(library) as (port, process):
        warm(port, addresses)
        with Library.open(library) as opened:
            opened.regenerate(kind="thumb")
        report("pillion, 200, workers busy", load(folder, port, addresses, seconds, process, match=False))
    if shutil.which("nginx") or Path("/usr/sbin/nginx").exists():
        paths = [("/" + str(item.path.relative_to(library / "sidecars")), "") for item in ready if item.path]
        with nginx(folder, library / "sidecars") as (port, process):
            report("nginx, 200", load(folder, port, paths, seconds, process, match=False))
    measure_thumbor(folder, number, seconds)


def measure_thumbor(folder: Path, number: int, seconds: int) -> None:
    """Print the rate of thumbor, once it has made and kept every thumbnail; or why it cannot be had."""
    try:
        python = environments.ensure(native.cache_dir() / "peers" / "thumbor", _THUMBOR)
    except environments.SetupError as error:
        print(error)
        return
    addresses = [(f"/unsafe/fit-in/512x512/{at}.jpg", "") for at in range(number)]
    with thumbor(folder, python.with_name("thumbor")) as (port, process):
        start = time.perf_counter()
        warm(port, addresses)
        print(f"thumbor made them one after the other: {number / (time.perf_counter() - start):,.0f}/s")
        report("thumbor, 200, all kept", load(folder, port, addresses, seconds, process, match=False))


def make_thumbnails(photos: Path, library: Path, number: int) -> None:
    """A library of photographs with noise, so that their thumbnails are as large as those of real ones."""
    photos.mkdir()
    for at in range(number):
        noise = Image.effect_noise((512, 384), 30).convert("RGB")
        Image.blend(noise, Image.radial_gradient("L").resize((512, 384)).rotate(at).convert("RGB"), 0.6).save(
            photos / f"{at}.jpg", quality=70
        )
    with Library.open(library, policy="mobile") as opened:
        opened.index(photos, kinds=["thumb"])
        opened.run(kinds=["thumb"])


def warm(port: int, addresses: Sequence[tuple[str, str]]) -> None:
    """Ask for each once."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for path, _ in addresses:
        connection.request("GET", path)
        connection.getresponse().read()
    connection.close()


def load(
    folder: Path,
    port: int,
    addresses: Sequence[tuple[str, str]],
    seconds: int,
    process: psutil.Process,
    *,
    match: bool,
) -> Rate:
    """Ask for all addresses again and again."""
    listed, script = folder / "addresses", folder / "load.lua"
    listed.write_text("".join(f"{path} {tag or '-'}\n" for path, tag in addresses))
    headers = '{Host = "127.0.0.1"' + (', ["If-None-Match"] = "\\"" .. tag .. "\\""}' if match else "}")
    script.write_text(_SCRIPT.format(list=listed, headers=headers))
    before = cpu_seconds(process)
    command = [
        "wrk",
        "-t1",
        f"-c{CLIENTS}",
        f"-d{seconds}s",
        "--latency",
        "-s",
        str(script),
        f"http://127.0.0.1:{port}",
    ]
    done = subprocess.run(command, text=True, capture_output=True, check=True)
    took = cpu_seconds(process) - before
    made = re.search(r"(\d+) requests in", done.stdout)
    each = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    slow = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    if made is None or each is None or slow is None:
        raise SystemExit(done.stdout)
    if "Non-2xx" in done.stdout and not match:
        raise SystemExit(done.stdout)
    unit = {"us": 0.001, "ms": 1.0, "s": 1000.0}[slow[2]]
    return Rate(float(each[1]), int(made[1]) / max(took, 1e-9), float(slow[1]) * unit)


def report(name: str, rate: Rate) -> None:
    """Print a rate."""
    print(f"{name:<28} {rate.wall:>9,.0f}/s  {rate.core:>9,.0f}/s for each core  p99 {rate.p99_ms:.1f} ms")


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time of a process and, of nginx, its worker."""
    every = [process, *process.children(recursive=True)] if process.name() == "nginx" else [process]
    return sum(times.user + times.system for times in (each.cpu_times() for each in every))


@contextmanager
def serving(library: Path, *options: str) -> Iterator[tuple[int, psutil.Process]]:
    """The port and process of a server."""
    command = [
        sys.executable,
        "-m",
        "pillion",
        "serve",
        "--library",
        str(library),
        "--port",
        "0",
        "--json",
        "--no-watch",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            port = urlsplit(json.loads(server.stdout.readline())["url"]).port
            assert port is not None
            yield port, psutil.Process(server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


@contextmanager
def nginx(folder: Path, root: Path) -> Iterator[tuple[int, psutil.Process]]:
    """nginx with one worker, which serves a folder."""
    port = 18641
    config = folder / "nginx.conf"
    config.write_text(
        f"worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; user root;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; sendfile on; tcp_nopush on; types {{ image/webp webp; }}\n"
        f"open_file_cache max=10000 inactive=60s; keepalive_requests 100000000;\n"
        f"server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with subprocess.Popen([program, "-c", str(config), "-p", str(folder)], stderr=subprocess.DEVNULL) as server:
        try:
            until = time.monotonic() + 10
            while not (folder / "nginx.pid").exists() and time.monotonic() < until:
                time.sleep(0.05)
            time.sleep(0.5)
            yield port, psutil.Process(server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)


@contextmanager
def thumbor(folder: Path, program: Path) -> Iterator[tuple[int, psutil.Process]]:
    """thumbor with one process, which keeps what it makes of the photographs."""
    port = 18642
    config = folder / "thumbor.conf"
    config.write_text(
        "LOADER = 'thumbor.loaders.file_loader'\n"
        f"FILE_LOADER_ROOT_PATH = {str(folder / 'photos')!r}\n"
        "STORAGE = 'thumbor.storages.no_storage'\n"
        "RESULT_STORAGE = 'thumbor.result_storages.file_storage'\n"
        f"RESULT_STORAGE_FILE_STORAGE_ROOT_PATH = {str(folder / 'thumbor')!r}\n"
        "ALLOW_UNSAFE_URL = True\nRESULT_STORAGE_STORES_UNSAFE = True\nAUTO_WEBP = False\nQUALITY = 85\n"
    )
    command = [str(program), "--ip", "127.0.0.1", "--port", str(port), "--conf", str(config), "--log-level", "error"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            until = time.monotonic() + 20
            while not answers(port) and server.poll() is None and time.monotonic() < until:
                time.sleep(0.05)
            yield port, psutil.Process(server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)


def answers(port: int) -> bool:
    """Does something listen there?"""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


# the timeline ---------------------------------------------------------------------------------------------------------


def measure_timeline(folder: Path, number: int) -> None:
    """Print how long pages of the timeline of so many items take."""
    library = folder / "large.pillion"
    with Library.open(library, policy="mobile"):
        pass
    make_rows(library, number)
    with serving(library, "--no-work") as (port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        cursors = [month["cursor"] for month in ask(connection, "timeline")[1]["months"]]
        middle = cursors[len(cursors) // 2]
        first, _ = ask(connection, "timeline?type=image")
        for name, path in (
            ("newest 100", "items"),
            ("oldest 100", "items?order=asc"),
            ("100 in the middle", f"items?cursor={middle}"),
            ("100 of one type", "items?type=application/pdf"),
            ("100 of a folder", "items?folder=1/f7"),
            ("offset of 5,000", f"items?cursor={middle}&offset=5000"),
            ("counts of months, again", "timeline"),
        ):
            times = sorted(ask(connection, path)[0] for _ in range(50))
            print(f"{number:,} items: {name:<24} median {times[25]:.1f} ms, p95 {times[47]:.1f} ms")
        print(f"{number:,} items: counts of months of one type, first time {first:.0f} ms")


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[float, dict[str, Any]]:
    """How long an answer took, in ms, and what it was."""
    start = time.perf_counter()
    connection.request("GET", f"/api/v1/{path}")
    answer = connection.getresponse()
    body = answer.read()
    took = (time.perf_counter() - start) * 1000
    assert answer.status == 200, body
    return took, json.loads(body)


def make_rows(library: Path, number: int) -> None:
    """Contents and files that are only in the catalog: over 20 years, in 100 folders, every 50th a PDF."""
    database = Database(library / "catalog.sqlite")
    start, step = 1_100_000_000_000, 630_720_000_000 // number
    with database.write() as connection:
        connection.execute(sa.insert(locations).values(id=1, path=b"/made", walked=1, added_at=0.0))
        connection.execute(
            sa.insert(folders),
            [{"location_id": 1, "path": b"f%d" % at, "files": number // 100, "bytes": 1} for at in range(100)],
        )
        for begin in range(0, number, 50_000):
            rows = [
                (at, str(uuid.uuid5(uuid.NAMESPACE_OID, str(at)))) for at in range(begin, min(begin + 50_000, number))
            ]
            connection.execute(
                sa.insert(contents),
                [
                    {
                        "content_uuid": key,
                        "size": 1000 + at,
                        "mime": "application/pdf" if at % 50 == 0 else "image/jpeg",
                        "created_at": 0.0,
                        "thumbhash": bytes(21),
                        "shown_at": start + at * step,
                    }
                    for at, key in rows
                ],
            )
            connection.execute(
                sa.insert(entries),
                [
                    {
                        "location_id": 1,
                        "path": b"f%d/%d.jpg" % (at % 100, at),
                        "size": 1000 + at,
                        "mtime_ns": (start + at * step) * 1_000_000,
                        "inode": at,
                        "content_uuid": key,
                        "queued": 1,
                    }
                    for at, key in rows
                ],
            )
    database.close()


if __name__ == "__main__":
    sys.exit(main())
