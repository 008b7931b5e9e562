"""The peers of one library: adding and comparing them, and taking from them what is to be made here.

A sidecar is taken only where this library wants it by the very recipe that the peer made it with. Its bytes must have
the size and the checksum that were offered, and be a whole sidecar of its kind, which a worker finds out. Then it is
recorded as if it had been made here, if it is still due. A peer that gives anything else is left out, and named, until
it is added again. That there is nothing in a file is the peer's word: the note of such a result names the peer, and
where the peer is left out, this device looks itself.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from pillion.catalog import peers as catalog_peers
from pillion.catalog.database import Database
from pillion.catalog.peers import Offer, PeerRow, Wanted
from pillion.catalog.queueing import queue_due
from pillion.catalog.sidecars import ask_again
from pillion.errors import UsageError
from pillion.job import Urgency
from pillion.kinds import registry
from pillion.model import SidecarKind, SidecarStatus
from pillion.peers.answering import Answering
from pillion.peers.compare import Differences, compare, compare_bucket
from pillion.peers.folder import FolderPeer, has_library
from pillion.peers.peer import Peer, PeerError, PeerLied
from pillion.peers.racing import Holding, Making, Pace, TimedPeer, portions, worth_fetching
from pillion.peers.taking import Batch, Taking
from pillion.peers.web import Address, WebPeer
from pillion.pool.sandbox import Mode
from pillion.quoting import quoted
from pillion.recording import record_fetched, record_told
from pillion.store import Store

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_BATCH = 512
"""Sidecars that are checked and recorded together."""

_BATCH_BYTES = 16 << 20
"""Bytes of them, but for one that is larger."""

MOST_BYTES = 1 << 30
"""Of one sidecar that is taken."""


@dataclass(slots=True)
class Pulled:
    """What was taken from one peer, or would be. ``failed``: why it was not reached, or is left out from now on.

    ``by_kind``: kind -> how many. ``bytes``: of the sidecars. ``received``: bytes that came in all, with the
    comparison. ``missing``: how many it had offered and did not have any more. ``made``: how many were made here before
    they came. ``empty``: of how many it said that there is nothing. ``seconds``: of all of it.
    """

    peer: str
    by_kind: dict[SidecarKind, int] = field(default_factory=dict)
    bytes: int = 0
    received: int = 0
    missing: int = 0
    made: int = 0
    empty: int = 0
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
            "made": self.made,
            "empty": self.empty,
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
        self._paces: dict[str, Pace] = {}
        self._connected: dict[int, Peer] = {}
        self._asked_in: set[int] = set()
        self.answering = Answering(database, store, save=not database.is_read_only)
        """What this library answers to its peers."""

    def add(self, name: str, url: str, token_file: str | os.PathLike[str] | None = None) -> PeerRow:
        """Add a peer, by the folder of its library or its web address, or give one another address.

        ``token_file``: the file with the token that its server asks for; it is read when it is needed. Raises
        UsageError for a name or an address that is none, a folder without a library, or this library itself.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(f"'{name[:80]}' cannot name a peer: use letters, digits, '.', '-' and '_'.")
        address = _address(url)
        if address == str(self._store.root):
            raise UsageError("This library cannot be its own peer.")
        if not _is_web(address) and not has_library(Path(address)):
            raise UsageError(
                f"There is no library in {quoted(address)}: mount its disk first, or give an address such as"
                " http://host:8640."
            )
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
        found = compare(self._database, self._store.root, self._timed(name, peer), progress)
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
            self._take(row.name, self._timed(row.name, peer), self._wanted(found.has, chosen), result, progress)

        return self._pulled(row, work)

    def fetch(self, content_uuid: str, kind: SidecarKind, variant: str) -> bool:
        """Take one sidecar, that is due here, from the first peer that has it; False if none has it or can be reached.

        Only the one bucket is compared, and nothing of it is remembered. The peer that is expected to be the quickest
        is asked first.
        """

        def work(name: str, peer: Peer, result: Pulled) -> None:
            timed = self._timed(name, peer)
            offers = compare_bucket(self._database, timed, content_uuid[: catalog_peers.BUCKET])
            mine = [offer for offer in offers if offer.key == (content_uuid, kind, variant)]
            self._take(name, timed, self._wanted(mine, None), result)

        rows = sorted(
            (row for row in self.all() if row.refused is None), key=lambda row: self.pace(row.name).seconds(0)
        )
        results = (self._pulled(row, partial(work, row.name)) for row in rows)
        return any(result.by_kind or result.empty for result in results)

    def race(self, kinds: Collection[SidecarKind], making: Making, stopped: Callable[[], bool]) -> list[Pulled]:
        """Take from each peer what comes sooner than it is made here (racing.py). ``stopped``: whether to end soon."""
        rows = [row for row in self.all() if row.refused is None]
        return [
            self._pulled(row, partial(self._race, row.name, kinds, making, stopped)) for row in rows if not stopped()
        ]

    def expected_s(self, size: float) -> float | None:
        """What a sidecar of so many bytes is expected to take, from the quickest peer; None if there is none."""
        paces = [self.pace(row.name).seconds(size) for row in self.all() if row.refused is None]
        return min(paces, default=None)

    def _race(
        self,
        name: str,
        kinds: Collection[SidecarKind],
        making: Making,
        stopped: Callable[[], bool],
        peer: Peer,
        result: Pulled,
    ) -> None:
        timed = self._timed(name, peer)
        wanted = self._wanted(self._compared(name, peer).has, kinds)
        self._told(name, [one for one in wanted if one.offer.is_empty], result)
        wanted = [one for one in wanted if not one.offer.is_empty]
        with self._database.read() as connection:
            due = catalog_peers.due_variants(connection, {(one.offer.content_uuid, one.offer.kind) for one in wanted})
        entrants = worth_fetching(wanted, due, self.pace(name), making)
        if not entrants or stopped():
            making.looked.set()
            return
        with Holding(self._database, entrants) as holding, Taking(timed, self._store, self._mode) as taking:
            making.looked.set()
            for some in portions(entrants, self.pace(name)):
                if stopped():
                    return
                holding.renew()
                free = self._free([one for entrant in some for one in entrant.wanted], result)
                if free:
                    self._record(timed, taking, taking.read(free), result, forget=name)
                holding.done(some)

    def _free(self, batch: Sequence[Wanted], result: Pulled) -> list[Wanted]:
        """Those that were not made meanwhile."""
        with self._database.read() as connection:
            free = catalog_peers.still_free(connection, [one.offer.due for one in batch])
        result.made += len(batch) - len(free)
        return [one for one in batch if one.offer.due in free]

    def pace(self, name: str) -> Pace:
        """How quick a peer is, by what it has answered to this process."""
        return self._paces.setdefault(name, Pace())

    def _timed(self, name: str, peer: Peer) -> TimedPeer:
        # It may be asked in another thread, for this one.
        return TimedPeer(peer, self.pace(name), partial(self._asking, threading.get_ident()))

    @contextmanager
    def _asking(self, thread: int) -> Iterator[None]:
        self._asked_in.add(thread)
        try:
            yield
        finally:
            self._asked_in.discard(thread)

    def asks(self, thread: int) -> bool:
        """Whether the thread with this number waits for a peer now: to connect, to answer, or to let go."""
        return thread in self._asked_in

    def abort(self, thread: int) -> None:
        """Let what is taken in another thread, which has this number, end soon."""
        peer = self._connected.get(thread)
        if peer is not None:
            peer.abort()

    def _pulled(self, row: PeerRow, work: Callable[[Peer, Pulled], None]) -> Pulled:
        """What ``work`` took from a peer while it was connected."""
        result = Pulled(row.name)
        started, thread = time.monotonic(), threading.get_ident()
        try:
            with self._blamed(row.name):
                with self._asking(thread):
                    peer = connect(row)
                self._connected[thread] = peer
                try:
                    work(peer, result)
                finally:
                    del self._connected[thread]
                    result.received = peer.received
                    with self._asking(thread):
                        peer.close()
        except PeerError as error:
            result.failed, result.lied = str(error), isinstance(error, PeerLied)
        result.seconds = time.monotonic() - started
        return result

    @contextmanager
    def _blamed(self, name: str) -> Iterator[None]:
        """A peer that lies inside is left out from now on, and what it said of empty files is not believed any more."""
        try:
            yield
        except PeerLied as error:
            now = time.time()
            with self._database.write() as connection:
                catalog_peers.refuse_peer(connection, name, str(error)[:500])
                told = catalog_peers.told_by(name)
                if ask_again(connection, now, statuses=[SidecarStatus.EMPTY], message=told):
                    for kind in registry.names():
                        queue_due(connection, kind, Urgency.NEW, now)
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
        self._take(name, self._timed(name, peer), wanted, result, progress, forget=name)

    def _wanted(self, offers: Sequence[Offer], kinds: Collection[str] | None) -> list[Wanted]:
        with self._database.read() as connection:
            wanted = catalog_peers.wanted_among(connection, offers, kinds)
        return [item for item in wanted if item.offer.size <= MOST_BYTES]

    def _take(
        self,
        name: str,
        peer: TimedPeer,
        wanted: Sequence[Wanted],
        result: Pulled,
        progress: Progress | None = None,
        *,
        forget: str | None = None,
    ) -> None:
        """Take what is wanted, in batches, each checked and recorded as a whole.

        ``forget``: the name of the peer of which it is no difference any more.
        """
        self._told(name, [one for one in wanted if one.offer.is_empty], result)
        wanted = [one for one in wanted if not one.offer.is_empty]
        if not wanted:
            return
        done = 0
        with Taking(peer, self._store, self._mode) as taking:
            for batch in taking.ahead(_batches(wanted)):
                self._record(peer, taking, batch, result, forget=forget)
                done += len(batch.asked)
                if progress is not None:
                    progress(result.peer, done, len(wanted))

    def _told(self, name: str, wanted: Sequence[Wanted], result: Pulled) -> None:
        """Take a peer's word for it that there is nothing in these."""
        note = f"{catalog_peers.told_by(name)}there is nothing in it."
        for start in range(0, len(wanted), _BATCH):
            keys = [one.offer.due for one in wanted[start : start + _BATCH]]
            result.empty += record_told(self._database, keys, note)

    def _record(self, peer: TimedPeer, taking: Taking, batch: Batch, result: Pulled, *, forget: str | None) -> None:
        """Record a batch that was read, when it was looked at."""
        started = time.monotonic()
        taken = batch.given()
        made = {id(given): item for item, given in taken}
        recorded = record_fetched(self._database, self._store, [given for _, given in taken]) if taken else ()
        items = [made[id(given)] for given in recorded]
        taking.drop(batch, {id(item) for item in items})
        if taken:
            peer.pace.kept(len(taken), time.monotonic() - started)
        if forget is not None:
            with self._database.write() as connection:
                catalog_peers.forget_differences(connection, [item.offer.key for item in batch.asked], forget)
        self._count(result, items)
        result.missing += len(batch.asked) - len(taken)
        result.made += len(taken) - len(recorded)

    @staticmethod
    def _count(result: Pulled, wanted: Sequence[Wanted]) -> None:
        for item in wanted:
            result.by_kind[item.offer.kind] = result.by_kind.get(item.offer.kind, 0) + 1
            result.bytes += item.offer.size


def _address(url: str) -> str:
    """A web address, or the absolute path of a folder. Raises UsageError for a web address that is none."""
    if not url:
        raise UsageError("The address of the peer is empty.")
    if _is_web(url):
        Address.of(url, "peer")
        return url.rstrip("/")
    return os.path.abspath(os.path.expanduser(url))


def _is_web(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def connect(row: PeerRow) -> Peer:
    """The peer at its address. Raises PeerError if it cannot be reached."""
    if _is_web(row.url):
        return WebPeer(row.url, None if row.token_file is None else Path(os.fsdecode(row.token_file)))
    return FolderPeer(Path(row.url))


def _batches(wanted: Sequence[Wanted]) -> Iterator[Sequence[Wanted]]:
    """In pieces of one kind each, with bounded bytes."""
    for _, some in groupby(wanted, key=lambda item: item.offer.kind):
        batch: list[Wanted] = []
        size = 0
        for item in some:
            if batch and (len(batch) == _BATCH or size + item.offer.size > _BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(item)
            size += item.offer.size
        yield batch
