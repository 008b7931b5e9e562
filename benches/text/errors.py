"""Character error rates, the same for all tools."""

from __future__ import annotations

from rapidfuzz.distance import Levenshtein

_ALIKE = str.maketrans(
    {"’": "'", "‘": "'", "´": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "—": "-", "–": "-"}
)
"""Signs that no tool is blamed for: the pages have the plain ones."""


def character_errors(expected: str, seen: str) -> float:
    """Edits that turn ``seen`` into ``expected``, in percent of the characters expected. White space is one blank."""
    want, got = (" ".join(text.translate(_ALIKE).split()) for text in (expected, seen))
    return 100 * Levenshtein.distance(want, got) / max(1, len(want))
