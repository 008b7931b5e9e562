"""The watched folders: `pillion locations`, with add, remove and move."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pillion.cli.options import (
    PATH,
    json_option,
    library_after,
    library_option,
    open_library,
    printable,
    refuse_new_for_nothing,
)
from pillion.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from pillion.catalog.locations import Location


@click.group(invoke_without_command=True)
@library_option
@json_option
@click.pass_context
def locations(ctx: click.Context, library: Path | None, as_json: bool) -> None:
    """List, add, remove and move the watched folders.

    With --json one object a line: path, state (online, offline), why and since when it is offline, files.
    """
    ctx.obj = library
    if ctx.invoked_subcommand is not None:
        return
    with open_library(library) as opened:
        rows = [_row(location, opened.count_files(location)) for location in opened.locations()]
    if as_json:
        for row in rows:
            print_json(row)
    elif not rows:
        say("The library watches no folder yet: 'pillion index FOLDER' or 'pillion locations add FOLDER'.")
    else:
        lines = [(row["state"], f"{row['files']:,}", printable(row["path"]), _why(row)) for row in rows]
        print_table([("state", "files", "path", ""), *lines], right=[1])


@locations.command()
@click.argument("path", type=PATH)
@library_after
@json_option
def add(library: Path | None, path: Path, as_json: bool) -> None:
    """Watch a folder. 'pillion index' then finds its files."""
    refuse_new_for_nothing(library, (path,))
    with open_library(library, create=True) as opened:
        location = opened.add_location(path)
    if as_json:
        print_json({"added": os.fsdecode(location.path)})
        return
    say(f"{printable(location.path)} is watched; 'pillion index' finds its files.")


@locations.command()
@click.argument("path", type=PATH)
@library_after
@json_option
def remove(library: Path | None, path: Path, as_json: bool) -> None:
    """Stop watching a folder. Its files are not touched."""
    with open_library(library) as opened:
        number = opened.remove_location(path)
    if as_json:
        print_json({"removed": str(path), "files": number})
        return
    say(
        f"{printable(str(path))} with {number:,} files is not watched any more; 'pillion cleanup' removes its sidecars."
    )


@locations.command()
@click.argument("old", type=PATH)
@click.argument("new", type=PATH)
@library_after
@json_option
def move(library: Path | None, old: Path, new: Path, as_json: bool) -> None:
    """Say that a watched folder lies elsewhere now. Nothing is read or made again."""
    with open_library(library) as opened:
        location = opened.move_location(old, new)
        settings = str(old) in opened.config.locations
    if as_json:
        moved = {"from": str(old), "to": os.fsdecode(location.path)}
        print_json({**moved, "settings_left": settings})
        return
    say(f"{printable(str(old))} is {printable(location.path)} now.")
    if settings:
        say(f'config.toml still has [locations."{printable(str(old))}"]: change its path there.')


@locations.command(name="map")
@click.argument("path", type=PATH)
@click.argument("here", type=PATH, required=False)
@click.option("--host", help="The machine (default: this one, PILLION_HOST or its own name).")
@library_after
@json_option
def map_(library: Path | None, path: Path, here: Path | None, host: str | None, as_json: bool) -> None:
    """Say that a watched folder is another folder on this machine.

    Without HERE it is the same again.
    """
    with open_library(library) as opened:
        location = opened.map_location(path, here, host=host)
    shared, mapped = os.fsdecode(location.shared), os.fsdecode(location.path)
    if as_json:
        print_json({"path": shared, "host": host, "here": None if here is None else str(here)})
    elif host is None:
        say(f"{printable(shared)} is {printable(mapped)} here.")
    else:
        say(f"{printable(shared)} is {printable(str(here or path))} on {printable(host)}.")


def _row(location: Location, files: int) -> dict[str, Any]:
    return {
        "path": os.fsdecode(location.path),
        "state": "offline" if location.offline else "online",
        "why": location.offline,
        "since": location.offline_since,
        "files": files,
    }


def _why(row: dict[str, Any]) -> str:
    if row["why"] is None:
        return ""
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["since"]))
    return f"since {since}: {row['why']}"
