"""Killing the program on purpose, at named points and at any moment, while it works on a library that grows."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from pillion.failpoints import DIRECTORY_VARIABLE, POINTS, RULES_VARIABLE
from tests.support.invariants import (
    FileState,
    check_invariants,
    check_not_made_again,
    check_untouched,
    has_catalog,
    source_state,
    visible_files,
)
from tests.support.program import Process, begin

PATIENCE_S = 120.0
WORKER_POINTS = tuple(name for name in POINTS if name.startswith(("child.", "execute.")))
_CARE = ("cleanup.", "reconcile.", "remove.", "repair.", "verify.")
CARE_POINTS = tuple(name for name in POINTS if name.startswith(_CARE))
SOUND_POINTS = tuple(name for name in POINTS if name.startswith(("transcribe.", "proxy.")))
SEARCH_POINTS = tuple(name for name in POINTS if name.startswith("search."))
INDEX_POINTS = tuple(name for name in POINTS if name not in (*CARE_POINTS, *SOUND_POINTS, *SEARCH_POINTS))
"""Those that indexing and working reach."""

ONLY_ONCE = ("library.created",)
"""Points that only the first run on a library reaches."""


MAY_CHANGE_FILES = ("work", "cleanup", "rm", "verify")
"""Commands after which files may be gone or new: stale ones are replaced, those of contents that are gone go."""


def write_picture(path: Path, seed: int) -> None:
    """A small JPEG like no other."""
    pixels = np.random.default_rng(seed).integers(0, 255, size=(30, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, quality=80)


@dataclass
class Victim:
    """A folder of pictures, and a library that is indexed again and again while it is killed.

    After each kill the invariants are checked: all that was visible is still the same file.
    """

    root: Path
    per_run: int = 3
    """New pictures for each run, so that each has something to do."""
    pictures: int = 0
    runs: int = 0
    kills: int = 0
    reached: set[str] = field(default_factory=set)
    before: FileState = field(default_factory=dict)

    @property
    def photos(self) -> Path:
        """The user's folder."""
        return self.root / "photos"

    @property
    def library(self) -> Path:
        """The library made of it."""
        return self.root / "library"

    def kill_at(self, point: str, action: str = "kill", count: int = 1, command: Sequence[str] = ()) -> bool:
        """Run with the point armed and check what is left. Returns whether the point was reached so many times.

        ``action``: "kill", or "killboth": a worker hangs at the point, and is killed with its parent.
        """
        both = action == "killboth"
        process = self._start({RULES_VARIABLE: f"{point}={'hang' if both else action}@{count}"}, *command)
        while both and process.poll() is None and self._counts().get(point, 0) < count:
            time.sleep(0.005)
        if both:
            self._kill(process, "both")
        code = process.wait(PATIENCE_S)
        hit = self._counts().get(point, 0) >= count
        dies = hit and (action == "killboth" or point not in WORKER_POINTS)
        assert code == (-signal.SIGKILL if dies else 0), f"{point}: exit code {code}, {self._errors()}"
        self._after(hit)
        return hit

    def kill_while_stopping(self, point: str) -> None:
        """Press Ctrl-C while a worker is on an item; the program dies at the point, on its way to an orderly end."""
        process = self._start({RULES_VARIABLE: f"child.item=hang@1 {point}=kill@1"})
        deadline = time.monotonic() + PATIENCE_S
        while "child.item" not in self._counts() and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == -signal.SIGKILL, f"{point}: {self._errors()}"
        self._after(True)

    def kill_command(self, point: str, *command: str) -> None:
        """Run another command, which dies at the point, and check what is left."""
        process = self._start({RULES_VARIABLE: f"{point}=kill@1"}, *command)
        assert process.wait(PATIENCE_S) == -signal.SIGKILL, f"{point}: {self._errors()}"
        self._after(True)

    def do(self, *command: str) -> None:
        """Run another command to its end."""
        code = self._start({}, *command).wait(PATIENCE_S)
        assert code == 0, self._errors()
        self._after(False)

    def fail_at(self, point: str, error: str, *, onwards: bool) -> None:
        """Run with an error of the machine at the point: the program may give up, with a sentence for the user."""
        process = self._start({RULES_VARIABLE: f"{point}={error}@1{'+' if onwards else ''}"})
        assert process.wait(PATIENCE_S) in (0, 1), self._errors()
        assert point in self._counts(), f"{point} is never reached"
        assert self._errors() != "", f"{point}: nobody was told"
        self._after(False)

    def kill_after(self, seconds: float, whom: str) -> bool:
        """Kill ``whom`` ("parent", "worker" or "both") when so much time has passed; returns whether it lived yet."""
        process = self._start({})
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        hit = self._kill(process, whom)
        code = process.wait(PATIENCE_S)
        assert code in (0, -signal.SIGKILL), f"exit code {code}, {self._errors()}"
        self._after(hit)
        return hit

    def interrupt_after(self, seconds: float) -> bool:
        """Press Ctrl-C when so much time has passed since its first step: it ends in order, and leaves no staging.

        What a run that was killed left there may stay, for it can end before it comes to that.
        """
        before = self.staged()
        process = self._start({})
        deadline = time.monotonic() + PATIENCE_S
        while not self._counts() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        code = process.wait(PATIENCE_S)
        assert code in (0, 130), f"exit code {code}, {self._errors()}"
        self._after(code == 130)
        assert self.staged() <= before
        return code == 130

    def interrupt_at(self, point: str, *rules: str) -> None:
        """Press Ctrl-C at a point that the program itself reaches, with further rules: it ends in order."""
        process = self._start({RULES_VARIABLE: " ".join([f"{point}=stop@1", *rules])})
        stopping = psutil.Process(process.pid)
        deadline = time.monotonic() + PATIENCE_S
        while stopping.status() != psutil.STATUS_STOPPED:
            assert process.poll() is None, f"{point} is never reached: {self._errors()}"
            assert time.monotonic() < deadline, f"{point}: it does not end"
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        assert process.wait(PATIENCE_S) == 130, self._errors()
        self._after(False)

    def staged(self) -> set[str]:
        """The names of the files in staging."""
        return {path.name for path in (self.library / "staging").glob("*")}

    def finish(self) -> None:
        """Run to the end: everything is ready, nothing was made twice, no source was touched."""
        self.do()
        check_invariants(self.library, finished=True)
        assert len(visible_files(self.library)) >= 2 * len(list(self.photos.glob("*.jpg")))

    def _start(self, rules: dict[str, str], *command: str) -> Process:
        """Start a command; without one, index with some new pictures."""
        if not command:
            self._add_pictures()
            command = ("index", str(self.photos), "--policy", "mobile")
        self._sources = source_state(self.photos)
        self.before = {} if command[0] in MAY_CHANGE_FILES else visible_files(self.library)
        shutil.rmtree(self.root / "points", ignore_errors=True)
        (self.root / "points").mkdir()
        self.runs += 1
        environment = {**os.environ, DIRECTORY_VARIABLE: str(self.root / "points"), **rules}
        words = [*command, "--library", str(self.library)]
        with open(self.root / "stderr", "wb") as errors, open(os.devnull, "wb") as nowhere:
            return begin(words, environment, nowhere, errors)

    def _add_pictures(self) -> None:
        self.photos.mkdir(parents=True, exist_ok=True)
        for _ in range(self.per_run):
            write_picture(self.photos / f"{self.pictures:05d}.jpg", self.pictures)
            self.pictures += 1

    def _kill(self, process: Process, whom: str) -> bool:
        workers = []
        try:
            if whom != "parent":
                workers = psutil.Process(process.pid).children()
            if whom == "worker" and not workers:
                return False
            if whom != "worker" and process.poll() is None:
                process.kill()
            for worker in workers:
                worker.kill()
        except psutil.NoSuchProcess:
            return False
        return True

    def _counts(self) -> dict[str, int]:
        return {path.name: path.stat().st_size for path in (self.root / "points").iterdir()}

    def _errors(self) -> str:
        return (self.root / "stderr").read_text(errors="replace")[-2000:]

    def _after(self, hit: bool) -> None:
        self.kills += hit
        self.reached |= self._counts().keys()
        assert "Traceback" not in self._errors(), self._errors()
        check_untouched(self._sources, self.photos)
        self._wait_for_workers()
        check_not_made_again(self.before, self.library)
        if has_catalog(self.library):
            check_invariants(self.library, finished=False)

    def _wait_for_workers(self) -> None:
        """A killed program's workers are killed by the kernel, a moment later."""
        deadline = time.monotonic() + PATIENCE_S
        while list(_workers_in(self.root)) and time.monotonic() < deadline:
            time.sleep(0.005)
        assert list(_workers_in(self.root)) == [], "workers outlive their parent"


def _workers_in(root: Path) -> list[int]:
    """Worker processes that were started with this victim's environment and are not dead."""
    mark = f"{DIRECTORY_VARIABLE}={root / 'points'}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_worker = b"pillion.pool.child" in (process / "cmdline").read_bytes().split(b"\0")
            if is_worker and mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def random_kill(victim: Victim, chance: random.Random) -> bool:
    """One kill: at a random named point, or after a random time; returns whether it struck."""
    if chance.random() < 0.5:
        point = chance.choice([name for name in INDEX_POINTS if name not in ONLY_ONCE])
        action = "killboth" if point in WORKER_POINTS and chance.random() < 0.5 else "kill"
        return victim.kill_at(point, action, chance.choice([1, 1, 2, 3, 5, 8]))
    if chance.random() < 0.25:
        return victim.interrupt_after(chance.uniform(0.0, 1.0))
    return victim.kill_after(chance.uniform(0.1, 1.4), chance.choice(["parent", "worker", "both"]))
