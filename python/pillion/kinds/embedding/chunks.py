"""Text cut into chunks for an embedding model: whole sentences if they fit, with offsets into the text."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+|[。！？]+|\n\s*\n\s*|\f")
_PARTED = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]\r?\n(?=([^\W\d_]+))")
_LINKING = frozenset(["and", "or", "und", "oder", "bzw", "et", "ou", "y", "e", "o", "en", "of", "i", "a"])
"""What follows a hyphen that stands for the end of a compound: ``Haus- und Gartenbau``."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a text: character offsets, end excluded. ``text`` is ``whole[start:end]``."""

    start: int
    end: int
    text: str


def rejoined(text: str) -> str:
    """The text with words made whole that a hyphen parts at the end of a line, as a model or a search wants them."""

    def whole(match: re.Match[str]) -> str:
        rest = match[1]
        return "" if rest.islower() and rest not in _LINKING else match[0]

    return _PARTED.sub(whole, text)


class TokenLike(Protocol):
    """One token's place in the text."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


def chunks(text: str, tokens: Sequence[TokenLike], limit: int) -> list[Chunk]:
    """Sentences joined while they stay within ``limit`` tokens; a longer sentence is cut between words.

    ``tokens`` are those of the whole text, in order. Chunks do not overlap, begin and end with a visible character,
    and leave out only white space.
    """
    starts = [token.start for token in tokens]

    def count(start: int, end: int) -> int:
        return bisect.bisect_left(starts, end) - bisect.bisect_left(starts, start)

    found: list[Chunk] = []
    open_start = open_end = -1
    for start, end in _pieces(text, starts, limit):
        if open_start >= 0 and count(open_start, end) <= limit:
            open_end = end
            continue
        if open_start >= 0:
            found.append(Chunk(open_start, open_end, text[open_start:open_end]))
        open_start, open_end = start, end
    if open_start >= 0:
        found.append(Chunk(open_start, open_end, text[open_start:open_end]))
    return found


def _pieces(text: str, starts: Sequence[int], limit: int) -> Iterator[tuple[int, int]]:
    """Sentences, longer ones cut at the limit; trimmed, none empty."""
    for start, end in sentence_spans(text):
        first, last = bisect.bisect_left(starts, start), bisect.bisect_left(starts, end)
        while last - first > limit:
            cut = _word_boundary(text, starts, first, first + limit)
            yield from _trimmed(text, start, starts[cut])
            start, first = starts[cut], cut
        yield from _trimmed(text, start, end)


def _word_boundary(text: str, starts: Sequence[int], first: int, index: int) -> int:
    """The last token at or before ``index`` that follows white space; ``index`` itself if there is none."""
    for candidate in range(index, first, -1):
        if text[starts[candidate] - 1].isspace():
            return candidate
    return index


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """The offsets of sentences, by punctuation, empty lines and page breaks."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        yield start, match.end()
        start = match.end()
    if start < len(text):
        yield start, len(text)


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        begin = start + len(piece) - len(piece.lstrip())
        yield begin, begin + len(stripped)
