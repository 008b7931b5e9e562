"""Search a library: candidates by words, by names and by meaning, ranked together; then their passages, with places."""

from __future__ import annotations

import functools
import itertools
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pillion import _core
from pillion.catalog import search as catalog_search
from pillion.catalog.database import Database
from pillion.catalog.search import Choice, Present, ReadySidecar
from pillion.kinds.embedding.kind import EMBEDDINGS
from pillion.model import value
from pillion.search import index, ranking
from pillion.search.index import Reader, key_of, uuid_of
from pillion.search.passages import Where, placed, where_of_chunk
from pillion.search.query import MUST, SHOULD, Clause, Query
from pillion.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_KEYS = 5000
"""A choice of fewer contents is searched by itself; of more, the best of all are looked through for them."""
MOST_LOOKED_AT = 20_000
ALSO_RATED = 4
"""Candidates by words are rated by meaning if they are among so many times the rows that are taken, and the words are
looked up in so many passages for each candidate by meaning."""
SNIPPET = 300
"""Characters of a passage that are shown."""
SHOWN_PASSAGES = 3
SHOWN_AT_ONCE = 50
"""Hits are read and shown so many at a time."""
TYPOS_BELOW = 3
"""Where fewer files have the words as they were typed, a typo in each is forgiven."""
ALL_WORDS = 3
"""Of a query of up to so many words, files with all of them are shown alone, if there are any."""

LETTERS_OF: Mapping[str, str] = {
    "ocr": index.OCR,
    "transcript": index.SPEECH,
    "file": index.CHUNKS + index.TEXT,
    "text": index.CHUNKS + index.TEXT,
    "embeddings": index.CHUNKS + index.TEXT,
    "name": index.NAMES,
    "picture": index.PICTURES,
}
"""What ``--kind`` may be, with the letters of its keys."""


@value
class ShownPassage:
    """A passage of a hit. ``marks``: (start, end) of the matched words in ``text``, in characters."""

    text: str
    marks: Sequence[tuple[int, int]]
    where: Where

    def to_json(self) -> dict[str, Any]:
        """As ``search --json`` prints it."""
        return {"text": self.text, "marks": [list(mark) for mark in self.marks], "where": dict(self.where)}


@value
class Hit:
    """A file that was found. ``paths``: all its copies, ``path`` first; ``why``: of words, meaning, name, picture."""

    path: str
    paths: Sequence[str]
    content_uuid: str
    type: str
    score: float
    why: Sequence[str]
    passages: Sequence[ShownPassage]

    def to_json(self) -> dict[str, Any]:
        """One object of ``search --json``."""
        return {
            "path": self.path,
            "paths": list(self.paths),
            "content_uuid": self.content_uuid,
            "type": self.type,
            "score": round(self.score, 5),
            "why": list(self.why),
            "passages": [passage.to_json() for passage in self.passages],
        }


@value
class Wanted:
    """What is searched: ``letters`` of keys, the files of ``choice``, at most ``limit`` of them.

    ``vector``: gives that of the query, shape (384,), unit length, once it is wanted; None: not by meaning. ``words``:
    whether by words and names. ``picture_vector``: the same for how pictures look, shape (768,); ``floor``: the least
    cosine of those.
    """

    query: Query
    choice: Choice
    letters: str
    limit: int
    words: bool = True
    vector: Callable[[], NDArray[np.float32] | None] = lambda: None
    picture_vector: Callable[[], NDArray[np.float32] | None] = lambda: None
    floor: float = 0.0


class _Candidate:
    """What is known of a content while it is ranked."""

    __slots__ = ("addresses", "name", "picture", "rows", "score", "uuid")

    def __init__(self, uuid: str) -> None:
        self.uuid = uuid
        self.score = 0.0
        self.addresses: list[tuple[float, tuple[int, int]]] = []
        """(score, address) of passages, best first."""
        self.name: tuple[float, tuple[int, int]] | None = None
        self.rows: list[tuple[float, int, int]] = []
        """(cosine, row, chunk) of vectors, best first."""
        self.picture: float | None = None
        """The cosine of the query with how it looks."""


class Search:
    """One search of one library."""

    def __init__(self, database: Database, store: Store, reader: Reader, wanted: Wanted) -> None:
        self._database = database
        self._store = store
        self._reader = reader
        self._wanted = wanted
        self._languages = list(reader.state.languages)
        self._typos = False
        self._found: dict[str, _Candidate] = {}
        self._present: dict[str, Present] = {}
        self._unfit: set[str] = set()
        self._texts: dict[tuple[int, int], tuple[str, str]] = {}
        self._marks: dict[tuple[int, int], tuple[str, list[tuple[int, int, int]]]] = {}
        self._embedded: Mapping[str, Sequence[ReadySidecar]] = {}
        self._vector: NDArray[np.float32] | None = None

    def hits(self) -> list[Hit]:
        """The hits, best first."""
        clauses = self._wanted.query.clauses
        if not clauses or self._wanted.limit <= 0:
            return []
        if self._wanted.words:
            self._by_words()
        # The model computes while words are looked up.
        self._vector = self._wanted.vector()
        if self._vector is not None:
            self._by_meaning(self._vector)
        looks = self._wanted.picture_vector() if index.PICTURES in self._wanted.letters else None
        if looks is not None:
            self._by_look(looks)
        self._rate_by_both()
        self._keep_matching()
        return self._shown(self._ranked())

    def _shown(self, ranked: Sequence[tuple[_Candidate, float]]) -> list[Hit]:
        """The best that have something to show; what that takes is read for some of them at a time."""
        hits: list[Hit] = []
        left = iter(ranked)
        while some := list(itertools.islice(left, min(SHOWN_AT_ONCE, self._wanted.limit - len(hits)))):
            self._read_for(one for one, _ in some)
            found = [self._hit(one, score) for one, score in some]
            hits += [hit for hit in found if hit.passages or "picture" in hit.why]
        return hits

    @functools.cached_property
    def _chosen(self) -> list[str] | None:
        """The contents that may fit the choice; None: all may, or too many to name them.

        Looked up only where the best of all are not enough: of a choice that many files fit, they are.
        """
        if self._wanted.choice.all:
            return None
        with self._database.read() as connection:
            return catalog_search.chosen_contents(connection, self._wanted.choice, MOST_KEYS)

    def _fitting(self, content_uuids: Iterable[str]) -> set[str]:
        """Those that files have now which fit the choice."""
        asked = [uuid for uuid in dict.fromkeys(content_uuids) if uuid not in self._present and uuid not in self._unfit]
        if asked:
            with self._database.read() as connection:
                found = catalog_search.present_of(connection, asked, self._wanted.choice)
            self._present |= found
            self._unfit.update(uuid for uuid in asked if uuid not in found)
        return set(self._present)

    def _candidate(self, uuid: str) -> _Candidate:
        found = self._found.get(uuid)
        if found is None:
            found = self._found[uuid] = _Candidate(uuid)
        return found

    @property
    def _target(self) -> int:
        return max(60, 2 * self._wanted.limit)

    # words ------------------------------------------------------------------------------------------------------------

    def _by_words(self) -> None:
        found = self._look_up(names=False) + self._look_up(names=True)
        if found < TYPOS_BELOW:
            self._typos = True
            found += self._look_up(names=False)
            found += self._look_up(names=True)
            self._typos = found > 0

    def _look_up(self, *, names: bool) -> int:
        """Add the best passages, or names, to the candidates; returns how many contents they are of."""
        letters = self._letters(names=names)
        if not letters:
            return 0
        clauses = _for_lookup(self._wanted.query, names=names)
        size = self._target * (1 if names else 3)
        among: list[str] | None = None
        while True:
            best = self._reader.words.search(
                clauses,
                size,
                names=names,
                languages=self._languages,
                contents=among,
                letters=letters,
                typos=self._typos,
            )
            best = [one for one in best if one[2][-1:] in letters]
            here = self._fitting(one[2][:-1] for one in best)
            fitting = [one for one in best if one[2][:-1] in here]
            enough = len({one[2] for one in fitting}) >= self._target
            if enough or len(best) < size or size >= MOST_LOOKED_AT:
                break
            if among is None and self._chosen is not None:
                among = self._chosen
            else:
                size *= 8
        known = {address for one in self._found.values() for _, address in one.addresses}
        for segment, doc, key, score in fitting:
            candidate = self._candidate(key[:-1])
            if names:
                candidate.name = candidate.name or (score, (segment, doc))
            elif (segment, doc) not in known:
                candidate.addresses.append((score, (segment, doc)))
        return len({one[2][:-1] for one in fitting})

    def _letters(self, *, names: bool) -> str:
        """The letters of the keys that are searched: of names, or of passages."""
        letters = index.NAMES if names else index.PASSAGES
        return "".join(letter for letter in letters if letter in self._wanted.letters)

    def _load_texts(self, addresses: Sequence[tuple[int, int]]) -> None:
        missing = [address for address in dict.fromkeys(addresses) if address not in self._texts]
        if missing:
            self._texts |= dict(zip(missing, self._reader.words.stored(missing), strict=True))

    def _load_marks(self, addresses: Iterable[tuple[int, int]]) -> None:
        """The texts of passages, with what matches in them: all in one call, which uses all cores."""
        missing = [address for address in dict.fromkeys(addresses) if address not in self._marks]
        if not missing:
            return
        clauses = [clause.core for clause in self._wanted.query.clauses]
        found = self._reader.words.marked(missing, clauses, languages=self._languages, typos=self._typos)
        for address, (text, place, plain, marks) in zip(missing, found, strict=True):
            self._texts[address] = (text, place)
            self._marks[address] = (plain, marks)

    def _marks_of(self, address: tuple[int, int]) -> tuple[str, list[tuple[int, int, int]]]:
        self._load_marks([address])
        return self._marks[address]

    # meaning ----------------------------------------------------------------------------------------------------------

    def _by_meaning(self, query: NDArray[np.float32]) -> None:
        among: list[bytes] | None = None
        size = self._target * 3
        while True:
            # More than are taken, for the candidates by words: they are rated by their meaning, too.
            rows = self._reader.vectors.scan(query, size * ALSO_RATED, among=among)
            near = [row for row in rows[:size] if row[3] >= ranking.FLOOR]
            here = self._fitting(uuid_of(row[1]) for row in near)
            files = {uuid for uuid in (uuid_of(row[1]) for row in near) if uuid in here}
            if len(files) >= self._target or len(near) < size or size >= MOST_LOOKED_AT:
                break
            if among is None and self._chosen is not None:
                among = [key_of(uuid) for uuid in self._chosen]
            else:
                size *= 8
        for row, content, chunk, score in rows:
            uuid = uuid_of(content)
            if uuid in self._found or uuid in files:
                self._candidate(uuid).rows.append((score, row, chunk))

    def _by_look(self, query: NDArray[np.float32]) -> None:
        """The pictures that look as the query says."""
        among: list[bytes] | None = None
        size = self._target
        while True:
            rows = self._reader.picture_vectors.scan(query, size, among=among)
            near = {uuid_of(content): score for _, content, _, score in rows if score >= self._wanted.floor}
            here = self._fitting(near)
            fitting = {uuid: score for uuid, score in near.items() if uuid in here}
            if len(fitting) >= self._target or len(near) < size or size >= MOST_LOOKED_AT:
                break
            if among is None and self._chosen is not None:
                among = [key_of(uuid) for uuid in self._chosen]
            else:
                size *= 8
        for uuid, score in fitting.items():
            self._candidate(uuid).picture = score

    def _rate_by_both(self) -> None:
        """Look up the words in the candidates by meaning that are not among the best by words."""
        missing = [one.uuid for one in self._found.values() if one.rows and not one.addresses]
        if not self._wanted.words or self._vector is None or not missing:
            return
        letters = self._letters(names=False)
        best = self._reader.words.search(
            _for_lookup(self._wanted.query, names=False),
            len(missing) * ALSO_RATED,
            languages=self._languages,
            contents=missing,
            letters=letters,
            typos=self._typos,
        )
        for segment, doc, key, score in best:
            self._candidate(key[:-1]).addresses.append((score, (segment, doc)))

    # all that must, and must not, be there ----------------------------------------------------------------------------

    def _keep_matching(self) -> None:
        query = self._wanted.query
        musts = [clause for clause in query.wanted if clause.occur == MUST]
        having = self._having([[clause] for clause in (*query.excluded, *musts)])
        gone: set[str] = set()
        for number, one in enumerate(having):
            gone |= one if number < len(query.excluded) else set(self._found) - one
        for uuid in gone:
            self._found.pop(uuid, None)
        self._keep_whole()

    def _keep_whole(self) -> None:
        """Where files have all of a few words, leave out those that have only some."""
        groups: dict[int, list[Clause]] = {}
        for clause in self._wanted.query.wanted:
            groups.setdefault(clause.group, []).append(clause)
        if not 2 <= len(groups) <= ALL_WORDS or not self._wanted.words:
            return
        whole = set(self._found).intersection(*self._having(list(groups.values())))
        if whole:
            for uuid, candidate in list(self._found.items()):
                if uuid not in whole:
                    candidate.addresses, candidate.name = [], None
                    if not candidate.rows and candidate.picture is None:
                        del self._found[uuid]

    def _having(self, groups: Sequence[Sequence[Clause]]) -> list[set[str]]:
        """The candidates that have any clause of each group, in their text or their names."""
        if not groups or not self._found:
            return [set() for _ in groups]
        core = [[(SHOULD, clause.sort, clause.text) for clause in clauses] for clauses in groups]
        found = self._reader.words.having(core, list(self._found), languages=self._languages)
        return [set(uuids) for uuids in found]

    # ranks ------------------------------------------------------------------------------------------------------------

    def _ranked(self) -> list[tuple[_Candidate, float]]:
        words = self._words_scores()
        meaning = {one.uuid: one.rows[0][0] for one in self._found.values() if one.rows}
        scores = ranking.fused(words, meaning)
        if len(self._wanted.query.wanted) >= ranking.FEEDBACK_WORDS:
            near = self._near(scores)
            scores = ranking.spread(scores, near)
            scores = ranking.spread(self._looked_at_again(scores, words, meaning), near)
        pictures = {one.uuid: one.picture for one in self._found.values() if one.picture is not None}
        scores = ranking.with_pictures(scores, pictures)
        newest = {uuid: max(at for _, at in self._present[uuid].files) for uuid in scores}
        order = sorted(scores, key=lambda uuid: (-round(scores[uuid], 9), -newest[uuid], uuid))
        return [(self._found[uuid], scores[uuid]) for uuid in order]

    def _words_scores(self) -> dict[str, float]:
        clauses = self._wanted.query.clauses
        rarities = [self._rarity(clause) for clause in clauses]
        looked_at = sorted(
            ((score, address) for one in self._found.values() for score, address in one.addresses), reverse=True
        )[:100]
        again = {address for _, address in looked_at} if len(clauses) > 1 else set()
        self._load_marks(again)
        scores: dict[str, float] = {}
        for one in self._found.values():
            rated = []
            for score, address in one.addresses:
                if address in again:
                    text, marks = self._marks_of(address)
                    score += ranking.pair_bonus(marks, text, rarities)
                rated.append((score, address))
            one.addresses = sorted(rated, key=lambda item: -item[0])
            if one.addresses or one.name:
                scores[one.uuid] = (one.addresses[0][0] if one.addresses else 0.0) + (
                    ranking.NAMES_WEIGHT * one.name[0] if one.name else 0.0
                )
        return scores

    def _rarity(self, clause: Clause) -> float:
        """That of the commonest stem that the words of the clause have in any language."""
        stems = _core.search_stems(clause.text, self._languages)
        return min(self._reader.words.rarities(stems), default=0.0)

    def _looked_at_again(
        self, scores: Mapping[str, float], words: Mapping[str, float], meaning: Mapping[str, float]
    ) -> dict[str, float]:
        """Rank the candidates once more, with the words and the vectors of the best of them added to the query."""
        order = sorted(scores, key=lambda uuid: (-scores[uuid], uuid))[: ranking.FEEDBACK_FILES]
        best = {uuid: scores[uuid] for uuid in order if scores[uuid] > 0}
        again = self._words_again(best, words) if words else {}
        return ranking.fused(again, self._meaning_again(best, meaning) if meaning else {})

    def _words_again(self, best: Mapping[str, float], words: Mapping[str, float]) -> dict[str, float]:
        known = {uuid: self._found[uuid].addresses[0][1] for uuid in best if self._found[uuid].addresses}
        self._load_texts(list(known.values()))
        wanted = self._wanted.query.wanted
        typed = {stem for clause in wanted for stem in _core.search_stems(clause.text, self._languages)}
        texts = [(self._texts[address][0], best[uuid]) for uuid, address in known.items()]
        feedback = ranking.Feedback(self._reader.words, texts, typed)
        looked_at = {uuid: self._found[uuid].addresses[0][1] for uuid in words if self._found[uuid].addresses}
        cut = sorted(looked_at, key=lambda uuid: (-words[uuid], uuid))[:100]
        self._load_texts([looked_at[uuid] for uuid in cut])
        rated = {uuid: self._texts[looked_at[uuid]][0] for uuid in cut}
        mean = sum(text.count(" ") + 1 for text in rated.values()) / max(len(rated), 1)
        weight = ranking.FEEDBACK_WORDS_WEIGHT * max(len(wanted), 1)
        again = {uuid: weight * feedback.score(text, mean) for uuid, text in rated.items()}
        return {uuid: score + again.get(uuid, 0.0) for uuid, score in words.items()}

    def _meaning_again(self, best: Mapping[str, float], meaning: Mapping[str, float]) -> dict[str, float]:
        import numpy as np

        assert self._vector is not None
        rows = {uuid: self._found[uuid].rows[0][1] for uuid in best if self._found[uuid].rows}
        if not rows:
            return dict(meaning)
        vectors = [self._reader.vectors.vector(row) for row in rows.values()]
        mean = np.average(vectors, axis=0, weights=[best[uuid] for uuid in rows])
        query = (self._vector + ranking.FEEDBACK_MEANING_WEIGHT * mean).astype(np.float32)
        uuids = list(meaning)
        found = self._reader.vectors.scores(query, [self._found[uuid].rows[0][1] for uuid in uuids])
        return dict(zip(uuids, found, strict=True))

    def _near(self, scores: Mapping[str, float]) -> ranking.Near:
        """Which of the best candidates mean nearly the same."""
        best = sorted(scores, key=lambda uuid: (-scores[uuid], uuid))[: ranking.SPREAD_AMONG]
        known = {uuid: self._found[uuid].rows[0][1] for uuid in best if self._found[uuid].rows}
        if self._vector is None or len(known) < 2:
            return ranking.Near({})
        return ranking.Near({uuid: self._reader.vectors.vector(row) for uuid, row in known.items()})

    # what is shown ----------------------------------------------------------------------------------------------------

    def _read_for(self, some: Iterable[_Candidate]) -> None:
        """Read the passages of these candidates, and where the chunks of those are that have few passages."""
        addresses: list[tuple[int, int]] = []
        few: list[str] = []
        for one in some:
            addresses += [address for _, address in one.addresses[:SHOWN_PASSAGES]]
            if one.name is not None:
                addresses.append(one.name[1])
            if one.rows and len(one.addresses) < SHOWN_PASSAGES:
                few.append(one.uuid)
        self._load_marks(addresses)
        with self._database.read() as connection:
            self._embedded = catalog_search.ready_of(connection, few, [EMBEDDINGS])

    def _hit(self, one: _Candidate, score: float) -> Hit:
        shown = [self._by_word_passage(address) for _, address in one.addresses[:SHOWN_PASSAGES]]
        if one.rows and len(shown) < SHOWN_PASSAGES:
            shown += self._chunks(one, SHOWN_PASSAGES - len(shown), shown)
        lists = (
            ("words", one.addresses),
            ("meaning", one.rows),
            ("name", one.name),
            ("picture", one.picture is not None),
        )
        why = [name for name, there in lists if there]
        if one.name and len(shown) < SHOWN_PASSAGES:
            shown.append(self._by_name(one.name[1]))
        present = self._present[one.uuid]
        paths = [os.fsdecode(path) for path, _ in present.files]
        return Hit(
            path=paths[0],
            paths=paths,
            content_uuid=one.uuid,
            type=present.mime,
            score=score,
            why=why,
            passages=shown,
        )

    def _by_word_passage(self, address: tuple[int, int]) -> ShownPassage:
        text, marks = self._marks_of(address)
        found = [(start, end) for start, end, _ in marks]
        shown, spans = snippet(text, found)
        where = placed(json.loads(self._texts[address][1]), text, found)
        return ShownPassage(text=shown, marks=spans, where=where)

    def _by_name(self, address: tuple[int, int]) -> ShownPassage:
        text, marks = self._marks_of(address)
        line = text.split("\n", 1)[0]
        spans = [(start, end) for start, end, _ in marks if end <= len(line)]
        return ShownPassage(text=line, marks=merged(spans), where={"kind": "name"})

    def _chunks(self, one: _Candidate, number: int, shown: Sequence[ShownPassage]) -> list[ShownPassage]:
        chunks = self._chunks_of(one.uuid)
        found: list[ShownPassage] = []
        for _, _, chunk in one.rows:
            if chunk >= len(chunks) or len(found) == number:
                break
            letter = {"ocr": index.OCR, "transcript": index.SPEECH}.get(chunks[chunk]["source"], index.CHUNKS)
            if letter not in self._wanted.letters:
                continue
            text = chunks[chunk]["text"]
            if any(_same(text, other.text) for other in shown):
                continue
            clauses = [clause.core for clause in self._wanted.query.clauses]
            _, marks = _core.search_marks(text, clauses, languages=self._languages, typos=self._typos)
            cut, spans = snippet(text, [(start, end) for start, end, _ in marks])
            found.append(ShownPassage(text=cut, marks=spans, where=where_of_chunk(chunks[chunk])))
        return found

    def _chunks_of(self, uuid: str) -> Sequence[Mapping[str, Any]]:
        """The chunks of an ``embeddings`` sidecar, with their texts and places; none if it is gone."""
        ready = self._embedded.get(uuid)
        if not ready:
            return ()
        try:
            data = self._store.read(ready[0].rel_path, ready[0].size)
            return msgspec.msgpack.decode(data, type=_Chunks).chunks
        except (OSError, ValueError, msgspec.DecodeError):
            return ()


class _Chunks(msgspec.Struct):
    chunks: list[dict[str, Any]]


def _for_lookup(query: Query, *, names: bool) -> list[tuple[int, str, str]]:
    """The clauses by which candidates are looked up: a must only where it is the only one, in a passage.

    Others may be in another passage of the same file, or in its name; they are seen to afterwards.
    """
    musts = sum(clause.occur == MUST for clause in query.wanted)
    return [
        (MUST if clause.occur == MUST and musts == 1 and not names else SHOULD, clause.sort, clause.text)
        for clause in query.wanted
    ]


def _same(one: str, other: str) -> bool:
    """Whether the middle of one text is in the other: the same passage, cut in another way."""
    short, long = sorted((" ".join(one.split()), " ".join(other.split()).strip("… ")), key=len)
    return short[len(short) // 4 : len(short) * 3 // 4] in long


def merged(marks: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Marks in order, those that overlap as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(marks):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def snippet(text: str, marks: Iterable[tuple[int, int]], size: int = SNIPPET) -> tuple[str, list[tuple[int, int]]]:
    """The part of a text with the most marks, cut between words, and its marks."""
    spans = merged(marks)
    if len(text) <= size:
        return text, spans
    best, most = 0, 0
    for start, _ in spans:
        number = sum(start <= other < start + size - 40 for other, _ in spans)
        if number > most:
            best, most = max(0, start - 40), number
    start = best
    if start:
        space = text.find(" ", start, start + 30)
        start = space + 1 if space >= 0 else start
    end = min(len(text), start + size)
    if end < len(text):
        space = text.rfind(" ", end - 30, end)
        end = space if space > start else end
    before, after = "… " if start else "", " …" if end < len(text) else ""
    shift = len(before) - start
    inside = [(first + shift, min(last, end) + shift) for first, last in spans if start <= first < end]
    return before + text[start:end] + after, inside
