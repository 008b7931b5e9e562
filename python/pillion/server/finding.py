"""Search, similar files and duplicates: those of the library, with what a page shows of each hit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pillion.errors import UsageError
from pillion.server.http import Answer, Problem, Request, json_answer
from pillion.server.items import folder_of, item_json, path_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pillion.library import Library
    from pillion.library.searching import Found
    from pillion.search.find import Hit
    from pillion.server.app import Api


async def search(api: Api, request: Request) -> Answer:
    """The items that a query finds, best first."""
    values = request.values

    def look(library: Library) -> dict[str, Any]:
        found = library.searching.search(
            values["q"],
            kinds=values.get("kind"),
            types=values.get("type"),
            under=known_folder(library, values.get("folder")),
            since=values.get("since"),
            limit=values["limit"],
            words=values["by"] != "meaning",
            meaning=values["by"] != "words",
        )
        return _found(library, found)

    return json_answer(await api.search(look))


async def similar(api: Api, request: Request) -> Answer:
    """Items like one: pictures by their looks, others by what they mean."""
    uuid, limit = request.values["content_uuid"].lower(), request.values["limit"]

    def look(library: Library) -> dict[str, Any]:
        files = library.timeline.files(uuid)
        if not files:
            raise Problem(404, f"No file has the content {uuid}.")
        path = os.fsdecode(path_of(files[0].root, files[0].path))
        try:
            found = library.searching.similar(path, content_uuid=uuid, limit=limit, decode=False)
        except UsageError as error:
            return {"hits": [], "notes": [text_of(str(error))]}
        return _found(library, found)

    return json_answer(await api.search(look))


async def duplicates(api: Api, request: Request) -> Answer:
    """Groups of files that are the same."""
    near, limit = request.values["near"], request.values["limit"]

    def look(library: Library) -> list[dict[str, Any]]:
        return [
            {
                "kind": group.kind,
                "best": text_of(group.best),
                "paths": [text_of(path) for path in group.paths],
                "content_uuids": list(group.content_uuids),
            }
            for group in library.searching.duplicates(near=near)
        ]

    groups = await api.search(look)
    return json_answer({"total": len(groups), "groups": groups[:limit]})


def known_folder(library: Library, text: str | None) -> str | None:
    """The absolute path of a folder that the library knows. Raises Problem for any other."""
    if text is None:
        return None
    location_id, path = folder_of(text)
    place = next((place for place in library.locations() if place.id == location_id), None)
    above = path.rpartition(b"/")[0]
    known = {b"", *(below for below, _, _ in library.timeline.subfolders(location_id, above))}
    if place is None or path not in known:
        raise Problem(422, "'folder': the library knows no such folder.", parameter="folder")
    return os.fsdecode(path_of(place.path, path))


def _found(library: Library, found: Found) -> dict[str, Any]:
    return {
        "hits": [_hit(library, hit) for hit in found.hits],
        "notes": [text_of(note) for note in found.notes],
    }


def _hit(library: Library, hit: Hit) -> dict[str, Any]:
    shown = library.timeline.show(hit.content_uuid)
    return {
        "content_uuid": hit.content_uuid,
        "path": text_of(hit.path),
        "paths": [text_of(path) for path in hit.paths],
        "type": hit.type,
        "score": round(hit.score, 5),
        "why": list(hit.why),
        "passages": [_passage(passage.to_json()) for passage in hit.passages],
        "item": None if shown is None else item_json(shown),
    }


def _passage(passage: Mapping[str, Any]) -> dict[str, Any]:
    return {**passage, "text": text_of(passage["text"])}
