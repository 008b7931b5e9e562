"""pillion export."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from pillion.cli.options import PATH, default_library, json_option, library_option, ocr_languages, open_library
from pillion.cli.output import print_json, written_whole
from pillion.errors import LibraryError, UsageError
from pillion.quoting import quoted

if TYPE_CHECKING:
    from pillion.exports import Exported


@click.command()
@click.argument("source", metavar="SOURCE|CONTENT", help="A file, or the beginning of a content uuid.")
@click.option("--to", "-t", default="text", help="text, markdown, hocr, alto, pdf, srt, vtt or json.")
@click.option("--output", "-o", type=PATH, help="The file to write (default: stdout).")
@library_option
@click.option("--now", is_flag=True, help="Process the file now, without a library.")
@click.option(
    *("--language", "-L"),
    multiple=True,
    callback=ocr_languages,
    help="If the file is processed now: OCR language, eng or en; may be repeated (default: detected).",
)
@click.option("--model", default="base", help="If the file is processed now: the Whisper model.")
@json_option
def export(
    source: str,
    to: str,
    output: Path | None,
    library: Path | None,
    now: bool,
    language: tuple[str, ...],
    model: str,
    as_json: bool,
) -> None:
    """Write a text, hOCR, ALTO, searchable PDF, SRT or WebVTT file.

    From the sidecar if a library knows the file, else from the file itself; with --library only from its sidecar.
    """
    from pillion.exports import check_format

    check_format(to)
    if as_json and output is None:
        raise UsageError("With --json, name an output file with -o.")
    made = _made(source, to, library, now, language, model)
    if output is None:
        _to_stdout(made.data, to)
        return
    _write(made, output)
    if as_json:
        described = {"source": source, "to": to, "output": os.path.abspath(output), "bytes": len(made.data)}
        print_json({**described, "content": made.content_uuid})


def _made(source: str, to: str, library: Path | None, now: bool, languages: tuple[str, ...], model: str) -> Exported:
    from pillion.exports import Exported, from_library
    from pillion.isolation import Isolated
    from pillion.library import CATALOG

    named = click.get_current_context().get_parameter_source("library") is ParameterSource.COMMANDLINE
    if now and named:
        raise UsageError("Give either --library or --now.")
    if not now and (library is not None or (default_library() / CATALOG).exists()):
        with open_library(library) as opened:
            if named or opened.find(source):
                return from_library(opened, source, to)
    if not Path(source).is_file():
        raise LibraryError(
            f"There is no file '{quoted(source)}', and no library that knows it; name one with --library."
        )
    with Isolated(source) as apart:
        data = apart.export(source, to, languages=languages or ("auto",), model=model)
    return Exported(data=data, source=Path(source))


def _to_stdout(data: bytes, to: str) -> None:
    if to == "pdf" and sys.stdout.isatty():
        raise UsageError("A PDF cannot be shown in a terminal: name an output file with -o.")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _write(made: Exported, output: Path) -> None:
    """Whole or not at all, and never over the file it was made of."""
    if made.source is not None and output.exists() and os.path.samefile(output, made.source):
        raise UsageError(f"{quoted(output)} is the file itself, which is never written: choose another output.")
    with written_whole(output) as part:
        part.write_bytes(made.data)
