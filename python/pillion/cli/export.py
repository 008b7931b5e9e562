"""pillion export."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pillion.cli.options import JsonOption, LibraryOption, default_library
from pillion.cli.output import print_json
from pillion.errors import LibraryError, UsageError
from pillion.exports import Exported, check_format, from_file, from_library
from pillion.kinds.ocr.language_table import AUTO
from pillion.library import CATALOG, Library


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(export)


def export(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE|CONTENT", help="A file, or the beginning of a content uuid.")
    ],
    to: Annotated[str, typer.Option("--to", "-t", help="text, hocr, alto, pdf, srt, vtt.")] = "text",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write (default: stdout).", show_default=False)
    ] = None,
    library: LibraryOption = None,
    now: Annotated[bool, typer.Option("--now", help="Read or hear the file now, without a library.")] = False,
    language: Annotated[
        list[str] | None,
        typer.Option("--language", "-L", help="With a file read now: e.g. eng; may be given again (default: found)."),
    ] = None,
    model: Annotated[str, typer.Option(help="With a file that is heard now: the Whisper model.")] = "base",
    json_: JsonOption = False,
) -> None:
    """Text, hOCR, ALTO or a searchable PDF of what was read; text, SRT or WebVTT of what was said.

    From the sidecar where a library knows the file, else from the file itself.
    """
    check_format(to)
    if json_ and output is None:
        raise UsageError("With --json, say with -o where the export is to go.")
    made = _made(source, to, library, now, language or [AUTO], model)
    if output is None:
        _to_stdout(made.data, to)
        return
    _write(made, output)
    if json_:
        described = {"source": source, "to": to, "output": os.path.abspath(output), "bytes": len(made.data)}
        print_json({**described, "content": made.content_uuid})


def _made(source: str, to: str, library: Path | None, now: bool, languages: list[str], model: str) -> Exported:
    root = library or default_library()
    if now and library is not None:
        raise UsageError("Give either --library or --now.")
    if not now and (library is not None or (root / CATALOG).exists()):
        with Library.open(root, create=False) as opened:
            if library is not None or opened.find(source):
                return from_library(opened, source, to)
    if not Path(source).is_file():
        raise LibraryError(f"There is no file '{source}', and no library that knows it; name one with --library.")
    return from_file(Path(source), to, languages, model)


def _to_stdout(data: bytes, to: str) -> None:
    if to == "pdf" and sys.stdout.isatty():
        raise UsageError("A PDF is nothing for the terminal: say with -o where it is to go.")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _write(made: Exported, output: Path) -> None:
    """Whole or not at all, and never over the file it was made of."""
    if made.source is not None and output.exists() and os.path.samefile(output, made.source):
        raise UsageError(f"{output} is the file itself, which is never written: choose another output.")
    part = output.with_name(f".{output.name}.part-{os.getpid()}")
    try:
        part.write_bytes(made.data)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
