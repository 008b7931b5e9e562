"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import platformdirs
import typer

from pillion.errors import UsageError
from pillion.library import Library
from pillion.library.arguments import parse_kinds
from pillion.model import SidecarKind

LIBRARY_VARIABLE = "PILLION_LIBRARY"


def default_library() -> Path:
    """Where the library is when nothing says otherwise."""
    return Path(platformdirs.user_data_dir("pillion", appauthor=False)) / "library"


LibraryOption = Annotated[
    Path | None,
    typer.Option(
        "--library",
        "-l",
        envvar=LIBRARY_VARIABLE,
        help="The library's folder (default: one in your user data folder).",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]
KindOption = Annotated[
    str | None, typer.Option("--kind", "-k", help="Only this kind: thumb, ocr, transcript, embeddings.")
]
KindsOption = Annotated[
    str | None, typer.Option("--kinds", help="Only these kinds, with commas: thumb,ocr,transcript,embeddings.")
]


def open_library(path: Path | None, *, create: bool = False, policy: str | None = None) -> Library:
    """Open the library that the options name."""
    return Library.open(path or default_library(), create=create, policy=policy)


def split_kinds(text: str | None) -> list[SidecarKind] | None:
    """``thumb,ocr`` as a list; None stays None. Raises UsageError for a kind there is not."""
    return None if text is None else list(parse_kinds([part.strip() for part in text.split(",") if part.strip()]))


def one_content(library: Library, what: str) -> str:
    """The content that ``what`` (a path, or the beginning of a uuid) means. Raises UsageError unless it is one."""
    found = library.find(what)
    if not found:
        raise UsageError(f"The library {library.root} knows no content '{what}'.")
    if len(found) > 1:
        raise UsageError(f"'{what}' may mean {len(found)} contents: {', '.join(found)}; give more of it.")
    return found[0]


def printable(path: bytes | str) -> str:
    """A path for people: what is not UTF-8 is shown as \\xNN."""
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")
