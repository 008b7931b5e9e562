"""What is typed becomes clauses: no text is an error, and nothing that was typed is lost without a note."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from pillion.search.query import LONGEST, MOST_CLAUSES, MUST, MUST_NOT, SHOULD, Query, parse


def parts(query: Query) -> list[tuple[int, str, str]]:
    return [clause.core for clause in query.clauses]


def test_words_phrases_prefixes_and_exclusions() -> None:
    query = parse('plum "harbour library" jam* -draft -"old draft" +must')
    assert parts(query) == [
        (SHOULD, "word", "plum"),
        (MUST, "phrase", "harbour library"),
        (SHOULD, "prefix", "jam"),
        (MUST_NOT, "word", "draft"),
        (MUST_NOT, "phrase", "old draft"),
        (MUST, "word", "must"),
    ]
    assert query.notes == ()
    assert query.plain == "plum harbour library jam must"


def test_quotations_in_a_long_question_are_not_demanded() -> None:
    question = 'articles about the sensitivity of real matrices by G W Stewart "error bounds" +"real roots"'
    phrases = [clause.core for clause in parse(question).clauses if clause.sort == "phrase"]
    assert phrases == [(SHOULD, "phrase", "error bounds"), (MUST, "phrase", "real roots")]


def test_alternatives_share_a_group() -> None:
    groups = [clause.group for clause in parse("plum OR cherry jam").clauses]
    assert groups[0] == groups[1] != groups[2]
    either = parse('"plum jam" OR cherry').clauses
    assert [clause.occur for clause in either] == [SHOULD, SHOULD]


def test_what_is_no_query_is_taken_as_words() -> None:
    assert parts(parse('say "hello')) == [(SHOULD, "word", "say"), (SHOULD, "word", "hello")]
    assert "quotation mark" in parse('say "hello').notes[0]
    assert parts(parse("OR plum OR")) == [(SHOULD, "word", "plum")]
    assert "OR" in parse("OR plum OR").notes[0]
    only = parse("-plum -jam")
    assert parts(only) == [(SHOULD, "word", "plum"), (SHOULD, "word", "jam")]
    assert only.notes


def test_a_minus_within_or_after_a_word_excludes_nothing() -> None:
    assert parts(parse("e-mail 12-50 - x-")) == [
        (SHOULD, "word", "e-mail"),
        (SHOULD, "word", "12-50"),
        (0, "word", "x-"),
    ]


def test_a_sentence_goes_without_its_function_words() -> None:
    query = parse("what is the name of the high-speed train?")
    assert [clause.text for clause in query.clauses] == ["name", "high-speed", "high", "speed", "train?"]
    assert query.plain == "what is the name of the high-speed train?"
    assert [clause.text for clause in parse("to be or not to be").clauses] == ["to", "be", "or", "not", "to", "be"]
    assert [clause.text for clause in parse("the who").clauses] == ["the", "who"]


def test_long_queries_are_cut_with_a_note() -> None:
    query = parse("plum " * 2000)
    assert len(query.clauses) == MOST_CLAUSES
    assert len(query.notes) == 2
    assert parse("x" * 10_000).clauses[0].text == "x" * LONGEST


def test_nothing_is_nothing() -> None:
    for text in ("", "   ", '""', "- + * | --", "\N{GRINNING FACE}", "\x00\x1b"):
        assert parse(text).clauses == (), text


@given(st.text(max_size=300))
def test_no_text_is_an_error(text: str) -> None:
    query = parse(text)
    for clause in query.clauses:
        assert clause.occur in (SHOULD, MUST, MUST_NOT)
        assert clause.sort in ("word", "prefix", "phrase")
        assert clause.text in text
        assert any(char.isalnum() for char in clause.text)
    assert not query.clauses or query.wanted


@given(st.lists(st.from_regex(r"[a-zé]{4,12}", fullmatch=True), min_size=1, max_size=3))
def test_words_are_clauses_as_they_are(words: list[str]) -> None:
    assert [clause.text for clause in parse(" ".join(words)).clauses] == words


@given(st.text(alphabet='ab "-+*|OR„“«»', max_size=60))
@example("OR*")
@example("AND*")
def test_signs_in_any_order(text: str) -> None:
    query = parse(text)
    assert parse(query.plain).clauses or not query.clauses or not any(char.isalnum() for char in query.plain)
