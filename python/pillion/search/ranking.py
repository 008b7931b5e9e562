"""How hits are ranked: words and meaning joined, and the best of both looked at once more.

The parameters are few, and stated here. They were chosen on six collections by coarse steps (docs/search.md has the
table), and most steps around them change little. BM25's own, k1 = 1.2 and b = 0.75, are tantivy's.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pillion import _core

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WORDS_WEIGHT, MEANING_WEIGHT = 0.5, 0.5
WORDS_ZERO, MEANING_ZERO = 0.0, 0.4
"""What of a list's best score counts as nothing: BM25 begins at 0, but hardly any text has no likeness to another.

Scores are joined, not ranks: reciprocal ranks, whatever their constant, gave 0.02 less, as they forget by how much the
first is better (as in Bruch, Gai and Ingber, An Analysis of Fusion Functions for Hybrid Retrieval, 2023)."""
PICTURES_WEIGHT, PICTURES_RANKS = 0.5, 10
"""What the best of the pictures that look like the words counts, and the rank of the one that counts half of that.

Ranks are joined here, not cosines: those of a text with pictures are on a scale of their own. Not tuned, as no weights
and no collection of pictures with questions can be had here."""
NAMES_WEIGHT = 0.35
"""What a match in a name counts, as a share of its BM25, beside that of a passage."""
PAIR_WEIGHT = 0.1
"""What two words of the query that stand together in a passage count, as a share of the rarity of the two."""
FLOOR = 0.3
"""Passages that are less like the query than this cosine are not found by meaning."""
FEEDBACK_FILES = 4
FEEDBACK_TERMS = 40
FEEDBACK_WORDS_WEIGHT, FEEDBACK_MEANING_WEIGHT = 0.25, 0.5
"""The best files by both lists say what else is meant: their commonest rare words, and the mean of their vectors, are
added to the query with these weights, and the candidates are ranked again by both. The better a file, the more it
counts."""
FEEDBACK_WORDS = 4
"""A query of fewer words is taken as it is: who types two words means these."""
ROUGH_K1, ROUGH_B = 1.2, 0.75
SPREAD_WEIGHT = 0.6
SPREAD_OVER = 10
"""To the score of a candidate this share of the mean score of its nearest among the others is added, as many as these:
files that mean the same tend to answer the same question."""
SPREAD_AMONG = 100


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


def with_pictures(scores: Mapping[str, float], pictures: Mapping[str, float]) -> dict[str, float]:
    """The scores with those of the pictures that look like the words, by their ranks. 0 to 1 again.

    ``pictures``: cosines. Without any nothing changes.
    """
    if not pictures:
        return dict(scores)
    ranked = sorted(pictures, key=lambda key: (-pictures[key], key))
    total = dict(scores)
    for rank, key in enumerate(ranked):
        total[key] = total.get(key, 0.0) + PICTURES_WEIGHT * (PICTURES_RANKS - 1) / (PICTURES_RANKS - 1 + rank)
    return {key: score / (1 + PICTURES_WEIGHT) for key, score in total.items()}


def pair_bonus(marks: Sequence[tuple[int, int, int]], text: str, rarities: Sequence[float]) -> float:
    """What the neighbouring words of the query that stand together in a text add to its score.

    ``marks``: (start, end, clause) in order; ``rarities``: of each clause.
    """
    pairs: dict[tuple[int, int], int] = {}
    for one, other in itertools.pairwise(marks):
        if other[2] == one[2] + 1 and not text[one[1] : other[0]].strip(" \n\t-,'’"):
            pair = one[2], other[2]
            pairs[pair] = pairs.get(pair, 0) + 1
    if not pairs:
        return 0.0
    return PAIR_WEIGHT * sum(
        (rarities[a] + rarities[b]) * number * 2.2 / (number + 1.2) for (a, b), number in pairs.items()
    )


class Near:
    """Which files mean nearly the same. ``vectors``: of unit length, by key."""

    def __init__(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        self.keys = list(vectors)
        if len(vectors) < 2:
            self.keys = []
            return
        import numpy as np

        rows = np.array([vectors[key] for key in self.keys])
        # Without BLAS: its threads wait for each other for longer than this takes, where the machine is busy.
        near = np.maximum(np.einsum("ik,jk->ij", rows, rows), 0.0)
        np.fill_diagonal(near, 0.0)
        if len(rows) > SPREAD_OVER:
            least = np.partition(near, -SPREAD_OVER, axis=1)[:, -SPREAD_OVER]
            near = np.where(near >= least[:, None], near, 0.0)
        self._shares = near / np.maximum(near.sum(axis=1, keepdims=True), 1e-9)

    def means(self, scores: Mapping[str, float]) -> dict[str, float]:
        """The mean score of the nearest others, of each key that has a vector."""
        if not self.keys:
            return {}
        own = [scores.get(key, 0.0) for key in self.keys]
        return dict(zip(self.keys, (self._shares * own).sum(axis=1).tolist(), strict=True))


def spread(scores: Mapping[str, float], near: Near) -> dict[str, float]:
    """The scores of all keys with a share of their neighbours'. What was 0 to 1 is 0 to 1.

    Keys that have no vector get the share that is usual for their score.
    """
    means = near.means(scores)
    usual = sum(means.values()) / max(sum(scores.get(key, 0.0) for key in means), 1e-9)
    return {
        key: (score + SPREAD_WEIGHT * means.get(key, usual * score)) / (1 + SPREAD_WEIGHT)
        for key, score in scores.items()
    }


class Feedback:
    """The words of the best passages, and how well other passages match them.

    ``texts``: each with the mark of its language, as the index stores it, and how much it counts.
    """

    def __init__(self, words: _core.WordIndex, texts: Sequence[tuple[str, float]], without: set[str]) -> None:
        shares: dict[str, float] = {}
        for text, weight in texts:
            stems = _core.search_stems(text)
            for stem, number in Counter(stems).items():
                shares[stem] = shares.get(stem, 0.0) + weight * number / max(len(stems), 1)
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
