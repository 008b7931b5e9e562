"""How long sidecars take and how large they are: one model, for the batches of workers, for plans and for the ETA.

An answer comes from what this process made lately, else from what was ever measured here (the history in the catalog),
else from the first guess of the kind. :class:`Estimates` is pure: no I/O, no clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeVar

import sqlalchemy as sa

from pillion import _core
from pillion.catalog.contents import sources_of
from pillion.catalog.database import Database
from pillion.catalog.events import append_events
from pillion.catalog.outcomes import DueSort, count_left, list_measured, sample
from pillion.events import Progress
from pillion.kinds import registry
from pillion.kinds.spec import MIB, KindSpec
from pillion.machine import SPARSE_BYTES, cores, stored_bytes
from pillion.model import MediaClass, SidecarKind
from pillion.settings.config import Config

_LEARNING = 0.1
"""How much one job counts, beside all before it."""

_CHEAPEST_S = 0.0001

_USUAL_TIMES = 10
"""By how much a machine may be slower than the first guess."""


class Sums(Protocol):
    """What was measured for a kind, variant and class; see :class:`pillion.catalog.queue.Measured`."""

    @property
    def kind(self) -> SidecarKind: ...
    @property
    def variant(self) -> str: ...
    @property
    def media_class(self) -> MediaClass: ...
    @property
    def number(self) -> float: ...
    @property
    def seconds(self) -> float: ...
    @property
    def bytes(self) -> float: ...
    @property
    def source_bytes(self) -> float: ...


class Job(Protocol):
    """What a job makes, of what. ``size``: of its source, in bytes; ``variants``: to be made in it."""

    @property
    def kind(self) -> SidecarKind: ...
    @property
    def mime(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def variants(self) -> tuple[str, ...]: ...


J = TypeVar("J", bound=Job)


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """``seconds``: of one worker. ``measured``: not a first guess."""

    seconds: float
    bytes: float
    measured: bool


class Estimates:
    """The model. ``history``: sums of what was measured before."""

    def __init__(self, history: Iterable[Sums] = ()) -> None:
        self._rates: dict[tuple[SidecarKind, str, str], float] = {}
        """(kind, variant, MIME type) -> recent seconds for a sidecar, or for a byte of the source."""
        self._per_job: dict[SidecarKind, float] = {}
        self._history: Mapping[tuple[SidecarKind, str, MediaClass], Sums] = {}
        self.remember(history)

    def remember(self, history: Iterable[Sums]) -> None:
        """Replace the history."""
        self._history = {(sums.kind, sums.variant, sums.media_class): sums for sums in history if sums.number > 0}

    def estimate(self, kind: SidecarKind, variant: str, mime: str, *, number: int, source_bytes: int) -> Estimate:
        """For ``number`` sidecars of files of one type that have ``source_bytes`` together."""
        guess = registry.specs()[kind].first_guess
        rate, measured = self._rate(kind, variant, mime)
        sums = self._history.get((kind, variant, _class_of(mime)))
        size = sums.bytes / sums.number if sums else guess.bytes_of(variant)
        amount = source_bytes if guess.seconds_per_mib else number
        return Estimate(seconds=rate * amount, bytes=size * number, measured=measured)

    def _rate(self, kind: SidecarKind, variant: str, mime: str) -> tuple[float, bool]:
        """Seconds for a sidecar (for a byte of the source where time goes with its size), and whether measured."""
        lately = self._rates.get((kind, variant, mime))
        if lately is not None:
            return lately, True
        guess = registry.specs()[kind].first_guess
        sums = self._history.get((kind, variant, _class_of(mime)))
        if guess.seconds_per_mib:
            if sums is not None and sums.source_bytes > 0:
                return sums.seconds / sums.source_bytes, True
            return guess.seconds_of_mib(mime) / MIB, False
        return (guess.seconds_of(_class_of(mime)), False) if sums is None else (sums.seconds / sums.number, True)

    # of jobs ----------------------------------------------------------------------------------------------------------

    def costs(self, jobs: Sequence[Job]) -> list[float]:
        """Seconds of a worker for each job."""
        known: dict[tuple[SidecarKind, tuple[str, ...], str], float] = {}
        costs = []
        for job in jobs:
            sort = (job.kind, job.variants, job.mime)
            if sort not in known:
                known[sort] = sum(self._rate(job.kind, variant, job.mime)[0] for variant in job.variants)
            by_size = registry.specs()[job.kind].first_guess.seconds_per_mib
            costs.append(known[sort] * job.size if by_size else known[sort])
        return costs

    def fitting(self, kind: SidecarKind, seconds: float) -> int:
        """About how many jobs of a kind take so many seconds; more for kinds whose time goes with size."""
        spec = registry.specs()[kind]
        if spec.first_guess.seconds_per_mib:
            return spec.limits.per_worker
        return max(1, int(seconds / max(self._seconds_of_job(spec), _CHEAPEST_S)))

    def within(self, jobs: Sequence[J], seconds: float) -> Sequence[tuple[J, float]]:
        """The first of these jobs, of one kind, that take about so many seconds together, at least one; with costs.

        All of them for a kind whose time does not go with size: :meth:`fitting` has limited those.
        """
        priced = list(zip(jobs, self.costs(jobs), strict=True))
        if not jobs or not registry.specs()[jobs[0].kind].first_guess.seconds_per_mib:
            return priced
        left = seconds
        for number, (_, cost) in enumerate(priced):
            left -= cost
            if left < 0:
                return priced[: max(1, number)]
        return priced

    def learn(self, job: Job, variants: Sequence[str], seconds: float) -> None:
        """Record how long a try of these variants of a job took."""
        spec = registry.specs()[job.kind]
        typical = self._seconds_of_job(spec)
        self._per_job[job.kind] = typical + (seconds - typical) * _LEARNING
        each = seconds / len(variants) / (max(job.size, 1) if spec.first_guess.seconds_per_mib else 1)
        for variant in variants:
            before = self._rate(job.kind, variant, job.mime)[0]
            self._rates[job.kind, variant, job.mime] = before + (each - before) * _LEARNING

    def _seconds_of_job(self, spec: KindSpec) -> float:
        """The average over all its files."""
        lately = self._per_job.get(spec.name)
        if lately is not None:
            return lately
        sums = [sums for (kind, _, _), sums in self._history.items() if kind == spec.name]
        if sums:
            by_variant: dict[str, float] = {}
            for item in sums:
                by_variant[item.variant] = by_variant.get(item.variant, 0.0) + item.number
            # As many jobs as the most frequent variant was made.
            return sum(item.seconds for item in sums) / max(by_variant.values())
        guesses = [spec.first_guess.seconds_of(media_class) for media_class in spec.classes]
        return sum(guesses) / len(guesses)


@lru_cache(maxsize=1024)
def longest_usual(kind: SidecarKind, mime: str) -> float:
    """Seconds for a sidecar, or for a byte of the source where time goes with its size, that files may usually take.

    An average above that, of files that were made before, is one of a few that took very long.
    """
    guess = registry.specs()[kind].first_guess
    each = guess.seconds_of_mib(mime) / MIB if guess.seconds_per_mib else guess.seconds_of(_class_of(mime))
    return _USUAL_TIMES * each


@lru_cache(maxsize=1024)
def _class_of(mime: str) -> MediaClass:
    return MediaClass(_core.media_class(mime))


# how many at a time ---------------------------------------------------------------------------------------------------


def worker_count(config: Config) -> int:
    """How many worker processes a library uses on this machine."""
    return config.workers or cores()


def parallel(kind: SidecarKind, workers: int, concurrency: Mapping[str, int]) -> int:
    """How many jobs of a kind run at the same time. ``concurrency``: kind -> most workers, from config.toml."""
    most = min(workers, registry.specs()[kind].limits.workers or workers, concurrency.get(kind, workers))
    return max(1, most)


def lane_workers(size: int, concurrency: Mapping[str, int]) -> dict[str, int]:
    """Kind -> how many of ``size`` workers may be at it, for those kinds that have a limit. ``concurrency``: as above.

    A limit is one also where it is as high as ``size``, if the user has set it: others may be started beside these.
    """
    at_once: dict[str, int] = {kind: parallel(kind, size, concurrency) for kind in registry.specs()}
    return {kind: number for kind, number in at_once.items() if number < size or kind in concurrency}


# the time left (ETA) --------------------------------------------------------------------------------------------------


_TELL_S = 1.0
_COUNT_S = 15.0
"""The queue itself is counted at most this often; in between, jobs that this run ended are subtracted."""

_COUNT_SHARE = 0.005
"""The share of time that counting may take: a long queue is counted less often."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KindEta:
    """One kind: jobs ended in this run, jobs left, and how many seconds these take with all workers."""

    done: int
    left: int
    seconds_left: float


class Eta:
    """How far a run is and how long the rest takes. ``ended``: kind -> jobs ended, kept by the recorder."""

    def __init__(
        self,
        database: Database,
        estimates: Estimates,
        kinds: Sequence[SidecarKind],
        workers: int,
        ended: Mapping[SidecarKind, int],
        concurrency: Mapping[str, int],
    ) -> None:
        self._database = database
        self._estimates = estimates
        self._kinds = tuple(kinds)
        self._workers = workers
        self._ended = ended
        self._concurrency = concurrency
        self._count_after = float("-inf")
        self._left: dict[SidecarKind, int] = {}
        self._ended_then: dict[SidecarKind, int] = {}
        self._seconds_per_job: dict[SidecarKind, float] = {}
        self._told_at = float("-inf")
        self._told: Mapping[SidecarKind, KindEta] = {}

    def kinds(self) -> Mapping[SidecarKind, KindEta]:
        """Each kind that has or had jobs in this run."""
        if time.monotonic() >= self._count_after:
            self._count()
        found = {}
        for kind in self._kinds:
            done = self._ended.get(kind, 0)
            left = max(self._left[kind] - (done - self._ended_then[kind]), 0)
            if done or left:
                seconds = left * self._seconds_per_job[kind] / parallel(kind, self._workers, self._concurrency)
                found[kind] = KindEta(done=done, left=left, seconds_left=seconds)
        return found

    def tell(self, now: float) -> None:
        """Append a Progress event, at most once a second, if anything changed since the last."""
        if 0 <= now - self._told_at < _TELL_S:
            return
        kinds = self.kinds()
        self._told_at = now
        if kinds == self._told:
            return
        self._told = kinds
        event = Progress(
            done=sum(kind.done for kind in kinds.values()),
            left=sum(kind.left for kind in kinds.values()),
            seconds_left=round(sum(kind.seconds_left for kind in kinds.values()), 1),
            kinds={
                kind: {"done": about.done, "left": about.left, "seconds_left": round(about.seconds_left, 1)}
                for kind, about in kinds.items()
            },
        )
        with self._database.write() as connection:
            append_events(connection, [event], now)

    def _count(self) -> None:
        start = time.monotonic()
        with self._database.read() as connection:
            self._estimates.remember(list_measured(connection))
            self._left = {kind: count_left(connection, kind) for kind in self._kinds}
            self._seconds_per_job = {
                kind: self._seconds_of_one(connection, kind) if left else 0.0 for kind, left in self._left.items()
            }
        self._ended_then = {kind: self._ended.get(kind, 0) for kind in self._kinds}
        now = time.monotonic()
        self._count_after = now + max(_COUNT_S, (now - start) / _COUNT_SHARE)

    def _seconds_of_one(self, connection: sa.Connection, kind: SidecarKind) -> float:
        """Seconds of one worker for a job."""
        jobs, sorts = sample(connection, kind, SPARSE_BYTES)
        stored = self._stored(connection, sorts) if registry.specs()[kind].first_guess.seconds_per_mib else {}
        found = (
            self._estimates.estimate(
                kind,
                sort.variant,
                sort.mime,
                number=sort.number,
                source_bytes=stored.get(sort.large or "", sort.source_bytes),
            )
            for sort in sorts
        )
        return sum(estimate.seconds for estimate in found) / jobs if jobs else 0.0

    def _stored(self, connection: sa.Connection, sorts: Iterable[DueSort]) -> Mapping[str, int]:
        """How much there is of each large content: a file may be mostly a hole, which takes no time."""
        large = {sort.large: sort.source_bytes for sort in sorts if sort.large is not None}
        sources = sources_of(connection, sorted(large))
        return {uuid: stored_bytes(sources[uuid][0][0], size) for uuid, size in large.items() if sources.get(uuid)}
