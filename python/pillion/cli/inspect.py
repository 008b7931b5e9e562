"""Commands that only look: status, ls, show, events."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pillion.cli.options import STAYS, json_option, kind_option, library_option, one_content, open_library, printable
from pillion.cli.output import (
    fact_lines,
    print_excerpts,
    print_items,
    print_json,
    print_status,
    print_unmade,
    print_unread,
    say,
    sidecar_counts,
)
from pillion.errors import ItemError, UnusableError, UsageError

if TYPE_CHECKING:
    from pillion.library import Library
    from pillion.library.sidecars import Item
    from pillion.model import SidecarKind, SidecarStatus


@click.command()
@library_option
@json_option
def status(library: Path | None, as_json: bool) -> None:
    """Show what the library holds and what is still to be made."""
    from pillion.model import SidecarMark

    with open_library(library) as opened:
        now = opened.status()
    if not as_json:
        print_status(now)
        return
    print_json(
        {
            "library": str(now.root),
            "locations": [os.fsdecode(location.path) for location in now.locations],
            "offline": [
                {"path": os.fsdecode(location.path), "why": location.offline, "since": location.offline_since}
                for location in now.locations
                if location.offline
            ],
            "files": now.totals.files,
            "contents": now.totals.contents,
            "unidentified": now.totals.unidentified,
            "unknown": {"files": sum(now.unknown.values()), "endings": dict(now.unknown)},
            "sidecars": sidecar_counts(now.sidecars),
            "kept": dict(now.kept),
            "offline_jobs": dict(now.offline_jobs),
            "marks": {mark.value: now.marks.get(mark, 0) for mark in SidecarMark},
            "paused": [
                {"kind": held.kind, "location": os.fsdecode(held.location) if held.location else None}
                for held in now.pauses
            ],
            "unknown_settings": list(now.unknown_settings),
            "quiet": [
                {"kind": item.kind, "location": item.location, "reason": item.reason, "until": item.until}
                for item in now.quiet
            ],
            "held": [
                {"kind": hold.kind, "class": hold.error_class, "notice": hold.notice, "since": hold.since}
                for hold in now.holds
            ],
            "jobs": {kind: dict(line.counts) for kind, line in now.queue.items()},
        }
    )


@click.command()
@click.argument(
    "content", required=False, help="A file, the beginning of a content uuid, or an address (default: all)."
)
@library_option
@kind_option
@click.option("--state", help="Only this state: pending, ready, empty, unsupported, failed or cancelled.")
@click.option("--unknown", is_flag=True, help="Only files of no known type, of which nothing is made.")
@json_option
def ls(
    content: str | None, library: Path | None, kind: str | None, state: str | None, unknown: bool, as_json: bool
) -> None:
    """List every sidecar with its state and path.

    Then the files of which none is made: "unknown" are those of no known type, "none" those of a type of which nothing
    is made here, "unread" those that could not be read. With --json one object a line; those of the files have no kind.
    """
    from pillion.model import SidecarUri

    if unknown and (content or kind or state):
        raise UsageError("--unknown goes with no other choice.")
    with open_library(library) as opened:
        if unknown:
            print_unmade(opened.unmade(unknown=True), as_json)
            return
        items = opened.ls(
            kind=kind,
            statuses=[_status(state)] if state else (),
            content_uuid=one_content(opened, content) if content else None,
        )
        if content and SidecarUri.is_one(content):
            uri = SidecarUri.parse(content)
            items = (item for item in items if uri.matches(item.kind, item.variant, item.format))
        if as_json:
            for item in items:
                print_json(item.to_json())
        else:
            print_items(items)
        if not (content or kind or state):
            print_unmade(opened.unmade(), as_json)
            print_unread(opened.unidentified(), as_json)


def _status(text: str) -> SidecarStatus:
    from pillion.model import SidecarStatus

    names = [item.value for item in SidecarStatus]
    if text not in names:
        raise UsageError(f"There is no state '{text}'; choose from {', '.join(names)}.")
    return SidecarStatus(text)


@click.command()
@click.argument("content", help="A file, or the beginning of a content uuid.")
@library_option
@json_option
def show(content: str, library: Path | None, as_json: bool) -> None:
    """Show one content: its files, what they say of themselves, its sidecars and its text."""
    with open_library(library) as opened:
        about = _about(opened, one_content(opened, content))
    if as_json:
        print_json(about)
        return
    say(f"{about['content_uuid']}  {about['mime']}  {about['bytes']:,} bytes")
    say(f"BLAKE3 {about['hash']}")
    if about["thumbhash"]:
        say(f"ThumbHash {about['thumbhash']}")
    for source in about["sources"]:
        say(f"  {printable(source)}")
    for line in fact_lines(about["facts"]):
        say(printable(line))
    for whole in filter(None, [about["part_of"]]):
        say(f"part of {whole}")
    for part in about["parts"]:
        say(f"has part {part}")
    for item in about["sidecars"]:
        error = item["error"] or {}
        where = printable(item["path"] or error.get("message") or "")
        marked = f" ({item['mark']})" if item["mark"] else ""
        if item["stale"]:
            marked += f" (stale: {error['class']}: {error['message']})" if error else " (stale)"
        say(f"{item['kind']:<10} {item['variant']:<16} {item['state']:<11} {where}{marked}")
    if not about["sidecars"]:
        say("Nothing is made of it in this library.")
    print_excerpts([(name, text) for name, text in about["texts"].items()])


def _about(library: Library, content_uuid: str) -> dict[str, Any]:
    from pillion.kinds import registry

    info = library.content_info(content_uuid)
    items = list(library.ls(content_uuid=content_uuid))
    digest, size, mime = info or (None, 0, "")
    whole, parts = library.parts(content_uuid)
    texts = {
        item.kind: _text_of(item.kind, path, mime)
        for item in items
        if "text" in registry.spec(item.kind).exports and (path := _file(library, item)) is not None
    }
    return {
        "content_uuid": content_uuid,
        "hash": digest,
        "bytes": size,
        "mime": mime,
        "thumbhash": items[0].thumbhash if items else None,
        "facts": dict(library.facts(content_uuid).to_json()),
        "part_of": whole,
        "parts": parts,
        "sources": list(items[0].sources) if items else _files_of(library, content_uuid),
        "sidecars": [item.to_json() for item in items],
        "texts": texts,
    }


def _files_of(library: Library, content_uuid: str) -> list[str]:
    return [os.fsdecode(os.path.join(file.root, file.path)) for file in library.timeline.files(content_uuid)]


def _file(library: Library, item: Item) -> Path | None:
    """Its file; None where there is none, or it cannot be read, which ``verify`` says."""
    try:
        return library.sidecars.file(item)
    except UnusableError:
        return None


def _text_of(kind: SidecarKind, sidecar: Path, mime: str) -> str:
    """The text in a sidecar; empty if the file is gone or damaged, which ``verify`` finds."""
    from pillion.kinds import registry
    from pillion.kinds.spec import Origin

    export = registry.loaded(registry.spec(kind).exports["text"])
    try:
        made: bytes = export(sidecar.read_bytes(), Origin(source=None, mime=mime))
    except (OSError, ItemError, RecursionError):
        return ""
    return made.decode().rstrip("\n")


@click.command()
@library_option
@click.option("--follow", "-f", is_flag=True, help="Keep printing what happens from now on.")
@click.option(
    "--since",
    type=int,
    metavar="ID",
    help="Only after the event with this id (default: all that are kept; with --follow none).",
)
@json_option
def events(library: Path | None, follow: bool, since: int | None, as_json: bool) -> None:
    """Print what happens in the library as JSON.

    One object a line, for events of all processes that use the library. Ctrl-C ends --follow. docs/events.md describes
    the objects. The output is JSON with and without --json.
    """
    from pillion.events import event_json

    del as_json
    click.get_current_context().meta[STAYS] = follow
    with open_library(library) as opened:
        start = since if since is not None else opened.newest_event() if follow else 0
        for event in opened.events(since=start, follow=follow):
            print_json(event_json(event))
            sys.stdout.flush()
