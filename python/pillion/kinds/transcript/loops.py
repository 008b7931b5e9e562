"""Text that says the same again and again: a refrain, or a model that is caught in a loop.

Which of them it is, other readings of the same sound tell (readings.py).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

LOOP_TIMES = 5
"""What follows itself so often may be a loop, however short the text, and drowns all else that two readings say."""
_LONGEST_PHRASE = 12
"""Words of what a loop says again and again."""
_LONGEST_WORD = 30
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Characters of Thai, Lao, Burmese, Khmer, Japanese and Chinese."""
_REPETITIVE = 2.4
"""Compression ratio of the text; faster-whisper also uses this value to detect a loop."""


def is_repetitive(text: str) -> bool:
    """Whether the text says the same again and again."""
    return compression_ratio(text) > _REPETITIVE or said_once(text)[1] >= LOOP_TIMES


def compression_ratio(text: str) -> float:
    """How much shorter zlib makes a text, as Whisper counts it; 0 for none."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def said_once(text: str) -> tuple[str, int]:
    """A text in which no phrase follows itself, and how often one does at most."""
    words = ["".join(filter(str.isalnum, word)) for word in text.lower().split()]
    # Where no spaces part them, and of what is too long for a word, the characters are compared.
    longest = 0 if 2 * len(_UNSPACED.findall(text)) > len(text) else _LONGEST_WORD
    words = [part for word in words if word for part in ([word] if len(word) <= longest else word)]
    kept: list[str] = []
    most = 1
    while words:
        size, times = max(
            ((size, _times(words, size)) for size in range(1, _LONGEST_PHRASE + 1)), key=lambda run: run[1]
        )
        most = max(most, times)
        kept += words[:size] if times > 1 else words[:1]
        words = words[size * times :] if times > 1 else words[1:]
    return " ".join(kept), most


def _times(words: Sequence[str], size: int) -> int:
    """How often the first ``size`` words follow each other."""
    phrase, times = words[:size], 1
    while words[size * times : size * (times + 1)] == phrase:
        times += 1
    return times
