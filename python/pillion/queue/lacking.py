"""Jobs that lack a tool, such as a codec: which others of their kind go on, and when the kind is held back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress

from pillion.catalog import queue as catalog_queue
from pillion.catalog.database import Database
from pillion.errors import ErrorClass, FileLacksToolError, ItemError, PillionError
from pillion.job import Place, held_back_until
from pillion.kinds.execute import Execution
from pillion.model import Failure, SidecarKind
from pillion.queue.commit import PlannedJob, failure_in
from pillion.queue.engine import Planned, Result
from pillion.queue.gates import Gates


class LackingTools:
    """What one run knows of them. ``gates``: hold kinds back."""

    def __init__(self, database: Database, gates: Gates) -> None:
        self._database = database
        self._gates = gates
        self._lacked: set[int] = set()
        """Jobs for which a tool was missing in this process."""
        self._types: defaultdict[SidecarKind, set[str]] = defaultdict(set)
        """Types of files that lacked a tool when one of them was tried last."""

    def met(
        self,
        kind: SidecarKind,
        notice: str,
        results: Sequence[Result[PlannedJob]],
        now: float,
        *,
        closed: Collection[int],
    ) -> None:
        """Some of these jobs of a kind lacked a tool: hold the kind back, unless others of it can run.

        ``notice``: what it is. ``closed``: Locations in which the kind is held back.
        """
        self._lacked.update(planned.job.job.id for planned, value in results if _lacks_tool(value))
        if self._lets_others_run(kind, notice, results, now, closed):
            self._gates.go_on(kind)
        else:
            self._gates.failed(kind, ErrorClass.MISSING_TOOL, notice)

    def _lets_others_run(
        self, kind: SidecarKind, notice: str, results: Sequence[Result[PlannedJob]], now: float, closed: Collection[int]
    ) -> bool:
        """Whether others of a kind go on although some of its files lacked a tool.

        What lacks something of its own, such as a codec, goes last, so that all others come first. Where one comes
        again and lacks it still, all that lacked the same wait with it, and those that lacked something else come.
        """
        of_all, of_some = _lacking_in(kind, results)
        still = {failure.message for planned in of_some if (failure := planned.job.job.last) and _is_of_tool(failure)}
        if still:
            with suppress(PillionError), self._database.write() as connection:
                self._lacked.update(catalog_queue.wait_alike(connection, kind, still, now, held_back_until(now)))
        return not of_all or self._let_other_types_run(kind, notice, results, now, closed)

    def _let_other_types_run(
        self, kind: SidecarKind, notice: str, results: Sequence[Result[PlannedJob]], now: float, closed: Collection[int]
    ) -> bool:
        """Move the types of files that lacked a tool behind the others of their kind; False where there are no others.

        They may need nothing of it: JPEGs are made without what HEICs need, however many of these come first. Where the
        others went behind, too, or last, which most do once a run met all types, those that lack it wait until these
        were tried: else each of them would be tried before, and the first of them again by then.
        """
        ended = [(planned.job.job.mime, value) for planned, value in results if planned.job.job.kind == kind]
        lacking = {planned.job.job.mime for planned in _lacking_in(kind, results)[0]}
        self._types[kind] = (self._types[kind] - {mime for mime, _ in ended}) | lacking
        try:
            with self._database.write() as connection:
                others = catalog_queue.has_other_types(connection, kind, self._types[kind], now, closed)
                if others:
                    types = self._types[kind]
                    catalog_queue.move_types(connection, kind, lacking, Place.BEHIND, now)
                    if not catalog_queue.has_other_types(connection, kind, types, now, closed, in_place=True):
                        until = held_back_until(now)
                        self._lacked.update(catalog_queue.wait_types(connection, kind, types, notice, now, until))
                return others
        except PillionError:
            return False

    def hold_back(self, lacking: Sequence[tuple[int, str, str]]) -> bool:
        """Nothing is left but jobs that lack a tool: hold their kinds back. Returns whether some may run now after all.

        Those are the ones that lacked it in another process: it may be installed here.
        """
        others = {kind for job, kind, _ in lacking if job not in self._lacked}
        for kind in others:
            self._gates.end_waits(SidecarKind(kind))
        for _, kind, notice in lacking:
            if kind not in others and kind not in self._gates.notices:
                self._gates.failed(kind, ErrorClass.MISSING_TOOL, notice)
        return bool(others)


def _lacks_tool(value: Execution | ItemError) -> bool:
    found = failure_in(value)
    return found is not None and _is_of_tool(found)


def _is_of_tool(failure: Failure) -> bool:
    return failure.error_class is ErrorClass.MISSING_TOOL


def _lacking_in(
    kind: SidecarKind, results: Sequence[Result[PlannedJob]]
) -> tuple[list[Planned[PlannedJob]], list[Planned[PlannedJob]]]:
    """The jobs of a kind that lacked a tool: what any file of their type may need, and what only they need."""
    lacked = [(planned, value) for planned, value in results if planned.job.job.kind == kind and _lacks_tool(value)]
    return (
        [planned for planned, value in lacked if not isinstance(value, FileLacksToolError)],
        [planned for planned, value in lacked if isinstance(value, FileLacksToolError)],
    )
