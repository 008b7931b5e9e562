"""Libraries of other devices: `pillion peer`, `peers`, `pull`, `export-library` and `import-library`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pillion.cli.options import (
    PATH,
    json_option,
    kinds_option,
    library_after,
    library_option,
    open_library,
    printable,
    split_kinds,
)
from pillion.cli.output import is_quiet, note, print_json, print_table, say

if TYPE_CHECKING:
    from pillion.catalog.peers import PeerRow
    from pillion.library import Library
    from pillion.peers.pulling import Pulled


@click.group()
@library_option
@click.pass_context
def peer(ctx: click.Context, library: Path | None) -> None:
    """Add and remove libraries of other devices."""
    ctx.obj = library


@peer.command()
@click.argument("name", help="What it is called here: letters, digits, '.', '-' and '_'.")
@click.argument("url", help="The folder of its library, or http://HOST:8640.")
@click.option(
    "--token-file", type=PATH, help="The file with the token that the peer's server asks for; read when it is needed."
)
@library_after
@json_option
def add(library: Path | None, name: str, url: str, token_file: Path | None, as_json: bool) -> None:
    """Name the library of another device.

    URL is its folder, or the address of its 'pillion serve'.

    A peer that was left out because it gave what it had not offered is taken in again.
    """
    with open_library(library) as opened:
        row = opened.peers.add(name, url, token_file)
    if as_json:
        print_json({"added": row.name, "url": row.url})
        return
    say(f"{row.name} is at {printable(row.url)}; 'pillion pull' takes from it what is wanted here.")


@peer.command()
@click.argument("name", help="As 'pillion peers' lists it.")
@library_after
@json_option
def remove(library: Path | None, name: str, as_json: bool) -> None:
    """Forget a peer. What was taken from it stays."""
    with open_library(library) as opened:
        opened.peers.remove(name)
    if as_json:
        print_json({"removed": name})
        return
    say(f"{printable(name)} is no peer any more.")


@click.command()
@library_option
@json_option
def peers(library: Path | None, as_json: bool) -> None:
    """List the libraries of other devices.

    As they were when they were last compared, by 'pillion pull'. With --json one object a line: name, url, device,
    seen_at (seconds since 1970), has (sidecars that are not here), lacks, refused.
    """
    with open_library(library) as opened:
        rows = [_row(opened, row) for row in opened.peers.all()]
    if as_json:
        for row in rows:
            print_json(row)
    elif not rows:
        say("There is no peer yet; add one with 'pillion peer add NAME URL'.")
    else:
        lines = [(row["name"], _seen(row), *_counts(row), printable(row["url"]), _why(row)) for row in rows]
        print_table([("name", "seen", "has", "lacks", "address", ""), *lines], right=[2, 3])


def _counts(row: dict[str, Any]) -> tuple[str, str]:
    if row["seen_at"] is None:
        return "-", "-"
    return f"{row['has']:,}", f"{row['lacks']:,}"


def _row(library: Library, row: PeerRow) -> dict[str, Any]:
    has, lacks = library.peers.differences(row.name)
    device = {"device_uuid": row.device_uuid, "device": row.device_name}
    counts = {"has": has, "lacks": lacks}
    return {"name": row.name, "url": row.url, **device, "seen_at": row.seen_at, **counts, "refused": row.refused}


def _seen(row: dict[str, Any]) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(row["seen_at"])) if row["seen_at"] else "never"


def _why(row: dict[str, Any]) -> str:
    return f"left out: {printable(row['refused'])}" if row["refused"] else ""


@click.command()
@click.argument("names", metavar="[PEER]...", nargs=-1, help="Which of them (default: all).")
@library_option
@kinds_option
@click.option("--dry-run", is_flag=True, help="Only say what would be taken.")
@json_option
def pull(names: tuple[str, ...], library: Path | None, kinds: str | None, dry_run: bool, as_json: bool) -> None:
    """Take from other devices what would have to be made here.

    Only sidecars that are wanted here by the very recipe they were made with; each is checked, and then as if it had
    been made here. Exit code 1 if a peer failed. JSON: one object a line for each peer.
    """
    with open_library(library) as opened:
        results = opened.peers.pull(names or None, kinds=split_kinds(kinds), dry_run=dry_run, progress=_progress)
        none_there = not names and not opened.peers.all()
    for result in results:
        if as_json:
            print_json(result.to_json())
        else:
            _say_pulled(result, dry_run=dry_run)
    if none_there:
        note("There is no peer yet; add one with 'pillion peer add NAME URL'.")
    if any(result.failed for result in results):
        raise click.exceptions.Exit(1)


def _progress(name: str, done: int, total: int) -> None:
    if not is_quiet():
        note(f"{printable(name)}: {done:,} of {total:,}")


def _say_pulled(result: Pulled, *, dry_run: bool = False) -> None:
    what = ", ".join(f"{number:,} {kind}" for kind, number in sorted(result.by_kind.items())) or "nothing"
    verb = "would be taken" if dry_run else "taken"
    size = f" ({result.bytes / 1e6:,.1f} MB, {result.seconds:.1f} s)" if result.by_kind else ""
    empty = f"; it says of {result.empty:,} that there is nothing" if result.empty else ""
    say(f"{printable(result.peer)}: {what} {verb}{size}{empty}.")
    if result.failed is not None:
        left = " It is left out from now on; 'pillion peer add' takes it in again." if result.lied else ""
        note(f"{printable(result.peer)}: {printable(result.failed)}{left}")


@click.command()
@click.argument("folder", type=PATH, help="Where the library is, or is to be.")
@library_option
@kinds_option
@json_option
def export_library(folder: Path, library: Path | None, kinds: str | None, as_json: bool) -> None:
    """Copy the sidecars to a library on another disk.

    FOLDER becomes a library that watches nothing; run it again to add what is new. On another device,
    'pillion import-library FOLDER' takes from it what is wanted there.
    """
    with open_library(library) as opened:
        made = opened.export_to(folder, kinds=split_kinds(kinds), progress=lambda *at: _progress(str(folder), *at))
    if as_json:
        print_json(made.to_json())
        return
    what = ", ".join(f"{number:,} {kind}" for kind, number in sorted(made.by_kind.items())) or "nothing new"
    say(f"{what} copied to {printable(str(folder))} ({made.bytes / 1e6:,.1f} MB); {made.there:,} were there already.")
    if made.damaged:
        note(f"{made.damaged:,} sidecars are not whole here and were left out; 'pillion verify' says which.")


@click.command()
@click.argument("folder", type=PATH, help="The library to take from.")
@library_option
@kinds_option
@json_option
def import_library(folder: Path, library: Path | None, kinds: str | None, as_json: bool) -> None:
    """Take sidecars from a library on another disk.

    As 'pillion pull' does, but the library in FOLDER does not become a peer.
    """
    with open_library(library) as opened:
        result = opened.peers.pull_from(str(folder), kinds=split_kinds(kinds), progress=_progress)
    if as_json:
        print_json(result.to_json())
    else:
        _say_pulled(result)
    if result.failed:
        raise click.exceptions.Exit(1)
