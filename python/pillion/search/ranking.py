"""How hits are ranked: words and meaning joined, and the best of both looked at once more.

The parameters are few, and stated here. They were chosen on the Cranfield collection by coarse steps (docs/search.md
has the table), and most steps around them change little. BM25's own, k1 = 1.2 and b = 0.75, are tantivy's.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

from pillion import _core

WORDS_WEIGHT, MEANING_WEIGHT = 0.5, 0.5
WORDS_ZERO, MEANING_ZERO = 0.0, 0.5
"""What of a list's best score counts as nothing: BM25 begins at 0, but hardly any text has no likeness to another.

Scores are joined, not ranks: reciprocal ranks, whatever their constant, gave 0.02 less, as they forget by how much the
first is better (as in Bruch, Gai and Ingber, An Analysis of Fusion Functions for Hybrid Retrieval, 2023)."""
NAMES_WEIGHT = 0.35
"""What a match in a name counts, as a share of its BM25, beside that of a passage."""
PAIR_WEIGHT = 0.2
"""What two words of the query that stand together in a passage count, as a share of the rarity of the two."""
FLOOR = 0.3
"""Passages that are less like the query than this cosine are not found by meaning."""
FEEDBACK_FILES = 3
FEEDBACK_TERMS = 20
FEEDBACK_WEIGHT = 0.5
"""The best files by both lists say what else is meant: their commonest rare words, and the mean of their vectors, are
added to the query with this weight, and the candidates are ranked again by both."""
FEEDBACK_WORDS = 4
"""A query of fewer words is taken as it is: who types two words means these."""
ROUGH_K1, ROUGH_B = 1.2, 0.75


def fused(words: Mapping[str, float], meaning: Mapping[str, float]) -> dict[str, float]:
    """The joined scores of all keys, 0 to 1: the weighted sum of both, each as a share of its best."""
    total: dict[str, float] = {}
    for weight, zero, scores in ((WORDS_WEIGHT, WORDS_ZERO, words), (MEANING_WEIGHT, MEANING_ZERO, meaning)):
        best = max(scores.values(), default=0.0)
        if best <= 0:
            continue
        for key, score in scores.items():
            total[key] = total.get(key, 0.0) + weight * max(0.0, (score / best - zero) / (1 - zero))
    return total


def pair_bonus(marks: Sequence[tuple[int, int, int]], text: str, rarities: Sequence[float]) -> float:
    """What the neighbouring words of the query that stand together in a text add to its score.

    ``marks``: (start, end, clause) in order; ``rarities``: of each clause.
    """
    pairs = Counter(
        (one[2], other[2])
        for one, other in itertools.pairwise(marks)
        if other[2] == one[2] + 1 and not text[one[1] : other[0]].strip(" \n\t-,'’")
    )
    return PAIR_WEIGHT * sum(
        (rarities[a] + rarities[b]) * number * 2.2 / (number + 1.2) for (a, b), number in pairs.items()
    )


class Feedback:
    """The words of the best passages, and how well other passages match them.

    ``texts``: each with the mark of its language, as the index stores it.
    """

    def __init__(self, words: _core.WordIndex, texts: Sequence[str], without: set[str]) -> None:
        counts: Counter[str] = Counter()
        shares: dict[str, float] = {}
        for text in texts:
            stems = _core.search_stems(text)
            for stem, number in Counter(stems).items():
                counts[stem] += 1
                shares[stem] = shares.get(stem, 0.0) + number / max(len(stems), 1)
        stems = [stem for stem in shares if len(stem) > 2 and stem not in without]
        rarities = dict(zip(stems, words.rarities(stems), strict=True))
        best = sorted(stems, key=lambda stem: (-shares[stem] * rarities[stem], stem))[:FEEDBACK_TERMS]
        total = sum(shares[stem] * rarities[stem] for stem in best) or 1.0
        self._weights = {stem: shares[stem] * rarities[stem] / total * rarities[stem] for stem in best}

    def score(self, text: str, mean_length: float) -> float:
        """BM25 of the feedback's words in a text, whose weights add up to one."""
        stems = _core.search_stems(text)
        norm = ROUGH_K1 * (1 - ROUGH_B + ROUGH_B * len(stems) / max(mean_length, 1.0))
        counts = Counter(stem for stem in stems if stem in self._weights)
        return sum(self._weights[stem] * number * (ROUGH_K1 + 1) / (number + norm) for stem, number in counts.items())
