"""The five indexing phases over one Location, connected to the catalog. Queues jobs and never generates anything.

The phases themselves are without SQL: the first two are in :mod:`pillion.index.changes`, the next two are functions
below, the fifth asks :mod:`pillion.kinds.registry` what files should have.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

from pillion import _core
from pillion.catalog import failures
from pillion.catalog import locations as catalog_locations
from pillion.catalog import queueing as catalog_queueing
from pillion.catalog.database import Database
from pillion.catalog.locations import EntryRow, Location
from pillion.errors import ItemError
from pillion.facts import FileFacts
from pillion.failpoints import reach
from pillion.index.changes import (
    Changes,
    Discovered,
    Known,
    Picked,
    Problem,
    compare,
    discover,
    excluded_folders,
    judged,
    others_of,
    pair,
    why_offline,
)
from pillion.index.facts import read_again
from pillion.index.links import FoundFile
from pillion.kinds.registry import DeviceGenerationPolicy, signatures, wanted_sidecars
from pillion.machine import identity_of
from pillion.model import NEEDS_PASSWORD, UNKNOWN, SidecarKind
from pillion.settings.checks import CTIME
from pillion.settings.config import Config

_WHOLE = 1 << 62
"""A threshold that no file reaches."""

PHASES = ("discovery", "processing", "aggregation", "identification", "queueing")

Target = tuple[Location, bytes, DeviceGenerationPolicy]
"""A Location, the folder in it (b"" for all of it), and what its files should have."""

PartsTarget = tuple[Location, Sequence[bytes], DeviceGenerationPolicy]
"""A Location, files and folders in it by their paths, and what its files should have."""

Postponed = Callable[[Location, FoundFile], bool]
"""Whether a new or changed file is left to a later run, because it may still be being written."""

PhaseProgress = Callable[[str, int, int | None], None]
"""(phase, files done, files in all or None if not known yet)"""


_logger = logging.getLogger(__name__)


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
    seconds: dict[str, float] = field(default_factory=dict.fromkeys(PHASES, 0.0).copy)
    problems: list[tuple[bytes, str, str]] = field(default_factory=list)
    """(absolute path, error class, message) of files and folders that were left out"""
    moved: int = 0
    """Files that were renamed or moved: known without being read."""
    offline: list[tuple[bytes, str]] = field(default_factory=list)
    """(absolute path, why) of Locations whose files cannot be seen; nothing of them was changed"""
    system: list[bytes] = field(default_factory=list)
    """Absolute paths of folders that a system or a NAS keeps for itself; they were left out"""
    links: list[bytes] = field(default_factory=list)
    """Absolute paths of symbolic links to folders; they were not followed."""
    file_links: int = 0
    """How many symbolic links to files were not followed."""
    postponed: list[tuple[Location, FoundFile]] = field(default_factory=list)
    """New and changed files that were left to a later run."""

    def add(self, other: IndexReport) -> None:
        """Add what another run found and did."""
        for name in ("files", "folders", "new", "changed", "removed", "hashed", "queued", "moved", "file_links"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("problems", "offline", "system", "links", "postponed"):
            getattr(self, name).extend(getattr(other, name))
        for phase, seconds in other.seconds.items():
            self.seconds[phase] += seconds

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the time spent inside to a phase."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] += time.perf_counter() - start


class Indexer:
    """Indexes Locations of one catalog.

    ``kinds``: the only kinds for which anything is queued. ``locations``: all there are. ``postpone``: which new and
    changed files are not read yet (``report.postponed``); one that was moved is never among them.
    """

    def __init__(
        self,
        database: Database,
        config: Config,
        kinds: Sequence[SidecarKind],
        locations: Sequence[Location] = (),
        progress: PhaseProgress | None = None,
        postpone: Postponed | None = None,
    ) -> None:
        self._database = database
        self._config = config
        self._kinds = tuple(kinds)
        self._progress = progress
        self._postpone = postpone
        self._before: Counter[str] = Counter()
        self._locations = locations
        self._may_retry: bool | None = None
        """Whether anything failed that was not made since, as queueing found it; None before."""

    def run(self, root: Path, targets: Sequence[Target], *, accept_removals: bool = False) -> IndexReport:
        """Run the phases over Locations, or folders in them, of the library at ``root``; then try again what is due.

        A Location whose folder cannot be read, or most of whose files are not there, is offline: nothing of it is
        changed. ``accept_removals``: they are gone.
        """
        report = IndexReport()
        for location, prefix, policy in targets:
            self._index(root, location, policy, report, prefix=prefix, accept_removals=accept_removals)
        report.queued += self._queue_expired()
        with self._database.read() as connection:
            report.contents = catalog_locations.totals(connection).contents
        return report

    def run_parts(self, root: Path, targets: Sequence[PartsTarget]) -> IndexReport:
        """Run the phases over these files and folders of Locations alone, whether they are there or not.

        What a whole run does beside that is left to it: totals of folders, and trying again what failed long ago.
        """
        report = IndexReport()
        for location, parts, policy in targets:
            self._index(root, location, policy, report, parts=parts)
        return report

    def _index(
        self,
        root: Path,
        location: Location,
        policy: DeviceGenerationPolicy,
        report: IndexReport,
        *,
        prefix: bytes = b"",
        parts: Sequence[bytes] | None = None,
        accept_removals: bool = False,
    ) -> None:
        """Add what happened to ``report``. ``root``: of the library."""
        identity = identity_of(location.path)
        try:
            with report.timed("discovery"):
                found = self._discover(root, location, prefix, parts)
        except ItemError as error:
            self._note_offline(location, f"{error}", report)
            return
        reach("indexer.discovered")
        with report.timed("processing"):
            changes = self._compare(location, found, identity)
            why = None if accept_removals else self._why_offline(location, found, changes, identity)
            if why is None:
                changes = self._process(location, found, changes, identity, report)
        if why is not None:
            self._note_offline(location, why, report)
            return
        reach("indexer.compared")
        with report.timed("aggregation"):
            self._aggregate(location, found, changes)
        self._identify_changed(location, found, changes, report)
        self.queue(location, policy, report, types=parts is None)
        report.system.extend(os.path.join(location.path, path) for path in found.system)
        report.links.extend(os.path.join(location.path, path) for path in found.links)
        report.file_links += len(found.file_links)
        report.files += len(found.files)
        report.folders += found.folders
        report.problems.extend(_absolute(location, problem) for problem in found.problems)
        _log(location, found, changes)

    def _discover(self, root: Path, location: Location, prefix: bytes, parts: Sequence[bytes] | None) -> Discovered:
        found = discover(
            location.path,
            prefix=prefix,
            parts=parts,
            ignore=self._config.ignore,
            exclude=excluded_folders(root, location, self._locations),
            hidden=self._config.hidden,
            system=self._config.system_folders,
            follow=self._config.follow_links,
            others=others_of(location, self._locations) if self._config.follow_links else (),
            progress=self._show_found if self._progress else None,
        )
        self._show_end("discovery", len(found.files))
        return found

    def _compare(self, location: Location, found: Discovered, identity: str | None) -> Changes:
        same_disk, trust_ctime = location.identity in (None, identity), self._config.trust == CTIME
        old_facts = False
        with self._database.read() as connection:
            known: Iterable[tuple[bytes, Known]]
            if found.parts is None:
                old_facts = catalog_locations.read_facts_version(connection) < _core.FACTS_VERSION
                known = catalog_locations.known_entries(connection, location.id, found.prefix)
            else:
                known = catalog_locations.known_parts(connection, location.id, found.parts)
            changes = compare(found, known, same_disk=same_disk, trust_ctime=trust_ctime)
        if old_facts:
            # Before anything new is recorded: which files are one item goes by what they say of themselves.
            read_again(self._database)
        return changes

    def _why_offline(self, location: Location, found: Discovered, changes: Changes, identity: str | None) -> str | None:
        """Judged by the whole Location, also where only a folder in it is indexed."""
        if not changes.removed:
            return None
        with self._database.read() as connection:
            known = catalog_locations.count_present(connection, location.id)
        files = len(found.files) + known - changes.known
        return why_offline(len(changes.removed), known, files=files, identity=identity, before=location.identity)

    def _note_offline(self, location: Location, why: str, report: IndexReport) -> None:
        report.offline.append((location.path, why))
        with self._database.write() as connection:
            catalog_locations.set_offline(connection, location.id, why, time.time())

    def _process(
        self, location: Location, found: Discovered, changes: Changes, identity: str | None, report: IndexReport
    ) -> Changes:
        """Write down what is gone and what moved, and count it; returns the changes that are left to be identified."""
        changes = self._postponed(location, self._judged(location, changes, report), report)
        back = location.offline is not None or (identity is not None and identity != location.identity)
        if changes.removed or changes.moved or changes.elsewhere or changes.touched or back:
            moved = [(id, file[0], file[4]) for id, file in changes.moved]
            with self._database.write() as connection:
                now = time.time()
                catalog_locations.mark_removed(connection, changes.removed, now)
                catalog_locations.move_entries(connection, location.id, moved, now)
                for same in (changes.elsewhere, changes.touched):
                    catalog_locations.set_stats(connection, ((id, file[3], file[4]) for id, file in same))
                if identity is not None:
                    catalog_locations.set_online(connection, location.id, identity)
        report.new += len(changes.new)
        report.changed += len(changes.changed)
        report.removed += len(changes.removed)
        report.moved += len(changes.moved)
        self._show_end("processing", len(found.files))
        return changes

    def _postponed(self, location: Location, changes: Changes, report: IndexReport) -> Changes:
        """Without the files that are left to a later run."""
        postpone = self._postpone
        if postpone is None or not (changes.new or changes.changed or changes.again):
            return changes
        left = {file[0] for file in changes.to_identify if postpone(location, file)}
        report.postponed += [(location, file) for file in changes.to_identify if file[0] in left]

        def rest(files: Picked) -> Picked:
            return files.where(lambda file: file[0] not in left)

        if not left:
            return changes
        return replace(changes, new=rest(changes.new), changed=rest(changes.changed), again=rest(changes.again))

    def _judged(self, location: Location, changes: Changes, report: IndexReport) -> Changes:
        """With the files settled that may be the same though their inodes or ctimes differ."""
        if not (changes.elsewhere or changes.touched):
            return changes

        def read(files: Sequence[FoundFile]) -> Iterator[EntryRow]:
            sample_above, follow = self._config.sample_above, self._config.follow_links
            for chunk in chunked(files):
                yield from identify(location.path, chunk, sample_above=sample_above, follow=follow)

        def contents(ids: Sequence[int]) -> Mapping[int, str]:
            with self._database.read() as connection:
                return catalog_locations.contents_of(connection, ids)

        changes, number = judged(changes, read, contents)
        report.hashed += number
        return changes

    def _identify_changed(self, location: Location, found: Discovered, changes: Changes, report: IndexReport) -> None:
        """Identify what is new or changed, and look which files are one item.

        A large file that changed is hashed whole: a sample can miss the change.
        """
        files, above = changes.to_identify, self._config.sample_above
        replaced = {file[0] for file in changes.changed}
        large = {file for file in changes.changed if file[1] > above}
        others = files.where(lambda file: file not in large) if large else files
        self._identify(location, others, report, above, replaced)
        if large:
            self._identify(location, sorted(large), report, _WHOLE, replaced)
        with report.timed("identification"):
            there = found.files if found.parts is None else None
            pair(self._database, location.id, files, [file for _, file in changes.moved], there)

    def _show_found(self, files: int) -> None:
        self._show_progress("discovery", files, None)

    def _show_progress(self, phase: str, done: int, total: int | None) -> None:
        """Report progress in a phase, including the Locations before this one."""
        if self._progress is None:
            return
        before = self._before[phase]
        self._progress(phase, before + done, None if total is None else before + total)

    def _show_end(self, phase: str, done: int) -> None:
        self._show_progress(phase, done, done)
        self._before[phase] += done

    def _aggregate(self, location: Location, found: Discovered, changes: Changes) -> None:
        """Totals are for whole Locations, so a run over a part of one leaves them to the next full run."""
        if found.prefix or found.parts is not None:
            return
        if not changes.any and self._has_totals(location):
            return
        totals = aggregate((file[0], file[1]) for file in found.files)
        with self._database.write() as connection:
            catalog_locations.replace_folders(connection, location.id, totals)

    def _has_totals(self, location: Location) -> bool:
        with self._database.read() as connection:
            return catalog_locations.has_folders(connection, location.id)

    def _identify(
        self,
        location: Location,
        files: Sequence[FoundFile],
        report: IndexReport,
        sample_above: int,
        replaced: Set[bytes],
    ) -> None:
        """Hash chunk after chunk. While one is hashed without the GIL, the one before is written to the catalog."""
        hashed = 0
        stop = threading.Event()

        def hash_chunk(chunk: Sequence[FoundFile]) -> list[EntryRow]:
            def progress(done: int, _bytes: int) -> None:
                if stop.is_set():
                    raise KeyboardInterrupt
                self._show_progress("identification", hashed + done, len(files))

            nonlocal hashed
            follow = self._config.follow_links
            identified = identify(location.path, chunk, sample_above=sample_above, follow=follow, progress=progress)
            hashed += len(chunk)
            reach("indexer.hashed")
            return identified

        with report.timed("identification"):
            hash_ahead(list(chunked(files)), hash_chunk, partial(self._record, location, report, replaced), stop)
        self._show_end("identification", hashed)

    def _record(self, location: Location, report: IndexReport, replaced: Set[bytes], rows: Sequence[EntryRow]) -> None:
        with self._database.write() as connection:
            catalog_locations.record_entries(connection, location.id, rows, time.time(), replaced=replaced)
        reach("indexer.recorded")
        report.hashed += len(rows)
        for row in rows:
            if row.error_class is not None:
                problem = Problem(path=row.path, error_class=row.error_class, message=row.error_message or "")
                report.problems.append(_absolute(location, problem))

    def queue(
        self, location: Location, policy: DeviceGenerationPolicy, report: IndexReport, *, types: bool = True
    ) -> None:
        """Phase 5 alone, for entries that changed and (``types``) for file types whose wanted sidecars changed.

        ``policy``: of these kinds only.
        """
        wants_of = cache(partial(wanted_sidecars, policy))
        looked_at = 0
        with report.timed("queueing"):
            if types:
                self._mark_changed_types(location, wants_of)
            more = self._mark_lost_sources(location)
            while more:
                with self._database.write() as connection:
                    count, queued = catalog_queueing.queue_slice(
                        connection,
                        location.id,
                        wants_of,
                        time.time(),
                        kinds=self._kinds,
                    )
                reach("indexer.queued")
                more = count == catalog_queueing.SLICE
                looked_at += count
                report.queued += queued
                self._show_progress("queueing", looked_at, None)
        self._show_end("queueing", looked_at)

    def _mark_lost_sources(self, location: Location) -> bool:
        """Queue files again that were missing or changed when a job read them, and are as in the catalog now.

        Returns whether there is anything to queue in this Location.
        """
        with self._database.read() as connection:
            self._may_retry = catalog_queueing.has_failures(connection)
            lost = self._may_retry and failures.has_lost_sources(connection, location.id)
            more = catalog_queueing.has_unqueued(connection, location.id)
        if lost:
            with self._database.write() as connection:
                failures.mark_lost_sources(connection, location.id)
        return lost or more

    def _queue_expired(self) -> int:
        """Queue what failed long ago, and PDFs for which there may be a password now; returns how many sidecars."""
        if self._may_retry is False:
            return 0
        days, passwords = self._config.retry_after_days, self._config.passwords_file
        limits: list[failures.Limit] = [(time.time() - days * 86400, None)] if days else []
        if passwords is not None:
            with suppress(OSError):
                limits.append((os.stat(passwords).st_mtime, NEEDS_PASSWORD))
        with self._database.read() as connection:
            if not (catalog_queueing.has_failures(connection) and failures.is_expired(connection, limits)):
                return 0
        with self._database.write() as connection:
            return failures.queue_expired(connection, self._kinds, limits, time.time())

    def _mark_changed_types(self, location: Location, wants_of: catalog_queueing.WantsOf) -> None:
        with self._database.read() as connection:
            mimes = catalog_queueing.present_mimes(connection)
            before = catalog_queueing.read_signature(connection, location.id)
        now = signatures(wants_of, mimes)
        if now == before:
            return
        changed = [mime for mime in mimes if mime in before and before[mime] != now[mime]]
        with self._database.write() as connection:
            catalog_queueing.mark_changed(connection, location.id, changed)
            catalog_queueing.write_signature(connection, location.id, now)


def _log(location: Location, found: Discovered, changes: Changes) -> None:
    where = repr(os.fsdecode(os.path.join(location.path, found.prefix)))
    if _logger.isEnabledFor(logging.INFO):
        numbers = len(found.files), len(changes.new), len(changes.changed), len(changes.removed), len(changes.moved)
        _logger.info("indexed %s: %d files, %d new, %d changed, %d removed, %d moved", where, *numbers)
    for problem in found.problems:
        _logger.warning("left out %r in %s: %s", os.fsdecode(problem.path), where, problem.message)


def _absolute(location: Location, problem: Problem) -> tuple[bytes, str, str]:
    return (os.path.join(location.path, problem.path), problem.error_class, problem.message)


# phase 3: aggregation -------------------------------------------------------------------------------------------------


def aggregate(files: Iterable[tuple[bytes, int]]) -> dict[bytes, tuple[int, int]]:
    """(relative path, size in bytes) of each file -> folder: (files, bytes). The Location itself is ``b""``."""
    direct: dict[bytes, list[int]] = {b"": [0, 0]}
    for path, size in files:
        folder = path[: max(path.rfind(b"/"), 0)]
        total = direct.get(folder)
        if total is None:
            direct[folder] = [1, size]
        else:
            total[0] += 1
            total[1] += size
    totals: dict[bytes, list[int]] = {}
    for folder, (count, size) in direct.items():
        while True:
            total = totals.setdefault(folder, [0, 0])
            total[0] += count
            total[1] += size
            if not folder:
                break
            folder = folder[: max(folder.rfind(b"/"), 0)]
    return {folder: (count, size) for folder, (count, size) in totals.items()}


# phase 4: identification ----------------------------------------------------------------------------------------------


CHUNK_FILES = 8192
CHUNK_BYTES = 1024 * 1024 * 1024
"""A chunk ends at the first limit it reaches. A crash or Ctrl-C loses at most one chunk. Larger chunks are written
faster, because their rows go into the indexes together."""

_UNSURE = ("text/", UNKNOWN, "application/x-empty")
_EMPTY = "application/x-empty"
_DOCUMENTS = ("application/vnd.", "application/epub+zip")


def chunked(files: Sequence[FoundFile]) -> Iterator[Sequence[FoundFile]]:
    """``files`` in chunks of at most CHUNK_FILES files and about CHUNK_BYTES bytes."""
    start = size = 0
    for index, file in enumerate(files):
        if index > start and (index - start >= CHUNK_FILES or size + file[1] > CHUNK_BYTES):
            yield files[start:index]
            start, size = index, 0
        size += file[1]
    if start < len(files):
        yield files[start:]


def hash_ahead(
    chunks: Sequence[Sequence[FoundFile]],
    hash_chunk: Callable[[Sequence[FoundFile]], list[EntryRow]],
    record: Callable[[list[EntryRow]], None],
    stop: threading.Event,
) -> None:
    """Hash chunk after chunk in a thread, and record each while the next is hashed. ``stop``: set after an error."""
    if len(chunks) == 1:
        record(hash_chunk(chunks[0]))
        return
    with ThreadPoolExecutor(1, "pillion-identify") as executor:
        try:
            pending: Future[list[EntryRow]] | None = None
            for chunk in [*chunks, None]:
                following = executor.submit(hash_chunk, chunk) if chunk else None
                if pending is not None:
                    record(pending.result())
                pending = following
        except BaseException:
            stop.set()
            raise


def identify(
    root: bytes,
    files: Sequence[FoundFile],
    *,
    sample_above: int,
    follow: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[EntryRow]:
    """Identify one chunk: an entry for each file, with its content's identity or with the reason why it has none.

    A file that changed or vanished meanwhile gets an error class and does not stop the others. ``claimed_mime``: the
    type that the name claims, set only if that is a picture, document, sound or video and the bytes are not, or are
    unknown.

    ``follow``: a symbolic link in place of a file is read, and else a change.
    ``progress``: (files done, bytes read), about every 50 ms; if it raises an error, the call ends with it.
    """
    rows = [file[:3] for file in files]
    results = _core.identify_files(root, rows, sample_above=sample_above, follow=follow, progress=progress)
    return [_entry(file, result) for file, result in zip(files, results, strict=True)]


def _entry(file: FoundFile, result: tuple[str, str, str, tuple[int | None, str] | None] | tuple[str, str]) -> EntryRow:
    path, size, mtime_ns, inode, ctime_ns = file
    content_uuid, digest, mime, said = result if len(result) == 4 else (None, None, None, None)
    error_class, message = result if len(result) == 2 else (None, None)
    return EntryRow(
        path=path,
        size=size,
        mtime_ns=mtime_ns,
        inode=inode,
        ctime_ns=ctime_ns,
        content_uuid=content_uuid,
        hash=digest,
        mime=mime,
        claimed_mime=None if mime is None else _claimed_mime(path, mime),
        error_class=error_class,
        error_message=message,
        facts=None if mime is None else FileFacts(*(said or ())),
    )


def _claimed_mime(path: bytes, mime: str) -> str | None:
    taken_for = _core.claimed_type(path) if mime == UNKNOWN else None
    if taken_for is not None or not mime.startswith(_UNSURE):
        return taken_for
    claimed = _core.mime_from_name(path[path.rfind(b"/") + 1 :])
    media_class = _core.media_class(claimed)
    # A text file may contain anything, so its name claims little; an office document has a fixed format.
    loose = media_class == "text" and mime != _EMPTY and not claimed.startswith(_DOCUMENTS)
    return None if media_class == "other" or loose else claimed
