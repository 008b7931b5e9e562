"""Commands about what is queued, and what failed: failed, retry, cancel, pause, resume."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pillion.cli.options import PATH, json_option, kind_option, library_option, one_content, open_library, printable
from pillion.cli.output import KEPT, named, note, print_json, print_queued, say, unknown_line

if TYPE_CHECKING:
    from pillion.library import Library
    from pillion.library.requests import FailedSidecar

_Command = TypeVar("_Command", bound=Callable[..., Any])

_class_option = click.option("--class", "error_class", help="Only failures of this class, e.g. corrupt or timeout.")
_location_option = click.option("--location", type=PATH, help="Only this folder, as 'pillion status' lists it.")


def _which_argument(command: _Command) -> _Command:
    text = "Files, or beginnings of content uuids (default: all)."
    return click.argument("which", metavar="[FILE]...", nargs=-1, help=text)(command)


def _contents(library: Library, which: Sequence[str]) -> list[str] | None:
    return [one_content(library, what) for what in which] if which else None


@click.command()
@_which_argument
@library_option
@kind_option
@_class_option
@click.option("--details", is_flag=True, help="Also what the engine itself printed.")
@json_option
def failed(
    which: tuple[str, ...],
    library: Path | None,
    kind: str | None,
    error_class: str | None,
    details: bool,
    as_json: bool,
) -> None:
    """Show what failed, why, and how often it was tried.

    Files that could not be read are listed too.

    JSON: one object a line for each sidecar, with the times of the first and the last failure, what the engine printed,
    how its worker ended, and, where it is tried again automatically, when.
    """
    with open_library(library) as opened:
        uuids = _contents(opened, which)
        items = list(opened.requests.failures(kind=kind, error_class=error_class, content_uuids=uuids))
        all_files = kind is None and uuids is None
        unknown = {} if as_json else opened.unknown()
        unread = [row for row in opened.unidentified() if all_files and error_class in (None, row[1])]
    if as_json:
        for item in items:
            print_json(item.to_json())
        for path, cls, message in unread:
            print_json({"source": os.fsdecode(path), "error": {"class": cls, "message": message}})
        return
    for line in dict.fromkeys(_line(item, details) for item in items):
        say(line)
    for path, cls, message in unread:
        say(f"could not be read: {printable(path)}: {cls}: {message}")
    if not items and not unread:
        say("Nothing failed.")
    if all_files and error_class is None and unknown:
        say(unknown_line(unknown))


def _line(item: FailedSidecar, details: bool) -> str:
    """``thumb failed: /a/b.jpg: crash: its worker process died of SIGSEGV (3 tries)``"""
    row = item.failure
    kept = row.status.value == "ready"
    state = "will be tried again" if item.retry_at is not None else f"failed, {KEPT}" if kept else row.status.value
    tries = f" ({row.attempts} tries)" if row.attempts > 1 else ""
    line = f"{row.kind} {state}: {named(row.content_uuid, item.sources)}: {row.error_class}: {row.message}{tries}"
    said = row.stderr_tail.splitlines() if details else []
    return "\n    ".join([line, *said])


@click.command()
@_which_argument
@library_option
@kind_option
@_class_option
@json_option
def retry(
    which: tuple[str, ...], library: Path | None, kind: str | None, error_class: str | None, as_json: bool
) -> None:
    """Queue failed and cancelled sidecars again.

    Each gets all its tries again. 'pillion work' makes them.
    """
    with open_library(library) as opened:
        number = opened.retry(kind=kind, error_class=error_class, content_uuids=_contents(opened, which))
    print_queued(number, as_json)


@click.command()
@_which_argument
@library_option
@kind_option
@_location_option
@json_option
def cancel(
    which: tuple[str, ...], library: Path | None, kind: str | None, location: Path | None, as_json: bool
) -> None:
    """Take work out of the queue.

    Running jobs are stopped. It stays out until 'pillion retry' or 'pillion regenerate' asks for it. What is ready is
    kept. To stop work only for a while, use 'pillion pause'.
    """
    with open_library(library) as opened:
        number = opened.cancel(kind=kind, location=location, content_uuids=_contents(opened, which))
    if as_json:
        print_json({"cancelled": number})
    elif number:
        say(f"{number:,} sidecars will not be made; 'pillion retry' asks for them again.")
    else:
        note("Nothing was queued.")


@click.command()
@library_option
@kind_option
@_location_option
@json_option
def pause(library: Path | None, kind: str | None, location: Path | None, as_json: bool) -> None:
    """Pause all work, or that of one kind or folder.

    Also in processes that are at work now, until 'pillion resume'.
    """
    with open_library(library) as opened:
        opened.pause(kind=kind, location=location)
    if as_json:
        print_json({"paused": {"kind": kind, "location": str(location) if location else None}})
    else:
        say(f"Paused: {kind or 'everything'}{f' in {location}' if location else ''}. 'pillion resume' ends it.")


@click.command()
@library_option
@kind_option
@_location_option
@json_option
def resume(library: Path | None, kind: str | None, location: Path | None, as_json: bool) -> None:
    """End pauses.

    'pillion work' then goes on.
    """
    with open_library(library) as opened:
        number = opened.resume(kind=kind, location=location)
    if as_json:
        print_json({"resumed": number})
    else:
        ended = "1 pause" if number == 1 else f"{number:,} pauses"
        say(f"{ended} ended; run 'pillion work' to go on." if number else "Nothing was paused.")
