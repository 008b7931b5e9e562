"""Commands about what is queued, and what failed: failed, retry, cancel, pause, resume."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pillion.cli.options import JsonOption, KindOption, LibraryOption, one_content, open_library, printable
from pillion.cli.output import named, note, print_json, print_queued, say
from pillion.library import Library
from pillion.library.requests import FailedSidecar


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (failed, retry, cancel, pause, resume):
        app.command()(command)


ClassOption = Annotated[
    str | None, typer.Option("--class", help="Only failures of this class, e.g. corrupt or timeout.")
]
LocationOption = Annotated[
    Path | None, typer.Option("--location", help="Only this folder, as 'pillion status' lists it.", show_default=False)
]
WhichArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE", help="Files, or beginnings of content uuids (default: all).", show_default=False),
]


def _contents(library: Library, which: Sequence[str] | None) -> list[str] | None:
    return [one_content(library, what) for what in which] if which else None


def failed(
    which: WhichArgument = None,
    library: LibraryOption = None,
    kind: KindOption = None,
    error_class: ClassOption = None,
    words: Annotated[bool, typer.Option("--words", help="Also what the engine itself said.")] = False,
    json_: JsonOption = False,
) -> None:
    """What could not be made, why, and how often it was tried; and each file that could not be read.

    JSON: one object a line for each sidecar, with the first and last time, the engine's own words, how its worker
    ended, and when it is tried again if that goes by itself.
    """
    with open_library(library) as opened:
        uuids = _contents(opened, which)
        items = list(opened.requests.failures(kind=kind, error_class=error_class, content_uuids=uuids))
        all_files = kind is None and uuids is None
        unread = [row for row in opened.unidentified() if all_files and error_class in (None, row[1])]
    if json_:
        for item in items:
            print_json(item.to_json())
        for path, cls, message in unread:
            print_json({"source": printable(path), "error": {"class": cls, "message": message}})
        return
    for line in dict.fromkeys(_line(item, words) for item in items):
        say(line)
    for path, cls, message in unread:
        say(f"not read: {printable(path)}: {cls}: {message}")
    if not items and not unread:
        say("Nothing failed.")


def _line(item: FailedSidecar, words: bool) -> str:
    """``thumb failed: /a/b.jpg: crash: its worker process died of SIGSEGV (3 tries)``"""
    row = item.failure
    state = "will be tried again" if item.retry_at is not None else row.status.value
    tries = f" ({row.attempts} tries)" if row.attempts > 1 else ""
    line = f"{row.kind} {state}: {named(row.content_uuid, item.sources)}: {row.error_class}: {row.message}{tries}"
    said = row.stderr_tail.splitlines() if words else []
    return "\n    ".join([line, *said])


def retry(
    which: WhichArgument = None,
    library: LibraryOption = None,
    kind: KindOption = None,
    error_class: ClassOption = None,
    json_: JsonOption = False,
) -> None:
    """Queue failed and cancelled sidecars again, with new tries; 'pillion work' then makes them."""
    with open_library(library) as opened:
        number = opened.retry(kind=kind, error_class=error_class, content_uuids=_contents(opened, which))
    print_queued(number, json_)


def cancel(
    which: WhichArgument = None,
    library: LibraryOption = None,
    kind: KindOption = None,
    location: LocationOption = None,
    json_: JsonOption = False,
) -> None:
    """Take work out of the queue and stop what runs of it, until 'pillion retry' or 'regenerate' asks for it.

    What is ready stays. To hold work back only for a while, use 'pillion pause'.
    """
    with open_library(library) as opened:
        number = opened.cancel(kind=kind, location=location, content_uuids=_contents(opened, which))
    if json_:
        print_json({"cancelled": number})
    elif number:
        say(f"{number:,} sidecars will not be made; 'pillion retry' asks for them again.")
    else:
        note("Nothing was queued.")


def pause(
    library: LibraryOption = None, kind: KindOption = None, location: LocationOption = None, json_: JsonOption = False
) -> None:
    """Hold back all work, or that of a kind or folder, until 'pillion resume'; also in runs that go on now."""
    with open_library(library) as opened:
        opened.pause(kind=kind, location=location)
    if json_:
        print_json({"paused": {"kind": kind, "location": str(location) if location else None}})
    else:
        say(f"Paused: {kind or 'everything'}{f' in {location}' if location else ''}. 'pillion resume' lifts it.")


def resume(
    library: LibraryOption = None, kind: KindOption = None, location: LocationOption = None, json_: JsonOption = False
) -> None:
    """Lift pauses; 'pillion work' then goes on."""
    with open_library(library) as opened:
        number = opened.resume(kind=kind, location=location)
    if json_:
        print_json({"resumed": number})
    else:
        say(f"{number} pauses lifted; run 'pillion work' to go on." if number else "Nothing was paused.")
