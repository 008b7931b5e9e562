"""What the workers of a library may use, as its Locations, settings and models are now (pool/sandbox.py has the rules).

They read the Locations, the library's sidecars and staging, and the models. They write to folders of their own in
staging, from where their results are fetched. Where a Location is added, or comes back, they are replaced by others
that may read it.
"""

from __future__ import annotations

import errno
import functools
import logging
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from pillion.catalog import indexing as catalog_indexing
from pillion.catalog.database import Database
from pillion.catalog.queue import ClaimedJob
from pillion.errors import ErrorClass
from pillion.kinds import registry
from pillion.model import Failure
from pillion.pool.sandbox import Mode, Policy
from pillion.settings.config import Config
from pillion.store import Store

_log = logging.getLogger(__name__)

_ANSWER_S = 2.0
"""How long to wait for a Location: a dead file system may never answer, and would hold each worker up as it starts."""

_SINGLE = 8
"""So many files of a folder outside of the Locations are granted one by one."""

_APART = 1000
"""So many files and folders outside of the Locations are granted at a time."""


class Confinement:
    """The policy of one library's workers. ``config``: its settings as they are now."""

    def __init__(self, database: Database, store: Store, config: Config, owner: str) -> None:
        self._database = database
        self._store = store
        self._owner = owner
        self.config = config
        self._watched: tuple[bytes, ...] = ()
        """All Locations, with an end; also those that do not answer."""
        self._granted: tuple[bytes, ...] = ()
        """Folders that the workers may read, with an end."""
        self._apart: dict[bytes, None] = {}
        """Files and folders outside of the Locations: what is asked for without one, and where links lead."""
        self._again: set[int] = set()

    def policy(self) -> Policy:
        """As it is now."""
        mode, staging = Mode(self.config.sandbox), os.fsencode(self._store.staging)
        if mode is Mode.OFF:
            _say_that_it_is_off()
            return Policy(mode=mode, home=staging, prefix=f"{self._owner}.")
        with self._database.read() as connection:
            watched = [item.path for item in catalog_indexing.list_locations(connection) if item.walked]
        there = sorted(_answering(watched))
        self._watched = tuple(map(_with_end, watched))
        self._granted = tuple(map(_with_end, (*there, *self._apart)))
        beside = map(
            os.fsencode, (self._store.readable, self._store.staging, *registry.models(), *named_paths(self.config))
        )
        return Policy(
            mode=mode,
            reads=tuple(sorted({*there, *self._apart, *beside})),
            writes=registry.written_elsewhere(),
            home=staging,
            prefix=f"{self._owner}.",
            programs=registry.programs(),
        )

    def renewed(self, sources: Iterable[bytes]) -> Policy | None:
        """The policy that lets workers read these files as well; None if the one that was made last does."""
        if self.config.sandbox == Mode.OFF:
            return None
        lacking = [path for path in sources if not self._covers(path)]
        if not lacking:
            return None
        policy = self.policy()
        apart = [path for path in lacking if not self._covers(path)]
        if self.config.follow_links:
            apart = [path for path in apart if path.startswith(self._granted) or not path.startswith(self._watched)]
        else:
            apart = [path for path in apart if not path.startswith(self._watched)]
        if not apart:
            return policy
        for path in apart:
            self._apart[self._narrow(path)] = None
        for path in tuple(self._apart)[:-_APART]:
            del self._apart[path]
        return self.policy()

    def follows(self, sources: Iterable[bytes]) -> bool:
        """Whether one of these files may be a link: nothing below a Location is, unless links are followed."""
        return self.config.follow_links or not all(path.startswith(self._watched) for path in sources)

    def refused(self, failed: Iterable[tuple[ClaimedJob, Failure]]) -> set[int]:
        """The ids of those jobs whose files a worker could not read and this process can: a disk came back, say.

        Each job once: the workers are replaced then, and where that does not help, it fails.
        """
        if self.config.sandbox == Mode.OFF:
            return set()
        unread = [job for job, failure in failed if job.id not in self._again and _is_unread(failure)]
        found = {job.id for job in unread if any(_opens(path) for path, _, _ in job.sources)}
        self._again |= found
        return found

    def _covers(self, path: bytes) -> bool:
        if not path.startswith(self._granted) and path not in self._apart:
            return False
        # The kernel goes by where a file is, not by the links on the way there.
        real = os.path.realpath(path) if self.config.follow_links else path
        return real is path or real == path or real.startswith(self._granted) or real in self._apart

    def _narrow(self, path: bytes) -> bytes:
        """What is granted for a file outside of the Locations: where a link to a folder on its way leads, or itself.

        The folder that it is in where many are, unless that holds the user's home.
        """
        way = path.split(b"/")
        linked = next((way[:end] for end in range(2, len(way)) if os.path.islink(b"/".join(way[:end]))), None)
        if linked is not None and path.startswith(self._watched):
            return os.path.realpath(b"/".join(linked))
        real = os.path.realpath(path)
        folder = os.path.dirname(real)
        many = sum(os.path.dirname(other) == folder for other in self._apart) >= _SINGLE
        home = os.path.realpath(os.path.expanduser(b"~"))
        return folder if many and not _with_end(home).startswith(_with_end(folder)) else real


@functools.cache
def _say_that_it_is_off() -> None:
    """Log it once in this process: a library that came from elsewhere brings its settings."""
    _log.warning('Workers are not confined: config.toml says sandbox = "off".')


def _with_end(folder: bytes) -> bytes:
    return folder.rstrip(b"/") + b"/"


def _is_unread(failure: Failure) -> bool:
    """Whether a source could not be opened, perhaps because the worker may not."""
    denied = os.strerror(errno.EACCES).lower() in failure.message.lower()
    return failure.error_class is ErrorClass.MISSING_SOURCE or (
        denied and failure.error_class is ErrorClass.IO_TRANSIENT
    )


def _opens(path: bytes) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _answering(folders: Iterable[bytes]) -> set[bytes]:
    """Those that are there and say so soon."""
    found: set[bytes] = set()

    def look(folder: bytes) -> None:
        if os.path.isdir(folder):
            found.add(folder)

    threads = [threading.Thread(target=look, args=(folder,), daemon=True) for folder in set(folders)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + _ANSWER_S
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return set(found)


# beside the sources ---------------------------------------------------------------------------------------------------


def named_paths(config: Config) -> list[Path]:
    """The files and folders that settings name: a model, a file of passwords."""
    tables = [config.kinds, *config.locations.values(), *(policy.kinds for policy in config.policies.values())]
    values = (value for table in tables for settings in table.values() for value in settings.values())
    named = [value for value in values if isinstance(value, str) and os.sep in value]
    named += [config.passwords_file] if config.passwords_file else []
    return [path for name in named if (path := Path(name).expanduser()).is_absolute() and path.exists()]
