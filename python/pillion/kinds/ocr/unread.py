"""Print in a language of which no data is here: it is read as nonsense or not at all, so a note says what to do."""

from __future__ import annotations

from collections.abc import Sequence

from pillion.kinds.ocr.result import OcrPage
from pillion.kinds.ocr.tesseract import RecognisedText

NONSENSE = 60.0
"""Mean confidence of what tells a page's language: print in another script has 27 to 45, faint but legible print 80."""
_FEWEST = 100
"""Fewer letters may be marks, or a drawing."""
_SENSE = 90.0
"""Mean confidence from which PP-OCR, which knows more scripts than one, has read such print."""
_MOST_NAMED = 6


def letters_unread(best: RecognisedText) -> int:
    """How many letters the part of a page that tells its language seems to have; 0 where they make sense, or are few.

    ``best``: that part, in the language and the orientation in which it makes most sense.
    """
    letters = sum(map(str.isalpha, best.text))
    return letters if letters >= _FEWEST and best.confidence < NONSENSE else 0


def is_unread(letters: int, page: OcrPage) -> bool:
    """Whether the page as it was read in the end does not say what those letters do. ``letters``: those unread."""
    return letters > 0 and ((page.confidence or 0.0) < _SENSE or sum(map(str.isalpha, page.text)) < letters)


def sentence(languages: Sequence[str]) -> str:
    """What a reader of the result should know. ``languages``: those in which it was tried."""
    tried = ", ".join(sorted(languages)) if len(languages) <= _MOST_NAMED else f"any of {len(languages)} languages"
    return (
        f"some print makes no sense in {tried}: if it is in another language, "
        "'pillion languages --all' says how to install that"
    )
