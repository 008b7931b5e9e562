"""What the workers of fuzz_files.py run: one file through the reader of its type, as a worker of Pillion would."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from pillion import _core
from pillion.errors import ItemError
from pillion.panics import is_panic
from pillion.readers.documents import table
from pillion.readers.images import decode as pictures
from pillion.readers.media import film, opening, sound
from pillion.readers.pdf import document as pdfium

_PAGES = 3
_BLOCKS = 30
"""Seconds of sound, about."""
_SNIFFED = 1 << 16

Task = tuple[str, str, str]
"""The reader, the file's type ("" lets the sniffer say it), its path."""
Answer = tuple[str, str, str, int, float]
"""How it ended ("fine", a class of ItemError, "untyped"), the message, the format, the peak of memory, seconds."""


def run(task: Task) -> Answer:
    """Read a file whole, or the first pages and seconds of it."""
    reader, mime, name = task
    path = Path(name)
    start, before = time.process_time(), _peak()
    form, end, message = mime, "fine", ""
    try:
        found = _core.sniff(path.read_bytes()[:_SNIFFED], os.fsencode(path.name))
        form = READERS[reader](path, mime or found)
    except ItemError as error:
        end, message = str(error.error_class), error.message
    except MemoryError:
        end = "oom"
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        end, message = "untyped", f"{type(error).__name__}: {error}{_place(error)}"[:500]
    after = _peak()
    return end, message, form, after if after > before else 0, time.process_time() - start


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"


def _document(path: Path, mime: str) -> str:
    engine = table.engine_of(mime)
    table.read(path, mime)
    return f"{engine.NAME if engine else '?'}: {mime}"


def _pdf(path: Path, mime: str) -> str:
    with pdfium.opened(path) as document:
        document.xfa_values()
        for number in range(min(_PAGES, len(document))):
            with document.page(number) as page:
                page.drawn(page.text())
                page.annotations()
                page.gray(1.0, until=time.monotonic() + 10)
    return mime


def _media(path: Path, mime: str) -> str:
    with opening.opened(path) as container:
        name = str(container.format.name)
    with _without_a_track():
        film.representative_frame(path, max_side=256)
    with _without_a_track():
        for track in sound.audio_tracks(path)[:2]:
            for _ in islice(sound.audio_blocks(path, track.number), _BLOCKS):
                pass
    return name


@contextmanager
def _without_a_track() -> Iterator[None]:
    """A typed error of the one does not keep the other from being tried."""
    try:
        yield
    except ItemError:
        return


def _picture(path: Path, mime: str) -> str:
    pictures.decode(path, max_side=512)
    return mime


READERS: dict[str, Callable[[Path, str], str]] = {
    "document": _document,
    "media": _media,
    "pdf": _pdf,
    "picture": _picture,
}
