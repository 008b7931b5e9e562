"""The index of words, asked among chosen contents: by looking each up, and in passing where they are many."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from pillion import _core

NUMBER = 2600
"""More than are looked up one by one."""


def content(number: int) -> str:
    return str(uuid.UUID(int=number * 7919))


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> _core.WordIndex:
    folder = tmp_path_factory.mktemp("words")
    index = _core.WordIndex(folder, writable=True, fresh=True, memory=30_000_000)
    for number in range(NUMBER):
        text = "plum " * (1 + number % 5) + ("jam " if number % 3 == 0 else "") + "and nothing else " * (number % 4)
        index.add(content(number) + ("o" if number % 2 else "p"), text, "", "")
        index.add_names(content(number) + "n", "cherry.txt" if number % 10 == 0 else "other.txt", "folder", number)
    index.commit("")
    index.delete(content(3) + "o")
    index.commit("")
    index.close()
    return _core.WordIndex(folder)


CLAUSES = [(0, "word", "plum"), (0, "word", "jam")]


@pytest.mark.parametrize("size", [1, 40, 2000, 2001, 2500])
def test_a_choice_finds_what_all_would_find_of_it(words: _core.WordIndex, size: int) -> None:
    chosen = [content(number) for number in range(size)]
    scores = {key: score for _, _, key, score in words.search(CLAUSES, 3 * NUMBER)}
    best = words.search(CLAUSES, 3 * NUMBER, contents=chosen)
    assert {key[:-1] for _, _, key, _ in best} == {key[:-1] for key in scores} & set(chosen)
    assert all(score == pytest.approx(scores[key], rel=1e-5) for _, _, key, score in best)
    few = words.search(CLAUSES, 10, contents=chosen)
    assert [score for *_, score in few] == pytest.approx([score for *_, score in best][:10], rel=1e-5)
    letters = words.search(CLAUSES, 3 * NUMBER, contents=chosen, letters="p")
    assert {key for _, _, key, _ in letters} == {key for _, _, key, _ in best if key.endswith("p")}
    assert words.search(CLAUSES, 10, contents=[]) == []


def test_what_contents_have_is_told_by_group(words: _core.WordIndex) -> None:
    chosen = [content(number) for number in range(60)]
    groups = [[(0, "word", "jam")], [(0, "word", "cherry")], [(0, "word", "zeppelin")]]
    jam, cherry, none = words.having(groups, chosen)
    assert set(jam) == {content(number) for number in range(0, 60, 3) if number != 3}
    assert set(cherry) == {content(number) for number in range(0, 60, 10)}
    assert none == []


def test_what_must_be_there_and_must_not(words: _core.WordIndex) -> None:
    chosen = [content(number) for number in range(30)]
    clauses = [(1, "word", "plum"), (-1, "word", "jam")]
    found = words.search(clauses, 100, contents=chosen)
    assert {key[:-1] for _, _, key, _ in found} == {content(number) for number in range(30) if number % 3}
    assert words.search([(-1, "word", "jam")], 10, contents=chosen) == []


def test_texts_come_in_the_order_they_are_asked_for(words: _core.WordIndex) -> None:
    best = words.search(CLAUSES, 200)
    addresses = [(segment, number) for segment, number, _, _ in best][::-1]
    alone = [words.stored([address])[0] for address in addresses]
    assert words.stored(addresses) == alone


def test_an_index_that_did_not_change_stays_open(words: _core.WordIndex, tmp_path: Path) -> None:
    writer = _core.WordIndex(tmp_path, writable=True, fresh=True)
    writer.add(content(1) + "o", "plum", "", "")
    writer.commit("one")
    reader = _core.WordIndex(tmp_path)
    reader.reload()
    assert len(reader) == 1
    writer.delete(content(1) + "o")
    writer.add(content(2) + "o", "plum jam", "", "")
    writer.commit("two")
    reader.reload()
    assert [key for _, _, key, _ in reader.search(CLAUSES, 10)] == [content(2) + "o"]
