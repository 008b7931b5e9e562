"""Sidecars on their way from a peer: read, staged, and looked at by workers, ahead of who records them.

Three things go on at a time: a thread reads what is next, workers look at what was read, and who records them takes
what was looked at. What was read and is not recorded yet has bounded bytes.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pillion import _core
from pillion.catalog.peers import Offer, Wanted
from pillion.errors import ErrorClass, ItemError
from pillion.machine import at_work, this_owner
from pillion.model import NEVER_SAMPLED, Produced
from pillion.peers.checking import Check, Checked, Checker
from pillion.peers.peer import Peer, PeerError, PeerLied
from pillion.pool.sandbox import Mode
from pillion.recording import Given
from pillion.store import Store, staged_path

_AHEAD = 2
"""Batches that are read, or looked at, beside the one that is recorded."""

_AHEAD_BYTES = 64 << 20
"""Of all of these, but for one sidecar that is larger."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read of what was ``asked`` for, with the file in staging of each, and what workers find it to be."""

    asked: Sequence[Wanted]
    read: Sequence[tuple[Wanted, bytes, Path]]
    looked: Iterator[Checked | ItemError]

    def given(self) -> list[tuple[Wanted, Given]]:
        """All that was read, to be recorded, when it was looked at. Raises PeerLied, PeerError."""
        return [
            (item, _given(item.offer, data, path, found))
            for (item, data, path), found in zip(self.read, self.looked, strict=True)
        ]


class Taking:
    """Takes from one peer to a store's staging. Use it in ``with``: at the end nothing is left there."""

    def __init__(self, peer: Peer, store: Store, mode: Mode) -> None:
        self._peer = peer
        self._store = store
        self._checker = Checker(store.staging, mode)
        self._owner = this_owner()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="pillion-take")
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        self._exit.enter_context(at_work(self._owner))
        self._exit.callback(self._store.sweep, self._owner)
        self._exit.enter_context(self._checker)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if error is not None:
                # Nobody waits for what is still read.
                self._peer.abort()
            self._reader.shutdown(cancel_futures=True)
        finally:
            self._exit.close()

    def ahead(self, batches: Iterable[Sequence[Wanted]]) -> Iterator[Batch]:
        """Each batch as it was read, in order, while those after it are read. Raises PeerLied, PeerError."""
        waiting: deque[tuple[int, Future[Batch]]] = deque()
        for asked in batches:
            size = sum(item.offer.size for item in asked)
            while waiting and (len(waiting) > _AHEAD or size + sum(some for some, _ in waiting) > _AHEAD_BYTES):
                yield waiting[0][1].result()
                # It was recorded meanwhile.
                waiting.popleft()
            waiting.append((size, self._reader.submit(self.read, asked)))
        while waiting:
            yield waiting.popleft()[1].result()

    def read(self, asked: Sequence[Wanted]) -> Batch:
        """Read one batch, and have it looked at. Raises PeerLied for other bytes than were offered, PeerError."""
        found = self._peer.read_many([item.offer for item in asked])
        read = [
            (item, data, self._staged(item.offer, data))
            for item, data in zip(asked, found, strict=True)
            if data is not None
        ]
        checks = [(_check(item, path), len(data)) for item, data, path in read]
        return Batch(asked, read, self._checker.check(checks))

    def drop(self, batch: Batch, recorded: Collection[int]) -> None:
        """Remove the files of a batch that were not recorded. ``recorded``: the ids of the items that were."""
        for item, _, path in batch.read:
            if id(item) not in recorded:
                path.unlink(missing_ok=True)

    def _staged(self, offer: Offer, data: bytes) -> Path:
        if len(data) != offer.size or _core.hash_bytes(data, sample_above=NEVER_SAMPLED).hash != offer.checksum:
            what = f"{offer.kind} {offer.variant} of {offer.content_uuid}"
            raise PeerLied(f"What it gave as {what} has not the checksum that it had offered.")
        path = staged_path(self._store.new_staging_path(self._owner), offer.variant)
        path.write_bytes(data)
        return path


def _check(item: Wanted, path: Path) -> Check:
    settings: Mapping[str, Any] = json.loads(item.settings)
    return Check(path=path, kind=item.offer.kind, variant=item.offer.variant, settings=settings)


def _given(offer: Offer, data: bytes, path: Path, found: Checked | ItemError) -> Given:
    """The sidecar, to be recorded. Raises PeerLied if it is none, or of another format."""
    if isinstance(found, ItemError):
        if found.error_class.environment or found.error_class is ErrorClass.OOM:
            raise PeerError(f"What it gave cannot be checked here: {found.message}")
        raise PeerLied(
            f"What it gave as {offer.kind} {offer.variant} of {offer.content_uuid} is none: {found.message}."
        )
    if found.format is not offer.format or offer.format is None:
        raise PeerLied(f"It offered {offer.kind} {offer.variant} as {offer.format}, and gave {found.format}.")
    produced = Produced(
        variant=offer.variant,
        format=offer.format,
        data=data,
        mark=found.mark or offer.mark,
        thumbhash=found.thumbhash,
        likeness=found.likeness,
    )
    return Given(content_uuid=offer.content_uuid, kind=offer.kind, recipe=offer.recipe, produced=produced, staged=path)
