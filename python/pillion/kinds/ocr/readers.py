"""One reader of the OCR engine for each thread that asks for one, kept for the next; and which languages to read in."""

from __future__ import annotations

import functools
import heapq
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from pillion.kinds.ocr import language as langid
from pillion.kinds.ocr import tessdata as tesseract
from pillion.kinds.ocr.language_table import AUTO, LANGUAGES
from pillion.kinds.ocr.layout import OcrEngine, OcrReader

MAX_THREADS = 8
"""More would need more memory than a worker may have: a reader takes some 100 MB with its page."""

_LETTERS = 24
"""A shorter text does not say in which language it is."""
_LIKELY = 0.8
_GARBLED = 65.0
"""A page that reads worse than this may be in another script."""


class Readers:
    """Readers of the engine that ``found`` gives, for these languages. A reader is loaded when it is first lent.

    ``languages``: Tesseract's codes. With ``auto`` among them each page is read in the others, or in the first that is
    installed, and then, when that is not its language, in the installed one that is.
    """

    def __init__(self, found: Callable[[], OcrEngine], languages: Sequence[str], tessdata: str | None) -> None:
        self._found = found
        self._tessdata = tessdata
        installed = tesseract.installed(tessdata) if AUTO in languages else []
        self.languages = first_languages(languages, installed)
        self._more = tuple(code for code in installed if code not in self.languages)
        self._lock = threading.Lock()
        self._free = list(range(MAX_THREADS))
        self.lent = False
        """Whether there was anything to recognise."""

    @functools.cached_property
    def engine(self) -> OcrEngine:
        """Raises ItemError (missing_tool)."""
        return self._found()

    @contextmanager
    def __call__(self, languages: tuple[str, ...] | None = None) -> Iterator[OcrReader]:
        """Lend one for these languages, or for the first ones. Raises ItemError (missing_tool)."""
        with self._lock:
            which = heapq.heappop(self._free)
            self.lent = True
        try:
            yield self.engine.reader(languages or self.languages, self._tessdata, which)
        finally:
            with self._lock:
                heapq.heappush(self._free, which)

    def others(self, text: str, confidence: float) -> tuple[tuple[str, ...], ...]:
        """Languages in which a page may make more sense whose beginning was read so in the first ones.

        That in which the text seems to be; where it reads badly, one for each other script.
        """
        if not self._more:
            return ()
        found = self._identified(text)
        if found is not None:
            return () if found in self.languages else ((found,),)
        return self._other_scripts() if confidence < _GARBLED else ()

    def _identified(self, text: str) -> str | None:
        if sum(character.isalpha() for character in text) < _LETTERS:
            return None
        by_iso = {LANGUAGES[code].iso: code for code in (*self._more, *self.languages) if code in LANGUAGES}
        iso, probability = langid.identified(text, by_iso)
        return by_iso[iso] if probability >= _LIKELY else None

    def _other_scripts(self) -> tuple[tuple[str, ...], ...]:
        seen = {LANGUAGES[code].script for code in self.languages if code in LANGUAGES}
        chosen = []
        for code in self._more:
            script = LANGUAGES[code].script if code in LANGUAGES else code
            if script not in seen:
                seen.add(script)
                chosen.append((code,))
        return tuple(chosen)


def first_languages(languages: Sequence[str], installed: Sequence[str]) -> tuple[str, ...]:
    """The languages to begin with: those named beside ``auto``, else English, else the first that is installed."""
    named = tuple(code for code in languages if code != AUTO)
    return named or (("eng",) if "eng" in installed or not installed else (installed[0],))
