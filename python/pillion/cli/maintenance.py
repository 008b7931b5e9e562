"""Commands that take care of a library: verify, reconcile, cleanup, usage."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pillion.cli.options import JsonOption, LibraryOption, default_library, open_library, printable
from pillion.cli.output import print_json, say, sidecar_counts
from pillion.library import Library
from pillion.model import SidecarStatus


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(verify)
    app.command()(reconcile)
    app.command()(cleanup)
    app.command()(usage)


def verify(
    library: LibraryOption = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what is found; 'pillion work' makes again what was lost.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Check catalog and files against each other. Exit code 0 when all is well (or was mended), else 1.

    JSON: {ok, checked, findings: [{problem, path, message}]}; with --repair each finding has "action" too: "queued
    again", "dropped", "removed", "recorded", "rewritten", "nothing to do", or null where it could not be mended.
    """
    with open_library(library) as opened:
        ready = sum(row[SidecarStatus.READY] for row in sidecar_counts(opened.status().sidecars).values())
        rows = _repaired(opened) if repair else _found(opened)
    ok = all(row.get("action") is not None for row in rows)
    if json_:
        print_json({"ok": ok, "checked": ready, "findings": rows})
    else:
        for row in rows:
            say(f"{row['problem']}: {row['path']}: {row['message']}{_action(row)}")
        verdict = f"{len(rows):,} problems{', all mended' if ok else ''}." if rows else "all is well."
        say(f"{ready:,} sidecars checked{',' if rows else ':'} {verdict}")
    if not ok:
        raise typer.Exit(1)


def _found(library: Library) -> list[dict[str, Any]]:
    return [
        {"problem": item.problem, "path": printable(item.path), "message": item.message}
        for item in library.maintenance.verify()
    ]


def _repaired(library: Library) -> list[dict[str, Any]]:
    return [
        {
            "problem": item.finding.problem,
            "path": printable(item.finding.path),
            "message": " ".join(filter(None, (item.finding.message, item.message))),
            "action": item.action,
        }
        for item in library.maintenance.repair()
    ]


def _action(row: dict[str, Any]) -> str:
    return f" -> {row['action'] or 'not mended'}" if "action" in row else ""


def reconcile(
    library: LibraryOption = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Set aside the catalog even if it looks well, and make a new one.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Rebuild a lost or damaged catalog from the manifests beside the sidecars; then index your folders again.

    JSON: {catalog: "kept" or "rebuilt", moved_to, contents, sidecars, bytes, recorded, problems: [{path, message}]}.
    """
    report = Library.reconcile(library or default_library(), rebuild=rebuild)
    if json_:
        print_json(report.to_json())
        return
    for path, message in report.problems:
        say(f"{printable(path)}: {message}")
    if report.moved_to:
        say(f"The old catalog is now {printable(report.moved_to)}.")
    say(
        f"Catalog {report.catalog}: {report.contents:,} contents and {report.sidecars:,} sidecars "
        f"({report.bytes:,} bytes) found, {report.recorded:,} put into the catalog."
    )
    if report.catalog == "rebuilt":
        say("Now run 'pillion index' on your folders: what was found is not made again.")


def cleanup(
    library: LibraryOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", metavar="DAYS", help="Gone for so many days (default: 30; with --quota 0)."),
    ] = None,
    quota: Annotated[
        int | None,
        typer.Option(metavar="BYTES", help="Only until all sidecars together take no more than this, oldest first."),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Remove the sidecars of files that are gone. Nothing of a file that is present is ever removed.

    JSON: {dry_run, contents, sidecars, bytes, left_bytes, quota, over_quota_bytes, problems: [{path, message}]}.
    """
    with open_library(library) as opened:
        report = opened.maintenance.cleanup(older_than_days=older_than, quota=quota, dry_run=dry_run)
    if json_:
        print_json(report.to_json())
    else:
        verb = "would be removed" if dry_run else "removed"
        say(f"{report.contents:,} contents with {report.sidecars:,} sidecars ({report.bytes:,} bytes) {verb}.")
        if report.over_quota:
            say(f"{report.over_quota:,} bytes more than the quota are in use, or were not gone for long enough.")
        for path, message in report.problems:
            say(f"not removed: {printable(path)}: {message}; 'pillion verify --repair' tries again.")
    if report.problems:
        raise typer.Exit(1)


def usage(library: LibraryOption = None, json_: JsonOption = False) -> None:
    """How many sidecars there are of each kind and variant, and how many bytes they take.

    JSON: {library, total: {sidecars, bytes, statuses}, kinds: {KIND: {sidecars, bytes, statuses, variants: {VARIANT:
    {sidecars, bytes, statuses}}}}}; sidecars and bytes are those that are ready, statuses counts all.
    """
    with open_library(library) as opened:
        values = opened.maintenance.usage().to_json()
    if json_:
        print_json({"library": str(opened.root), **values})
        return
    for kind, about in values["kinds"].items():
        for variant, line in about["variants"].items():
            say(_usage_line(f"{kind} {variant}", line))
        say(_usage_line(kind, about))
    say(_usage_line("total", values["total"]))


def _usage_line(name: str, line: dict[str, Any]) -> str:
    others = [f"{number:,} {status}" for status, number in line["statuses"].items() if status != "ready"]
    return f"{name:<30} {line['sidecars']:>12,} ready {line['bytes']:>18,} bytes  {', '.join(others)}".rstrip()
