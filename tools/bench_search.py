"""``make bench-search``: search beside SQLite's FTS5, and beside tantivy-py and usearch where they are installed.

All in one run. Words: made texts of 60 words whose frequencies follow Zipf's law, the same for all. Real: text files
in folders (``--texts``; without it this repository's docs), as words drawn at random pack badly. Vectors: of 384
dimensions, in clusters as those of texts are. Library: a whole library with the made texts as pages, 50 in a file, and
half as many vectors, asked as ``pillion search`` asks. Quality: nDCG@10 on a folder with the Cranfield collection
(``--cranfield``), which is indexed as text files by ``pillion index`` itself. Prints tables; writes all figures into
.benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib
import itertools
import json
import math
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pillion import _core
from pillion.catalog.database import sqlite_module
from pillion.kinds.embedding import minilm
from pillion.library import Library
from pillion.search.find import snippet
from pillion.search.index import MEMORY, writing
from pillion.search.passages import Passage

RESULTS = Path(__file__).resolve().parent.parent / ".benchmarks"
WORDS_IN_TEXT = 60
VOCABULARY = 200_000
RUNS = 30


def texts(number: int) -> Iterator[str]:
    """Texts of 60 words, the same each time."""
    chance = np.random.default_rng(14)
    words = np.array([word_of(rank) for rank in range(VOCABULARY)], dtype=object)
    for start in range(0, number, 10_000):
        rows = chance.zipf(1.15, size=(min(10_000, number - start), WORDS_IN_TEXT)) % VOCABULARY
        yield from (" ".join(row) for row in words[rows])


def word_of(rank: int) -> str:
    """A word for a rank: short for the frequent ones, without a meaning or a stem."""
    letters = "".join(chr(97 + (rank // 21**place) % 21) for place in range(5) if place < 2 or rank >= 21**place)
    return "w" + letters


def key_of(number: int) -> str:
    """The key of a passage of a content of its own: as far apart from the others as real ones are."""
    digest = hashlib.blake2b(number.to_bytes(8, "little"), digest_size=16).digest()
    return f"{uuid.UUID(bytes=digest)}o"


def timed(ask: Callable[[Any], object], queries: Sequence[Any], runs: int = RUNS) -> tuple[float, float, float, float]:
    """Median and 95th percentile over the queries in turn, by the clock and of processor time, in milliseconds.

    Where others use the machine, only processor time is comparable; it is that of all threads.
    """
    for query in queries[:2]:
        ask(query)
    found = np.zeros((runs, 2))
    for number in range(runs):
        begin = _clocks()
        ask(queries[number % len(queries)])
        found[number] = (_clocks() - begin) * 1e3
    middle, late = np.median(found, axis=0), np.percentile(found, 95, axis=0)
    return float(middle[0]), float(late[0]), float(middle[1]), float(late[1])


def times(found: Sequence[float]) -> str:
    """Such times as a table has them."""
    return f"{found[0]:>8.2f} / {found[1]:<8.2f} ({found[2]:.2f} / {found[3]:.2f})"


def queries_of(frequencies: dict[str, int], pairs: dict[tuple[str, str], int] | None = None) -> dict[str, list[Asked]]:
    """Queries by how many texts have their words; with ``pairs`` also words that stand side by side, and beginnings."""
    order = sorted(frequencies, key=lambda word: -frequencies[word])
    common = order[:12]
    middle = order[len(order) // 400 : len(order) // 400 + 10]
    rare = [word for word in order if 2 <= frequencies[word] <= 8][:10] or order[-10:]
    found = {
        "a rare word": [("word", word) for word in rare],
        f"a word in about {frequencies[middle[0]]:,} texts": [("word", word) for word in middle],
        f"a word in about {frequencies[common[0]]:,} texts": [("word", word) for word in common[:3]],
        "three common words, OR": [("word", " ".join(common[at : at + 3])) for at in range(0, 12, 3)],
    }
    if pairs is not None:
        rows = sorted(pairs, key=lambda pair: (-pairs[pair], pair))
        some = rows[len(rows) // 20 : len(rows) // 20 + 10]
        found["a phrase of two common words"] = [("phrase", " ".join(pair)) for pair in rows[:10]]
        found["a phrase of three common words"] = [("phrase", " ".join(order[at : at + 3])) for at in range(9)]
        # Many texts have both words, hardly any side by side.
        apart = itertools.pairwise(order[29:40])
        found["common words, a rare phrase"] = [("phrase", f"{other} {one}") for one, other in apart]
        found[f"a phrase in about {pairs[some[0]]:,} texts"] = [("phrase", " ".join(pair)) for pair in some]
        found["the beginning of a word"] = [("prefix", word[:4]) for word in middle if len(word) > 4] or [
            ("prefix", word[:3]) for word in middle
        ]
    return found


Asked = tuple[str, str]
"""The sort of a query, and its words: any of them, a row of them, or the beginning of one."""


def rate(number: int, add: Callable[[int, str], object], end: Callable[[], object]) -> tuple[float, float]:
    """Texts that are added in a second by the clock, and in one of processor time, without the time to make them."""
    return rate_of(texts(number), add, end)


def rate_of(
    all_texts: Iterable[str], add: Callable[[int, str], object], end: Callable[[], object]
) -> tuple[float, float]:
    """The same of given texts."""
    taken, number = np.zeros(2), 0
    left = iter(all_texts)
    while made := list(itertools.islice(left, 10_000)):
        begin = _clocks()
        for place, one in enumerate(made, number):
            add(place, one)
        taken += _clocks() - begin
        number += len(made)
    begin = _clocks()
    end()
    taken += _clocks() - begin
    return number / float(taken[0]), number / float(taken[1])


def _clocks() -> np.ndarray[Any, np.dtype[np.float64]]:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return np.array([time.perf_counter(), time.process_time() + children.ru_utime + children.ru_stime])


class Pillion:
    """The index of words, each text a passage of a content of its own."""

    name = "pillion"

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._index = _core.WordIndex(folder, writable=True, fresh=True, memory=MEMORY)
        self._where = '{"kind":"ocr","page":1}'

    def add(self, number: int, text: str) -> None:
        """A text."""
        self._index.add(key_of(number), text, "", self._where)

    def end(self) -> None:
        """Commit, wait for merges, and see the result."""
        self._index.commit("{}")
        self._index.close()
        self._index = _core.WordIndex(self._folder)

    def bytes_by_part(self) -> dict[str, int]:
        """What its files take, by what they hold."""
        parts = {
            ".store": "texts",
            ".idx": "lists",
            ".term": "terms",
            ".pos": "places in names",
            ".fieldnorm": "lengths",
            ".fast": "keys",
            "": "vocabulary",
        }
        found: Counter[str] = Counter()
        for path in self._folder.iterdir():
            found[parts.get(path.suffix, "other")] += path.stat().st_size
        return dict(found)

    def size(self) -> int:
        """Bytes on disk."""
        return sum(self.bytes_by_part().values())

    def ask(self, asked: Asked) -> object:
        """The best 20 with snippets."""
        clauses = clauses_of(asked)
        found = self._index.search(clauses, 60)
        stored = self._index.stored([(one[0], one[1]) for one in found[:20]])
        shown = []
        for text, _ in stored:
            plain, marks = _core.search_marks(text, clauses)
            shown.append(snippet(plain, [(start, end) for start, end, _ in marks]))
        return shown

    def among(self, word: str, contents: Sequence[str]) -> object:
        """The best 20 of these contents."""
        return self._index.search([(0, "word", word)], 20, contents=list(contents))


def clauses_of(asked: Asked) -> list[tuple[int, str, str]]:
    """A query as our core takes it."""
    sort, words = asked
    return [(0, sort, word) for word in (words.split() if sort == "word" else [words])]


class Fts5:
    """SQLite's full-text search, with Porter's stems."""

    name = "FTS5"
    _STATEMENT = "SELECT rowid, snippet(t, 0, '[', ']', '…', 12) FROM t WHERE t MATCH ? ORDER BY bm25(t) LIMIT 20"

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._path = folder / "fts.sqlite"
        self._table = sqlite_module().connect(str(self._path))
        self._table.execute("CREATE VIRTUAL TABLE t USING fts5(body, tokenize='porter')")

    def add(self, _: int, text: str) -> None:
        """A text."""
        self._table.execute("INSERT INTO t VALUES (?)", (text,))

    def end(self) -> None:
        """Commit."""
        self._table.commit()

    def size(self) -> int:
        """Bytes on disk."""
        return self._path.stat().st_size

    def ask(self, asked: Asked) -> object:
        """The best 20 with snippets."""
        sort, words = asked
        query = {"word": " OR ".join(words.split()), "phrase": f'"{words}"', "prefix": f"{words}*"}[sort]
        return self._table.execute(self._STATEMENT, (query,)).fetchall()


class TantivyPy:
    """tantivy by its own Python package, English stems, with the text stored."""

    name = "tantivy-py"

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._package = importlib.import_module("tantivy")
        builder = self._package.SchemaBuilder()
        builder.add_text_field("body", stored=True, tokenizer_name="en_stem")
        self._schema = builder.build()
        self._index = self._package.Index(self._schema, path=str(folder))
        self._writer = self._index.writer(200_000_000)

    def add(self, _: int, text: str) -> None:
        """A text."""
        document = self._package.Document()
        document.add_text("body", text)
        self._writer.add_document(document)

    def end(self) -> None:
        """Commit, wait for merges, and see the result."""
        self._writer.commit()
        self._writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()

    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self._folder.iterdir())

    def ask(self, asked: Asked) -> object:
        """The best 20 with snippets."""
        sort, words = asked
        if sort == "prefix":
            parsed = self._package.Query.fuzzy_term_query(self._schema, "body", words, distance=0, prefix=True)
        else:
            parsed = self._index.parse_query(f'"{words}"' if sort == "phrase" else words, ["body"])
        snippets = self._package.SnippetGenerator.create(self._searcher, parsed, self._schema, "body")
        found = self._searcher.search(parsed, 20).hits
        return [snippets.snippet_from_doc(self._searcher.doc(address)).to_html() for _, address in found]


Engine = Pillion | Fts5 | TantivyPy


def engines(place: Path) -> list[Engine]:
    """All that are installed, each with an empty index in a folder of its own."""
    sorts: list[Callable[[Path], Engine]] = [Fts5, Pillion]
    if imported("tantivy"):
        sorts.append(TantivyPy)
    return [make(place / str(number)) for number, make in enumerate(sorts)]


def imported(name: str) -> Any:
    """A package, or None with a line that says what is left out."""
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        print(f"{package} is not installed: pip install {package} to compare")
        return None


def words_section(number: int, figures: dict[str, Any]) -> None:
    """Latency by kind of query, indexing rate and size, of all engines."""
    frequencies: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    size = 0
    with tempfile.TemporaryDirectory() as place:
        there = engines(Path(place))
        rates = {engine.name: rate(number, engine.add, engine.end) for engine in there}
        for text in texts(number):
            size += len(text)
            words = text.split()
            frequencies.update(set(words))
            if number <= 100_000 or not size % 10:
                pairs.update(set(itertools.pairwise(words)))
        print(f"\n{number:,} texts of {WORDS_IN_TEXT} words, {size / 1e6:.0f} MB")
        print_row("", {engine.name: engine.name for engine in there})
        print_row("indexing, texts a second", {name: f"{found[0]:,.0f}" for name, found in rates.items()})
        print_row("the same, of processor time", {name: f"{found[1]:,.0f}" for name, found in rates.items()})
        sizes = {engine.name: engine.size() / size for engine in there}
        print_row("size, of the text (texts included)", {name: f"{share:.2f}" for name, share in sizes.items()})
        figures["indexing"], figures["size"] = rates, sizes
        print("milliseconds, median / 95th percentile, by the clock (of processor time); the best 20 with snippets")
        for name, queries in queries_of(frequencies, pairs).items():
            figures[name] = {engine.name: timed(engine.ask, queries) for engine in there}
            print_row(name, {engine: times(found) for engine, found in figures[name].items()})
        some = [key_of(at)[:-1] for at in range(0, number, max(1, number // 2000))]
        common = sorted(frequencies, key=lambda word: -frequencies[word])[:3]
        for engine in there:
            if isinstance(engine, Pillion):
                figures["filtered"] = timed(partial(engine.among, contents=some), common)
                print_row("a common word among 2,000 contents", {"FTS5": "", engine.name: times(figures["filtered"])})


def print_row(name: str, cells: dict[str, str]) -> None:
    """A row of a table with a column for each engine."""
    print(f"{name:<40}" + "".join(f"{cell:>36}" for cell in cells.values()))


# real texts -----------------------------------------------------------------------------------------------------------


PASSAGE = 900
"""Characters of a passage of real text, about as the library cuts them."""


def real_section(folders: Sequence[Path], figures: dict[str, Any]) -> None:
    """Rate and size on the text files in folders, 10 passages in a content; of Pillion by what takes the space."""
    paths = sorted(path for folder in folders for end in ("txt", "md", "rst") for path in folder.rglob(f"*.{end}"))
    passages: list[str] = []
    for path in paths:
        text = path.read_text(errors="replace")
        passages += [text[at : at + PASSAGE] for at in range(0, len(text), PASSAGE)]
    size = sum(len(text.encode()) for text in passages)
    if not size:
        print("\nNo real texts: --texts FOLDER names some.")
        return
    where = ", ".join(map(str, folders))
    print(f"\n{len(passages):,} passages of {len(paths):,} text files in {where}, {size / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory() as place:
        there = engines(Path(place))
        print_row("", {engine.name: engine.name for engine in there})
        found: dict[str, tuple[float, float]] = {}
        for engine in there:
            spread = partial(_ten_in_one, engine) if isinstance(engine, Pillion) else engine.add
            found[engine.name] = rate_of(passages, spread, engine.end)
        print_row("passages a second of processor time", {name: f"{each[1]:,.0f}" for name, each in found.items()})
        sizes = {engine.name: engine.size() / size for engine in there}
        print_row("size, of the text (texts included)", {name: f"{share:.2f}" for name, share in sizes.items()})
        figures["real texts"] = {"bytes": size, "rates": found, "sizes": sizes}
        for engine in there:
            if isinstance(engine, Pillion):
                parts = sorted(engine.bytes_by_part().items(), key=lambda item: -item[1])
                figures["real texts"]["parts"] = {name: number / size for name, number in parts}
                print("of Pillion: " + ", ".join(f"{name} {number / size:.3f}" for name, number in parts))


def _ten_in_one(engine: Pillion, number: int, text: str) -> None:
    engine.add(number // 10, text)


# vectors --------------------------------------------------------------------------------------------------------------


def clustered(number: int, chance: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Unit vectors around centres that lie in a space of fewer dimensions, as those of texts do; (number, 384)."""
    basis = chance.normal(size=(96, 384)).astype(np.float32)
    centres = chance.normal(size=(200, 96)).astype(np.float32)
    rows = centres[chance.integers(0, 200, size=number)] + chance.normal(size=(number, 96)).astype(np.float32)
    made = rows @ basis
    unit: np.ndarray[Any, np.dtype[np.float32]] = made / np.linalg.norm(made, axis=1, keepdims=True)
    return unit.astype(np.float32)


def vectors_section(number: int, figures: dict[str, Any]) -> None:
    """Latency, size, and recall beside exact float32."""
    chance = np.random.default_rng(14)
    with tempfile.TemporaryDirectory() as place:
        file = _core.VectorFile(Path(place) / "vectors", writable=True, fresh=384)
        data = clustered(number, chance)
        begin = time.perf_counter()
        for at in range(0, number, 8):
            file.append(int(at + 1).to_bytes(16, "little"), data[at : at + 8])
        file.commit("1")
        rate = number / (time.perf_counter() - begin)
        queries = [(data[at] * 0.8 + 0.2 * data[at + 1]) for at in range(0, 200, 10)]
        queries = [(query / np.linalg.norm(query)).astype(np.float32) for query in queries]
        mine = timed(lambda query: file.scan(query, 20), queries)
        recall = recall_of(file, data, queries)
        size = (Path(place) / "vectors").stat().st_size / number
        print(f"\n{number:,} vectors of 384: {rate:,.0f} a second written, {size:.0f} bytes each")
        print(f"{'best 20, of all':<42} pillion {times(mine)} ms, recall {recall:.3f}")
        figures["vectors"] = {"ms": mine, "recall": recall, "bytes": size}
        usearch = imported("usearch.index")
        if usearch is None:
            return
        exact = timed(lambda query: usearch.search(data, query, 20, exact=True), queries)
        print(f"{'best 20, of all, exact float32':<42} usearch {times(exact)} ms")
        figures["usearch, exact"] = exact
        figures["usearch"] = usearch_graph(usearch, Path(place) / "usearch", data, queries)


def usearch_graph(
    usearch: Any, path: Path, data: np.ndarray[Any, Any], queries: Sequence[np.ndarray[Any, Any]]
) -> dict[str, Any]:
    """usearch's own index, a graph over int8, on as many threads as there are cores."""
    begin = time.perf_counter()
    index = usearch.Index(ndim=data.shape[1], metric="cos", dtype="i8")
    index.add(np.arange(len(data)), data)
    speed = len(data) / (time.perf_counter() - begin)
    index.save(str(path))
    size = path.stat().st_size / len(data)
    found = timed(lambda query: index.search(query, 20), queries)
    hits = sum(len(exact_best(data, query) & set(index.search(query, 20).keys.tolist())) for query in queries)
    recall = hits / (20 * len(queries))
    print(f"{'its graph over int8':<42} usearch {times(found)} ms, recall {recall:.3f}")
    print(f"{'':<42} {speed:,.0f} a second written, {size:.0f} bytes each")
    return {"ms": found, "recall": recall, "bytes": size, "rate": speed}


def exact_best(data: np.ndarray[Any, Any], query: np.ndarray[Any, Any]) -> set[int]:
    """The rows of the 20 nearest."""
    return set(np.argsort(-(data @ query))[:20].tolist())


def recall_of(file: _core.VectorFile, data: np.ndarray[Any, Any], queries: Sequence[np.ndarray[Any, Any]]) -> float:
    """The share of the exact 20 nearest that the scan finds."""
    hits = 0
    for query in queries:
        hits += len(exact_best(data, query) & {row for row, _, _, _ in file.scan(query, 20)})
    return hits / (20 * len(queries))


# a whole library ------------------------------------------------------------------------------------------------------


PAGES = 50


def library_section(number: int, figures: dict[str, Any], kept: Path | None) -> None:
    """What a user waits for: the same texts as pages of files, 50 in each, and half as many vectors.

    ``kept``: a folder where the library stays, or is from an earlier run.
    """
    with tempfile.TemporaryDirectory() as other:
        place = kept or Path(other)
        root, files, asked_before = place / "library", place / "files", place / "queries.json"
        if asked_before.exists():
            mixed = json.loads(asked_before.read_text())
        else:
            mixed = write_library(root, files, number)
            asked_before.write_text(json.dumps(mixed))
        print(f"\nA library of {number:,} pages in {number // PAGES:,} files, {number // 2:,} vectors")
        with Library.open(root) as library:
            half = files / "0"
            asked: tuple[tuple[str, dict[str, Any]], ...] = (
                ("words", {"words": True, "meaning": False}),
                ("words, in a folder", {"words": True, "meaning": False, "under": half}),
                ("words and meaning", {}),
                ("words and meaning, in a folder", {"under": half}),
            )
            for name, options in asked:
                found = timed(partial(_searched, library, options), mixed)
                print(f"{name:<42} {times(found)} ms, with snippets")
                figures[f"library, {name}"] = found
        for name, flags in (("words", ["--words"]), ("words and meaning", [])):
            command = [sys.executable, "-m", "pillion", "search", mixed[0], "--library", str(root), "--json", *flags]
            found = timed(partial(_run, command), [0], runs=9)
            print(f"{'a new process, ' + name:<42} {times(found)} ms")
            figures[f"process, {name}"] = found


def _searched(library: Library, options: dict[str, Any], query: str) -> object:
    return library.searching.search(query, **options)


def _run(command: Sequence[str], _: object) -> object:
    return subprocess.run(command, capture_output=True, check=True)


def write_library(root: Path, files: Path, number: int) -> list[str]:
    """A library whose pages are written into its index; returns queries of all kinds.

    Each file has a chunk whose meaning is near to one of the queries.
    """
    frequencies: Counter[str] = Counter()
    for half in ("0", "1"):
        (files / half).mkdir(parents=True)
    for at in range(number // PAGES):
        (files / str(at % 2) / f"{at}.jpg").write_bytes(b"\xff\xd8\xff\xe0" + at.to_bytes(8, "big") * 4)
    pages = texts(number)
    with Library.open(root) as library:
        library.index(files, kinds=["thumb"])
        library.search("anything")
        uuids = sorted({item.content_uuid for item in library.ls(kind="thumb")})
    where = [{"kind": "ocr", "page": page, "box": [10, 20, 500, 700]} for page in range(1, PAGES + 1)]
    with writing(root) as writer:
        state = writer.state
        for at, uuid_ in enumerate(uuids, 1):
            found = [next(pages, "") for _ in range(PAGES)]
            writer.put(
                uuid_,
                "o",
                [Passage(text=text, language="", where=page) for text, page in zip(found, where, strict=True)],
            )
            for text in found:
                frequencies.update(set(text.split()))
            if at % 2000 == 0 or at == len(uuids):
                writer.commit(event=state.event, names=state.names, after=None)
        queries = [query for some in queries_of(frequencies).values() for _, query in some[:4]]
        for start in range(0, len(uuids), 2000):
            some = uuids[start : start + 2000]
            made = clustered(len(some) * PAGES // 2, np.random.default_rng(start)).reshape(len(some), -1, 384)
            made[:, 0] = near_to(queries, len(some), start)
            for uuid_, vectors in zip(some, made, strict=True):
                writer.put_vectors(uuid_, vectors)
            writer.commit(event=state.event, names=state.names, after=None)
    return queries


def near_to(queries: Sequence[str], number: int, seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Unit vectors that are near to those of the queries in turn, at a cosine of 0.3 to 0.8; (number, 384)."""
    chance = np.random.default_rng(seed)
    asked = minilm.embed(queries)[np.arange(number) % len(queries)]
    other = chance.normal(size=(number, 384)).astype(np.float32) / math.sqrt(384)
    share = chance.uniform(0.3, 0.8, size=(number, 1)).astype(np.float32)
    rows = asked * share + other * np.sqrt(1 - share**2)
    unit: np.ndarray[Any, np.dtype[np.float32]] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


# quality --------------------------------------------------------------------------------------------------------------


def quality_section(collection: Path, figures: dict[str, Any]) -> None:
    """nDCG@10 (binary) on Cranfield, by words, by meaning, and by both."""
    documents = re.findall(
        r"^\.I (\d+)\n\.T\n(.*?)^\.A\n.*?^\.W\n(.*?)(?=^\.I |\Z)",
        (collection / "cran.all.1400").read_text(),
        flags=re.M | re.S,
    )
    questions = re.findall(r"^\.W\n(.*?)(?=^\.I |\Z)", (collection / "cran.qry").read_text(), flags=re.M | re.S)
    wanted: dict[int, set[str]] = {}
    for line in (collection / "qrels.trec").read_text().splitlines():
        question, _, document, degree = line.split()
        if int(degree) > 0:
            wanted.setdefault(int(question), set()).add(f"{document}.txt")
    place = Path(tempfile.mkdtemp())
    try:
        (place / "files").mkdir()
        for number, title, text in documents:
            (place / "files" / f"{number}.txt").write_text(f"{title.strip()}\n\n{text.strip()}\n")
        command = [sys.executable, "-m", "pillion", "index", str(place / "files"), "--library", str(place / "library")]
        subprocess.run([*command, "-q"], check=True)
        with Library.open(place / "library") as library:
            for name, words, meaning in (("words", True, False), ("meaning", False, True), ("joined", True, True)):
                figures[name] = scores(library, questions, wanted, words=words, meaning=meaning)
                print(f"nDCG@10 on Cranfield, {name:<10} {figures[name]:.3f}")
    finally:
        shutil.rmtree(place)


def scores(
    library: Library, questions: Sequence[str], wanted: dict[int, set[str]], *, words: bool, meaning: bool
) -> float:
    """The mean nDCG@10 over the questions that have an answer."""
    total = number = 0.0
    for at, question in enumerate(questions, 1):
        right = wanted.get(at)
        if not right:
            continue
        hits = library.searching.search(" ".join(question.split()), limit=10, words=words, meaning=meaning).hits
        gain = sum(1 / math.log2(rank + 2) for rank, hit in enumerate(hits) if Path(hit.path).name in right)
        total += gain / sum(1 / math.log2(rank + 2) for rank in range(min(10, len(right))))
        number += 1
    return total / number


def main() -> int:
    parser = argparse.ArgumentParser(description="Search beside other tools.")
    parser.add_argument("--size", type=int, default=1_000_000, help="texts (half as many vectors)")
    parser.add_argument("--cranfield", type=Path, help="a folder with cran.all.1400, cran.qry and qrels.trec")
    parser.add_argument("--keep", type=Path, help="a folder for the library, which stays, or is there from before")
    parser.add_argument("--texts", type=Path, action="append", help="a folder of text files, for rate and size")
    parser.add_argument("--only", default="", help="words, real, vectors, library or quality")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    if arguments.only in ("", "words"):
        words_section(arguments.size, figures)
    if arguments.only in ("", "real"):
        real_section(arguments.texts or [RESULTS.parent / "docs"], figures)
    if arguments.only in ("", "vectors"):
        vectors_section(arguments.size // 2, figures)
    if arguments.only in ("", "library"):
        library_section(arguments.size, figures, arguments.keep)
    if arguments.only in ("", "quality") and arguments.cranfield is not None:
        quality_section(arguments.cranfield, figures)
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    RESULTS.mkdir(exist_ok=True)
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    (RESULTS / f"search-{now}.json").write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
