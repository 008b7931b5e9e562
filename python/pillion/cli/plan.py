"""Commands about what is to be made: plan, regenerate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pillion.cli.options import (
    JsonOption,
    KindOption,
    KindsOption,
    LibraryOption,
    one_content,
    open_library,
    printable,
    split_kinds,
)
from pillion.cli.output import duration, print_json, print_queued, say, size
from pillion.errors import UsageError
from pillion.library.plan import GenerationPlan, PlanLine, Reason
from pillion.model import SidecarStatus

_WORDS = {
    Reason.MISSING: "missing",
    Reason.STALE: "stale",
    Reason.RETRY: "to be tried again",
    Reason.ASKED: "asked for again",
    Reason.NOT_INDEXED: "not indexed yet",
}


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(plan)
    app.command()(regenerate)


def plan(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Only these files or folders, indexed or not.", show_default=False),
    ] = None,
    library: LibraryOption = None,
    policy: Annotated[str | None, typer.Option(help="As if this were the library's policy.")] = None,
    kinds: KindsOption = None,
    walk: Annotated[
        bool, typer.Option("--walk/--no-walk", help="Look into the folders for files that are not indexed yet.")
    ] = True,
    json_: JsonOption = False,
) -> None:
    """What 'pillion index' would have made, and why, how long it takes and how large it will be. Changes nothing.

    JSON: {library, sidecars, seconds, bytes, measured, workers, dropped, lines: [{kind, variant, media_class, reason,
    had, error_class, changes: [{part, old, new}], sidecars, seconds, bytes, measured}], unread: [{path, message}]}.
    seconds of a line are those of one worker; in all, of all workers together.
    """
    with open_library(library) as opened:
        found = opened.plan(*(paths or ()), policy=policy, kinds=split_kinds(kinds), walk=walk)
        _print_plan(str(opened.root), found, json_)


def regenerate(
    content: Annotated[
        str | None, typer.Argument(help="A file or the beginning of a content uuid.", show_default=False)
    ] = None,
    library: LibraryOption = None,
    kind: KindOption = None,
    variant: Annotated[str | None, typer.Option(help="Only this variant, e.g. grid@2x.")] = None,
    under: Annotated[
        Path | None, typer.Option("--under", metavar="FOLDER", help="Only of files in this folder.", show_default=False)
    ] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="Only those that another version, model or setting is wanted for now.")
    ] = False,
    all_: Annotated[bool, typer.Option("--all", help="All of the library, with no other limit.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be queued.")] = False,
    json_: JsonOption = False,
) -> None:
    """Queue sidecars to be made again; the old ones are served until then. 'pillion work' makes them.

    JSON: {queued}; with --dry-run what 'pillion plan --json' prints.
    """
    if all_ and (stale or content or under):
        raise UsageError("Give --all alone (with --kind or --variant), or what to make again: not both.")
    if not (all_ or stale or content or under or kind or variant):
        raise UsageError("Say what to make again: a file, --under FOLDER, --kind, --variant, --stale or --all.")
    with open_library(library) as opened:
        limits: dict[str, Any] = {
            "kind": kind,
            "variant": variant,
            "content_uuid": one_content(opened, content) if content else None,
            "under": under,
            "stale": stale,
        }
        if dry_run:
            _print_plan(str(opened.root), opened.plans.regeneration(**limits), json_)
        else:
            print_queued(opened.regenerate(**limits), json_)


def _print_plan(library: str, found: GenerationPlan, json_: bool) -> None:
    if json_:
        print_json({"library": library, **found.to_json()})
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for column in range(5):
        table.add_column(justify="left" if column in (0, 2) else "right", no_wrap=column != 2)
    for line in found.lines:
        name = f"{line.kind} {line.variant} ({line.media_class})"
        table.add_row(name, f"{line.number:,}", _why(line), duration(line.seconds), size(line.bytes))
    if found.lines:
        Console().print(table)
    say(_total(found))
    if found.dropped:
        say(f"{found.dropped:,} that are queued are not wanted any more; the next index drops them.")
    for path, message in found.unread:
        say(f"not looked into: {printable(path)}: {message}")


def _why(line: PlanLine) -> str:
    words = _WORDS[line.reason]
    details = [str(change) for change in line.changes] + (["failed before"] if line.had is SidecarStatus.FAILED else [])
    if line.error_class:
        details.append(f"last time: {line.error_class}")
    return f"{words}: {', '.join(details)}" if details else words


def _total(found: GenerationPlan) -> str:
    if not found.lines:
        return "Nothing is to be made."
    basis = "as measured here before" if found.measured else "a first guess where nothing is measured yet"
    return (
        f"{found.number:,} sidecars, about {duration(found.seconds)} with {found.workers} workers and "
        f"{size(found.bytes)} ({basis})."
    )
