"""``make bench-search``: search beside SQLite's FTS5, and beside tantivy-py and usearch where they are installed.

All in one run. Words: made texts of 60 words whose frequencies follow Zipf's law, the same for all. Vectors: of 384
dimensions, in clusters as those of texts are. Library: a whole library with these texts as pages, 50 in a file, and
half as many vectors, asked as ``pillion search`` asks. Quality: nDCG@10 on a folder with the Cranfield collection
(``--cranfield``), which is indexed as text files by ``pillion index`` itself. Prints tables; writes all figures into
.benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib
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
from collections.abc import Callable, Iterator, Sequence
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


def queries_of(frequencies: dict[str, int]) -> dict[str, list[str]]:
    """Queries by how many texts have their words."""
    order = sorted(frequencies, key=lambda word: -frequencies[word])
    common = order[:12]
    middle = order[len(order) // 400 : len(order) // 400 + 10]
    rare = [word for word in order if 2 <= frequencies[word] <= 8][:10] or order[-10:]
    return {
        "a rare word": rare,
        f"a word in about {frequencies[middle[0]]:,} texts": middle,
        f"a word in about {frequencies[common[0]]:,} texts": common[:3],
        "three common words, OR": [" ".join(common[at : at + 3]) for at in range(0, 12, 3)],
    }


def rate(number: int, add: Callable[[int, str], object], end: Callable[[], object]) -> tuple[float, float]:
    """Texts that are added in a second by the clock, and in one of processor time, without the time to make them."""
    taken = np.zeros(2)
    made: list[str] = []
    for at, text in enumerate(texts(number), 1):
        made.append(text)
        if len(made) == 10_000 or at == number:
            begin = _clocks()
            for place, one in enumerate(made, at - len(made)):
                add(place, one)
            taken += _clocks() - begin
            made = []
    begin = _clocks()
    end()
    taken += _clocks() - begin
    return number / float(taken[0]), number / float(taken[1])


def _clocks() -> np.ndarray[Any, np.dtype[np.float64]]:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return np.array([time.perf_counter(), time.process_time() + children.ru_utime + children.ru_stime])


class TantivyPy:
    """tantivy by its own Python package, English stems, with the text stored."""

    def __init__(self, package: Any, folder: Path) -> None:
        folder.mkdir()
        self._package = package
        builder = package.SchemaBuilder()
        builder.add_text_field("body", stored=True, tokenizer_name="en_stem")
        self._index = package.Index(builder.build(), path=str(folder))
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
        self._schema = self._index.schema

    def ask(self, query: str) -> object:
        """The best 20 with snippets."""
        parsed = self._index.parse_query(query, ["body"])
        snippets = self._package.SnippetGenerator.create(self._searcher, parsed, self._schema, "body")
        found = self._searcher.search(parsed, 20).hits
        return [snippets.snippet_from_doc(self._searcher.doc(address)).to_html() for _, address in found]


def imported(name: str) -> Any:
    """A package, or None with a line that says what is left out."""
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        print(f"{package} is not installed: pip install {package} to compare")
        return None


def words_section(number: int, figures: dict[str, Any]) -> None:
    """Latency by kind of query, indexing rate and size."""
    frequencies: Counter[str] = Counter()
    size = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "words"
        folder.mkdir()
        index = _core.WordIndex(folder, writable=True, fresh=True, memory=MEMORY)
        where = '{"kind":"ocr","page":1}'

        def end() -> None:
            index.commit("{}")
            index.close()

        ours = rate(number, lambda at, text: index.add(key_of(at), text, "", where), end)
        table = sqlite_module().connect(str(Path(place) / "fts.sqlite"))
        table.execute("CREATE VIRTUAL TABLE t USING fts5(body, tokenize='porter')")
        theirs = rate(number, lambda _, text: table.execute("INSERT INTO t VALUES (?)", (text,)), table.commit)
        package = imported("tantivy")
        other = TantivyPy(package, Path(place) / "tantivy") if package else None
        if other is not None:
            figures["indexing, tantivy-py"] = rate(number, other.add, other.end)
            bytes_ = sum(path.stat().st_size for path in (Path(place) / "tantivy").iterdir())
        for text in texts(number):
            size += len(text)
            frequencies.update(set(text.split()))
        disk = sum(path.stat().st_size for path in folder.iterdir())
        print(f"\n{number:,} texts of {WORDS_IN_TEXT} words, {size / 1e6:.0f} MB")
        for what, place_ in (("indexing, texts a second", 0), ("the same, of processor time", 1)):
            print(f"{what:<42} FTS5 {theirs[place_]:>12,.0f}   pillion {ours[place_]:>12,.0f}")
        fts = (Path(place) / "fts.sqlite").stat().st_size
        print(f"{'size, of the text (texts included)':<42} FTS5 {fts / size:>12.2f}   pillion {disk / size:>12.2f}")
        figures["indexing"] = {"fts5": theirs, "pillion": ours}
        figures["size"] = {"fts5": fts / size, "pillion": disk / size}
        if other is not None:
            figures["size, tantivy-py"] = bytes_ / size
            speed = figures["indexing, tantivy-py"]
            print(f"{'of tantivy-py':<42} {speed[0]:,.0f} and {speed[1]:,.0f}; {bytes_ / size:.2f} of the text")
        index = _core.WordIndex(folder)

        def ask(query: str) -> object:
            clauses = [(0, "word", word) for word in query.split()]
            found = index.search(clauses, 60)
            stored = index.stored([(one[0], one[1]) for one in found[:20]])
            shown = []
            for text, _ in stored:
                plain, marks = _core.search_marks(text, clauses)
                shown.append(snippet(plain, [(start, end) for start, end, _ in marks]))
            return shown

        statement = "SELECT rowid, snippet(t, 0, '[', ']', '…', 12) FROM t WHERE t MATCH ? ORDER BY bm25(t) LIMIT 20"
        for name, queries in queries_of(frequencies).items():
            mine = timed(ask, queries)
            fts5 = timed(lambda q: table.execute(statement, (" OR ".join(q.split()),)).fetchall(), queries)
            line = f"{name:<42} FTS5 {times(fts5)} pillion {times(mine)}"
            figures[name] = {"fts5": fts5, "pillion": mine}
            if other is not None:
                figures[name]["tantivy-py"] = theirs_ = timed(other.ask, queries)
                line += f" tantivy-py {times(theirs_)}"
            print(f"{line} ms")
        some = [key_of(at)[:-1] for at in range(0, number, max(1, number // 2000))]
        common = sorted(frequencies, key=lambda word: -frequencies[word])[:3]
        mine = timed(lambda q: index.search([(0, "word", q)], 20, contents=some), common)
        print(f"{'a common word among 2,000 contents':<42} pillion {times(mine)} ms")
        figures["filtered"] = mine


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
        figures["usearch"] = exact


def recall_of(file: _core.VectorFile, data: np.ndarray[Any, Any], queries: Sequence[np.ndarray[Any, Any]]) -> float:
    """The share of the exact 20 nearest that the scan finds."""
    hits = 0
    for query in queries:
        best = set(np.argsort(-(data @ query))[:20].tolist())
        hits += len(best & {row for row, _, _, _ in file.scan(query, 20)})
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
        queries = [query for some in queries_of(frequencies).values() for query in some[:4]]
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
    parser.add_argument("--only", default="", help="words, vectors, library or quality")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    if arguments.only in ("", "words"):
        words_section(arguments.size, figures)
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
