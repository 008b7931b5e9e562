"""What a worker says of the machine, looked at by its parent: that a disk is full, or that a tool is missing.

Both hold other jobs back and are charged to none, so a worker that a file has taken over must not be able to say them
at will. What turns out not to be so is charged to the job as a crash. What is so is said in the parent's own words: the
user may run the command that they name.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from pillion.errors import ErrorClass, FileLacksToolError, ItemError, WorkersNotStartingError, is_full
from pillion.kinds import registry
from pillion.kinds.execute import Execution, obtaining
from pillion.kinds.lacking import Lacking, Question, look_quickly
from pillion.kinds.spec import MIB
from pillion.model import SidecarKind
from pillion.pool.pool import WorkerPool
from pillion.pool.sandbox import Policy
from pillion.queue.commit import DISK_FULL_NOTICE, PlannedJob
from pillion.store import Store

_LOOK = "pillion.kinds.lacking:look"
_LOOK_S = 30.0
"""How long the look for missing tools may take: less than a lease."""

_TRUST_S = 10.0
"""How long what it found counts for other jobs."""

_MEMORY_BYTES = 3072 * MIB

_SCARCE_BYTES = 64 * MIB
"""With less space than this, a worker may well have seen none: others have removed their files since."""

_STILL_S = 60.0
"""So long after a disk was seen full a worker is believed that it is: it may have had room again since the worker tried
to write. Longer than the time between two tries on a full disk (queue/gates.py)."""

_ROOM_BYTES = 16 * MIB
"""Where this cannot be had, a disk is full: more than what is written for nearly every file."""


class Claims:
    """Looks at claims of one library's workers. ``policy``: what they may use, which who looks may use as well."""

    def __init__(self, store: Store, owner: str, policy: Callable[[], Policy | None]) -> None:
        self._store = store
        self._owner = owner
        self._policy = policy
        self._seen: dict[bytes, tuple[float, Lacking]] = {}
        self._seen_full = float("-inf")

    def checked(self, planned: PlannedJob, returned: Execution | ItemError) -> Execution | ItemError:
        """What came of a job; an error in this process's words where the worker said something of the machine."""
        settings = (planned.making[0].settings or {}) if planned.making else None
        return self.looked_at(planned.job.kind, planned.job.mime, settings, returned)

    def looked_at(
        self,
        kind: SidecarKind,
        mime: str,
        settings: Mapping[str, object] | None,
        returned: Execution | ItemError,
    ) -> Execution | ItemError:
        """The same for a task of this kind. ``settings`` None: it was to make nothing."""
        if isinstance(returned, ItemError) or returned.failure is None or not returned.failure.error_class.environment:
            return returned
        if returned.says_full() and self._is_or_was_full():
            return ItemError(ErrorClass.DISK_FULL, DISK_FULL_NOTICE)
        try:
            lacking = self._lacking(kind, mime, settings)
        except WorkersNotStartingError as error:
            return error
        # A disk without room for models is such a tool, too: it holds back one kind.
        sentence = lacking.confirmed(returned.failure.message)
        if sentence is not None:
            lacks = ItemError if sentence in lacking.any_file else FileLacksToolError
            return lacks(ErrorClass.MISSING_TOOL, sentence)
        said = returned.failure.message[:200]
        message = f"Its worker process said what is not so of this machine ({returned.failure.error_class}: {said})."
        return ItemError(ErrorClass.CRASH, message)

    def saw_full(self) -> None:
        """This process itself could not write: the disk is full."""
        self._seen_full = time.monotonic()

    def _is_or_was_full(self) -> bool:
        if has_no_room(Path(self._store.new_staging_path(self._owner))):
            self.saw_full()
        return time.monotonic() - self._seen_full < _STILL_S

    def _lacking(self, kind: SidecarKind, mime: str, settings: Mapping[str, object] | None) -> Lacking:
        function = registry.specs()[kind].lacking
        if function is None or settings is None:
            return Lacking()
        question = Question(function=function, mime=mime, settings=settings)
        key = msgspec.msgpack.encode(question, order="sorted")
        at, found = self._seen.get(key, (float("-inf"), Lacking()))
        if time.monotonic() - at >= _TRUST_S:
            found = self._looked_for(question)
            self._seen = {key: seen for key, seen in self._seen.items() if time.monotonic() - seen[0] < _TRUST_S}
            self._seen[key] = (time.monotonic(), found)
        return found

    def _looked_for(self, question: Question) -> Lacking:
        quick = look_quickly(question)
        if quick.any_file:
            return quick
        pool = WorkerPool(
            _LOOK,
            size=1,
            memory_limit=_MEMORY_BYTES,
            recycle_bytes=_MEMORY_BYTES,
            policy=self._policy(),
            obtaining=obtaining,
        )
        try:
            (future,) = pool.submit_batch("", [(question, _LOOK_S)])
            found: Lacking = future.result()
        except WorkersNotStartingError:
            raise
        except ItemError as error:
            # The look itself failed, which says nothing of a tool.
            return Lacking(any_file=(error.message,)) if error.error_class.environment else Lacking()
        else:
            return found
        finally:
            pool.shutdown(cancel_futures=True)


def has_no_room(probe: Path) -> bool:
    """Whether a disk has no room, by making a file there and removing it: quotas do not show otherwise."""
    try:
        state = os.statvfs(probe.parent)
        if state.f_bavail * state.f_frsize < _SCARCE_BYTES:
            return True
        with open(probe, "xb") as file:
            os.posix_fallocate(file.fileno(), 0, _ROOM_BYTES)
    except OSError as error:
        return is_full(error)
    else:
        return False
    finally:
        with suppress(OSError):
            probe.unlink()
