"""One reader of the OCR engine for each thread that asks for one, kept for the next."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pillion.engines.ocr_base import OcrEngine, OcrReader

MAX_THREADS = 8
"""More would need more memory than a worker may have: a reader takes some 100 MB with its page."""


class Readers:
    """Readers of ``engine`` for these languages. A reader is loaded when it is first lent."""

    def __init__(self, engine: OcrEngine, languages: Sequence[str], tessdata: str | None) -> None:
        self._engine = engine
        self._languages = tuple(languages)
        self._tessdata = tessdata
        self._lock = threading.Lock()
        self._free = list(range(MAX_THREADS))
        self.lent = False
        """Whether there was anything to recognise."""

    @contextmanager
    def __call__(self) -> Iterator[OcrReader]:
        """Lend one. Raises ItemError (missing_tool)."""
        with self._lock:
            which = heapq.heappop(self._free)
            self.lent = True
        try:
            yield self._engine.reader(self._languages, self._tessdata, which)
        finally:
            with self._lock:
                heapq.heappush(self._free, which)
