"""Commands that need no library: thumb, ocr, transcribe."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import pillion
from pillion.cli.options import printable
from pillion.cli.output import note, print_json, say
from pillion.errors import ItemError
from pillion.parts import check_variants, file_thumbnail

Sources = Annotated[list[Path], typer.Argument(metavar="SRC", help="Files.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(thumb)
    app.command()(ocr)
    app.command()(transcribe)


def thumb(
    sources: Sources,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write to.", show_default=False)],
    variant: Annotated[list[str] | None, typer.Option("--variant", "-V", help="May be given again.")] = None,
) -> None:
    """WebP thumbnails of pictures, PDFs and videos, as NAME.VARIANT.webp in a folder."""
    variants = variant or ["grid@2x"]
    check_variants(variants)
    output.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()

    def make(source: Path) -> None:
        name = _free_name(source.name, taken)
        for made, data in file_thumbnail(source, variants).items():
            target = output / f"{name}.{made}.webp"
            target.write_bytes(data)
            say(printable(str(target)))

    _each(sources, make)


def _free_name(name: str, taken: set[str]) -> str:
    """``name``, or with a number where another source of this call has it."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    taken.add(free)
    return free


def ocr(
    sources: Sources,
    language: Annotated[
        list[str] | None,
        typer.Option("--language", "-L", help="Tesseract language code, e.g. eng; may be given again."),
    ] = None,
) -> None:
    """The text in pictures and PDFs, as one JSON object a line."""
    languages = tuple(language or ["eng"])
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
            note(f"pillion: {printable(str(source))}: {error.error_class}: {error}")
    if failed:
        raise typer.Exit(1)
