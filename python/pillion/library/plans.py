"""Plans of one library: what would be made, and what would be made again; and queueing the latter."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from pillion.catalog import jobs as catalog_jobs
from pillion.catalog import wanting
from pillion.catalog.database import Database
from pillion.catalog.entries import Location, list_locations
from pillion.catalog.history import list_measured
from pillion.catalog.queueing import remember_recipe
from pillion.catalog.sidecars import ask_again
from pillion.catalog.wanting import Scope, Within, in_scopes
from pillion.jobs.states import Urgency
from pillion.library.arguments import globs_of_library, locate, parse_kinds, parse_variant, with_sources
from pillion.library.planning import GenerationPlan, Planner, Reason, Walk, again_line
from pillion.model import SidecarKind, SidecarStatus
from pillion.running.estimate import Estimator
from pillion.running.schedule import worker_count
from pillion.settings.config import Config
from pillion.settings.policy import DeviceGenerationPolicy

PathLike = str | os.PathLike[str]

_ENDED = tuple(status for status in SidecarStatus if status is not SidecarStatus.PENDING)


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which sidecars. None means no limit; ``stale``: only those that another recipe is wanted for now."""

    kinds: tuple[SidecarKind, ...]
    variant: str | None = None
    content_uuid: str | None = None
    scopes: Sequence[Scope] | None = None
    stale: bool = False

    def within(self) -> Within:
        """Their contents, or None for all."""
        if self.content_uuid is not None:
            return sa.select(sa.literal(self.content_uuid))
        return None if self.scopes is None else wanting.in_scopes(self.scopes)

    def takes(self, kind: SidecarKind, variant: str) -> bool:
        """Whether a stale sidecar is meant. What embeddings are made from goes with them."""
        if kind in self.kinds:
            return self.variant in (None, variant)
        return kind in with_sources(self.kinds)


class Plans:
    """What would be generated. ``policy_for``: (Location, policy name or None) -> the policy that counts there."""

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

        ``paths``: only these files and folders, which need not be indexed yet. ``walk``: look into the folders for
        files that are new or changed. Changes nothing. Raises UsageError for a path that is not there.
        """
        locations = self._locations()
        chosen = paths or [os.fsdecode(location.path) for location in locations]
        found = [locate(locations, path) for path in chosen]
        walks = [self._walk(*place) for place in found] if walk else []
        within = in_scopes(_scopes(found)) if paths else None
        planner = self._planner(policy, with_sources(parse_kinds(kinds)))
        return planner.plan(within, [item for item in walks if item is not None], hidden=self._config.hidden)

    def regeneration(
        self,
        *,
        kind: SidecarKind | str | None = None,
        variant: str | None = None,
        content_uuid: str | None = None,
        under: PathLike | None = None,
        stale: bool = False,
    ) -> GenerationPlan:
        """What :meth:`regenerate` would queue. Changes nothing."""
        selection = self._selection(kind, variant, content_uuid, under, stale)
        planner = self._planner()
        if stale:
            plan = planner.plan(selection.within())
            return plan.only(lambda line: line.reason is Reason.STALE and selection.takes(line.kind, line.variant))
        with self._database.read() as connection:
            rows = wanting.made(connection, kinds=selection.kinds, variant=selection.variant, within=selection.within())
            estimator = Estimator(list_measured(connection))
        return GenerationPlan(
            lines=[again_line(estimator, row) for row in rows], workers=planner.workers, concurrency=planner.concurrency
        )

    def regenerate(
        self,
        *,
        kind: SidecarKind | str | None = None,
        variant: str | None = None,
        content_uuid: str | None = None,
        under: PathLike | None = None,
        stale: bool = False,
        now: float,
    ) -> int:
        """Queue sidecars to be made again; ready ones are served until they are replaced. Returns how many.

        With ``stale``, what embeddings are made from goes with them where it is stale too.
        """
        selection = self._selection(kind, variant, content_uuid, under, stale)
        with self._database.write() as connection:
            number = self._want_stale(connection, selection, now) if stale else _ask(connection, selection, now)
            for item in with_sources(selection.kinds):
                catalog_jobs.queue_due(connection, item, Urgency.REGENERATE, now, within=selection.within())
        return number

    def _want_stale(self, connection: sa.Connection, selection: Selection, now: float) -> int:
        """Let stale sidecars be wanted as the policy wants them now, without waiting for the next index."""
        within = selection.within()
        wants, examples = self._planner().wants(connection, within)
        rows = [row for row in wanting.stale(connection, wants, within) if selection.takes(row[1], row[2])]
        for digest in {row[3] for row in rows}:
            remember_recipe(connection, examples[digest])
        wanting.want_now(connection, rows, now)
        return len(rows)

    def _selection(
        self,
        kind: SidecarKind | str | None,
        variant: str | None,
        content_uuid: str | None,
        under: PathLike | None,
        stale: bool,
    ) -> Selection:
        kinds = parse_kinds([kind] if kind is not None else None)
        return Selection(
            kinds=kinds,
            variant=parse_variant(variant, kinds),
            content_uuid=content_uuid,
            scopes=None if under is None else _scopes([locate(self._locations(), under)]),
            stale=stale,
        )

    def _planner(self, policy: str | None = None, kinds: Sequence[SidecarKind] = tuple(SidecarKind)) -> Planner:
        workers = worker_count(self._config)
        return Planner(
            self._database,
            lambda location: self._policy_for(location, policy),
            kinds,
            workers,
            self._config.concurrency,
        )

    def _locations(self) -> list[Location]:
        with self._database.read() as connection:
            return list_locations(connection)

    def _walk(self, location: Location | None, inside: bytes) -> Walk | None:
        """Where to look for new files; None for a file."""
        if location is None:
            location, inside, known = Location(id=0, path=inside, walked=True), b"", False
        elif inside and not inside.endswith(b"/"):
            return None
        else:
            known = True
        globs = (*self._config.ignore, *globs_of_library(self._root, location.path, inside))
        return Walk(location=location, prefix=inside, ignore=globs, known=known)


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
