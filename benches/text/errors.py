"""Character error rates, the same for all tools."""

from __future__ import annotations

from rapidfuzz.distance import Levenshtein

_ALIKE = str.maketrans(
    {"’": "'", "‘": "'", "´": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "—": "-", "–": "-"}
)
"""Typographic variants that do not count as errors: the pages have the plain ones."""


def character_errors(expected: str, seen: str) -> float:
    """Edits from ``seen`` to ``expected``, in percent of the expected characters. White space counts as one space."""
    want, got = (" ".join(text.translate(_ALIKE).split()) for text in (expected, seen))
    return 100 * Levenshtein.distance(want, got) / max(1, len(want))
