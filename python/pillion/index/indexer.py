"""The five indexing phases over one Location, connected to the catalog. Queues jobs and never generates anything."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from pillion.catalog import entries as catalog_entries
from pillion.catalog import failures as catalog_failures
from pillion.catalog import wants as catalog_queueing
from pillion.catalog.database import Database
from pillion.catalog.entries import EntryRow, Location
from pillion.failpoints import reach
from pillion.index.phases import (
    Changes,
    Discovered,
    FoundFile,
    Identified,
    Problem,
    aggregate,
    chunked,
    compare,
    discover,
    identify,
)
from pillion.index.policy import DeviceGenerationPolicy, restrict
from pillion.index.wants import signature, wanted_sidecars
from pillion.model import SidecarKind
from pillion.settings.config import Config

PHASES = ("discovery", "processing", "aggregation", "identification", "queueing")

PhaseProgress = Callable[[str, int, int | None], None]
"""(phase, files done, files in all or None if not known yet)"""


@dataclass(slots=True)
class IndexReport:
    """What indexing found and did. ``seconds``: phase -> seconds; ``hashed``: files whose bytes were read."""

    files: int = 0
    contents: int = 0
    folders: int = 0
    new: int = 0
    changed: int = 0
    removed: int = 0
    hashed: int = 0
    queued: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    problems: list[tuple[bytes, str, str]] = field(default_factory=list)
    """(absolute path, error class, message) of files and folders that were left out"""

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the time spent inside to a phase."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] += time.perf_counter() - start


class Indexer:
    """Indexes Locations of one catalog. ``kinds``: the only kinds for which anything is queued."""

    def __init__(
        self, database: Database, config: Config, kinds: Sequence[SidecarKind], progress: PhaseProgress
    ) -> None:
        self._database = database
        self._config = config
        self._kinds = tuple(kinds)
        self._progress = progress
        self._before: Counter[str] = Counter()

    def index(
        self,
        location: Location,
        policy: DeviceGenerationPolicy,
        report: IndexReport,
        *,
        prefix: bytes = b"",
        ignore: Sequence[str] = (),
    ) -> None:
        """Run the phases over a Location (or the folder ``prefix`` in it) and add what happened to ``report``.

        Raises ItemError if the folder itself cannot be read; then nothing is changed.
        """
        with report.timed("discovery"):
            found = discover(
                location.path,
                prefix=prefix,
                ignore=(*self._config.ignore, *ignore),
                hidden=self._config.hidden,
                progress=lambda files: self._show_progress("discovery", files, None),
            )
            self._show_end("discovery", len(found.files))
        reach("indexer.discovered")
        with report.timed("processing"):
            changes = self._process(location, found)
        reach("indexer.compared")
        with report.timed("aggregation"):
            self._aggregate(location, found, changes)
        self._identify(location, changes.to_identify, report)
        self.queue(location, policy, report)
        report.files += len(found.files)
        report.folders += found.folders
        report.new += len(changes.new)
        report.changed += len(changes.changed)
        report.removed += len(changes.removed)
        report.problems.extend(_absolute(location, problem) for problem in found.problems)

    def _process(self, location: Location, found: Discovered) -> Changes:
        with self._database.read() as connection:
            known = catalog_entries.known_entries(connection, location.id, found.prefix)
            gone = catalog_entries.removed_entry_ids(connection, location.id)
        changes = compare(found, known, gone)
        if changes.removed:
            with self._database.write() as connection:
                catalog_entries.mark_removed(connection, changes.removed, time.time())
        self._show_end("processing", len(found.files))
        return changes

    def _show_progress(self, phase: str, done: int, total: int | None) -> None:
        """Report progress in a phase, including the Locations before this one."""
        before = self._before[phase]
        self._progress(phase, before + done, None if total is None else before + total)

    def _show_end(self, phase: str, done: int) -> None:
        self._show_progress(phase, done, done)
        self._before[phase] += done

    def _aggregate(self, location: Location, found: Discovered, changes: Changes) -> None:
        """Totals are for whole Locations, so a run over a part of one leaves them to the next full run."""
        if found.prefix:
            return
        with self._database.read() as connection:
            there = catalog_entries.has_folders(connection, location.id)
        if there and not changes.any:
            return
        totals = aggregate((file[0], file[1]) for file in found.files)
        with self._database.write() as connection:
            catalog_entries.replace_folders(connection, location.id, totals)

    def _identify(self, location: Location, files: Sequence[FoundFile], report: IndexReport) -> None:
        """Hash chunk after chunk. While one is hashed without the GIL, the one before is written to the catalog."""
        hashed = 0
        stop = threading.Event()

        def hash_chunk(chunk: Sequence[FoundFile]) -> list[Identified]:
            def progress(done: int, _bytes: int) -> None:
                if stop.is_set():
                    raise KeyboardInterrupt
                self._show_progress("identification", hashed + done, len(files))

            nonlocal hashed
            identified = identify(location.path, chunk, sample_above=self._config.sample_above, progress=progress)
            hashed += len(chunk)
            reach("indexer.hashed")
            return identified

        with report.timed("identification"), ThreadPoolExecutor(1, "pillion-identify") as executor:
            try:
                pending: Future[list[Identified]] | None = None
                for chunk in [*chunked(files), None]:
                    following = executor.submit(hash_chunk, chunk) if chunk else None
                    if pending is not None:
                        self._record(location, pending.result(), report)
                    pending = following
            except BaseException:
                stop.set()
                raise
        self._show_end("identification", hashed)

    def _record(self, location: Location, identified: Sequence[Identified], report: IndexReport) -> None:
        rows = [_entry_row(item) for item in identified]
        with self._database.write() as connection:
            catalog_entries.record_entries(connection, location.id, rows, time.time())
        reach("indexer.recorded")
        report.hashed += len(rows)
        for row in rows:
            if row.error_class is not None:
                problem = Problem(path=row.path, error_class=row.error_class, message=row.error_message or "")
                report.problems.append(_absolute(location, problem))

    def queue(self, location: Location, policy: DeviceGenerationPolicy, report: IndexReport) -> None:
        """Phase 5 alone, for entries that changed and for file types whose wanted sidecars changed."""
        effective = restrict(policy, self._kinds)
        looked_at = 0
        with report.timed("queueing"):
            self._mark_changed_types(location, effective)
            self._mark_lost_sources(location)
            while self._has_unqueued(location):
                with self._database.write() as connection:
                    count, queued = catalog_queueing.queue_slice(
                        connection,
                        location.id,
                        lambda mime, claimed: wanted_sidecars(effective, mime, claimed),
                        time.time(),
                        kinds=self._kinds,
                    )
                reach("indexer.queued")
                looked_at += count
                report.queued += queued
                self._show_progress("queueing", looked_at, None)
        self._show_end("queueing", looked_at)

    def _has_unqueued(self, location: Location) -> bool:
        with self._database.read() as connection:
            return catalog_queueing.has_unqueued(connection, location.id)

    def _mark_lost_sources(self, location: Location) -> None:
        """Queue files again that were missing or changed when a job read them, and are as in the catalog now."""
        with self._database.read() as connection:
            if not catalog_failures.has_lost_sources(connection, location.id):
                return
        with self._database.write() as connection:
            catalog_failures.look_again_at_sources(connection, location.id)

    def _mark_changed_types(self, location: Location, policy: DeviceGenerationPolicy) -> None:
        with self._database.read() as connection:
            mimes = catalog_queueing.present_mimes(connection)
            before = catalog_queueing.read_signature(connection, location.id)
        now = {mime: signature(policy, mime) for mime in mimes}
        if now == before:
            return
        changed = [mime for mime in mimes if mime in before and before[mime] != now[mime]]
        with self._database.write() as connection:
            catalog_queueing.mark_changed(connection, location.id, changed)
            catalog_queueing.write_signature(connection, location.id, now)


def _entry_row(item: Identified) -> EntryRow:
    path, size, mtime_ns, inode = item.file
    return EntryRow(
        path=path,
        size=size,
        mtime_ns=mtime_ns,
        inode=inode,
        content_uuid=item.content_uuid,
        hash=item.hash,
        mime=item.mime,
        claimed_mime=item.claimed_mime,
        error_class=item.error_class,
        error_message=item.error_message,
    )


def _absolute(location: Location, problem: Problem) -> tuple[bytes, str, str]:
    return (location.path.rstrip(b"/") + b"/" + problem.path, problem.error_class, problem.message)
