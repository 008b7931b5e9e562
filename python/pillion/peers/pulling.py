"""The peers of one library: adding and comparing them, and taking from them what is to be made here.

A sidecar is taken only where this library wants it by the very recipe that the peer made it with. Its bytes must have
the size and the checksum that were offered, and be a whole sidecar of its kind, which a worker finds out. Then it is
recorded as if it had been made here. A peer that gives anything else is left out, and named, until it is added again.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from pillion import _core
from pillion.catalog import peers as catalog_peers
from pillion.catalog.database import Database
from pillion.catalog.peers import Offer, PeerRow, Wanted
from pillion.errors import ErrorClass, ItemError, UsageError
from pillion.kinds import registry
from pillion.machine import at_work, this_owner
from pillion.model import NEVER_SAMPLED, Produced, SidecarKind
from pillion.peers.answering import Answering
from pillion.peers.checking import Check, Checked, Checker
from pillion.peers.compare import Differences, compare, compare_bucket
from pillion.peers.folder import FolderPeer
from pillion.peers.peer import Peer, PeerError, PeerLied
from pillion.peers.web import WebPeer
from pillion.pool.sandbox import Mode
from pillion.recording import Given, record_many
from pillion.store import Store, staged_path

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_BATCH = 256
"""Sidecars that are checked and recorded together."""

_BATCH_BYTES = 64 << 20
"""Bytes of them, but for one that is larger."""

MOST_BYTES = 1 << 30
"""Of one sidecar that is taken."""


@dataclass(slots=True)
class Pulled:
    """What was taken from one peer, or would be. ``failed``: why it was not reached, or is left out from now on.

    ``by_kind``: kind -> how many. ``bytes``: of the sidecars. ``received``: bytes that came in all, with the
    comparison. ``missing``: how many it had offered and did not have any more. ``seconds``: of all of it.
    """

    peer: str
    by_kind: dict[SidecarKind, int] = field(default_factory=dict)
    bytes: int = 0
    received: int = 0
    missing: int = 0
    seconds: float = 0.0
    failed: str | None = None
    lied: bool = False

    def to_json(self) -> dict[str, Any]:
        """The object that ``pillion pull --json`` prints for each peer."""
        return {
            "peer": self.peer,
            "sidecars": sum(self.by_kind.values()),
            "by_kind": dict(self.by_kind),
            "bytes": self.bytes,
            "received": self.received,
            "missing": self.missing,
            "seconds": round(self.seconds, 3),
            "failed": self.failed,
            "lied": self.lied,
        }


Progress = Callable[[str, int, int], None]
"""(name of the peer, sidecars taken, of all)"""


class Peers:
    """The peers of one library."""

    def __init__(self, database: Database, store: Store, mode: Mode = Mode.AUTO) -> None:
        self._database = database
        self._store = store
        self._mode = mode
        self.answering = Answering(database, store.root, save=not database.is_read_only)
        """What this library answers to its peers."""

    def add(self, name: str, url: str, token_file: str | os.PathLike[str] | None = None) -> PeerRow:
        """Add a peer, by the folder of its library or its web address, or give one another address.

        ``token_file``: the file with the token that its server asks for; it is read when it is needed. Raises
        UsageError for a name that is none, or this library itself.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(f"'{name[:80]}' cannot name a peer: use letters, digits, '.', '-' and '_'.")
        address = _address(url)
        if address == str(self._store.root):
            raise UsageError("This library cannot be its own peer.")
        token = None if token_file is None else os.fsencode(os.path.abspath(os.path.expanduser(token_file)))
        with self._database.write() as connection:
            catalog_peers.add_peer(connection, name, address, token, time.time())
        return self.get(name)

    def remove(self, name: str) -> None:
        """Forget a peer. What was taken from it stays. Raises UsageError if there is none of this name."""
        with self._database.write() as connection:
            if not catalog_peers.remove_peer(connection, name):
                raise self._unknown(name)

    def all(self) -> Sequence[PeerRow]:
        """All peers, in order of their names."""
        with self._database.read() as connection:
            return catalog_peers.list_peers(connection)

    def get(self, name: str) -> PeerRow:
        """The peer of this name. Raises UsageError if there is none."""
        found = next((peer for peer in self.all() if peer.name == name), None)
        if found is None:
            raise self._unknown(name)
        return found

    def _unknown(self, name: str) -> UsageError:
        known = ", ".join(peer.name for peer in self.all()) or "none yet; add one with 'pillion peer add NAME URL'"
        return UsageError(f"There is no peer '{name[:80]}'; the peers are: {known}.")

    def differences(self, name: str) -> tuple[int, int]:
        """(how many sidecars it has that this library has not or has others of, how many it lacks), as last seen."""
        with self._database.read() as connection:
            return catalog_peers.count_differences(connection, name)

    # comparing and taking ---------------------------------------------------------------------------------------------

    def compare(self, name: str, progress: Callable[[int, int], None] | None = None) -> Differences:
        """Ask a peer what it has, and remember where it differs. Raises PeerError; PeerLied leaves it out, too."""
        row = self.get(name)
        with self._blamed(row.name), closing(connect(row)) as peer:
            return self._compared(row.name, peer, progress)

    def _compared(self, name: str, peer: Peer, progress: Callable[[int, int], None] | None = None) -> Differences:
        now = time.time()
        found = compare(self._database, self._store.root, peer, progress)
        device = (found.about.device_uuid, found.about.device_name)
        with self._database.write() as connection:
            catalog_peers.save_differences(connection, name, device, has=found.has, lacks=found.lacks, now=now)
        return found

    def pull(
        self,
        names: Sequence[str] | None = None,
        *,
        kinds: Collection[SidecarKind | str] | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> list[Pulled]:
        """Take from each peer, one after the other, the sidecars that are due here and that it has as they are wanted.

        ``names``: of the peers, by default all that are not left out. ``dry_run``: only say how many these are. What a
        peer that fails does not give is left for the next. Raises UsageError for an unknown peer or kind.
        """
        chosen = None if kinds is None else registry.parse_kinds(list(kinds))
        rows = [self.get(name) for name in names] if names else [row for row in self.all() if row.refused is None]
        return [self._pulled(row, partial(self._pull_named, row.name, chosen, dry_run, progress)) for row in rows]

    def pull_from(
        self, url: str, *, kinds: Collection[SidecarKind | str] | None = None, progress: Progress | None = None
    ) -> Pulled:
        """Take from a library at an address that is no peer and does not become one."""
        chosen = None if kinds is None else registry.parse_kinds(list(kinds))
        row = PeerRow(name=url, url=_address(url), added_at=time.time())

        def work(peer: Peer, result: Pulled) -> None:
            found = compare(self._database, self._store.root, peer)
            self._take(peer, self._wanted(found.has, chosen), result, progress)

        return self._pulled(row, work)

    def fetch(self, content_uuid: str, kind: SidecarKind, variant: str) -> bool:
        """Take one sidecar, that is due here, from the first peer that has it; False if none has it or can be reached.

        Only the one bucket is compared, and nothing of it is remembered.
        """

        def work(peer: Peer, result: Pulled) -> None:
            offers = compare_bucket(self._database, peer, content_uuid[: catalog_peers.BUCKET])
            mine = [offer for offer in offers if offer.key == (content_uuid, kind, variant)]
            self._take(peer, self._wanted(mine, None), result)

        rows = (row for row in self.all() if row.refused is None)
        return any(self._pulled(row, work).by_kind for row in rows)

    def _pulled(self, row: PeerRow, work: Callable[[Peer, Pulled], None]) -> Pulled:
        """What ``work`` took from a peer while it was connected."""
        result = Pulled(row.name)
        started = time.monotonic()
        try:
            with self._blamed(row.name), closing(connect(row)) as peer:
                try:
                    work(peer, result)
                finally:
                    result.received = peer.received
        except PeerError as error:
            result.failed, result.lied = str(error), isinstance(error, PeerLied)
        result.seconds = time.monotonic() - started
        return result

    @contextmanager
    def _blamed(self, name: str) -> Iterator[None]:
        """A peer that lies inside is left out from now on."""
        try:
            yield
        except PeerLied as error:
            with self._database.write() as connection:
                catalog_peers.refuse_peer(connection, name, str(error)[:500])
            raise

    def _pull_named(
        self,
        name: str,
        kinds: Collection[str] | None,
        dry_run: bool,
        progress: Progress | None,
        peer: Peer,
        result: Pulled,
    ) -> None:
        wanted = self._wanted(self._compared(name, peer).has, kinds)
        if dry_run:
            self._count(result, wanted)
            return
        self._take(peer, wanted, result, progress, forget=name)

    def _wanted(self, offers: Sequence[Offer], kinds: Collection[str] | None) -> list[Wanted]:
        with self._database.read() as connection:
            wanted = catalog_peers.wanted_among(connection, offers, kinds)
        return [item for item in wanted if item.offer.size <= MOST_BYTES]

    def _take(
        self,
        peer: Peer,
        wanted: Sequence[Wanted],
        result: Pulled,
        progress: Progress | None = None,
        *,
        forget: str | None = None,
    ) -> None:
        """Take what is wanted, in batches, each checked and recorded as a whole.

        ``forget``: the name of the peer of which it is no difference any more.
        """
        if not wanted:
            return
        done = 0
        with Checker(self._store.staging, self._mode) as checker:
            for batch in _batches(wanted):
                taken = self._taken(peer, checker, batch)
                if taken:
                    record_many(self._database, self._store, [given for _, given in taken])
                if forget is not None:
                    with self._database.write() as connection:
                        catalog_peers.forget_differences(connection, [item.offer.key for item in batch], forget)
                self._count(result, [item for item, _ in taken])
                result.missing += len(batch) - len(taken)
                done += len(batch)
                if progress is not None:
                    progress(result.peer, done, len(wanted))

    @staticmethod
    def _count(result: Pulled, wanted: Sequence[Wanted]) -> None:
        for item in wanted:
            result.by_kind[item.offer.kind] = result.by_kind.get(item.offer.kind, 0) + 1
            result.bytes += item.offer.size

    def _taken(self, peer: Peer, checker: Checker, batch: Sequence[Wanted]) -> list[tuple[Wanted, Given]]:
        """What of a batch the peer has, read and checked. Raises PeerLied, PeerError."""
        owner = this_owner()
        with at_work(owner):
            try:
                read = [(item, data) for item in batch if (data := _read(peer, item)) is not None]
                checks: list[tuple[Check, int]] = []
                for item, data in read:
                    offer = item.offer
                    path = staged_path(self._store.new_staging_path(owner), offer.variant)
                    path.write_bytes(data)
                    settings: Mapping[str, Any] = json.loads(item.settings)
                    checks.append(
                        (Check(path=path, kind=offer.kind, variant=offer.variant, settings=settings), len(data))
                    )
                checked = checker.check(checks)
                return [(item, _given(item, data, found)) for (item, data), found in zip(read, checked, strict=True)]
            finally:
                self._store.sweep(owner)


def _address(url: str) -> str:
    """A web address, or the absolute path of a folder."""
    if url.startswith(("http://", "https://")):
        return url.rstrip("/")
    return os.path.abspath(os.path.expanduser(url))


def connect(row: PeerRow) -> Peer:
    """The peer at its address. Raises PeerError if it cannot be reached."""
    if row.url.startswith(("http://", "https://")):
        return WebPeer(row.url, None if row.token_file is None else Path(os.fsdecode(row.token_file)))
    return FolderPeer(Path(row.url))


def _batches(wanted: Sequence[Wanted]) -> Iterator[Sequence[Wanted]]:
    """In pieces of one kind and variant each, with bounded bytes."""
    for _, some in groupby(wanted, key=lambda item: (item.offer.kind, item.offer.variant)):
        batch: list[Wanted] = []
        size = 0
        for item in some:
            if batch and (len(batch) == _BATCH or size + item.offer.size > _BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(item)
            size += item.offer.size
        yield batch


def _read(peer: Peer, item: Wanted) -> bytes | None:
    """The bytes that were offered; None if it has them no more. Raises PeerLied for others."""
    offer = item.offer
    data = peer.read(offer)
    if data is None:
        return None
    if len(data) != offer.size or _core.hash_bytes(data, sample_above=NEVER_SAMPLED).hash != offer.checksum:
        what = f"{offer.kind} {offer.variant} of {offer.content_uuid}"
        raise PeerLied(f"What it gave as {what} has not the checksum that it had offered.")
    return data


def _given(item: Wanted, data: bytes, found: Checked | ItemError) -> Given:
    """The sidecar, to be recorded. Raises PeerLied if it is none, or of another format."""
    offer = item.offer
    if isinstance(found, ItemError):
        if found.error_class.environment or found.error_class is ErrorClass.OOM:
            raise PeerError(f"What it gave cannot be checked here: {found.message}")
        raise PeerLied(
            f"What it gave as {offer.kind} {offer.variant} of {offer.content_uuid} is none: {found.message}."
        )
    if found.format is not offer.format:
        raise PeerLied(f"It offered {offer.kind} {offer.variant} as {offer.format}, and gave {found.format}.")
    produced = Produced(
        variant=offer.variant,
        format=offer.format,
        data=data,
        mark=found.mark or offer.mark,
        thumbhash=found.thumbhash,
        likeness=found.likeness,
    )
    return Given(content_uuid=offer.content_uuid, kind=offer.kind, recipe=offer.recipe, produced=produced)
