"""The thread that keeps a library up: it watches the Locations and indexes what changed, and only that."""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from pillion import _core
from pillion.catalog.locations import Location
from pillion.errors import ItemError, PillionError, reason
from pillion.index.indexer import IndexReport, PhaseProgress
from pillion.index.links import FoundFile
from pillion.library import Library
from pillion.quoting import quoted
from pillion.watch import limits
from pillion.watch.mounts import mounts
from pillion.watch.places import EVERYTHING, Place, Plan, Probe, plan
from pillion.watch.settling import Look, Settling

TICK_S = 2.0
"""How often it looks for other settings, other Locations, and disks that come and go."""

_PAUSE_S = 0.05
"""Between two takings of notices, so that a file that is written to all the time costs little."""

_TOGETHER_S = 0.1
"""What is due so soon is taken with what is due now: a file that moved must not be taken apart from where it was."""

_BATCH = 4096
"""Files in one run of the indexer, so that a new one does not wait for a hundred thousand others."""

_RETRY_S = 5.0
"""After an index failed, a full disk for example."""

_POLL_SHARE = 10.0
"""A poll that takes long is repeated after so many times as long."""

_FOLDER: Look = (-1, 0, 0)
"""How every folder looks: what is in it does not count."""

Key = tuple[int, bytes]
"""The id of a Location and a path in it."""

Notices = Iterable[tuple[int, bytes, str]]


class Notifier(Protocol):
    """What tells of changes: :class:`pillion._core.Watcher`, whose stub says what each method does."""

    def add(
        self,
        number: int,
        root: bytes,
        *,
        ignore: Sequence[str],
        exclude: Sequence[bytes],
        hidden: bool,
        system: bool,
    ) -> tuple[int, list[bytes], str | None]: ...
    def remove(self, number: int) -> None: ...
    def next(self, timeout: float) -> list[tuple[int, bytes, str]]: ...
    def wake(self) -> None: ...


_logger = logging.getLogger(__name__)


class _Stopped(Exception):
    """Ends an index amid its work; what it has recorded stays."""


class Watching:
    """Keeps a library up in a thread of its own, from :meth:`start` to :meth:`stop`. It queues jobs and runs none.

    ``on_report``: called in that thread with what each index found, when it found anything. ``on_notice``: called with
    a sentence when something keeps it from watching. ``notifier`` and ``table`` stand for what tells of changes and for
    the table of mounts. ``ready`` is set when all Locations were scanned once.
    """

    def __init__(
        self,
        library: Library,
        *,
        progress: PhaseProgress | None = None,
        on_report: Callable[[IndexReport], None] | None = None,
        on_notice: Callable[[str], None] | None = None,
        notifier: Notifier | None = None,
        table: Callable[[], Mapping[bytes, str]] = mounts,
    ) -> None:
        self._library = library
        self._progress = progress
        self._on_report = on_report
        self._on_notice = on_notice
        self._notifier: Notifier = _core.Watcher() if notifier is None else notifier
        self._table = table
        self._config = library.config
        self._settling: Settling[Key] = Settling(self._config.settle_ms / 1000)
        self._places: dict[int, Place] = {}
        self._probe = Probe(TICK_S)
        self._notices: dict[str, str] = {}
        self._taking: frozenset[Key] = frozenset()
        self._tick_at = float("-inf")
        self._rescan_at = float("inf")
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: BaseException | None = None
        """The error that ended the thread, if nobody stopped it."""
        self.ready = threading.Event()
        self.on_ready: Callable[[], None] | None = None
        """Called once, when ``ready`` is set."""
        self.folders = 0
        """How many folders are watched, as of when they were added."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin. Returns at once."""
        self._thread = threading.Thread(target=self._work, name="pillion-watch", daemon=True)
        self._thread.start()

    def stop(self, patience_s: float = 30.0) -> None:
        """End, amid an index too; what is not indexed is found when a watch begins again."""
        self._stopped.set()
        self._notifier.wake()
        if self._thread is not None:
            self._thread.join(patience_s)
            self._thread = None

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the thread has ended by itself; False if it has not after ``timeout_s``."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def notices(self) -> Mapping[str, str]:
        """What keeps it from watching or indexing now: a Location, a limit or ``config.toml`` -> a sentence."""
        return dict(self._notices)

    def polled(self) -> list[str]:
        """The folders that are polled, not watched."""
        places = list(self._places.values())
        return [_absolute(place.plan.root, part) for place in places if place.is_polled for part in place.polled]

    # the loop ---------------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while not self._stopped.is_set():
                self._tick()
                self._scan()
                self._poll()
                self._take()
                self._note(self._notifier.next(self._timeout()))
        except _Stopped:
            pass
        except BaseException as error:
            self.failure = error
            _logger.exception("watching ended by an error")
        finally:
            for number in self._places:
                self._notifier.remove(number)
            self.ready.set()

    def _timeout(self) -> float:
        times = [self._tick_at, self._rescan_at]
        due = self._settling.next_due()
        if due is not None:
            times.append(due)
        for place in self._places.values():
            times += [at for at in (place.scan_at, place.poll_at) if at is not None]
        return max(0.0, min(times) - time.monotonic())

    # settings, Locations and disks ------------------------------------------------------------------------------------

    def _tick(self) -> None:
        now = time.monotonic()
        if now < self._tick_at:
            return
        self._tick_at = now + TICK_S
        self._look_at_settings()
        plans = self._plans()
        for number in [number for number in self._places if number not in plans]:
            self._notifier.remove(number)
            del self._places[number]
        for number, wanted in plans.items():
            place = self._places.get(number)
            if place is None or place.plan != wanted or self._may_watch_more(place):
                self._watch(wanted)
        if now >= self._rescan_at:
            self._rescan_all()

    def _look_at_settings(self) -> None:
        problem = self._library.reread_settings()
        self._set_notice("config.toml", problem)
        config = self._library.config
        if config == self._config and self._rescan_at != float("inf"):
            return
        self._config = config
        self._settling.quiet_s = config.settle_ms / 1000
        self._rescan_all()

    def _rescan_all(self) -> None:
        now, hours = time.monotonic(), self._config.rescan_hours
        self._rescan_at = now + (hours * 3600.0 if hours else 1e9)
        for place in self._places.values():
            place.scan_at = now

    def _plans(self) -> dict[int, Plan]:
        locations, table = self._library.locations(), self._table()
        found: dict[int, Plan] = {}
        for location in locations:
            answers, identity = self._probe.ask(location.path)
            self._set_notice(
                f"silent:{location.id}",
                None if answers else f"{quoted(location.path)} does not answer; it is looked at when it does again.",
            )
            if answers:
                found[location.id] = plan(
                    location,
                    identity,
                    library=self._library.root,
                    locations=locations,
                    config=self._config,
                    table=table,
                )
            elif location.id in self._places:
                # What is known of it stays as it is.
                found[location.id] = self._places[location.id].plan
        return found

    def _may_watch_more(self, place: Place) -> bool:
        return bool(place.unwatched) and limits.now() != place.limits

    def _watch(self, wanted: Plan) -> None:
        """Watch first, then scan: what happens in between is told."""
        self._notifier.remove(wanted.location)
        place = self._places[wanted.location] = Place(plan=wanted, scan_at=time.monotonic())
        self._set_notice(f"limit:{wanted.location}", None)
        if wanted.identity is not None and wanted.polled != EVERYTHING:
            try:
                folders, unwatched, limit = self._notifier.add(
                    wanted.location,
                    wanted.root,
                    ignore=wanted.ignore,
                    exclude=[*wanted.exclude, *wanted.polled],
                    hidden=wanted.hidden,
                    system=wanted.system,
                )
            except (ItemError, ValueError) as error:
                folders, unwatched, limit = 0, [b""], None
                self._set_notice(f"limit:{wanted.location}", f"{quoted(wanted.root)} cannot be watched: {error}")
            self.folders += folders
            self._cannot_watch(place, unwatched, limit)
        self._set_poll(place, 0.0)

    def _cannot_watch(self, place: Place, parts: Sequence[bytes], limit: str | None) -> None:
        if not parts:
            return
        place.unwatched = sorted({*place.unwatched, *parts})
        place.limits = limits.now()
        if limit is not None:
            folder = quoted(_absolute(place.plan.root, _common(place.unwatched)))
            text = limits.sentence(limit, folder, self._config.poll_seconds)
            self._set_notice(f"limit:{place.plan.location}", text)
        self._set_poll(place, 0.0)

    def _set_poll(self, place: Place, took_s: float) -> None:
        wait = max(float(self._config.poll_seconds), took_s * _POLL_SHARE)
        place.poll_at = time.monotonic() + wait if place.is_polled else None

    def _set_notice(self, key: str, text: str | None) -> None:
        if text is None:
            self._notices.pop(key, None)
        elif self._notices.get(key) != text:
            self._notices[key] = text
            _logger.warning("%s", text)
            if self._on_notice is not None:
                self._on_notice(text)

    # what happened ----------------------------------------------------------------------------------------------------

    def _note(self, notices: Notices) -> None:
        now = time.monotonic()
        some = False
        for number, path, what in notices:
            place = self._places.get(number)
            if place is None:
                continue
            some = True
            if what == "unwatched":
                self._cannot_watch(place, [path], "watches")
            elif not path and what == "gone":
                self._tick_at = now
            else:
                look, links = _look(place.plan.root, path)
                # A file that got another name by a link is whole, though nobody closed it.
                self._settling.note((number, path), look, now, open=what == "writing" and links == 1)
        if some:
            self._stopped.wait(_PAUSE_S)

    def _take(self) -> None:
        """Index what is quiet by now."""
        now = time.monotonic()
        due = self._settling.next_due()
        if due is None or due > now:
            return
        taken: list[Key] = []
        for key in self._settling.due(now + _TOGETHER_S, _BATCH):
            place = self._places.get(key[0])
            look = None if place is None else _look(place.plan.root, key[1])[0]
            if self._settling.settled(key, look, now) and place is not None:
                taken.append(key)
        changed: dict[int, list[bytes] | None] = {}
        for number, path in taken:
            parts = changed.setdefault(number, [])
            if not path:
                changed[number] = None
            elif parts is not None:
                parts.append(path)
        if changed and not self._index(changed, frozenset(taken)):
            for key in taken:
                self._settling.later(key, _look(self._places[key[0]].plan.root, key[1])[0], now + _RETRY_S)

    def _scan(self) -> None:
        """Look at all of the Locations whose time it is."""
        for number, place in list(self._places.items()):
            if place.scan_at is not None and place.scan_at <= time.monotonic():
                place.scan_at = None
                if not self._index({number: None}):
                    place.scan_at = time.monotonic() + _RETRY_S
        if not self.ready.is_set():
            self.ready.set()
            if self.on_ready is not None:
                self.on_ready()

    def _poll(self) -> None:
        for number, place in list(self._places.items()):
            if place.poll_at is None or place.poll_at > time.monotonic():
                continue
            begun = time.monotonic()
            silent = [part for part in place.plan.polled if not self._probe.ask(_bytes(place.plan.root, part))[0]]
            parts = [part for part in place.polled if part not in silent]
            if parts:
                self._index({number: None if parts == [b""] else parts})
            self._set_poll(place, time.monotonic() - begun)

    def _index(self, changed: Mapping[int, Sequence[bytes] | None], taking: frozenset[Key] = frozenset()) -> bool:
        """Whether it could be done. Files that may still be being written go on waiting."""
        self._taking = taking
        try:
            report = self._library.index_changed(changed, progress=self._show, postpone=self._postpone)
        except (PillionError, OSError, ValueError) as error:
            self._set_notice("index", f"Cannot index what changed; it is tried again: {reason(error)}.")
            return False
        finally:
            self._taking = frozenset()
        self._set_notice("index", None)
        now = time.monotonic()
        for location, (path, size, mtime_ns, inode, _) in report.postponed:
            key = (location.id, path)
            if key not in self._settling:
                self._settling.note(key, (size, mtime_ns, inode), now)
        self._note_offline(changed, report)
        if self._on_report is not None and _says_something(report):
            self._on_report(report)
        return True

    def _note_offline(self, changed: Mapping[int, object], report: IndexReport) -> None:
        offline = dict(report.offline)
        for number in changed:
            place = self._places.get(number)
            if place is None:
                continue
            why = offline.get(place.plan.root)
            root = quoted(place.plan.root)
            self._set_notice(f"offline:{number}", None if why is None else f"{root} is offline: {why}.")

    def _postpone(self, location: Location, file: FoundFile) -> bool:
        """Whether a file that a scan found is left to its own quiet time."""
        key = (location.id, file[0])
        if key in self._taking:
            return False
        age_s = time.time() - file[2] / 1e9
        return key in self._settling or 0 <= age_s < self._settling.quiet_s

    def _show(self, phase: str, done: int, total: int | None) -> None:
        if self._stopped.is_set():
            raise _Stopped
        if self._progress is not None:
            self._progress(phase, done, total)


def _look(root: bytes, path: bytes) -> tuple[Look, int]:
    """How a file looks now, and how many names it has."""
    try:
        found = os.lstat(_bytes(root, path))
    except OSError:
        return None, 0
    if stat.S_ISDIR(found.st_mode):
        return _FOLDER, 1
    return (found.st_size, found.st_mtime_ns, found.st_ino), found.st_nlink


def _bytes(root: bytes, path: bytes) -> bytes:
    return root.rstrip(b"/") + b"/" + path if path else root


def _absolute(root: bytes, path: bytes) -> str:
    return os.fsdecode(_bytes(root, path))


def _common(paths: Sequence[bytes]) -> bytes:
    """The path itself, or the folder that holds all of them."""
    return os.path.commonpath(paths) if all(paths) else b""


def _says_something(report: IndexReport) -> bool:
    return bool(report.new or report.changed or report.removed or report.moved or report.queued or report.offline)
