"""Commands that work a library: index, work."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pillion.cli.options import JsonOption, KindsOption, LibraryOption, open_library, split_kinds
from pillion.cli.output import index_json, note, print_failures, print_index, print_json, say, sidecar_counts
from pillion.cli.progress import LiveProgress
from pillion.errors import UsageError
from pillion.library import Library
from pillion.library.status import WorkReport
from pillion.model import SidecarStatus


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(index)
    app.command()(work)


class IfBusy(StrEnum):
    """What to do while another process indexes the library."""

    WAIT = "wait"
    FAIL = "fail"


def _note_waiting(holder: str) -> None:
    note(f"{holder}; waiting for it to end.")


def index(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Folders to index (default: all the library knows).", show_default=False),
    ] = None,
    library: LibraryOption = None,
    policy: Annotated[str | None, typer.Option(help="mobile, desktop or server (default: the library's own).")] = None,
    kinds: KindsOption = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Queue the jobs and leave them to 'pillion work'.")
    ] = False,
    if_busy: Annotated[
        IfBusy, typer.Option("--if-busy", help="While another process indexes: wait for it, or fail.")
    ] = IfBusy.WAIT,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if any sidecar failed.")] = False,
    json_: JsonOption = False,
) -> None:
    """Find the files below PATH, identify their contents, make what is missing. Ctrl-C stops; run it again to go on."""
    chosen = split_kinds(kinds)
    folders = paths or []
    with (
        open_library(library, create=bool(folders), policy=policy) as opened,
        LiveProgress(quiet=json_ and no_wait) as live,
    ):
        if not folders and not opened.locations():
            raise UsageError("The library knows no folder yet: name one, 'pillion index FOLDER'.")
        start = time.perf_counter()
        try:
            waiting = _note_waiting if if_busy is IfBusy.WAIT else None
            report = opened.index(*folders, policy=policy, kinds=chosen, progress=live.phase, waiting=waiting)
            indexed = time.perf_counter()
            worked = None if no_wait else opened.run(kinds=chosen, progress=live.work)
        except KeyboardInterrupt:
            live.__exit__(None, None, None)
            seconds = time.perf_counter() - start
            note(f"\nStopped after {seconds:.0f} s. Nothing is lost: run the same command again to go on.")
            raise
        made = worked is not None and any(worked.recorded.values())
        generation_s = time.perf_counter() - indexed if made else 0.0
        live.__exit__(None, None, None)
        if json_:
            print_json(index_json(opened, report, generation_s))
        else:
            print_index(opened, report, generation_s)
        _print_notices(worked)
        failed = any(row[SidecarStatus.FAILED] for row in sidecar_counts(opened.status().sidecars).values())
    if strict and failed:
        raise typer.Exit(1)


def work(
    library: LibraryOption = None,
    kinds: KindsOption = None,
    stay: Annotated[
        bool, typer.Option("--stay", help="Go on until Ctrl-C: wait for new work, and for a full disk to have room.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Work the queue until nothing is left to do."""
    chosen = split_kinds(kinds)
    with open_library(library) as opened, LiveProgress() as live:
        try:
            worked = opened.run(kinds=chosen, progress=live.work, stay=stay)
        except KeyboardInterrupt:
            live.__exit__(None, None, None)
            note("\nStopped. Nothing is lost: run 'pillion work' again to go on.")
            raise
        live.__exit__(None, None, None)
        _print_worked(opened, worked, json_)
        _print_notices(worked)


def _print_worked(library: Library, worked: WorkReport, json_: bool) -> None:
    counts: dict[str, dict[str, int]] = {}
    for (kind, status), number in worked.recorded.items():
        if number:
            counts.setdefault(kind, {})[status.value] = number
    if json_:
        print_json({"library": str(library.root), "recorded": counts, "notices": worked.notices})
        return
    for name, numbers in counts.items():
        say(f"{name}: " + ", ".join(f"{number:,} {status}" for status, number in numbers.items()))
    if not counts:
        say("Nothing to do.")
    print_failures(library)


def _print_notices(worked: WorkReport | None) -> None:
    for lane, text in (worked.notices if worked else {}).items():
        note(f"{'All work' if lane == '*' else lane} is paused: {text}")
