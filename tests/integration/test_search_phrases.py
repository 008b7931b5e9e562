"""Words in a row are found where a plain scan of all texts finds them, in an index with pairs of common words, too."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pillion import _core
from pillion.search.query import parse

ROOT = Path(__file__).resolve().parents[2]
CHOSEN = 4096
"""Texts after which the core chooses the common words of an index (rust/src/search/pairs.rs)."""
ENGLISH = "\ue101"
"""What stands before an English text, as the index stores it."""


def key_of(number: int) -> str:
    return f"{number:08x}-0000-8000-8000-000000000000t"


def random_texts(chance: random.Random, number: int) -> list[str]:
    """Texts of few words, so that pairs repeat; the later words are rarer."""
    words = [f"{first}{second}zq" for first in "bdgmnprt" for second in "aiou"]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    signs = [" ", " ", " ", ", ", ". ", "\n"]
    made = []
    for _ in range(number):
        row = chance.choices(words, weights, k=chance.randint(1, 14))
        made.append("".join(part for word in row for part in (word, chance.choice(signs))))
    return made


def english_texts() -> list[str]:
    """Pieces of this project's own documents."""
    whole = " ".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md")))
    words = re.findall(r"[A-Za-z]+", whole)
    return [" ".join(words[at : at + 9]) for at in range(0, len(words), 9)][: CHOSEN + 1500]


def written(folder: Path, texts: Sequence[str], *, sessions: int) -> _core.WordIndex:
    """An index of the texts, written in several sessions; some texts are written twice."""
    folder.mkdir()
    share = -(-len(texts) // sessions)
    for session in range(sessions):
        index = _core.WordIndex(folder, writable=True, fresh=session == 0, memory=30_000_000)
        for number in range(session * share, min(len(texts), (session + 1) * share)):
            index.add(key_of(number), texts[number], "eng", "")
            if number % 97 == 0:
                index.delete(key_of(number // 2))
                index.add(key_of(number // 2), texts[number // 2], "eng", "")
        index.commit(f"{session}")
        index.close()
    return _core.WordIndex(folder)


def phrases_of(texts: Sequence[str], chance: random.Random, number: int) -> Iterator[str]:
    """The two words that stand side by side most often; rows of words of a text, and the same in another order."""
    pairs = Counter(pair for text in texts for pair in itertools.pairwise(re.findall(r"\w+", text)))
    yield " ".join(pairs.most_common(1)[0][0])
    for _ in range(number):
        words = re.findall(r"\w+", chance.choice(texts))
        start = chance.randrange(len(words))
        row = words[start : start + chance.randint(2, 4)]
        if len(row) > 1:
            yield " ".join(row)
            yield " ".join(reversed(row)).upper()


def spaced(words: Sequence[str]) -> str:
    return f" {' '.join(words)} "


def having(texts: Sequence[str], row: str) -> set[int]:
    return {at for at, text in enumerate(texts) if row in text}


@pytest.mark.parametrize("sessions", [1, 4])
@pytest.mark.parametrize("source", ["random", "English"])
def test_phrases_are_those_of_a_plain_scan(tmp_path: Path, source: str, sessions: int) -> None:
    chance = random.Random(f"{source} {sessions}")
    texts = random_texts(chance, CHOSEN + 1500) if source == "random" else english_texts()
    assert len(texts) > CHOSEN
    index = written(tmp_path / "index", texts, sessions=sessions)
    plain = [spaced(re.findall(r"\w+", text.lower())) for text in texts]
    stems = [spaced(_core.search_stems(ENGLISH + text)) for text in texts]
    several = 0
    for phrase in phrases_of(texts, chance, 30):
        clause = [(1, "phrase", phrase)]
        found = index.search(clause, len(texts), languages=["en"])
        numbers = {int(key[:8], 16) for _, _, key, _ in found}
        assert len(numbers) == len(found)
        written_so = having(plain, spaced(phrase.lower().split()))
        by_stems = having(stems, spaced(_core.search_stems(ENGLISH + phrase)))
        assert written_so <= numbers <= (by_stems | written_so), phrase
        several += len(numbers) > 5
        best = index.search(clause, 20, languages=["en"])
        assert [score for *_, score in best] == pytest.approx([score for *_, score in found[:20]]), phrase
        # Beside other words, too.
        beside = index.search([*clause, (0, "word", texts[0].split()[0])], len(texts), languages=["en"])
        assert {int(key[:8], 16) for _, _, key, _ in beside} == numbers, phrase
    assert several, "no phrase of common words was asked for"


def test_a_phrase_may_end_with_the_beginning_of_a_word(tmp_path: Path) -> None:
    texts = ["the plum jam is here", "the plum jar", "the jam of a plum", "plum trees"]
    index = written(tmp_path / "index", texts, sessions=1)
    for typed, expected in (
        ('"the plum ja*"', {0, 1}),
        ('"plum tr*"', {3}),
        ('"plum x*"', set()),
        ('"pl*"', {0, 1, 2, 3}),
    ):
        clauses = [clause.core for clause in parse(typed).clauses]
        assert [clause[:2] for clause in clauses] == [(1, "prefix")]
        found = index.search(clauses, 9, languages=["en"])
        assert {int(key[:8], 16) for _, _, key, _ in found} == expected, typed
