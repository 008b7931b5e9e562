"""Whether the server and its library are well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pillion import __version__
from pillion.errors import PillionError
from pillion.server.http import Answer, Request, json_answer
from pillion.server.items import text_of

if TYPE_CHECKING:
    from pillion.server.app import Api


async def health(api: Api, request: Request) -> Answer:
    """``ok``, ``degraded`` (it answers, but work stands still) or, with 503, ``down``: the catalog cannot be read.

    More is said to those who have a token, or where none is needed.
    """
    body: dict[str, Any] = {"status": "ok", "version": __version__}
    try:
        notices, newest = await api.read(lambda library: (library.notices(), library.newest_event()))
    except PillionError as error:
        return json_answer({**body, "status": "down", "detail": text_of(str(error))}, 503)
    about = api.about()
    # What a search does not find holds back no work.
    if notices.keys() - {"search"} or about.get("workers", {}).get("state") == "failing":
        body["status"] = "degraded"
    if request.who is None and api.guard.needs_token:
        return json_answer(body)
    return json_answer(
        {
            **body,
            "library": text_of(str(api.library.root)),
            "read_only": api.guard.read_only or api.library.read_only,
            "newest_event": newest,
            "notices": {name: text_of(text) for name, text in notices.items()},
            **about,
        }
    )
