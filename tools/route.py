"""Which of our files a job passes through: ``tools/route.py [photograph|search|page|ready|request ...]``.

Runs the real thing under a profiler and prints each Python file of the package that was entered, in the order of first
entry, with the number of visits:

- ``photograph``: ``Library.index()`` and ``Library.run()`` of one new JPEG, thumbnails only. Parent and worker process.
- ``search``: from its row to the search index, which follows what is done in a thread of its own: all that runs in
  search/keeping.py or is called from there, in that thread or at the end of the run. The photograph's own way is all
  the rest, to the end of ``run()``.
- ``page``: ``pillion.ocr`` of one scanned page, in one process.
- ``ready``: ``library.sidecars.get_or_enqueue`` of a thumbnail that is there.
- ``request``: the same of one that is not, which queues it.

All are measured warm: the same was done before with another file in the same process. A worker process is a new one in
each run; it is counted from its first batch, after it has started and imported everything.

A **move** is a call from one of our files into another; a generator that goes on is called again. The way back is not
counted, as there is one for each move. What our code does through a library (a context manager, a thread, a callback)
counts like a direct call, with the nearest of our files below it as the caller. Code that runs because a module is
imported does not count.

While a photograph is made, the parent's threads go round loops that wait (for the worker to start, for its result), and
how often depends on the machine. So a series of moves that is repeated at once, in the same thread, counts once, and of
the heartbeats, which are due once a second, the first. A page has no such loops, and there each move counts. Where the
number still varies, the lowest of several runs counts: it is the way of the job itself.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import FrameType
from typing import Any

LOG, PACKAGE, COUNTED = "PILLION_ROUTE_LOG", "PILLION_ROUTE_PACKAGE", "PILLION_ROUTE_COUNTED"
"""Environment variables: the file in which moves are noted, the folder of the package, and whether moves count now."""

_HOOK = """\
import importlib.util, sys
spec = importlib.util.spec_from_file_location("pillion_route", {tool!r})
sys.modules["pillion_route"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.watch()
"""
"""The sitecustomize module that Python imports at its start, in the parent and in each worker process."""

STORIES = ("photograph", "search", "page", "ready", "request")
_LOOPS = frozenset({"photograph", "search"})
"""The stories in which threads wait in loops."""

_BEGUN_IN = {os.path.join("search", "keeping.py"): "search"}
"""The file that begins a story of its own amid another -> that story. What is called from there belongs to it."""

_HEARTBEAT = "Engine._beat"
_WAITING = "waiting"
"""The story of what is called by a heartbeat that is not the first."""

RUNS = 5


@dataclass(frozen=True, slots=True)
class Route:
    """``visits``: file -> moves into it, in the order of first entry. ``moves``: "file:function", thread by thread."""

    visits: dict[str, int]
    moves: list[str]


# in the process that is watched ---------------------------------------------------------------------------------------


class _Watch:
    """Notes each move of this process. A worker process is counted from its function ``serve`` on."""

    def __init__(self, log: str, package: str) -> None:
        self.counting = False
        self._heartbeats = 0
        self._descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._package = package + os.sep

    def profile(self, frame: FrameType, event: str, _argument: Any) -> None:
        """For ``sys.setprofile``."""
        if event != "call" or not frame.f_code.co_filename.startswith(self._package):
            return
        begins = frame.f_code.co_name == "serve" and frame.f_globals["__name__"] == "__main__"
        if begins:
            self.counting = COUNTED in os.environ
        if not self.counting:
            return
        file = frame.f_code.co_filename
        above = frame.f_back.f_code if frame.f_back else None
        # Whatever function it is by now: it may be wrapped in another.
        if above is not None and above.co_qualname == _HEARTBEAT and above.co_filename != file:
            self._heartbeats += 1
        if begins or self._caller(frame) != file:
            name = f"{file[len(self._package) :]}:{frame.f_code.co_qualname}"
            line = f"{self._story(frame)}\t{os.getpid()}.{threading.get_native_id()}\t{name}\n"
            os.write(self._descriptor, line.encode())

    def _story(self, frame: FrameType) -> str:
        """The story that a call belongs to, where it is not the one that is run."""
        at: FrameType | None = frame
        while at is not None:
            file = at.f_code.co_filename
            story = _BEGUN_IN.get(file[len(self._package) :]) if file.startswith(self._package) else None
            if story is not None:
                return story
            if self._heartbeats > 1 and at.f_code.co_qualname == _HEARTBEAT:
                return _WAITING
            at = at.f_back
        return ""

    def _caller(self, frame: FrameType) -> str | None:
        """The nearest of our files that the call comes from; the file itself for what an import runs."""
        file = frame.f_code.co_filename
        caller: str | None = None
        above: FrameType | None = frame
        while above is not None:
            code = above.f_code
            if code.co_filename.startswith(self._package):
                if code.co_name == "<module>" and above.f_globals["__name__"] != "__main__":
                    return file
                if caller is None and above is not frame:
                    caller = code.co_filename
            above = above.f_back
        return caller


_watch: _Watch | None = None


def watch() -> None:
    """Called at the start of a process: note its moves if the environment says so."""
    global _watch
    if LOG in os.environ:
        _watch = _Watch(os.environ[LOG], os.environ[PACKAGE])
        threading.setprofile(_watch.profile)
        sys.setprofile(_watch.profile)


@contextmanager
def counted() -> Iterator[None]:
    """The moves made inside count, also those of worker processes that are started inside."""
    watching: _Watch | None = sys.modules["pillion_route"]._watch
    assert watching is not None
    watching.counting = True
    os.environ[COUNTED] = "1"
    try:
        yield
    finally:
        watching.counting = False
        del os.environ[COUNTED]


def _photograph(folder: Path) -> None:
    from pillion import Library
    from tests.support.photos import write_photo

    photos = folder / "photos"
    photos.mkdir()
    write_photo(photos / "first.jpg", seed=1)
    with Library.open(folder / "library", policy="desktop") as library:
        library.add_location(photos)
        library.index(kinds=["thumb"])
        library.run(kinds=["thumb"])
        write_photo(photos / "second.jpg", seed=2)
        with counted():
            library.index(kinds=["thumb"])
            report = library.run(kinds=["thumb"])
    assert sum(report.recorded.values()) == 3, report


def _page(folder: Path) -> None:
    import pillion
    from tests.support.media import page, scanned

    for name, seed in (("first.png", 1), ("second.png", 2)):
        scanned(page(), seed=seed).save(folder / name, dpi=(300, 300))
    pillion.ocr(folder / "first.png")
    with counted():
        result = pillion.ocr(folder / "second.png")
    assert "the" in result.text


def _asked_for(folder: Path, variant: str) -> None:
    """The variant is asked for twice, and of two contents."""
    from pillion import Library
    from tests.support.photos import write_photo

    photos = folder / "photos"
    photos.mkdir()
    for seed in (1, 2):
        write_photo(photos / f"{seed}.jpg", seed=seed)
    with Library.open(folder / "library", policy="mobile") as library:
        library.add_location(photos)
        library.index()
        library.run()
        first, second = (item.content_uuid for item in library.ls(kind="thumb") if item.variant == "icon")
        library.sidecars.get_or_enqueue(first, "thumb", variant)
        with counted():
            library.sidecars.get_or_enqueue(second, "thumb", variant)


_STORIES: dict[str, Callable[[Path], None]] = {
    "photograph": _photograph,
    "search": _photograph,
    "page": _page,
    "ready": lambda folder: _asked_for(folder, "icon"),
    "request": lambda folder: _asked_for(folder, "detail@2x"),
}


# in the process that asks ---------------------------------------------------------------------------------------------


def route(story: str, runs: int = RUNS) -> Route:
    """Run a story ``runs`` times in processes of their own; the route with the fewest moves."""
    routes = [_route_of(_run(story), loops=story in _LOOPS) for _ in range(runs)]
    return min(routes, key=lambda found: len(found.moves))


def _run(story: str) -> list[tuple[str, str]]:
    """(process and thread, "file:function") of each move, in order. Raises CalledProcessError."""
    package = importlib.util.find_spec("pillion")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent
    with tempfile.TemporaryDirectory() as work:
        hook, log = Path(work) / "hook", Path(work) / "log"
        hook.mkdir()
        (hook / "sitecustomize.py").write_text(_HOOK.format(tool=__file__))
        paths = [str(hook), str(folder.parent), str(Path(__file__).resolve().parent.parent)]
        environment = {**os.environ, LOG: str(log), PACKAGE: str(folder), "PYTHONPATH": os.pathsep.join(paths)}
        scratch = Path(work) / "scratch"
        scratch.mkdir()
        subprocess.run([sys.executable, __file__, "--tell", story, str(scratch)], env=environment, check=True)
        lines = [line.split("\t") for line in log.read_text().splitlines()]
    wanted = story if story in _BEGUN_IN.values() else ""
    return [(thread, move) for of, thread, move in lines if of == wanted]


def _route_of(moves: Sequence[tuple[str, str]], *, loops: bool) -> Route:
    threads: dict[str, list[str]] = {}
    for thread, move in moves:
        threads.setdefault(thread, []).append(move)
        if loops:
            drop_repeated(threads[thread])
    kept = list(chain.from_iterable(threads.values()))
    visits = Counter(_file(move) for move in kept)
    return Route({file: visits[file] for file in dict.fromkeys(_file(move) for _, move in moves)}, kept)


def _file(move: str) -> str:
    return move.partition(":")[0]


def drop_repeated(moves: list[str]) -> None:
    """Drop the end of a list where it goes into the same files, in the same order, as what is before it."""
    files = [_file(move) for move in moves]
    for length in range(1, len(files) // 2 + 1):
        if files[-length:] == files[-2 * length : -length]:
            del moves[-length:]
            return


def main(arguments: Sequence[str]) -> None:
    """Print the routes."""
    parser = argparse.ArgumentParser(description="Which files a job passes through.")
    parser.add_argument(
        "stories", nargs="*", metavar="STORY", help=f"one of {', '.join(STORIES)}; all if none is given"
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="the lowest of so many counts (default: %(default)s)")
    parser.add_argument("--moves", action="store_true", help="print each move, too")
    parser.add_argument("--tell", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.tell:
        story, folder = options.tell
        _STORIES[story](Path(folder))
        return
    unknown = set(options.stories) - set(STORIES)
    if unknown:
        parser.error(f"there is no story {', '.join(sorted(unknown))}")
    for story in options.stories or STORIES:
        found = route(story, options.runs)
        print(f"{story}: {len(found.visits)} files, {len(found.moves)} moves")
        for file, visits in found.visits.items():
            print(f"{visits:6}  {file}")
        if options.moves:
            print("\n".join(found.moves))
        print(flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
