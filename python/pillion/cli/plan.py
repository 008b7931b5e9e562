"""Commands about what is still to be made: plan, regenerate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pillion.cli.options import (
    PATH,
    json_option,
    kind_option,
    kinds_option,
    library_option,
    one_content,
    open_library,
    printable,
    split_kinds,
)
from pillion.cli.output import duration, print_json, print_queued, print_table, say, size
from pillion.errors import UsageError

if TYPE_CHECKING:
    from pillion.library.plan import GenerationPlan, PlanLine

_REASONS = {
    "missing": "missing",
    "stale": "stale",
    "retry": "to be tried again",
    "asked": "asked for again",
    "not_indexed": "not indexed yet",
}


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=PATH, help="Only these files or folders, indexed or not.")
@library_option
@click.option("--policy", help="As if this were the library's policy.")
@kinds_option
@click.option("--walk/--no-walk", default=True, help="Look in the folders for files that are not indexed yet.")
@json_option
def plan(
    paths: tuple[Path, ...], library: Path | None, policy: str | None, kinds: str | None, walk: bool, as_json: bool
) -> None:
    """Show what 'pillion index' would make, and why.

    Also how long that takes and how large it gets. Changes nothing.

    JSON: {library, sidecars, seconds, bytes, measured, workers, dropped, lines: [{kind, variant, media_class, reason,
    status, error_class, changes: [{part, old, new}], sidecars, seconds, bytes, measured}], unreadable: [{path,
    message}]}. The seconds of a line are for one worker; the seconds in all, for all workers together.
    """
    with open_library(library) as opened:
        found = opened.plan(*paths, policy=policy, kinds=split_kinds(kinds), walk=walk)
        _print_plan(str(opened.root), found, as_json)


@click.command()
@click.argument("content", required=False, help="A file, or the beginning of a content uuid.")
@library_option
@kind_option
@click.option("--variant", help="Only this variant, e.g. grid@2x.")
@click.option("--under", metavar="FOLDER", type=PATH, help="Only of files in this folder.")
@click.option("--stale", is_flag=True, help="Only those made with another version, model or setting than wanted.")
@click.option("--all", "all_", is_flag=True, help="All of the library, with no other limit.")
@click.option("--dry-run", is_flag=True, help="Only say what would be queued.")
@json_option
def regenerate(
    content: str | None,
    library: Path | None,
    kind: str | None,
    variant: str | None,
    under: Path | None,
    stale: bool,
    all_: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Queue sidecars to be made again.

    The old ones are served until the new ones are there. 'pillion work' makes them.

    JSON: {queued}; with --dry-run what 'pillion plan --json' prints.
    """
    if all_ and (stale or content or under):
        raise UsageError("Give either --all (with --kind or --variant, if you like) or what to make again, not both.")
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
            _print_plan(str(opened.root), opened.plans.regeneration(**limits), as_json)
        else:
            print_queued(opened.regenerate(**limits), as_json)


def _print_plan(library: str, found: GenerationPlan, as_json: bool) -> None:
    if as_json:
        print_json({"library": library, **found.to_json()})
        return
    print_table([_cells(line) for line in found.lines], right=(1, 3, 4))
    say(_total(found))
    if found.dropped:
        say(f"{found.dropped:,} queued sidecars are no longer wanted; the next index drops them.")
    for path, message in found.unreadable:
        say(f"could not be read: {printable(path)}: {message}")


def _cells(line: PlanLine) -> tuple[str, ...]:
    name = f"{line.kind} {line.variant} ({line.media_class})"
    return name, f"{line.number:,}", _why(line), duration(line.seconds), size(line.bytes)


def _why(line: PlanLine) -> str:
    details = [str(change) for change in line.changes] + (["failed before"] if line.status == "failed" else [])
    if line.error_class:
        details.append(f"last time: {line.error_class}")
    reason = _REASONS[line.reason.value]
    return f"{reason}: {', '.join(details)}" if details else reason


def _total(found: GenerationPlan) -> str:
    if not found.lines:
        return "There is nothing to make."
    basis = "as measured on this machine" if found.measured else "partly a guess: not all of it was measured here yet"
    return (
        f"{found.number:,} sidecars, about {duration(found.seconds)} with {found.workers} workers and "
        f"{size(found.bytes)} ({basis})."
    )
