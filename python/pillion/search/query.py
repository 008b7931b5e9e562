"""What was typed, as clauses. No text is an error: what is no query is taken as words, and a note says so."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pillion.model import value

LONGEST = 2000
"""More characters of a query are not looked at."""
MOST_CLAUSES = 64

SHOULD, MUST, MUST_NOT = 0, 1, -1
"""What a clause asks for, as the core has it."""

FEW_WORDS = 3
"""A query of more words is a sentence: its function words are left out, and words with hyphens are also parted."""

SENTENCE_WORDS = 8
"""Phrases among more words than these are quotations in a question: they are wanted, not demanded."""

_FUNCTION_WORDS_TEXT = """
a an and any are as at be been being by can could did do does for from had has have how i if in into is it its me my no
not of on or our shall should so such than that the their them then there these they this those to us was we were what
when where which while who whom whose why will with would you your
als am an auf aus bei bin bis da das dass dem den der des die doch du ein eine einem einen einer eines er es für hat
habe haben ich ihr im in ist ja kann mein mich mir mit nach nicht noch nur oder sein sich sie sind so um und uns von vor
war was wer wie wir wird wo zu zum zur über
au aux avec ce ces cette comme dans de des du elle en est et eux il ils je la le les leur lui ma mais me mes mon ne nos
notre nous on ou où par pas pour qu que quel quelle qui sa sans se ses son sont sur ta te tes ton tu un une vos votre
vous
al como con cual de del donde el ella en es esta este la las lo los más mi no nos para pero por que qué se si sin son su
sus un una y ya
"""
_FUNCTION_WORDS = frozenset(_FUNCTION_WORDS_TEXT.split())

_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "「": "」"}
_SIGNS = {"-": MUST_NOT, "+": MUST, "\N{MINUS SIGN}": MUST_NOT, "–": MUST_NOT}
_HYPHEN = re.compile(r"[-\u2010\u2011/]")
_AROUND = ".,;:!?()'’"
_SPACE = re.compile(r"\s+")
_BEGINNING = re.compile(r"\w\*+\s*$")


@value
class Clause:
    """One part of a query. ``sort``: ``word``, ``prefix`` or ``phrase``; ``group``: alternatives (OR) share one."""

    occur: int
    sort: str
    text: str
    group: int = 0

    @property
    def core(self) -> tuple[int, str, str]:
        """As the core takes it."""
        return self.occur, self.sort, self.text


@value
class Query:
    """A parsed query. ``plain``: all that is wanted, as one text, for its meaning. ``notes``: what was
    not understood."""

    clauses: Sequence[Clause]
    plain: str
    notes: Sequence[str] = ()

    @property
    def wanted(self) -> list[Clause]:
        """The clauses that files are looked for by."""
        return [clause for clause in self.clauses if clause.occur != MUST_NOT]

    @property
    def excluded(self) -> list[Clause]:
        """The clauses whose files are not shown."""
        return [clause for clause in self.clauses if clause.occur == MUST_NOT]


_OPERATORS = ("OR", "AND")


def parse(text: str) -> Query:
    """Words, ``"phrases"``, ``begin*``, ``"phrases beg*"``, ``-without``, ``+with``, ``one OR other``. Never raises."""
    notes: list[str] = []
    if len(text) > LONGEST:
        notes.append(f"Only the first {LONGEST:,} characters of the query are used.")
        text = text[:LONGEST]
    clauses: list[Clause] = []
    quotations: list[int] = []
    group, either = 0, False
    for sign, sort, part in _parts(text, notes):
        if sort == "or":
            either = bool(clauses) and clauses[-1].occur != MUST_NOT
            if not either:
                notes.append("OR stands between two words: it is left out.")
            continue
        if not any(char.isalnum() for char in part):
            continue
        if len(clauses) == MOST_CLAUSES:
            notes.append(f"Only the first {MOST_CLAUSES} words of the query are used.")
            break
        group += 0 if either and sign != MUST_NOT else 1
        occur = sign if sign is not None else MUST if sort == "phrase" else SHOULD
        if either and occur != MUST_NOT:
            occur = SHOULD
            clauses[-1] = Clause(occur=SHOULD, sort=clauses[-1].sort, text=clauses[-1].text, group=group)
        either = False
        if sort == "phrase" and sign is None:
            quotations.append(len(clauses))
        if sort == "phrase" and _BEGINNING.search(part):
            sort, part = "prefix", part.rstrip("* ")
        clauses.append(Clause(occur=occur, sort=sort, text=part, group=group))
    if either:
        notes.append("OR stands between two words: it is left out.")
    if clauses and all(clause.occur == MUST_NOT for clause in clauses):
        notes.append("A query of nothing but exclusions finds nothing: they are taken as words.")
        clauses = [Clause(occur=SHOULD, sort=one.sort, text=one.text, group=one.group) for one in clauses]
    if sum(clause.sort == "word" for clause in clauses) > SENTENCE_WORDS:
        for number in quotations:
            one = clauses[number]
            clauses[number] = Clause(occur=SHOULD, sort=one.sort, text=one.text, group=one.group)
    words = (clause.text for clause in clauses if clause.occur != MUST_NOT)
    plain = " ".join(word.lower() if word in _OPERATORS else word for word in words)
    return Query(clauses=tuple(_telling(clauses)), plain=plain, notes=tuple(dict.fromkeys(notes)))


def _telling(clauses: Sequence[Clause]) -> list[Clause]:
    """The clauses of a sentence without its function words, if that leaves any."""
    if sum(clause.occur != MUST_NOT for clause in clauses) <= FEW_WORDS:
        return list(clauses)
    found: list[Clause] = []
    for clause in clauses:
        if clause.occur != SHOULD or clause.sort != "word":
            found.append(clause)
            continue
        if clause.text.strip(_AROUND).lower() in _FUNCTION_WORDS:
            continue
        found.append(clause)
        parts = _HYPHEN.split(clause.text)
        if len(parts) > 1:
            words = [part for part in parts if len(part) > 2 and part.isalpha()]
            found += [Clause(occur=SHOULD, sort="word", text=part, group=clause.group) for part in words]
    return found if any(clause.occur != MUST_NOT for clause in found) else list(clauses)


def _parts(text: str, notes: list[str]) -> list[tuple[int | None, str, str]]:
    """(sign, sort, text) of each part: a word, the beginning of one, a phrase, or OR."""
    found: list[tuple[int | None, str, str]] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        sign = _SIGNS.get(text[at]) if at + 1 < len(text) and not text[at + 1].isspace() else None
        at += sign is not None
        closing = _QUOTES.get(text[at])
        if closing is not None:
            end = text.find(closing, at + 1)
            if end < 0:
                notes.append(f"A quotation mark has no other: {text[at]} is left out.")
                at += 1
                continue
            found.append((sign, "phrase", text[at + 1 : end]))
            at = end + 1
            continue
        match = _SPACE.search(text, at)
        end = match.start() if match else len(text)
        word = text[at:end]
        # A phrase may follow a word without a space.
        cut = next((index for index, char in enumerate(word) if index and char in _QUOTES and char != "“"), len(word))
        word, at = word[:cut], at + cut
        if word in ("OR", "|") and sign is None:
            found.append((None, "or", ""))
        elif word == "AND" and sign is None:
            continue
        elif word.endswith("*") and word.strip("*"):
            found.append((sign, "prefix", word.rstrip("*")))
        else:
            found.append((sign, "word", word))
    return found
