"""Commands that only look: status, ls, show, events."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from pillion.api import sidecar_text
from pillion.cli.options import JsonOption, KindOption, LibraryOption, one_content, open_library, printable
from pillion.cli.output import print_excerpts, print_items, print_json, print_status, say, sidecar_counts
from pillion.errors import UsageError
from pillion.events import event_json
from pillion.kinds import registry
from pillion.library import Library
from pillion.model import SidecarMark, SidecarStatus, thumbhash_text


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(status)
    app.command("ls")(list_sidecars)
    app.command()(show)
    app.command()(events)


def status(library: LibraryOption = None, json_: JsonOption = False) -> None:
    """What the library holds, and what is still to be made."""
    with open_library(library) as opened:
        now = opened.status()
    if not json_:
        print_status(now)
        return
    print_json(
        {
            "library": str(now.root),
            "locations": [printable(location.path) for location in now.locations],
            "files": now.totals.files,
            "contents": now.totals.contents,
            "unidentified": now.totals.unidentified,
            "sidecars": sidecar_counts(now.sidecars),
            "marks": {mark.value: now.marks.get(mark, 0) for mark in SidecarMark},
            "paused": [
                {"kind": held.kind, "location": printable(held.location) if held.location else None}
                for held in now.pauses
            ],
            "unknown_settings": list(now.unknown_settings),
            "resting": [
                {"kind": rest.kind, "location": rest.location, "reason": rest.reason, "until": rest.until}
                for rest in now.rests
            ],
            "held": [
                {"kind": hold.kind, "class": hold.error_class, "notice": hold.notice, "since": hold.since}
                for hold in now.holds
            ],
            "jobs": {kind: dict(line.counts) for kind, line in now.queue.items()},
        }
    )


def list_sidecars(
    content: Annotated[
        str | None, typer.Argument(help="A file or the beginning of a content uuid (default: all).")
    ] = None,
    library: LibraryOption = None,
    kind: KindOption = None,
    state: Annotated[
        str | None, typer.Option(help="Only this state: pending, ready, empty, unsupported, failed, cancelled.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Every sidecar with its state and path; with --json one object a line."""
    with open_library(library) as opened:
        items = opened.ls(
            kind=kind,
            statuses=[_status(state)] if state else (),
            content_uuid=one_content(opened, content) if content else None,
        )
        if json_:
            for item in items:
                print_json(item.to_json())
        else:
            print_items(items)


def _status(text: str) -> SidecarStatus:
    names = [item.value for item in SidecarStatus]
    if text not in names:
        raise UsageError(f"There is no state '{text}'; choose from {', '.join(names)}.")
    return SidecarStatus(text)


def show(
    content: Annotated[str, typer.Argument(help="A file or the beginning of a content uuid.", show_default=False)],
    library: LibraryOption = None,
    json_: JsonOption = False,
) -> None:
    """All about one content: its files, its sidecars, and the text that was found."""
    with open_library(library) as opened:
        about = _about(opened, one_content(opened, content))
    if json_:
        print_json(about)
        return
    say(f"{about['content_uuid']}  {about['mime']}  {about['bytes']:,} bytes")
    say(f"BLAKE3 {about['hash']}")
    if about["thumbhash"]:
        say(f"ThumbHash {about['thumbhash']}")
    for source in about["sources"]:
        say(f"  {printable(source)}")
    for item in about["sidecars"]:
        error = item["error"] or {}
        where = item["path"] or error.get("message") or ""
        marked = f" ({item['mark']})" if item["mark"] else ""
        say(f"{item['kind']:<10} {item['variant']:<16} {item['state']:<11} {where}{marked}")
    print_excerpts([(name, text) for name, text in about["texts"].items()])


def _about(library: Library, content_uuid: str) -> dict[str, Any]:
    info = library.content_info(content_uuid)
    items = list(library.ls(content_uuid=content_uuid))
    digest, size, mime = info or (None, 0, "")
    texts = {
        item.kind: sidecar_text(item.path)
        for item in items
        if item.path is not None and "text" in registry.spec(item.kind).exports
    }
    return {
        "content_uuid": content_uuid,
        "hash": digest,
        "bytes": size,
        "mime": mime,
        "thumbhash": thumbhash_text(library.thumbhash(content_uuid)),
        "sources": list(items[0].sources) if items else [],
        "sidecars": [item.to_json() for item in items],
        "texts": texts,
    }


def events(
    library: LibraryOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens from now on.")] = False,
    since: Annotated[
        int | None,
        typer.Option(metavar="ID", help="Only after the event with this id (default: all kept; with --follow none)."),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """What happens in the library, by whichever process: one JSON object a line. Ctrl-C ends --follow.

    docs/events.md says what they hold. The output is JSON with and without --json.
    """
    del json_
    with open_library(library) as opened:
        start = since if since is not None else opened.newest_event() if follow else 0
        for event in opened.events(since=start, follow=follow):
            print_json(event_json(event))
            sys.stdout.flush()
