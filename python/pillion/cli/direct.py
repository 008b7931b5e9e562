"""Commands that need no library: thumb, text, ocr, transcribe, formats, languages."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pillion.cli.options import FILE, PATH, json_option, library_folder, library_option, ocr_languages, printable
from pillion.cli.output import note, print_json, print_table, say, warn
from pillion.errors import ErrorClass, ItemError

if TYPE_CHECKING:
    from pillion import FormatRow, LanguageRow
    from pillion.isolation import Isolated

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _sources(text: str) -> Callable[[_Command], _Command]:
    return click.argument("sources", metavar="SRC...", nargs=-1, required=True, type=FILE, help=text)


_language_option = click.option(
    *("--language", "-L"),
    multiple=True,
    callback=ocr_languages,
    help="A language, by Tesseract's code or ISO's: eng or en; may be repeated (default: detected).",
)


@click.command()
@_sources("Files, or folders of files.")
@click.option("--output", "-o", required=True, type=PATH, help="The folder to write to.")
@click.option("--variant", "-V", multiple=True, default=["grid@2x"], help="Size, e.g. icon; may be repeated.")
@click.option("--quality", type=click.IntRange(0, 100), help="0 to 100 (default: by variant).")
@library_option
@json_option
def thumb(
    sources: tuple[Path, ...],
    output: Path,
    variant: tuple[str, ...],
    quality: int | None,
    library: Path | None,
    as_json: bool,
) -> None:
    """Make WebP thumbnails of files, without a library.

    Of pictures, PDFs and videos, as NAME.VARIANT.webp in one folder, on all cores. If a library is named, or there is
    one at the usual place, its config.toml says which other sizes and formats there are.

    JSON: one object a line for each file: {source, thumbnails: {variant: path}}, or {source, error: {class, message}}.
    """
    from pillion.api import check_variants
    from pillion.isolation import Isolated
    from pillion.model import EXTENSIONS

    settings = _thumb_settings(library, variant)
    if quality is not None:
        settings["quality"] = dict.fromkeys(variant, quality)
    endings = {spec.name: EXTENSIONS[spec.format] for spec in check_variants(variant, settings)}

    taken: set[str] = set()
    names = {source: _free_name(source.name, taken) for source in dict.fromkeys(_files(sources))}
    output.mkdir(parents=True, exist_ok=True)
    failed = 0
    with Isolated(*sources) as apart:
        for source, made in apart.thumbnail_batch(names, variant, settings=settings):
            if isinstance(made, ItemError):
                failed += 1
                _say_failed(source, made, as_json)
                continue
            targets = {name: output / f"{names[source]}.{name}.{endings[name]}" for name in made}
            for name, data in made.items():
                targets[name].write_bytes(data)
                if not as_json:
                    say(printable(str(targets[name])))
            if as_json:
                paths = {name: os.path.abspath(target) for name, target in targets.items()}
                print_json({"source": os.path.abspath(source), "thumbnails": paths})
    if failed:
        raise click.exceptions.Exit(1)


def _thumb_settings(library: Path | None, variants: Sequence[str]) -> dict[str, Any]:
    """The settings of a library's thumbnails, if one is named, or if it must be what knows a variant."""
    from pillion.kinds.thumbnail.kind import THUMB, THUMB_SPECS
    from pillion.settings.config import load_config

    if library is None and all(name in THUMB_SPECS for name in variants):
        return {}
    settings = load_config(library_folder(library) / "config.toml").kinds.get(THUMB, {})
    return {key: value for key, value in settings.items() if key in ("defined", "quality", "method")}


def _files(sources: Sequence[Path]) -> Iterator[Path]:
    """The sources; instead of a folder the files below it that can have a thumbnail, by name."""
    from pillion.api import has_thumbnail, is_special

    for source in sources:
        if source.is_dir():
            below = sorted(Path(folder, name) for folder, _, names in os.walk(source) for name in names)
            for path in below:
                if is_special(path):
                    _say_failed(path, ItemError(ErrorClass.UNSUPPORTED, "not a regular file"))
                elif has_thumbnail(path):
                    yield path
        else:
            yield source


def _free_name(name: str, taken: set[str]) -> str:
    """``name``, or with a number where another source of this call has it."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    taken.add(free)
    return free


@click.command()
@_sources("Files.")
@_language_option
@json_option
def text(sources: tuple[Path, ...], language: tuple[str, ...], as_json: bool) -> None:
    """Print the text of any file.

    Of documents, e-mail and text files as it is, of pictures and PDFs by OCR, of recordings by transcription. Parts
    (pages, slides, sheets, chapters) are separated by form feeds; with --json one object a line.
    """

    def one(apart: Isolated, source: Path) -> None:
        found = apart.any_text(source, languages=language or ("auto",))
        if as_json:
            print_json({"source": os.path.abspath(source), **found})
        else:
            sys.stdout.write(str(found["text"]) + "\n")
            for said in found.get("notes", ()):
                note(f"{printable(str(source))}: {printable(said)}")

    _each(sources, one, as_json)


@click.command()
@_sources("Pictures and PDFs.")
@_language_option
@click.option(
    "--draw",
    metavar="OUT.png",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also draw the page with its blocks, numbered in order; of further pages OUT-2.png and so on.",
)
@click.option("--timings", is_flag=True, help="Also print how long each part of the work took.")
@json_option
def ocr(sources: tuple[Path, ...], language: tuple[str, ...], draw: Path | None, timings: bool, as_json: bool) -> None:
    """Print the text in pictures and PDFs as JSON.

    One object a line for each file; with --json also for those that failed: {source, error: {class, message}}.
    """
    if draw is not None and len(sources) > 1:
        raise click.UsageError("--draw takes one file")

    def one(apart: Isolated, source: Path) -> None:
        result, seconds = apart.ocr_with_timings(source, languages=language or ("auto",))
        print_json(_with_source(source, result))
        if timings:
            spent = ", ".join(f"{name} {spent:.2f} s" for name, spent in seconds.items())
            note(f"{printable(str(source))}: {spent}")
        if draw is not None:
            _write_pages(apart.drawn(source, result, ending=draw.suffix), draw)

    _each(sources, one, as_json)


def _write_pages(pages: Sequence[bytes], to: Path) -> None:
    for number, data in enumerate(pages, 1):
        path = to if number == 1 else to.with_name(f"{to.stem}-{number}{to.suffix}")
        path.write_bytes(data)


@click.command()
@_sources("Audio and video files.")
@click.option("--model", default="base", help="Whisper model: a name, or a folder that holds one.")
@click.option("--language", "-L", help="e.g. en (default: detected).")
@json_option
def transcribe(sources: tuple[Path, ...], model: str, language: str | None, as_json: bool) -> None:
    """Print what is said in audio and video files as JSON.

    One object a line for each file; with --json also for those that failed: {source, error: {class, message}}.
    """

    def one(apart: Isolated, source: Path) -> None:
        print_json(_with_source(source, apart.transcribe(source, model=model, language=language)))

    _each(sources, one, as_json)


@click.command()
@json_option
def formats(as_json: bool) -> None:
    """List the picture formats and what is installed to read them."""
    from dataclasses import asdict

    import pillion

    rows = pillion.formats()
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    head = ("format", "extensions", "decoder", "alpha", "ICC", "installed", "reads")
    print_table([head, *map(_format_line, rows)])


@click.command()
@click.option("--all", "every", is_flag=True, help="Also those that are not installed.")
@json_option
def languages(every: bool, as_json: bool) -> None:
    """List the languages for OCR and how to add one."""
    from dataclasses import asdict

    from pillion import api

    rows = api.languages()
    if as_json:
        print_json([{**asdict(row), "file": row.file and str(row.file)} for row in rows])
        return
    shown = [row for row in rows if every or row.file is not None]
    print_table([("code", "ISO", "language", "data"), *map(_language_line, shown)])
    say("\nLooked in: " + (", ".join(map(str, api.language_folders())) or "no folder (none of the usual ones exists)"))
    missing = [row for row in rows if row.file is None]
    packaged = [row for row in missing if row.install.startswith("pip ")]
    examples = [row for row in missing if row.code == "fra"] + packaged[:1]
    named = " or ".join(f"{row.install} ({row.name})" for row in examples)
    say(f"To add one{f', e.g. {named}' if named else ''}, or put its .traineddata")
    say("into a folder that TESSDATA_PREFIX names. Then run pillion index. --all shows every command.")


def _language_line(row: LanguageRow) -> tuple[str, ...]:
    where = f"{row.file} ({row.size / 1e6:.1f} MB)" if row.file else row.install
    return row.code, row.iso or "-", row.name, where


def _format_line(row: FormatRow) -> tuple[str, ...]:
    there = "yes" if row.installed else f"pip install 'pillion[{row.extra}]'" if row.extra else "no"
    alpha, icc = ("yes" if has else "-" for has in (row.alpha, row.icc))
    return row.format, " ".join(row.extensions), row.decoder, alpha, icc, there, row.reads


def _with_source(source: Path, result: Any) -> dict[str, Any]:
    return {"source": os.path.abspath(source), **json.loads(result.to_json())}


def _each(sources: Sequence[Path], make: Callable[[Isolated, Path], None], as_json: bool) -> None:
    """One after the other, in a worker; one bad file does not stop the others. Exit code 1 if any failed.

    ``as_json``: a failure is an object on stdout, too.
    """
    from pillion.isolation import Isolated

    failed = 0
    with Isolated(*sources) as apart:
        for source in sources:
            try:
                if source.is_dir():
                    raise ItemError(ErrorClass.UNSUPPORTED, "it is a folder: name the files in it")
                make(apart, source)
            except ItemError as error:
                failed += 1
                _say_failed(source, error, as_json)
    if failed:
        raise click.exceptions.Exit(1)


def _say_failed(source: Path, error: ItemError, as_json: bool = False) -> None:
    if as_json:
        about = {"class": error.error_class.value, "message": error.message}
        print_json({"source": os.path.abspath(source), "error": about})
    warn(f"pillion: {printable(str(source))}: {error.error_class}: {printable(str(error))}")
