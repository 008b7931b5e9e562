"""Jobs for workers on other machines: claims, sources, uploads and results (remote/desk.py has what they mean).

All of it needs a token of the scope ``work``, which opens nothing else. A worker names a session, a job of its own with
the job's claim, and a variant of that job; it never names a path.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from pillion.model import EXTENSIONS, SidecarFormat
from pillion.remote.protocol import MOST_JOBS, MOST_RESULTS, PROTOCOL, Returned
from pillion.server.http import BODY_S, Answer, Gone, Headers, Problem, Request, Stream, json_answer
from pillion.server.routes import API, Handler, Param, Reply, Route
from pillion.server.schemas import OBJECT, Schema, integer, many, map_of, maybe, of, taken, text
from pillion.server.sidecars import FRESH, pieces_of
from pillion.server.tokens import WORK

if TYPE_CHECKING:
    from pillion.remote.desk import Desk
    from pillion.server.app import Api

T = TypeVar("T")

_SLOWEST = 64 << 10
"""Bytes in a second of the slowest worker that is waited for."""

_TOGETHER = 1 << 20
"""Bytes that are written at a time."""


def _who(request: Request) -> str:
    assert request.who is not None, "the guard lets nobody in here without a token"
    return request.who


async def _ask(api: Api, request: Request, ask: Callable[..., T], *values: Any) -> T:
    """Ask the desk, as this worker and for its session."""
    who, session = _who(request), request.values["session"]
    return await api.lend(lambda desk: ask(desk, who, session, *values))


async def open_session(api: Api, request: Request) -> Answer:
    """Begin a session."""
    who, kinds, protocol = _who(request), request.values.get("kinds", []), request.values["protocol"]
    return json_answer(msgspec.to_builtins(await api.lend(lambda desk: desk.open(who, kinds, protocol))), 201)


async def leave(api: Api, request: Request) -> Answer:
    """End a session; what was lent goes back to the queue."""
    await _ask(api, request, _desk().leave)
    return Answer(204, b"")


async def claim(api: Api, request: Request) -> Answer:
    """Lend jobs."""
    values = request.values
    found = await _ask(api, request, _desk().claim, values["limit"], values.get("without", []))
    return json_answer(msgspec.to_builtins(found))


async def renew(api: Api, request: Request) -> Answer:
    """Renew the leases."""
    return json_answer(msgspec.to_builtins(await _ask(api, request, _desk().renew)))


async def release(api: Api, request: Request) -> Answer:
    """Take jobs back."""
    await _ask(api, request, _desk().release, request.values["jobs"])
    return Answer(204, b"")


async def finish(api: Api, request: Request) -> Answer:
    """Record results."""
    try:
        results = msgspec.convert(request.values["results"], list[Returned])
    except msgspec.ValidationError as error:
        raise Problem(422, f"The results cannot be read: {error}.", parameter="results") from error
    return json_answer(msgspec.to_builtins(await _ask(api, request, _desk().finish, results)))


async def show_source(api: Api, request: Request) -> Answer | Stream:
    """The bytes that a job is made from: the user's file, or with ``kind`` a sidecar of it."""
    values = request.values
    mine = (values["job"], values["claim"])
    if "kind" in values:
        data = await _ask(api, request, _desk().text, *mine, values["kind"])
        return Answer(200, data, b"application/octet-stream", [FRESH])
    uuid = await _ask(api, request, _desk().lent, *mine)
    descriptor = await api.in_files_of_library(lambda library: library.timeline.opened(uuid))
    if descriptor is None:
        await _ask(api, request, _desk().missing, *mine)
        raise Problem(404, "No file with this content is there as it was indexed.")
    headers: Headers = [(b"etag", f'"{uuid}"'.encode()), (b"accept-ranges", b"bytes"), FRESH]
    size = os.fstat(descriptor).st_size
    return pieces_of(api, request, descriptor, size, f'"{uuid}"'.encode(), b"application/octet-stream", headers)


async def upload(api: Api, request: Request) -> Answer:
    """Take the bytes of a sidecar; they are looked at when the result is told."""
    values = request.values
    mine = (values["job"], values["claim"], values["variant"])
    part = await _taken(api, request, "A sidecar", _desk().upload, *mine)
    await _ask(api, request, _desk().uploaded, *mine, part)
    return Answer(204, b"")


async def _taken(api: Api, request: Request, what: str, place: Callable[..., tuple[Path, int]], *mine: Any) -> Path:
    """The file, which ``place`` names, with all bytes of an upload. Raises Problem."""
    announced = request.headers.get(b"content-length", b"")
    if not announced.isdigit() or len(announced) > 15:
        raise Problem(411, "An upload must say how long it is.", refuses_body=True)
    size = int(announced)
    part, most = await _ask(api, request, place, *mine)
    if size > most:
        raise Problem(413, f"{what} of this kind has at most {most:,} bytes.", refuses_body=True)
    try:
        await asyncio.wait_for(_receive(api, request, part, size), BODY_S + size / _SLOWEST)
    except TimeoutError as error:
        raise Problem(408, "The upload did not arrive in time.") from error
    finally:
        if request.values.get("whole") is not True:
            await api.in_files(lambda: part.unlink(missing_ok=True))
    return part


async def show_checkpoint(api: Api, request: Request) -> Answer:
    """What an earlier try of a job has made so far."""
    values = request.values
    data = await _ask(api, request, _desk().checkpoint, values["job"], values["claim"])
    return Answer(200, data, b"application/octet-stream", [FRESH])


async def leave_checkpoint(api: Api, request: Request) -> Answer:
    """Take what a job has made so far, for its next try."""
    mine = (request.values["job"], request.values["claim"])
    part = await _taken(api, request, "A checkpoint", _desk().upload_checkpoint, *mine)
    await _ask(api, request, _desk().uploaded_checkpoint, *mine, part)
    return Answer(204, b"")


async def _receive(api: Api, request: Request, part: Path, size: int) -> None:
    """Write a body of this many bytes to a new file. Raises Problem for more or fewer."""
    file = await api.in_files(lambda: os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"))
    try:
        left, more = size, True
        pieces: list[bytes] = []
        while more:
            message = await request.receive()
            if message["type"] != "http.request":
                raise Gone
            pieces.append(message.get("body", b""))
            left -= len(pieces[-1])
            more = bool(message.get("more_body"))
            if left < 0:
                raise Problem(413, "More came than was said.", refuses_body=True)
            if not more or sum(map(len, pieces)) >= _TOGETHER:
                await api.in_files(file.write, b"".join(pieces))
                pieces.clear()
        if left:
            raise Problem(422, "Fewer bytes came than were said.")
        request.values["whole"] = True
    finally:
        await api.in_files(file.close)


def _desk() -> type[Desk]:
    from pillion.remote.desk import Desk

    return Desk


# the routes -----------------------------------------------------------------------------------------------------------

_SESSION = "5f0c" * 8
_CLAIM = "a71e" * 8
_UUID = "8b950a1f-1fee-8771-9887-d3dd49fa879c"
_SUM = "c0f2a1" + "0" * 58
_HEX: Schema = text(pattern="^[0-9a-f]{32}$")
_WORD: Schema = text(maxLength=128)
_IDS: Schema = {**many(integer(minimum=0, maximum=1 << 53)), "maxItems": 10_000}
_KINDS: Schema = {**many(text(maxLength=64)), "maxItems": 100}

_OF_SESSION = Param(name="session", schema=_HEX, text="The session.", example=_SESSION)
_JOB = Param(name="job", schema=integer(minimum=0, maximum=1 << 53), text="A job that was lent to it.", example=7)
_OF_CLAIM = Param(
    name="claim", schema=_HEX, text="The claim of the job: its fencing token.", example=_CLAIM, required=True
)
_KIND = Param(name="kind", schema=text(maxLength=64), text="The sidecar that the job is made from.", example="text")
_VARIANT = Param(name="variant", schema=text(maxLength=128), text="A variant of the job.", example="grid@2x")

_SOURCE = of({"size": integer(), "hash": maybe(text()), "suffix": text()})
_LENT = of(
    {
        "job": integer(),
        "claim": text(),
        "kind": text(),
        "content_uuid": text(),
        "mime": text(),
        "source": _SOURCE,
        "sample_above": integer(),
        "recipes": map_of(text()),
        "settings": OBJECT,
        "texts": map_of(_SOURCE),
        "priority": integer(),
        "seconds": {"type": "number"},
        "share": {"type": "number"},
        "alone": {"type": "boolean"},
        "checkpoint": maybe(_SOURCE),
    }
)
_CLAIMED = of({"jobs": many(_LENT), "again_s": maybe({"type": "number"})})
_RESULT = {
    "job": 7,
    "claim": _CLAIM,
    "seconds": 0.4,
    "made": [{"variant": "grid@2x", "format": "webp", "size": 18211, "checksum": _SUM, "recipe": "3f9a"}],
}
_RESULT_SCHEMA = of(
    {"job": integer(), "claim": _HEX, "seconds": {"type": "number"}},
    made=many(
        of(
            {
                "variant": _WORD,
                "format": text(enum=[item.value for item in SidecarFormat if item in EXTENSIONS]),
                "size": integer(),
                "checksum": text(pattern="^[0-9a-f]{64}$"),
                "recipe": _WORD,
            }
        )
    ),
    empty=text(),
    failed=of({"error_class": text(), "message": text()}, stderr_tail=text(), exit_status=text()),
)
_NOTHING = Reply(text="Done.", media="")
_LIED = Reply(
    text="It cannot be true: checksum, size, recipe, variant or bytes. All that was lent goes back, and this"
    " token opens no session any more.",
    media="application/problem+json",
)
_OVER = Reply(text="The session, or the claim, is over: another makes it.", media="application/problem+json")


def _route(
    method: str,
    path: str,
    name: str,
    words: str,
    handler: Handler,
    replies: dict[int, Reply],
    *query: Param,
    body: Schema | None = None,
    example: object = None,
    of_job: bool = False,
    is_upload: bool = False,
) -> Route:
    params = [_OF_SESSION] if "{session}" in path else []
    params += [_JOB] if of_job else []
    params += [_VARIANT] if "{variant}" in path else []
    return Route(
        method=method,
        path=f"{API}/workers{path}",
        name=name,
        tag="workers",
        text=words,
        handler=handler,
        path_params=params,
        query=query,
        body=body,
        body_example=example,
        replies={**replies, **({410: _OVER} if "{session}" in path else {})},
        changes=method != "GET",
        scope=WORK,
        upload=is_upload,
    )


ROUTES: tuple[Route, ...] = (
    _route(
        "POST",
        "",
        "open_session",
        "Begin to work for this library from another machine. A session that is not heard of for 30 seconds is over.",
        open_session,
        {
            201: Reply(
                text="The session.",
                schema=of({"session": text(), "protocol": text()}),
                example={"session": _SESSION, "protocol": PROTOCOL},
            )
        },
        body=taken({"kinds": _KINDS, "protocol": text(maxLength=100)}, "protocol"),
        example={"kinds": ["transcript"], "protocol": PROTOCOL},
    ),
    _route("DELETE", "/{session}", "leave", "End a session; what was lent goes back.", leave, {204: _NOTHING}),
    _route(
        "POST",
        "/{session}/claim",
        "claim_jobs",
        "Have jobs lent, most urgent first.",
        claim,
        {200: Reply(text="The jobs.", schema=_CLAIMED, example={"jobs": [], "again_s": 2.0})},
        body=taken({"limit": integer(minimum=1, maximum=MOST_JOBS, default=8), "without": _KINDS}),
        example={"limit": 8, "without": []},
    ),
    _route(
        "POST",
        "/{session}/renew",
        "renew_leases",
        "Renew the leases of all that was lent. Ask every few seconds.",
        renew,
        {200: Reply(text="What is still to be made.", schema=of({"jobs": many(integer())}), example={"jobs": [7]})},
        body=taken({}),
        example={},
    ),
    _route(
        "POST",
        "/{session}/release",
        "release_jobs",
        "Give jobs back; no try is charged.",
        release,
        {204: _NOTHING},
        body=taken({"jobs": _IDS}, "jobs"),
        example={"jobs": [7]},
    ),
    _route(
        "GET",
        "/{session}/jobs/{job}/source",
        "show_source",
        "The file of a job, in parts if they are asked for (Range); with 'kind' the sidecar that it is made from.",
        show_source,
        {
            200: Reply(text="The bytes.", media="application/octet-stream"),
            206: Reply(text="A part of them.", media="application/octet-stream"),
            304: Reply(text="The client has it.", media=""),
        },
        *(_OF_CLAIM, _KIND),
        of_job=True,
    ),
    _route(
        "PUT",
        "/{session}/jobs/{job}/sidecars/{variant}",
        "upload_sidecar",
        "Send the bytes of a sidecar of a job. They count when the result is told.",
        upload,
        {204: _NOTHING, 411: Reply(text="Without a length.", media="application/problem+json"), 422: _LIED},
        *(_OF_CLAIM,),
        of_job=True,
        is_upload=True,
    ),
    _route(
        "GET",
        "/{session}/jobs/{job}/checkpoint",
        "show_checkpoint",
        "What an earlier try of a job has made so far.",
        show_checkpoint,
        {200: Reply(text="The bytes.", media="application/octet-stream")},
        *(_OF_CLAIM,),
        of_job=True,
    ),
    _route(
        "PUT",
        "/{session}/jobs/{job}/checkpoint",
        "leave_checkpoint",
        "Send what a job has made so far: if the worker dies, the next try goes on from it.",
        leave_checkpoint,
        {
            204: _NOTHING,
            411: Reply(text="Without a length.", media="application/problem+json"),
            422: Reply(text="Fewer bytes came than were said.", media="application/problem+json"),
        },
        *(_OF_CLAIM,),
        of_job=True,
        is_upload=True,
    ),
    _route(
        "POST",
        "/{session}/results",
        "tell_results",
        "Tell how jobs ended. What was uploaded is compared, looked at, and recorded if the claim still holds.",
        finish,
        {
            200: Reply(
                text="What was recorded; of others, why not.",
                schema=of({"recorded": many(integer()), "refused": map_of(text())}),
                example={"recorded": [7], "refused": {}},
            ),
            422: _LIED,
        },
        body=taken({"results": {**many(_RESULT_SCHEMA), "maxItems": MOST_RESULTS}}, "results"),
        example={"results": [_RESULT]},
    ),
)
"""The routes for workers."""
