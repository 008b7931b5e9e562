"""Named points at which a test can make this program fail: kill it, hang it, or raise an error of the machine.

Normally :func:`reach` does nothing. The environment variable ``PILLION_FAILPOINTS_DIR`` arms it: it names a folder in
which every point has a file with one byte for each time that any process reached it. So a test sees which points were
reached, and can wait for one. ``PILLION_FAILPOINTS`` then says what happens where:
``POINT=ACTION@N`` (the N-th time, counted over all processes) or ``POINT=ACTION@N+`` (from then on), separated by
spaces. An ACTION is ``kill`` (this process, by SIGKILL), ``stop`` (by SIGSTOP: it goes on after a SIGCONT), ``hang``,
or the name of an errno such as ``ENOSPC``, which is raised as OSError.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

DIRECTORY_VARIABLE = "PILLION_FAILPOINTS_DIR"
RULES_VARIABLE = "PILLION_FAILPOINTS"

POINTS: Mapping[str, str] = MappingProxyType(
    {
        "library.created": "a new library has its folders and settings, but no catalog yet",
        "catalog.begin": "a transaction that writes is about to begin",
        "catalog.commit": "its statements are done and it is about to be committed",
        "catalog.committed": "the transaction is committed",
        "indexer.discovered": "a Location was walked",
        "indexer.compared": "files that are gone were marked",
        "indexer.hashed": "a chunk of files was hashed",
        "indexer.recorded": "a chunk of files is in the catalog, not yet queued",
        "indexer.queued": "a slice of changed entries was queued",
        "work.claimed": "jobs are claimed, but nobody works on them yet",
        "work.release": "claimed jobs are about to be given back",
        "work.heartbeat": "leases are about to be renewed",
        "work.sweep": "files left over in staging are about to be removed",
        "work.end": "a run of the queue is over, and workers and staged files are about to be removed",
        "pool.start": "a worker process is about to be started",
        "pool.give": "a batch is about to be sent to a worker",
        "pool.result": "a result came from a worker",
        "child.ready": "a worker has started and is about to say so",
        "child.batch": "a worker has a batch but has not begun",
        "child.prepare": "a worker is about to do something for all items of a batch",
        "child.item": "a worker is about to begin an item",
        "child.made": "an item is made, but its result is not sent yet",
        "child.sent": "the result of an item is sent",
        "execute.stage": "one sidecar's bytes are about to be written to staging",
        "execute.staged": "one sidecar's bytes are in staging",
        "transcribe.kept": "a part of a long recording is transcribed and saved for a later try",
        "proxy.kept": "a minute of a film, or its sound, is encoded and saved for a later try",
        "record.begin": "results are about to be recorded",
        "record.placed": "files are in place, but not recorded in the catalog yet",
        "record.written": "rows are written but not committed",
        "cleanup.forgotten": "the rows of contents that are gone are removed, but their files are not",
        "cleanup.removed": "the files of one such content are removed too",
        "remove.cancelled": "a sidecar that the user removed is cancelled, but its file is still there",
        "reconcile.filled": "a new catalog is filled, beside the old one",
        "reconcile.aside": "the old catalog is moved aside, but the new one is not in its place yet",
        "verify.listed": "the rows of the catalog are checked, but the files are not listed yet",
        "repair.lost": "rows whose files are gone are due again, but nothing else is repaired yet",
        "search.emptied": "what was left of an index is removed, and a new one is not begun yet",
        "search.indexed": "a batch of contents is given to the index, but not committed",
        "search.named": "the names that changed are given to the index, but not committed",
        "search.commit": "the index is about to be committed",
        "search.vectors": "the vectors are committed, the words not yet",
        "search.pictures": "the hashes of pictures are durable, the words not yet",
        "search.committed": "the words are committed too",
        "store.manifest": "a manifest is about to be written to staging",
        "store.sync": "written bytes or renames are about to be made durable",
        "store.synced": "written bytes or renames are durable",
        "store.rename": "one file is about to be renamed to its final path",
        "store.renamed": "one file is at its final path",
    }
)
"""Every point: name -> the moment it names. The first word of a name is the module it is in."""


@dataclass(frozen=True, slots=True)
class _Rule:
    action: str
    at: int
    onwards: bool

    def applies(self, count: int) -> bool:
        return count == self.at or (self.onwards and count > self.at)


def _parse(text: str) -> dict[str, _Rule]:
    rules = {}
    for part in text.split():
        match = re.fullmatch(r"([a-z.]+)=(\w+)@(\d+)(\+?)", part)
        if match is None or match[1] not in POINTS:
            raise ValueError(f"{RULES_VARIABLE}: '{part}' is not POINT=ACTION@N with a known point.")
        if match[2] not in ("kill", "stop", "hang") and not hasattr(errno, match[2]):
            raise ValueError(f"{RULES_VARIABLE}: there is no action '{match[2]}'.")
        rules[match[1]] = _Rule(match[2], int(match[3]), bool(match[4]))
    return rules


def _count(directory: Path, name: str) -> int:
    """Note that ``name`` was reached; returns how many times so far, over all processes."""
    descriptor = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, b".")
        # After an appending write the position is just behind its own byte, even if others append meanwhile.
        return os.lseek(descriptor, 0, os.SEEK_CUR)
    finally:
        os.close(descriptor)


def _act(action: str) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
        return
    while action in ("kill", "hang"):
        time.sleep(60)
    number = getattr(errno, action)
    raise OSError(number, os.strerror(number))


def _armed(directory: Path, rules: Mapping[str, _Rule]) -> Callable[[str], None]:
    def reach(name: str) -> None:
        if name not in POINTS:
            raise KeyError(name)
        count = _count(directory, name)
        rule = rules.get(name)
        if rule is not None and rule.applies(count):
            _act(rule.action)

    return reach


_unarmed: Callable[[str], object] = frozenset[str]().__contains__
"""A lookup in an empty set, which needs no Python frame: a job passes about fifty points."""


def _from_environment(environment: Mapping[str, str]) -> Callable[[str], object]:
    directory = environment.get(DIRECTORY_VARIABLE)
    if not directory:
        return _unarmed
    return _armed(Path(directory), _parse(environment.get(RULES_VARIABLE, "")))


reach = _from_environment(os.environ)
"""Called with its name at each point: does nothing unless the environment armed it when this module was loaded."""

armed = reach is not _unarmed
