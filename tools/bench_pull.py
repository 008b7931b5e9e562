#!/usr/bin/env python3
"""Measure taking thumbnails from another device beside rsync, from a folder and over the network of this machine.

One library has the thumbnails of many photographs, another knows the same photographs and has made nothing. ``pillion
pull`` takes them by folder and from ``pillion serve``; rsync copies the same files by folder and from its own daemon,
without and with ``--fsync``, which is what a pull does. A pull also decodes every thumbnail in a confined worker,
writes a manifest for each photograph, and records all of it. Then either side is killed amid it, again and again, and
both libraries are verified. rsync is Debian's package.

    python tools/bench_pull.py [--photos 2500] [--kills 3]
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from pillion import Library

COMMAND = (sys.executable, "-m", "pillion")

_SIDE = 640


def make(folder: Path, number: int) -> None:
    """Photographs in ``folder/photos``, all different, and a library with their thumbnails in ``folder/desk``."""
    (folder / "photos").mkdir()
    scene = (
        Image.effect_noise((_SIDE * 2, _SIDE * 2), 60).resize((_SIDE // 4, _SIDE // 4)).resize((_SIDE * 2, _SIDE * 2))
    )
    picker = random.Random(1)
    for at in range(number):
        left, top = picker.randrange(_SIDE), picker.randrange(_SIDE)
        tint = Image.new("RGB", (_SIDE, _SIDE), tuple(picker.randrange(256) for _ in range(3)))
        part = scene.crop((left, top, left + _SIDE, top + _SIDE)).convert("RGB")
        Image.blend(part, tint, 0.4).save(folder / "photos" / f"{at:06}.jpg", quality=80)
    with Library.open(folder / "desk", policy="mobile") as library:
        library.index(folder / "photos", kinds=["thumb"])
        library.run(kinds=["thumb"])


def phone(folder: Path) -> Path:
    """A new library that knows the photographs and has made nothing."""
    place = folder / "phone"
    shutil.rmtree(place, ignore_errors=True)
    with Library.open(place, policy="mobile") as library:
        library.index(folder / "photos", kinds=["thumb"])
    return place


def pillion(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run([*COMMAND, *map(str, arguments)], text=True, capture_output=True, check=False)


def add_peer(place: Path, address: str | Path) -> None:
    """Let the library at ``address`` be a peer of the one at ``place``."""
    with Library.open(place) as library:
        library.peers.add("desk", str(address))


@contextmanager
def served(library: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``pillion serve`` of a library: its process and its address."""
    command = [*COMMAND, "serve", "--library", str(library), "--port", "0", "--no-work", "--no-watch"]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            found = next(filter(None, (re.search(r"http://\S+:\d+", line) for line in process.stdout)))
            yield process, found[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


@contextmanager
def daemon(folder: Path, root: Path) -> Iterator[str]:
    """rsync's own server of a folder: its address."""
    port = random.randrange(20_000, 30_000)
    settings = folder / "rsyncd.conf"
    settings.write_text(
        f"use chroot = no\nuid = {os.getuid()}\ngid = {os.getgid()}\n[all]\npath = {root}\nread only = yes\n"
    )
    command = ["rsync", "--daemon", "--no-detach", f"--config={settings}", f"--port={port}", "--address=127.0.0.1"]
    with subprocess.Popen(command) as process:
        time.sleep(0.5)
        try:
            yield f"rsync://127.0.0.1:{port}/all/"
        finally:
            process.terminate()


def timed(*command: str | Path) -> float:
    """The seconds that a command takes; it must succeed."""
    started = time.monotonic()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr[-2000:]}")
    return time.monotonic() - started


def copied(folder: Path, source: str | Path, *options: str) -> tuple[float, float]:
    """The seconds of a copy by rsync, and of a second one that finds nothing to do."""
    target = folder / "copy"
    shutil.rmtree(target, ignore_errors=True)
    command = ("rsync", "-a", *options, f"{source}", f"{target}/")
    return timed(*command), timed(*command)


def pulled(folder: Path, address: str | Path) -> tuple[float, float]:
    """The seconds of a pull into a new library, and of a second one that finds nothing to do."""
    place = phone(folder)
    add_peer(place, address)
    command = (*COMMAND, "pull", "--library", place)
    return timed(*command), timed(*command)


def compare(folder: Path) -> None:
    """Print the seconds of each way."""
    desk = folder / "desk"
    files = list((desk / "sidecars").rglob("*.webp"))
    size = sum(path.stat().st_size for path in files)
    print(f"{len(files):,} thumbnails, {size / 1e6:,.1f} MB")
    rows = {"rsync -a, folder": copied(folder, f"{desk / 'sidecars'}/")}
    rows["rsync -a --fsync, folder"] = copied(folder, f"{desk / 'sidecars'}/", "--fsync")
    rows["pillion pull, folder"] = pulled(folder, desk)
    with daemon(folder, desk / "sidecars") as address:
        rows["rsync -a, its daemon"] = copied(folder, address)
        rows["rsync -a --fsync, its daemon"] = copied(folder, address, "--fsync")
    with served(desk) as (_, address):
        rows["pillion pull, HTTP"] = pulled(folder, address)
    print(f"{'':30} {'s':>8} {'files/s':>9} {'MB/s':>7} {'again, s':>9}")
    for name, (first, second) in rows.items():
        print(f"{name:30} {first:8.2f} {len(files) / first:9,.0f} {size / first / 1e6:7.1f} {second:9.2f}")


def sound(library: Path) -> str:
    """What ``pillion verify`` says, in a word."""
    done = pillion("verify", "--library", library)
    return "clean" if done.returncode == 0 else f"NOT CLEAN: {done.stdout[-500:]}"


def kill(folder: Path, times: int) -> bool:
    """Kill either side amid a pull, so often each; whether both were sound each time and the pull was gone on with."""
    fine = True
    for victim in ("puller", "server"):
        for _ in range(times):
            place = phone(folder)
            with served(folder / "desk") as (server, address):
                add_peer(place, address)
                puller = subprocess.Popen([*COMMAND, "pull", "--library", str(place)], stderr=subprocess.DEVNULL)
                while puller.poll() is None and not any((place / "sidecars").rglob("*.webp")):
                    time.sleep(0.05)
                time.sleep(random.random())
                there = puller.poll() is None
                (puller if victim == "puller" else server).kill()
                puller.wait()
            # What a kill left is whole; a file that was placed and not recorded is adopted, or said by verify.
            pillion("verify", "--repair", "--library", place)
            words = [sound(place), sound(folder / "desk")]
            add_peer(place, folder / "desk")
            again = pillion("pull", "--library", place)
            with Library.open(place) as library:
                ready = sum(item.state == "ready" for item in library.ls())
                wanted = sum(1 for _ in library.ls())
            words += [sound(place), sound(folder / "desk")]
            when = "amid it" if there else "after its end"
            print(f"kill -9 of the {victim}, {when}: {', '.join(words)}; {ready}/{wanted} ready")
            fine = fine and set(words) == {"clean"} and ready == wanted and again.returncode == 0
    return fine


def main() -> int:
    """Measure all of it; 1 if a kill left anything wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=2500, help="two thumbnails are made of each")
    parser.add_argument("--kills", type=int, default=3, help="of each side")
    options = parser.parse_args()
    if shutil.which("rsync") is None:
        print("rsync is missing: apt install rsync")
        return 1
    with tempfile.TemporaryDirectory(prefix="pillion-pull-") as name:
        folder = Path(name)
        make(folder, options.photos)
        compare(folder)
        return 0 if kill(folder, options.kills) else 1


if __name__ == "__main__":
    sys.exit(main())
