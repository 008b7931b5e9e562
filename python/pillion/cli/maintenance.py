"""Commands that keep a library sound: verify, reconcile, cleanup, usage; and migrate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pillion.cli.options import (
    LIBRARY,
    default_library,
    json_option,
    library_option,
    open_library,
    printable,
    sidecars_for,
)
from pillion.cli.output import note, print_json, say, sidecar_counts

if TYPE_CHECKING:
    from pillion.library import Library


@click.command()
@library_option
@click.option("--repair", is_flag=True, help="Repair what is found; 'pillion work' then makes again what was lost.")
@json_option
def verify(library: Path | None, repair: bool, as_json: bool) -> None:
    """Check the catalog and the files against each other.

    Exit code 0 if there is no problem, or all were repaired; else 1.

    JSON: {ok, checked, findings: [{problem, path, message}]}; with --repair each finding has "action" too: "queued
    again", "dropped", "removed", "recorded", "rewritten", "nothing to do", or null where it could not be repaired.
    """
    with open_library(library) as opened:
        ready = sum(row["ready"] for row in sidecar_counts(opened.status().sidecars).values())
        rows = _repaired(opened) if repair else _found(opened)
    ok = all(row.get("action") is not None for row in rows)
    if as_json:
        print_json({"ok": ok, "checked": ready, "findings": rows})
    else:
        for row in rows:
            say(f"{row['problem']}: {printable(row['path'])}: {row['message']}{_action(row)}")
        verdict = _problems(len(rows)) + (", all repaired." if ok else ".") if rows else "no problems."
        say(f"{ready:,} sidecars checked, {verdict}")
    if not ok:
        raise click.exceptions.Exit(1)


def _problems(number: int) -> str:
    return f"{number:,} problem{'' if number == 1 else 's'}"


def _found(library: Library) -> list[dict[str, Any]]:
    return [
        {"problem": item.problem, "path": item.path, "message": item.message} for item in library.maintenance.verify()
    ]


def _repaired(library: Library) -> list[dict[str, Any]]:
    return [
        {
            "problem": item.finding.problem,
            "path": item.finding.path,
            "message": " ".join(filter(None, (item.finding.message, item.message))),
            "action": item.action,
        }
        for item in library.maintenance.repair()
    ]


def _action(row: dict[str, Any]) -> str:
    return f" -> {row['action'] or 'not repaired'}" if "action" in row else ""


@click.command()
@click.argument(
    "source", metavar="FROM", type=LIBRARY, help="The library as it is: its folder, or the address of its catalog."
)
@click.argument(
    "target", metavar="TO", type=LIBRARY, help="Where its catalog goes: an address, or the library's folder."
)
@json_option
def migrate(source: Path | str, target: Path | str, as_json: bool) -> None:
    """Move the catalog between a folder and PostgreSQL.

    FROM and TO: the library's folder, where the sidecars stay, and postgresql://USER@HOST/DATABASE, in either order.
    After a stop, run it again to go on. JSON: {to, sidecars, rows: {table: number}, aside}.
    """
    from pillion.library.migrating import migrate as move

    copied: dict[str, int] = {}

    def show(table: str, number: int, total: int) -> None:
        copied[table] = copied.get(table, 0) + number
        note(f"{table}: {copied[table]:,} of {total:,} rows")

    done = move(source, target, None if as_json else show)
    if as_json:
        aside = None if done.aside is None else str(done.aside)
        print_json({"to": done.to, "sidecars": str(done.sidecars), "rows": dict(done.rows), "aside": aside})
        return
    say(f"{sum(done.rows.values()):,} rows are in {printable(done.to)} now; they were compared.")
    if done.aside is not None:
        say(f"From now on: --library {printable(done.to)} --sidecars {printable(str(done.sidecars))}")
        say(f"The old catalog is {printable(str(done.aside))}.")


@click.command()
@library_option
@click.option("--rebuild", is_flag=True, help="Put the catalog aside even if it is sound, and make a new one.")
@json_option
def reconcile(library: Path | None, rebuild: bool, as_json: bool) -> None:
    """Rebuild a lost or damaged catalog from the sidecars.

    The manifests beside the sidecars say what they are. Index your folders again afterwards.

    JSON: {catalog: "kept" or "rebuilt", moved_to, contents, sidecars, bytes, recorded, problems: [{path, message}]}.
    """
    from pillion.library import Library

    report = Library.reconcile(library or default_library(), rebuild=rebuild, sidecars=sidecars_for(library))
    if as_json:
        print_json(report.to_json())
        return
    for path, message in report.problems:
        say(f"{printable(path)}: {message}")
    if report.moved_to:
        say(f"The old catalog is now {printable(report.moved_to)}.")
    say(
        f"Catalog {report.catalog}: {report.contents:,} contents and {report.sidecars:,} sidecars "
        f"({report.bytes:,} bytes) found, {report.recorded:,} of them added to the catalog."
    )
    if report.catalog == "rebuilt":
        say("Now run 'pillion index' on your folders: what was found is not made again.")


@click.command()
@library_option
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option(
    "--older-than", type=float, metavar="DAYS", help="Gone for at least so many days (default: 30; with --quota 0)."
)
@click.option(
    "--quota", type=int, metavar="BYTES", help="Oldest first, until all sidecars together take no more than this."
)
@json_option
def cleanup(library: Path | None, dry_run: bool, older_than: float | None, quota: int | None, as_json: bool) -> None:
    """Remove the sidecars of files that are gone.

    Those of a file that is there are never removed.

    JSON: {dry_run, contents, sidecars, bytes, left_bytes, quota, over_quota_bytes, problems: [{path, message}]}.
    """
    with open_library(library) as opened:
        report = opened.maintenance.cleanup(older_than_days=older_than, quota=quota, dry_run=dry_run)
    if as_json:
        print_json(report.to_json())
    else:
        verb = "would be removed" if dry_run else "removed"
        say(f"{report.contents:,} contents with {report.sidecars:,} sidecars ({report.bytes:,} bytes) {verb}.")
        if report.over_quota:
            say(f"{report.over_quota:,} bytes above the quota are still in use, or not gone for long enough.")
        for path, message in report.problems:
            say(f"not removed: {printable(path)}: {message}; 'pillion verify --repair' tries again.")
    if report.problems:
        raise click.exceptions.Exit(1)


@click.command()
@library_option
@json_option
def usage(library: Path | None, as_json: bool) -> None:
    """Show how many sidecars there are and how many bytes they take.

    JSON: {library, total: {sidecars, bytes, statuses}, kinds: {KIND: {sidecars, bytes, statuses, variants: {VARIANT:
    {sidecars, bytes, statuses}}}}, search: {bytes}}; sidecars and bytes are those that are ready, statuses counts all.
    """
    with open_library(library) as opened:
        values = opened.maintenance.usage().to_json()
    if as_json:
        print_json({"library": str(opened.root), **values})
        return
    for kind, about in values["kinds"].items():
        for variant, line in about["variants"].items():
            say(_usage_line(f"{kind} {variant}", line))
        say(_usage_line(kind, about))
    say(_usage_line("total", values["total"]))
    say(f"{'search index':<30} {'':>12}       {values['search']['bytes']:>18,} bytes")


def _usage_line(name: str, line: dict[str, Any]) -> str:
    others = [f"{number:,} {status}" for status, number in line["statuses"].items() if status != "ready"]
    return f"{name:<30} {line['sidecars']:>12,} ready {line['bytes']:>18,} bytes  {', '.join(others)}".rstrip()
