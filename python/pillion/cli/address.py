"""Commands for addresses of sidecars, ``sidecar://CONTENT_UUID/KIND/VARIANT[.FORMAT]``: info, cat, cp, rm."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pillion.cli.options import PATH, json_option, library_option, open_library, printable
from pillion.cli.output import note, print_json, say, written_whole
from pillion.errors import ErrorClass, ItemError, UsageError

if TYPE_CHECKING:
    from pillion.library import Library
    from pillion.library.sidecars import Item
    from pillion.model import SidecarUri

_addresses = click.argument(
    "addresses",
    metavar="URI...",
    nargs=-1,
    required=True,
    help="sidecar://CONTENT_UUID/KIND/VARIANT[.FORMAT]; kind and variant may be patterns, such as thumb/*.",
)
_wait_option = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=300.0,
    metavar="SECONDS",
    help="How long to wait for sidecars that have to be made first; 0: only what is there.",
)


@click.command()
@_addresses
@library_option
@json_option
def info(addresses: tuple[str, ...], library: Path | None, as_json: bool) -> None:
    """Show the sidecars at addresses: state, path, size and checksum.

    JSON: one object a line, as that of 'pillion ls', with its "uri".
    """
    with open_library(library) as opened:
        items = [item for uri in _parsed(addresses) for item in _wanted(opened, uri)]
    for item in items:
        if as_json:
            print_json({"uri": str(item.uri), **item.to_json()})
            continue
        say(str(item.uri))
        lines = {
            "state": item.state.value + (" (stale)" if item.stale else "") + (f" ({item.mark})" if item.mark else ""),
            "path": printable(item.where) if item.where else None,
            "bytes": f"{item.bytes:,}" if item.bytes is not None else None,
            "checksum": item.checksum,
            "recipe": item.recipe,
            "error": f"{item.error['class']}: {item.error['message']}" if item.error else None,
        }
        for name, line in lines.items():
            if line is not None:
                say(f"  {name:<9} {line}")
        for source in item.sources:
            say(f"  {'source':<9} {printable(source)}")


@click.command()
@_addresses
@library_option
@_wait_option
def cat(addresses: tuple[str, ...], library: Path | None, wait: float) -> None:
    """Write the bytes of sidecars to stdout; missing ones are made first."""
    with open_library(library) as opened:
        for _, path in _there(opened, _parsed(addresses), wait):
            with path.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()


@click.command()
@_addresses
@click.argument("target", type=PATH, help="A file, or a folder that is there.")
@library_option
@_wait_option
@click.option("--force", "-f", is_flag=True, help="Also over files that are there.")
@json_option
def cp(addresses: tuple[str, ...], target: Path, library: Path | None, wait: float, force: bool, as_json: bool) -> None:
    """Copy sidecars to a file or a folder; missing ones are made first.

    In a folder they are named CONTENT_UUID.KIND.VARIANT.FORMAT. JSON: one object a line, {uri, path}.
    """
    with open_library(library) as opened:
        found = list(_there(opened, _parsed(addresses), wait))
        if len(found) > 1 and not target.is_dir():
            raise UsageError(f"{len(found)} sidecars need a folder, and {printable(str(target))} is none.")
        for uri, path in found:
            name = f"{uri.content_uuid}.{uri.kind}.{uri.variant}{path.suffix}"
            copy = target / name if target.is_dir() else target
            _copy(path, copy, force)
            if as_json:
                print_json({"uri": str(uri), "path": os.path.abspath(copy)})
            else:
                say(printable(str(copy)))


@click.command()
@_addresses
@library_option
@json_option
def rm(addresses: tuple[str, ...], library: Path | None, as_json: bool) -> None:
    """Remove sidecars, until somebody asks for them again.

    They are cancelled, and show as such: 'pillion retry' and 'pillion regenerate' make them again, an index does not.
    JSON: one object a line, {uri, bytes}. Exit code 1 if none was there.
    """
    with open_library(library) as opened:
        gone = [item for uri in _parsed(addresses) for item in opened.sidecars.remove(uri)]
    for item in gone:
        if as_json:
            print_json({"uri": str(item.uri), "bytes": item.bytes})
        else:
            say(f"removed {item.uri}")
    if not gone:
        note("No sidecar is there.")
        raise click.exceptions.Exit(1)


def _parsed(addresses: Sequence[str]) -> list[SidecarUri]:
    from pillion.model import SidecarUri

    return [SidecarUri.parse(address) for address in addresses]


def _wanted(library: Library, uri: SidecarUri) -> list[Item]:
    """Those that an address means. Raises UsageError if there are none, or the library does not know its content."""
    found = list(library.sidecars.at(uri))
    if not found:
        if library.content_info(uri.content_uuid) is None:
            raise UsageError(f"The library {library.root} knows no content {uri.content_uuid}.")
        raise UsageError(f"Nothing is wanted at {uri}; 'pillion ls {uri.content_uuid}' lists what is.")
    return found


def _there(library: Library, addresses: Sequence[SidecarUri], wait_s: float) -> Iterator[tuple[SidecarUri, Path]]:
    """The files at addresses, all asked for before the first is waited for. Raises ItemError for what is not made."""
    from pillion.library.sidecars import Failed, Pending, Ready, Resolution

    single = [
        one for uri in addresses for one in ([item.uri for item in _wanted(library, uri)] if uri.is_pattern else [uri])
    ]
    mode = Resolution.GENERATE_ASYNC if wait_s else Resolution.LOCAL_ONLY
    answers = [(uri, library.resolve(uri, mode)) for uri in single]
    works = any(isinstance(answer, Pending) for _, answer in answers)
    if works:
        library.start()
    try:
        for uri, asked in answers:
            answer = asked
            if isinstance(asked, Pending) and isinstance(answer := asked.wait(wait_s), Ready):
                # Its format shows only now.
                answer = library.resolve(uri, Resolution.LOCAL_ONLY)
            if isinstance(answer, Ready):
                if not library.sidecars.is_whole(uri):
                    raise ItemError(ErrorClass.CORRUPT, f"{uri} is damaged: run 'pillion verify --repair'.")
                yield uri, answer.path
            elif isinstance(answer, Failed):
                raise ItemError(answer.error_class or ErrorClass.UNSUPPORTED, f"{uri}: {answer.message}")
            else:
                raise ItemError(ErrorClass.MISSING_SOURCE, f"{uri} is not there.")
    finally:
        if works:
            library.stop()


def _copy(source: Path, target: Path, force: bool) -> None:
    """Whole or not at all."""
    if target.exists() and not force:
        raise UsageError(f"{printable(str(target))} is there already; use --force to replace it.")
    with written_whole(target) as part:
        shutil.copyfile(source, part)
