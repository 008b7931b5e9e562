"""What the next index and run would make and why, how long it will take and how large it will be. Only reads.

What files should have comes from the current policy, so a changed config.toml or a newer Pillion shows here before
anything is queued.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pillion import _core
from pillion.catalog import locations as catalog_locations
from pillion.catalog import plan as catalog_plan
from pillion.catalog.database import Database
from pillion.catalog.locations import Location, list_locations
from pillion.catalog.outcomes import list_measured
from pillion.catalog.plan import DueGroup, MadeRow, Scope, Want, Within, in_scopes
from pillion.catalog.queueing import queue_due, read_signature, record_recipe
from pillion.catalog.sidecars import ASKED, ask_again
from pillion.index.changes import compare, discover, excluded_folders, others_of
from pillion.job import Urgency
from pillion.kinds import registry
from pillion.kinds.registry import DeviceGenerationPolicy, restrict, signature, wanted_sidecars
from pillion.library.arguments import ContentId, check_variant, content_id, locate
from pillion.library.recipe_changes import MADE_FROM, Change, changes
from pillion.model import MediaClass, SidecarKind, SidecarStatus, WantedSidecar
from pillion.queue.estimate import Estimate, Estimates, parallel, worker_count
from pillion.settings.config import Config, variants_of

PolicyOf = Callable[[Location], DeviceGenerationPolicy]


class Reason(StrEnum):
    """Why a sidecar would be made."""

    MISSING = "missing"
    """It is wanted and has no outcome yet."""
    STALE = "stale"
    """It was made (or failed) with another recipe than the one wanted now."""
    RETRY = "retry"
    """A try failed, but another may succeed."""
    ASKED = "asked"
    """Somebody asked for it to be made again."""
    NOT_INDEXED = "not_indexed"
    """The file is new or changed since the last index; its type comes from its name, not from its bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanLine:
    """``number`` sidecars of one kind and variant, to be made for one reason.

    ``status``: their status now, if any. ``changes``: what changed in the recipe, for stale ones. ``seconds``: of one
    worker. ``measured``: whether seconds and bytes come from this library's history.
    """

    kind: SidecarKind
    variant: str
    media_class: MediaClass
    reason: Reason
    number: int
    seconds: float
    bytes: float
    measured: bool
    status: SidecarStatus | None = None
    error_class: str | None = None
    changes: tuple[Change, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """One element of ``lines`` in ``pillion plan --json``."""
        return {
            "kind": self.kind,
            "variant": self.variant,
            "media_class": self.media_class.value,
            "reason": self.reason.value,
            "status": self.status.value if self.status else None,
            "error_class": self.error_class,
            "changes": [change.to_json() for change in self.changes],
            "sidecars": self.number,
            "seconds": round(self.seconds, 2),
            "bytes": round(self.bytes),
            "measured": self.measured,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationPlan:
    """What would be made. ``workers``: processes that share the work; ``concurrency``: kind -> its maximum of these.

    ``dropped``: sidecars that are pending but not wanted any more.
    """

    lines: Sequence[PlanLine]
    workers: int
    concurrency: Mapping[str, int] = field(default_factory=dict)
    dropped: int = 0
    unreadable: Sequence[tuple[str, str]] = field(default_factory=tuple)
    """(path, message) of folders that could not be read."""

    def filtered(self, keep: Callable[[PlanLine], bool]) -> GenerationPlan:
        """The same plan with only the lines to ``keep``."""
        return replace(self, lines=[line for line in self.lines if keep(line)], dropped=0)

    @property
    def number(self) -> int:
        """The number of sidecars in all."""
        return sum(line.number for line in self.lines)

    @property
    def bytes(self) -> float:
        """The size of all of them together."""
        return sum(line.bytes for line in self.lines)

    @property
    def seconds(self) -> float:
        """How long everything will take with all workers."""
        return sum(line.seconds / parallel(line.kind, self.workers, self.concurrency) for line in self.lines)

    @property
    def measured(self) -> bool:
        """Whether all estimates come from this library's history."""
        return all(line.measured for line in self.lines)

    def to_json(self) -> dict[str, Any]:
        """The object that ``pillion plan --json`` prints."""
        return {
            "sidecars": self.number,
            "seconds": round(self.seconds, 2),
            "bytes": round(self.bytes),
            "measured": self.measured,
            "workers": self.workers,
            "dropped": self.dropped,
            "lines": [line.to_json() for line in self.lines],
            "unreadable": [{"path": path, "message": message} for path, message in self.unreadable],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Walk:
    """A folder to look into for files that are not indexed yet; ``exclude``: folders in it that are not its own.

    ``others``: real paths of the other Locations.
    """

    location: Location
    prefix: bytes
    exclude: Sequence[bytes]
    others: Sequence[bytes]
    known: bool
    """Whether the Location is in the catalog."""


class Planner:
    """Makes plans for one library. ``policy_of``: Location -> its current policy."""

    def __init__(
        self,
        database: Database,
        policy_of: PolicyOf,
        kinds: Sequence[SidecarKind],
        workers: int,
        concurrency: Mapping[str, int],
    ) -> None:
        self._database = database
        self._policy_of = policy_of
        self._kinds = tuple(kinds)
        self.workers = workers
        self.concurrency = concurrency

    def plan(self, within: Within, walks: Sequence[Walk] = (), *, config: Config | None = None) -> GenerationPlan:
        """All that is due for the contents ``within``, and what the files in ``walks`` would add."""
        with self._database.read() as connection:
            locations = {location.id: location for location in catalog_locations.list_locations(connection)}
            wants, examples = self.wants(connection, within)
            texts = {digest: want.canonical for digest, want in examples.items()}
            found = catalog_plan.due(connection, wants, within)
            digests = {group.recipe for group in found if group.recipe} | {group.wanted for group in found}
            texts |= catalog_plan.recipe_texts(connection, digests - texts.keys())
            texts |= catalog_plan.recipe_texts(connection, _sources_of(texts.values()) - texts.keys())
            signatures = {id: read_signature(connection, id) for id in {group.location_id for group in found}}
            estimates = Estimates(list_measured(connection))
        kept = [group for group in found if group.kind in self._kinds]
        going = [group for group in kept if self._is_dropped(group, locations, signatures)]
        lines = [_line(group, texts, estimates) for group in kept if group not in going]
        unreadable: list[tuple[str, str]] = []
        for walk in walks:
            lines.extend(self._not_indexed(walk, estimates, unreadable, config or Config()))
        return GenerationPlan(
            lines=_merged(lines),
            workers=self.workers,
            concurrency=self.concurrency,
            dropped=sum(group.number for group in going),
            unreadable=unreadable,
        )

    def wants(self, connection: sa.Connection, within: Within) -> tuple[list[Want], dict[str, WantedSidecar]]:
        """The sidecars that contents should have by the current policy, and one example for each recipe's digest."""
        locations = {location.id: location for location in catalog_locations.list_locations(connection)}
        policies = {id: restrict(self._policy_of(location), self._kinds) for id, location in locations.items()}
        wants: list[Want] = []
        examples: dict[str, WantedSidecar] = {}
        for group in catalog_plan.groups(connection, within):
            for want in wanted_sidecars(policies[group.location_id], group.mime, group.claimed or None):
                examples[want.digest] = want
                wants.append(Want(group=group, kind=want.kind, variant=want.variant, digest=want.digest))
        return wants, examples

    def _is_dropped(
        self, group: DueGroup, locations: dict[int, Location], signatures: dict[int, dict[str, str]]
    ) -> bool:
        """Whether the next index would drop this pending work because the policy does not want it any more.

        The index checks only types whose wanted sidecars changed; for other types such a row was asked for by somebody.
        """
        if not group.asked or group.status is not SidecarStatus.PENDING:
            return False
        policy = restrict(self._policy_of(locations[group.location_id]), self._kinds)
        return signatures[group.location_id].get(group.mime) != signature(wanted_sidecars(policy, group.mime, None))

    def _not_indexed(
        self, walk: Walk, estimates: Estimates, unreadable: list[tuple[str, str]], config: Config
    ) -> list[PlanLine]:
        found = discover(
            walk.location.path,
            prefix=walk.prefix,
            ignore=config.ignore,
            exclude=walk.exclude,
            hidden=config.hidden,
            system=config.system_folders,
            follow=config.follow_links,
            others=walk.others,
        )
        unreadable.extend((os.fsdecode(problem.path), problem.message) for problem in found.problems)
        with self._database.read() as connection:
            known = catalog_locations.known_entries(connection, walk.location.id, walk.prefix) if walk.known else ()
            changes = compare(found, known, trust_ctime=False)
        number: Counter[str] = Counter()
        size: Counter[str] = Counter()
        for file in changes.to_identify:
            mime = _core.mime_from_name(os.path.basename(file[0]))
            number[mime] += 1
            size[mime] += file[1]
        policy = restrict(self._policy_of(walk.location), self._kinds)
        return [
            _new_line(want, mime, number[mime], size[mime], estimates)
            for mime in number
            for want in wanted_sidecars(policy, mime, None)
        ]


def _sources_of(texts: Iterable[str]) -> set[str]:
    """Digests of the recipes that these recipes are made from."""
    return {source for text in texts if (source := json.loads(text)["settings"].get(MADE_FROM)) is not None}


def _line(group: DueGroup, texts: dict[str, str], estimates: Estimates) -> PlanLine:
    media_class = MediaClass(_core.media_class(group.mime))
    estimate = estimates.estimate(
        group.kind, group.variant, group.mime, number=group.number, source_bytes=group.source_bytes
    )
    reason = _reason(group)
    return PlanLine(
        kind=group.kind,
        variant=group.variant,
        media_class=media_class,
        reason=reason,
        number=group.number,
        status=None if group.status is SidecarStatus.PENDING else group.status,
        error_class=group.error_class,
        changes=changes(group.recipe or "", group.wanted, texts) if reason is Reason.STALE else (),
        **_values(estimate),
    )


def _reason(group: DueGroup) -> Reason:
    if group.recipe == ASKED:
        return Reason.ASKED
    if group.recipe is not None:
        return Reason.STALE
    return Reason.RETRY if group.error_class is not None else Reason.MISSING


def _new_line(want: WantedSidecar, mime: str, number: int, size: int, estimates: Estimates) -> PlanLine:
    media_class = MediaClass(_core.media_class(mime))
    estimate = estimates.estimate(want.kind, want.variant, mime, number=number, source_bytes=size)
    return PlanLine(
        kind=want.kind,
        variant=want.variant,
        media_class=media_class,
        reason=Reason.NOT_INDEXED,
        number=number,
        **_values(estimate),
    )


def _regenerated_line(estimates: Estimates, row: MadeRow) -> PlanLine:
    """The line for sidecars that somebody asks to have made again."""
    kind, variant, mime, status, number, size = row
    media_class = MediaClass(_core.media_class(mime))
    estimate = estimates.estimate(kind, variant, mime, number=number, source_bytes=size)
    return PlanLine(
        kind=kind,
        variant=variant,
        media_class=media_class,
        reason=Reason.ASKED,
        number=number,
        status=status,
        **_values(estimate),
    )


def _values(estimate: Estimate) -> dict[str, Any]:
    return {"seconds": estimate.seconds, "bytes": estimate.bytes, "measured": estimate.measured}


def _merged(lines: Sequence[PlanLine]) -> list[PlanLine]:
    """Lines that differ only in numbers become one; sorted in the order of work, then by reason."""
    reasons = list(Reason)
    sums: dict[tuple[Any, ...], list[PlanLine]] = {}
    for line in lines:
        key = (line.kind, line.variant, line.media_class, line.reason, line.status, line.error_class, str(line.changes))
        sums.setdefault(key, []).append(line)
    merged = [_sum(same) for same in sums.values()]
    return sorted(
        merged, key=lambda line: (registry.rank(line.kind), line.variant, reasons.index(line.reason), line.media_class)
    )


def _sum(lines: Sequence[PlanLine]) -> PlanLine:
    return replace(
        lines[0],
        number=sum(line.number for line in lines),
        seconds=sum(line.seconds for line in lines),
        bytes=sum(line.bytes for line in lines),
        measured=all(line.measured for line in lines),
    )


# plans of one library -------------------------------------------------------------------------------------------------


PathLike = str | os.PathLike[str]

_ENDED = tuple(status for status in SidecarStatus if status is not SidecarStatus.PENDING)


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which sidecars. None means no limit; ``stale``: only those whose recipe has changed since."""

    kinds: tuple[SidecarKind, ...]
    variant: str | None = None
    content_uuid: str | None = None
    scopes: Sequence[Scope] | None = None
    stale: bool = False

    def within(self) -> Within:
        """A query for their contents, or None for all."""
        if self.content_uuid is not None:
            return sa.select(sa.literal(self.content_uuid))
        return None if self.scopes is None else catalog_plan.in_scopes(self.scopes)

    def includes(self, kind: SidecarKind, variant: str) -> bool:
        """Whether a stale sidecar is selected. What a selected kind is made from is selected too."""
        if kind in self.kinds:
            return self.variant in (None, variant)
        return kind in registry.with_sources(self.kinds)


class Plans:
    """Plans and regeneration. ``policy_for``: (Location, policy name or None) -> the Location's policy."""

    def __init__(
        self,
        database: Database,
        root: Path,
        config: Config,
        policy_for: Callable[[Location, str | None], DeviceGenerationPolicy],
    ) -> None:
        self._database = database
        self._root = root
        self._config = config
        self._policy_for = policy_for

    def plan(
        self,
        *paths: PathLike,
        policy: str | None = None,
        kinds: Sequence[SidecarKind | str] | None = None,
        walk: bool = True,
    ) -> GenerationPlan:
        """What the next index and run would make and why, how long that takes and how large it will be.

        ``paths``: only these files and folders, which need not be indexed yet. ``walk``: search the folders for files
        that are new or changed. Changes nothing. Raises UsageError for a path that does not exist.
        """
        locations = self._locations()
        chosen = paths or [os.fsdecode(location.path) for location in locations]
        found = [locate(locations, path) for path in chosen]
        walks = [self._walk(*place) for place in found] if walk else []
        within = in_scopes(_scopes(found)) if paths else None
        planner = self._planner(policy, registry.chosen(None if kinds is None else tuple(kinds)))
        return planner.plan(within, [item for item in walks if item is not None], config=self._config)

    def regeneration(
        self,
        *,
        kind: SidecarKind | str | None = None,
        variant: str | None = None,
        content_uuid: ContentId | None = None,
        under: PathLike | None = None,
        stale: bool = False,
    ) -> GenerationPlan:
        """What :meth:`regenerate` would queue. Changes nothing."""
        selection = self._selection(kind, variant, content_uuid, under, stale)
        planner = self._planner()
        if stale:
            plan = planner.plan(selection.within())
            return plan.filtered(
                lambda line: line.reason is Reason.STALE and selection.includes(line.kind, line.variant)
            )
        with self._database.read() as connection:
            rows = catalog_plan.count_made(
                connection, kinds=selection.kinds, variant=selection.variant, within=selection.within()
            )
            estimates = Estimates(list_measured(connection))
        return GenerationPlan(
            lines=[_regenerated_line(estimates, row) for row in rows],
            workers=planner.workers,
            concurrency=planner.concurrency,
        )

    def regenerate(
        self,
        *,
        kind: SidecarKind | str | None = None,
        variant: str | None = None,
        content_uuid: ContentId | None = None,
        under: PathLike | None = None,
        stale: bool = False,
        now: float,
    ) -> int:
        """Queue sidecars to be made again; ready ones are served until replaced. Returns how many.

        With ``stale``, sidecars that a selected kind is made from are queued too if they are stale.
        """
        selection = self._selection(kind, variant, content_uuid, under, stale)
        with self._database.write() as connection:
            number = self._want_stale(connection, selection, now) if stale else _ask(connection, selection, now)
            for item in registry.with_sources(selection.kinds):
                queue_due(connection, item, Urgency.REGENERATE, now, within=selection.within())
        return number

    def _want_stale(self, connection: sa.Connection, selection: Selection, now: float) -> int:
        """Set the wanted recipe of stale sidecars to that of the current policy, without waiting for the next index."""
        within = selection.within()
        wants, examples = self._planner().wants(connection, within)
        rows = [row for row in catalog_plan.stale(connection, wants, within) if selection.includes(row[1], row[2])]
        for digest in {row[3] for row in rows}:
            record_recipe(connection, examples[digest])
        catalog_plan.set_wanted(connection, rows, now)
        return len(rows)

    def _selection(
        self,
        kind: SidecarKind | str | None,
        variant: str | None,
        content_uuid: ContentId | None,
        under: PathLike | None,
        stale: bool,
    ) -> Selection:
        kinds = registry.parse_kinds([kind] if kind is not None else None)
        if variant is not None:
            known = [name for each in kinds for name in variants_of(self._config, each)]
            check_variant(variant, ", ".join(kinds), known)
        return Selection(
            kinds=kinds,
            variant=variant,
            content_uuid=None if content_uuid is None else content_id(content_uuid),
            scopes=None if under is None else _scopes([locate(self._locations(), under)]),
            stale=stale,
        )

    def _planner(self, policy: str | None = None, kinds: Sequence[SidecarKind] | None = None) -> Planner:
        workers = worker_count(self._config)
        return Planner(
            self._database,
            lambda location: self._policy_for(location, policy),
            registry.names() if kinds is None else kinds,
            workers,
            self._config.concurrency,
        )

    def _locations(self) -> list[Location]:
        with self._database.read() as connection:
            return list_locations(connection)

    def _walk(self, location: Location | None, inside: bytes) -> Walk | None:
        """The folder to search for new files; None if the path is a file."""
        if location is None:
            location, inside, known = Location(id=0, path=inside, walked=True), b"", False
        elif inside and not inside.endswith(b"/"):
            return None
        else:
            known = True
        locations = self._locations()
        return Walk(
            location=location,
            prefix=inside,
            exclude=excluded_folders(self._root, location, locations),
            others=others_of(location, locations),
            known=known,
        )


def _ask(connection: sa.Connection, selection: Selection, now: float) -> int:
    return sum(
        ask_again(
            connection,
            now,
            statuses=_ENDED,
            kind=kind,
            variant=selection.variant,
            content_uuids=selection.within(),
        )
        for kind in selection.kinds
    )


def _scopes(found: Sequence[tuple[Location | None, bytes]]) -> list[Scope]:
    return [Scope(location_id=location.id, path=inside) for location, inside in found if location is not None]
