"""What is to be made, what failed, and asking for more: the commands of the queue, over HTTP."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pillion.job import JobState
from pillion.server.finding import known_folder
from pillion.server.http import Answer, Problem, Request, json_answer
from pillion.server.items import text_of, time_text

if TYPE_CHECKING:
    from pillion.catalog.requests import JobRow
    from pillion.library import Library
    from pillion.library.requests import FailedSidecar
    from pillion.server.app import Api


# looking --------------------------------------------------------------------------------------------------------------


async def status(api: Api, request: Request) -> Answer:
    """How much there is, what is queued, and what holds work back."""
    # A folder that goes offline, and an hour that begins, are no events.
    holding = await api.read(_holding)
    return json_answer(await api.counts.of(("status", holding), _status))


def _holding(library: Library) -> tuple[object, ...]:
    offline = tuple((place.id, place.offline) for place in library.locations())
    return offline, tuple(library.notices().items())


def _status(library: Library) -> dict[str, Any]:
    now = library.status()
    return {
        "files": now.totals.files,
        "contents": now.totals.contents,
        "unidentified": now.totals.unidentified,
        "sidecars": {kind: {state.value: number for state, number in by.items()} for kind, by in now.sidecars.items()},
        "jobs": {
            kind: {state.value: number for state, number in line.counts.items()} for kind, line in now.queue.items()
        },
        "paused": [{"kind": item.kind, "location": _shown(item.location)} for item in now.pauses],
        "held": [
            {"kind": item.kind, "error_class": item.error_class, "notice": text_of(item.notice)} for item in now.holds
        ],
        "quiet": [{"kind": item.kind, "location": _shown(item.location), "reason": str(item)} for item in now.quiet],
        "offline": [
            {"location": place.id, "path": text_of(place.path), "why": place.offline}
            for place in now.locations
            if place.offline
        ],
        "failures": [
            {"kind": kind, "error_class": name, "sidecars": number}
            for (kind, name), number in sorted(library.requests.failure_counts().items())
        ],
    }


def _shown(location: str | bytes | None) -> str | None:
    return None if location is None else text_of(location)


async def list_jobs(api: Api, request: Request) -> Answer:
    """Jobs, a page at a time."""
    values = request.values
    state, limit = values.get("state"), values["limit"]

    def look(library: Library) -> dict[str, Any]:
        jobs = library.requests.jobs(
            states=[] if state is None else [JobState(state)],
            kind=values.get("kind"),
            after=values["after"],
            limit=limit + 1,
        )
        page = jobs[:limit]
        return {"jobs": [_job(job) for job in page], "next": page[-1].id if len(jobs) > limit else None}

    return json_answer(await api.read_slowly(look))


def _job(job: JobRow) -> dict[str, Any]:
    return {
        "id": job.id,
        "content_uuid": job.content_uuid,
        "kind": job.kind,
        "state": job.state.value,
        "attempts": job.attempts,
        "not_before": time_text(job.not_before) if job.not_before else None,
        "error_class": job.error_class,
        "message": None if job.error_message is None else text_of(job.error_message),
        "created": time_text(job.created_at),
        "updated": time_text(job.updated_at),
    }


async def list_failures(api: Api, request: Request) -> Answer:
    """What failed and has not been made since, a page at a time."""
    values = request.values
    limit, offset = values["limit"], values["offset"]

    def look(library: Library) -> dict[str, Any]:
        found: Iterator[FailedSidecar] = library.requests.failures(
            kind=values.get("kind"), error_class=values.get("error_class")
        )
        page = list(itertools.islice(found, offset, offset + limit + 1))
        more = offset + limit if len(page) > limit else None
        return {"failures": [_failure(item) for item in page[:limit]], "next": more}

    return json_answer(await api.read_slowly(look))


def _failure(item: FailedSidecar) -> dict[str, Any]:
    row = item.failure
    return {
        "content_uuid": row.content_uuid,
        "kind": row.kind,
        "variant": row.variant,
        "state": row.status.value,
        "error_class": row.error_class.value,
        "message": text_of(row.message),
        "stderr_tail": text_of(row.stderr_tail),
        "attempts": row.attempts,
        "first": time_text(row.first_at),
        "last": time_text(row.last_at),
        "retry": time_text(item.retry_at),
        "sources": [text_of(path) for path in item.sources],
    }


async def show_plan(api: Api, request: Request) -> Answer:
    """What the next index and run would make, and why."""
    values = request.values

    def look(library: Library) -> dict[str, Any]:
        plan = library.plan(kinds=values.get("kind"), walk=values["walk"]).to_json()
        unreadable = [{name: text_of(text) for name, text in item.items()} for item in plan["unreadable"]]
        return {**plan, "unreadable": unreadable}

    return json_answer(await api.read_slowly(look))


async def show_usage(api: Api, request: Request) -> Answer:
    """How many sidecars there are, and how many bytes they take."""
    return json_answer(await api.counts.of("usage", lambda library: library.maintenance.usage().to_json()))


# asking ---------------------------------------------------------------------------------------------------------------


async def retry(api: Api, request: Request) -> Answer:
    """Queue failed and cancelled sidecars again."""
    values = request.values
    number = await api.write(
        lambda library: library.retry(
            kind=values.get("kind"),
            error_class=values.get("error_class"),
            content_uuids=values.get("content_uuids"),
        )
    )
    return json_answer({"sidecars": number})


async def cancel(api: Api, request: Request) -> Answer:
    """Take jobs out of the queue, running ones too."""
    values = request.values
    number = await api.write(
        lambda library: library.cancel(
            kind=values.get("kind"),
            location=_location(library, values.get("location")),
            content_uuids=values.get("content_uuids"),
        )
    )
    return json_answer({"sidecars": number})


async def regenerate(api: Api, request: Request) -> Answer:
    """Queue sidecars to be made again; the old ones are served until they are replaced."""
    values = request.values
    number = await api.write(
        lambda library: library.regenerate(
            kind=values.get("kind"),
            variant=values.get("variant"),
            content_uuid=values.get("content_uuid"),
            under=known_folder(library, values.get("folder")),
            stale=values["stale"],
        )
    )
    return json_answer({"sidecars": number})


async def pause(api: Api, request: Request) -> Answer:
    """Pause a kind, or all, in a Location, or everywhere."""
    values = request.values
    await api.write(
        lambda library: library.pause(kind=values.get("kind"), location=_location(library, values.get("location")))
    )
    return json_answer({"paused": True})


async def resume(api: Api, request: Request) -> Answer:
    """End pauses."""
    values = request.values
    number = await api.write(
        lambda library: library.resume(kind=values.get("kind"), location=_location(library, values.get("location")))
    )
    return json_answer({"ended": number})


def _location(library: Library, number: int | None) -> str | None:
    """The path of a Location. Raises Problem if there is none with this id."""
    if number is None:
        return None
    for place in library.locations():
        if place.id == number:
            return os.fsdecode(place.path)
    raise Problem(422, "'location': there is none with this id.", parameter="location")
