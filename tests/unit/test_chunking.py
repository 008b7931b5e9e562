"""Text into chunks: nothing lost, nothing twice, within the limit."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion.kinds.embedding.chunks import chunks, rejoined, sentence_spans


@dataclass(frozen=True)
class Token:
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """Pieces of words, as a tokenizer would make: four characters at most."""
    return [Token(match.start(), match.end()) for match in re.finditer(r"\w{1,4}|[^\w\s]", text)]


def test_short_sentences_share_a_chunk() -> None:
    text = "One two. Three four! Five?"
    assert [chunk.text for chunk in chunks(text, tokens(text), 100)] == [text]


def test_a_chunk_ends_with_a_sentence() -> None:
    text = "One two six. Ten old cats. Nine."
    found = chunks(text, tokens(text), 6)
    assert [chunk.text for chunk in found] == ["One two six.", "Ten old cats. Nine."]
    assert [(chunk.start, chunk.end) for chunk in found] == [(0, 12), (13, 32)]


def test_a_long_sentence_is_cut_between_words() -> None:
    text = "alphabet " * 50
    found = chunks(text, tokens(text), 9)
    assert all(chunk.text.split() == ["alphabet"] * len(chunk.text.split()) for chunk in found)
    assert sum(len(chunk.text.split()) for chunk in found) == 50


def test_a_word_longer_than_the_limit_is_cut() -> None:
    text = "x" * 100
    found = chunks(text, tokens(text), 5)
    assert "".join(chunk.text for chunk in found) == text


def test_nothing_but_space_gives_nothing() -> None:
    assert chunks(" \n\t \f ", [], 10) == []


def test_sentences_end_at_paragraphs_and_pages() -> None:
    text = "A title\n\nA line\nand another.\fNext page"
    assert [text[start:end].strip() for start, end in sentence_spans(text)] == [
        "A title",
        "A line\nand another.",
        "Next page",
    ]


@given(st.text(alphabet="ab .!?\n\f漢。", max_size=300), st.integers(1, 20))
def test_chunks_cover_all_that_is_visible(text: str, limit: int) -> None:
    found = chunks(text, tokens(text), limit)
    covered = [False] * len(text)
    for chunk in found:
        assert chunk.text == text[chunk.start : chunk.end] == chunk.text.strip() != ""
        assert not any(covered[chunk.start : chunk.end])
        covered[chunk.start : chunk.end] = [True] * (chunk.end - chunk.start)
        assert sum(chunk.start <= token.start < chunk.end for token in tokens(text)) <= limit
    assert all(done or character.isspace() for done, character in zip(covered, text, strict=True))


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("its manip-\nulation.", "its manipulation."),
        ("Donau\u00ad\nschiff", "Donauschiff"),
        ("Haus-\nund Gartenbau", "Haus-\nund Gartenbau"),
        ("Saxe-\nCoburg", "Saxe-\nCoburg"),
        ("pages 3-\n4 and a -\nb", "pages 3-\n4 and a -\nb"),
    ],
)
def test_words_parted_at_the_end_of_a_line_are_made_whole(text: str, whole: str) -> None:
    assert rejoined(text) == whole
