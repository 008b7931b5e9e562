"""What is quicker: to take a sidecar from a peer, or to make it here. Both may try; who is first wins.

What a peer has is fetched where that is expected to take no longer than making it. Its jobs wait meanwhile, each for as
long as it would have taken to be made, with all before it; what is not there by then is made after all. Whichever of
the two is recorded first counts, and the other is dropped: a job whose sidecars are there has no claim any more, and
what is fetched is recorded only while it is due.

:class:`Pace`, :func:`worth_fetching` and :func:`portions` are pure: no I/O, no clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import TypeVar

from pillion.catalog import peers as catalog_peers
from pillion.catalog.database import Database
from pillion.catalog.peers import Offer, Wanted
from pillion.model import SidecarKind, value
from pillion.peers.peer import About, Peer
from pillion.queue.estimate import Estimates

T = TypeVar("T")

HEAD_START_S = 1.0
"""Jobs wait for a fetch at least so long: what is read together is recorded together."""

HORIZON_S = 60.0
"""They never wait for more at a time; a kill of who fetches holds them up for no longer."""

_LEARNING = 0.2
"""How much one answer counts, beside all before it."""

_MOST, _MOST_BYTES, _PORTION_S = 256, 64 << 20, 0.5
"""What is read together at most: sidecars, bytes, and expected seconds."""

_RATE = 10e6
"""Bytes in a second, until a large answer was measured."""

_SMALL = 64 << 10
"""An answer of fewer bytes tells how long an answer takes at all, a larger one how fast bytes come."""


@dataclass(slots=True)
class Pace:
    """How quick a peer is, by what it has answered. ``latency_s``: seconds of a small answer; None: not known yet.

    ``rate``: bytes in a second. ``here_s``: what it takes on this machine to check and record one sidecar.
    """

    latency_s: float | None = None
    rate: float = _RATE
    here_s: float = 0.0
    _reads: int = 0
    _rates: int = 0

    def asked(self, seconds: float) -> None:
        """A question other than for a sidecar took so long: a first guess, as the peer had to look for the answer."""
        if not self._reads:
            self.latency_s = seconds if self.latency_s is None else min(self.latency_s, seconds)

    def read(self, size: int, seconds: float) -> None:
        """A sidecar of so many bytes took so long."""
        if size > _SMALL:
            found = size / max(seconds - (self.latency_s or 0.0), 1e-6)
            # The first is no less right than a guess.
            self.rate += (found - self.rate) * (_LEARNING if self._rates else 1.0)
            self._rates += 1
        elif self.latency_s is None or not self._reads:
            self.latency_s = seconds
        else:
            self.latency_s += (max(seconds - size / self.rate, 0.0) - self.latency_s) * _LEARNING
        self._reads += 1

    def kept(self, number: int, seconds: float) -> None:
        """So many that were read were checked and recorded in so long."""
        self.here_s += (seconds / number - self.here_s) * (_LEARNING if self.here_s else 1.0)

    def seconds(self, size: float) -> float:
        """What a sidecar of so many bytes is expected to take."""
        return (self.latency_s or 0.0) + size / self.rate + self.here_s


class TimedPeer:
    """A peer whose answers are timed, for its pace. ``asking``: is used in ``with`` while an answer is waited for."""

    def __init__(
        self, peer: Peer, pace: Pace, asking: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self._peer = peer
        self._asking = asking
        self.pace = pace

    @property
    def received(self) -> int:
        """As the peer's."""
        return self._peer.received

    def _asked(self, ask: Callable[[], T]) -> T:
        started = time.monotonic()
        with self._asking():
            answer = ask()
        self.pace.asked(time.monotonic() - started)
        return answer

    def about(self) -> About:
        """As the peer's."""
        return self._asked(self._peer.about)

    def branches(self, prefixes: Sequence[str]) -> Mapping[str, bytes]:
        """As the peer's."""
        return self._asked(partial(self._peer.branches, prefixes))

    def short_hashes(self, buckets: Sequence[str]) -> Mapping[str, bytes]:
        """As the peer's."""
        return self._asked(partial(self._peer.short_hashes, buckets))

    def offers(self, wanted: Mapping[str, bytes]) -> Sequence[Offer]:
        """As the peer's."""
        return self._asked(partial(self._peer.offers, wanted))

    def read(self, offer: Offer) -> bytes | None:
        """As the peer's."""
        started = time.monotonic()
        with self._asking():
            data = self._peer.read(offer)
        if data is not None:
            self.pace.read(len(data), time.monotonic() - started)
        return data

    def read_many(self, offers: Sequence[Offer]) -> Iterator[bytes | None]:
        """As the peer's. Each counts as its share of the time that all took."""
        found = self._peer.read_many(offers)
        seconds = 0.0
        sizes: list[int] = []
        for _ in offers:
            started = time.monotonic()
            with self._asking():
                data = next(found)
            seconds += time.monotonic() - started
            if data is not None:
                sizes.append(len(data))
            yield data
        for size in sizes:
            self.pace.read(size, seconds / len(sizes))

    def close(self) -> None:
        """As the peer's."""
        self._peer.close()

    def abort(self) -> None:
        """As the peer's."""
        self._peer.abort()


@dataclass(frozen=True, slots=True)
class Making:
    """What it takes to make sidecars here. ``at_once``: kind -> how many jobs run at a time.

    ``unable``: kinds that are not made here now, so that any fetch is quicker. ``looked``: set when jobs wait for what
    comes from the first peer.
    """

    estimates: Estimates
    at_once: Mapping[SidecarKind, int] = field(default_factory=dict)
    unable: Collection[SidecarKind] = ()
    looked: threading.Event = field(default_factory=threading.Event)

    def seconds(self, wanted: Sequence[Wanted]) -> float:
        """Of one worker, for a job that makes these."""
        first = wanted[0]
        variants = tuple(one.offer.variant for one in wanted)
        source = _Source(kind=first.offer.kind, mime=first.mime, size=first.source_bytes, variants=variants)
        return self.estimates.costs([source])[0]


@value
class _Source:
    """As estimates see a job."""

    kind: SidecarKind
    mime: str
    size: int
    variants: tuple[str, ...]


@dataclass(slots=True)
class Entrant:
    """What one job would make, and a peer has. ``made_s``: when it would be made, in seconds from the start.

    ``held``: until when its job waits, by the clock of leases; 0.0: it does not.
    """

    content_uuid: str
    kind: SidecarKind
    wanted: Sequence[Wanted]
    made_s: float
    held: float = 0.0


def worth_fetching(
    wanted: Sequence[Wanted], due: Mapping[tuple[str, str], Collection[str]], pace: Pace, making: Making
) -> list[Entrant]:
    """What to take from a peer, in order of work: what takes no longer than to make it.

    ``wanted``: in order of kinds and contents. ``due``: (content, kind) -> all variants that its job would make. A job
    that has to run for others anyway makes them all.
    """
    found: list[Entrant] = []
    made_s = 0.0
    for (uuid, kind), group in groupby(wanted, key=lambda one: (one.offer.content_uuid, one.offer.kind)):
        some = list(group)
        if set(due.get((uuid, kind), ())) - {one.offer.variant for one in some}:
            continue
        cost_s = making.seconds(some)
        if sum(pace.seconds(one.offer.size) for one in some) > cost_s and kind not in making.unable:
            continue
        made_s += cost_s / making.at_once.get(kind, 1)
        found.append(Entrant(uuid, kind, some, made_s))
    return found


def portions(entrants: Sequence[Entrant], pace: Pace) -> Iterator[Sequence[Entrant]]:
    """In pieces that are read, checked and recorded together: about half a second's, with bounded number and bytes."""
    some: list[Entrant] = []
    number, size, seconds = 0, 0, 0.0
    for entrant in entrants:
        sizes = [one.offer.size for one in entrant.wanted]
        more = sum(map(pace.seconds, sizes))
        full = number + len(sizes) > _MOST or size + sum(sizes) > _MOST_BYTES or seconds + more > _PORTION_S
        if some and full:
            yield some
            some, number, size, seconds = [], 0, 0, 0.0
        some.append(entrant)
        number, size, seconds = number + len(sizes), size + sum(sizes), seconds + more
    if some:
        yield some


@dataclass(slots=True)
class Holding:
    """The jobs that wait for a fetch. Use it in ``with``: at the end none waits any more."""

    database: Database
    entrants: Sequence[Entrant]
    started: float = field(init=False)

    def __enter__(self) -> Holding:
        self.started = self.database.now()
        self.renew()
        return self

    def __exit__(self, *_: object) -> None:
        self._until({id(entrant): 0.0 for entrant in self.entrants if entrant.held})

    def renew(self) -> None:
        """Let those wait on whose time is not up."""
        horizon = self.database.now() + HORIZON_S
        held = {}
        for entrant in self.entrants:
            until = min(self.started + HEAD_START_S + entrant.made_s, horizon)
            if until > entrant.held and (not entrant.held or until - entrant.held > HORIZON_S / 4):
                held[id(entrant)] = until
        self._until(held)

    def done(self, entrants: Collection[Entrant]) -> None:
        """These were fetched, or will not be: where their jobs are still there, they need not wait."""
        self._until({id(entrant): 0.0 for entrant in entrants if entrant.held})
        gone = {id(entrant) for entrant in entrants}
        self.entrants = [entrant for entrant in self.entrants if id(entrant) not in gone]

    def _until(self, times: Mapping[int, float]) -> None:
        changed = [entrant for entrant in self.entrants if id(entrant) in times]
        if not changed:
            return
        with self.database.write() as connection:
            rows = [(times[id(one)], one.content_uuid, one.kind, one.held) for one in changed]
            catalog_peers.hold_jobs(connection, rows)
        for entrant in changed:
            entrant.held = times[id(entrant)]
