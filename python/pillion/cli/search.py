"""Commands that find: search, similar, duplicates."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pillion.cli.options import FILE, FINDS, PATH, json_option, library_option, open_library, printable
from pillion.cli.output import is_quiet, note, print_json, say, warn
from pillion.errors import UsageError
from pillion.quoting import harmless

if TYPE_CHECKING:
    from pillion.library.searching import Found
    from pillion.search.find import Hit, ShownPassage

_SLOW_S = 0.7
"""After so long, the progress of indexing is shown."""


def _progress() -> Callable[[int, int], None]:
    """Writes on stderr that the index is built for the first time, and how far it is once that takes a while."""
    begun, told, said = time.monotonic(), 0.0, False

    def tell(done: int, total: int) -> None:
        nonlocal told, said
        now = time.monotonic()
        if is_quiet():
            return
        if not done and not said:
            said = True
            note("The search index is built now; this is done once.")
        if now - begun >= _SLOW_S and now - told >= (0.2 if sys.stderr.isatty() else 10.0):
            told = now
            end = "\r" if sys.stderr.isatty() else "\n"
            warn(f"indexing: {done:,} of {total:,} contents", end=end)

    return tell


@click.command()
@click.argument("query", nargs=-1, help='Words, "phrases", begin*, -without, one OR other.')
@library_option
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only this type: pdf, image, audio/mpeg ...")
@click.option("--in", "under", multiple=True, type=PATH, metavar="DIR", help="Only files in this folder.")
@click.option("--since", metavar="DATE", help="Only files taken (or else changed) since 2024, 2024-05 or 2024-05-31.")
@click.option("--kind", "-k", "kinds", multiple=True, help="Search only: ocr, transcript, file, name or picture.")
@click.option("--limit", "-n", type=click.IntRange(min=1), default=20, help="At most so many files.")
@click.option("--words", "only_words", is_flag=True, help="Search by words and names only.")
@click.option("--meaning", "only_meaning", is_flag=True, help="Search by meaning only.")
@click.option("--like", type=FILE, metavar="PHOTO", help="Instead of words: find pictures like this one.")
@json_option
def search(
    query: tuple[str, ...],
    library: Path | None,
    types: tuple[str, ...],
    under: tuple[Path, ...],
    since: str | None,
    kinds: tuple[str, ...],
    limit: int,
    only_words: bool,
    only_meaning: bool,
    like: Path | None,
    as_json: bool,
) -> None:
    """Find files by what is written, said or meant in them.

    Exit code 1 if nothing is found, 2 if something is wrong. A query that begins with a minus comes after --.

    JSON: one object a line, best first: {path, paths, content_uuid, type, score, why, passages: [{text, marks: [[start,
    end]], where}]}; docs/search.md has what "where" may be.
    """
    _errors_end_with_2()
    if only_words and only_meaning:
        raise UsageError("--words and --meaning exclude each other: without both, both are used.")
    words = " ".join(query)
    if (like is None) == (not words.strip()):
        raise UsageError("Say what to search for, in words or with --like.")
    with open_library(library) as opened:
        if like is not None:
            found = opened.searching.similar(
                like, content_uuid=_known(opened.find(str(like))), limit=limit, picture=True, progress=_progress()
            )
        else:
            found = opened.searching.search(
                words,
                types=types or None,
                under=under or None,
                since=since,
                kinds=kinds or None,
                limit=limit,
                words=not only_meaning,
                meaning=not only_words,
                progress=_progress(),
            )
    _print_found(found, as_json)


@click.command()
@click.argument("file", type=FILE, help="A picture, or any file that is in the library.")
@library_option
@click.option("--limit", "-n", type=click.IntRange(min=1), default=20, help="At most so many files.")
@json_option
def similar(file: Path, library: Path | None, limit: int, as_json: bool) -> None:
    """Find files like one: pictures by their looks, others by what they mean.

    Exit code 1 if nothing is found, 2 if something is wrong. JSON: as that of 'pillion search'.
    """
    _errors_end_with_2()
    with open_library(library) as opened:
        known = _known(opened.find(str(file)))
        if known is None and not file.exists():
            raise UsageError(f"There is no file {printable(str(file))}.")
        found = opened.searching.similar(file, content_uuid=known, limit=limit, progress=_progress())
    _print_found(found, as_json)


def _errors_end_with_2() -> None:
    click.get_current_context().meta[FINDS] = True


def _known(found: Sequence[str]) -> str | None:
    return found[0] if len(found) == 1 else None


@click.command()
@library_option
@click.option("--near", is_flag=True, help="Also pictures that look the same: resized, cropped a little, turned.")
@json_option
def duplicates(library: Path | None, near: bool, as_json: bool) -> None:
    """Show files that are the same, and which of them is the best.

    Nothing is deleted. Exit code 1 if there are none, 2 if something is wrong.

    JSON: one group a line: {kind: "exact" or "near", paths, best, content_uuids}. The best of the same bytes is the
    oldest file; of pictures the one with the most pixels, then the most bytes, then the oldest.
    """
    _errors_end_with_2()
    with open_library(library) as opened:
        groups = opened.searching.duplicates(near=near, progress=_progress())
    for group in groups:
        if as_json:
            print_json(group.to_json())
            continue
        say(f"{group.kind}, {len(group.paths)} files")
        for path in group.paths:
            say(f"  {'*' if path == group.best else ' '} {printable(path)}")
    if not groups:
        if not as_json:
            note("There are no duplicates.")
        raise click.exceptions.Exit(1)


# output ---------------------------------------------------------------------------------------------------------------


def _print_found(found: Found, as_json: bool) -> None:
    for text in found.notes:
        note(text)
    for hit in found.hits:
        if as_json:
            print_json(hit.to_json())
        else:
            _print_hit(hit)
    if not found.hits:
        if not as_json:
            note("Nothing was found.")
        raise click.exceptions.Exit(1)


def _print_hit(hit: Hit) -> None:
    coloured = _coloured()
    more = f" (and {len(hit.paths) - 1} more)" if len(hit.paths) > 1 else ""
    name = printable(hit.path)
    _write(f"\x1b[1m{name}\x1b[0m{more}" if coloured else f"{name}{more}")
    for passage in hit.passages:
        if passage.where.get("kind") != "name":
            place = place_text(passage.where)
            _write(f"  {place}: {_marked(passage, coloured)}" if place else f"  {_marked(passage, coloured)}")


def _coloured() -> bool:
    import os

    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _write(text: str) -> None:
    """A line whose parts were made harmless, with our own colours."""
    sys.stdout.write(text + "\n")


def _marked(passage: ShownPassage, coloured: bool) -> str:
    """A passage on one line, its matched words in colour."""
    parts: list[str] = []
    at = 0
    for start, end in passage.marks:
        parts.append(_flat(passage.text[at:start]))
        word = _flat(passage.text[start:end])
        parts.append(f"\x1b[1;33m{word}\x1b[0m" if coloured else word)
        at = end
    return "".join([*parts, _flat(passage.text[at:])])


def _flat(text: str) -> str:
    return printable(harmless(" ".join(text.split(" ")).replace("\n", " ").replace("\t", " ")))


def place_text(where: Any) -> str:
    """A place for people: ``page 3``, ``1:05``, ``sheet 2 (Budget)``; "" for a whole file."""
    if "seconds" in where:
        start = int(where["seconds"][0])
        minutes, seconds = divmod(start, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    if "page" in where:
        return f"page {where['page']}"
    if "part" in where:
        name = f" ({printable(str(where['name']))})" if where.get("name") else ""
        cell = f" {where['cell']}" if "cell" in where else ""
        return f"{where['part']} {where['number']}{name}{cell}"
    return ""
