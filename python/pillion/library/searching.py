"""Searching a library: the index is brought up to date, mended where it is damaged, and asked."""

from __future__ import annotations

import functools
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pillion import _core
from pillion.catalog import search as catalog_search
from pillion.catalog.database import Database
from pillion.catalog.search import Choice
from pillion.errors import ErrorClass, ItemError, LibraryBusyError, LibraryError, UsageError, says_full
from pillion.kinds.picture.models import FLOOR
from pillion.model import MediaClass, value
from pillion.quoting import quoted
from pillion.search import index, likeness, update
from pillion.search.find import LETTERS_OF, Hit, Search, ShownPassage, Wanted, snippet
from pillion.search.index import Reader
from pillion.search.likeness import Group
from pillion.search.query import parse
from pillion.search.update import Progress
from pillion.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

REBUILT = "The search index was damaged: it was built again from the sidecars."
_LEAST_ALIKE = 0.25
"""The least cosine of texts that are like each other. Of 17,000 pairs about other subjects (licences and manuals beside
abstracts of papers) none has it, of pairs of abstracts that answer one question 95 % (Cranfield, all-MiniLM-L6-v2)."""

_DAMAGED = (ErrorClass.CORRUPT, ErrorClass.MISSING_SOURCE, ErrorClass.CRASH)


@value
class Found:
    """The hits of a search, best first, and ``notes``: what a user should know, each in one sentence."""

    hits: Sequence[Hit]
    notes: Sequence[str] = ()


class Embedded:
    """The vector of a text, which a thread computes beside what else there is to do.

    One thread, not one for each core: a few words take some 4 ms, and threads that wait for each other at every step
    took 100 times as long where others used a core, too.
    """

    def __init__(self, file: str, without: str, compute: Callable[[], NDArray[np.float32]]) -> None:
        self.file = file
        """The file of vectors that it is compared with."""
        self._without = without
        self._compute_it = compute
        self._thread: threading.Thread | None = None
        self._vector: NDArray[np.float32] | None = None
        self._failed: Exception | None = None
        self.problem = ""
        """Why there is no vector, in one sentence, once it was asked for."""

    def begin(self) -> None:
        """Load the model if it is not loaded, and compute."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._compute, name="pillion-query", daemon=True)
            self._thread.start()

    def _compute(self) -> None:
        try:
            self._vector = self._compute_it()
        except Exception as error:
            # Whoever asks for the vector is told.
            self._failed = error

    def vector(self) -> NDArray[np.float32] | None:
        """Of unit length, shape (dimensions,); None where there is no model."""
        self.begin()
        self.end()
        if isinstance(self._failed, (ImportError, ItemError)):
            failed = self._failed
            self.problem = _without_model(self._without, failed)
        elif self._failed is not None:
            raise self._failed
        return self._vector

    def vector_in(self, reader: Reader) -> NDArray[np.float32] | None:
        """The same, if the index has any to compare it with."""
        return self.vector() if _has_rows(reader.vectors_of(self.file)) else None

    def end(self) -> None:
        """Wait until the thread has ended."""
        if self._thread is not None:
            self._thread.join()


def _embedded(text: str, letters: str) -> list[Embedded]:
    """The vectors of a query: among those of texts, and among those of pictures if they are searched."""

    def among_texts() -> NDArray[np.float32]:
        from pillion.kinds.embedding import minilm

        vector: NDArray[np.float32] = minilm.embed([text], threads=1)[0]
        return vector

    def among_pictures() -> NDArray[np.float32]:
        from pillion.kinds.picture import towers

        return towers.of_text(text)

    found = [Embedded(index.VECTORS, "Searched by words only", among_texts)]
    if index.PICTURES in letters:
        found.append(Embedded(index.PICTURE_VECTORS, "Pictures were not searched by what they show", among_pictures))
    return found


def _without_model(without: str, failed: ImportError | ItemError) -> str:
    """A note about what was not done, and why."""
    message = failed.message if isinstance(failed, ItemError) else f"{failed.name} is not installed"
    return f"{without}: {message}.".replace("..", ".")


class Searching:
    """Searches of one open library."""

    def __init__(self, database: Database, store: Store, *, read_only: bool, sandbox: str = "auto") -> None:
        self._database = database
        self._store = store
        self._read_only = read_only
        self._sandbox = sandbox
        self._reader: Reader | None = None
        self._notes: list[str] = []

    def search(
        self,
        query: str,
        *,
        kinds: Sequence[str] | None = None,
        types: Sequence[str] | None = None,
        under: Sequence[str | os.PathLike[str]] | str | os.PathLike[str] | None = None,
        since: str | float | None = None,
        limit: int = 20,
        words: bool = True,
        meaning: bool = True,
        progress: Progress | None = None,
    ) -> Found:
        """Search by words and names, and by meaning, that of texts and that of pictures.

        ``kinds``: of ``ocr``, ``transcript``, ``file``, ``name`` and ``picture``; ``types``: MIME types, classes
        (``image``) or endings (``pdf``); ``under``: folders; ``since``: a year, month or day, or seconds since 1970.
        Raises UsageError for what is none of these, LibraryError without an index in a library that is read-only.
        """
        parsed = parse(query)
        choice = _choice(types, under, since)
        self._must_be_possible(choice)
        letters = _letters(kinds)
        self._notes = list(parsed.notes)
        embedded = _embedded(parsed.plain, letters) if meaning and parsed.plain else []
        for one in embedded:
            if index.has_vectors(self._store.root, one.file):
                one.begin()
        try:
            reader = self._opened(progress)

            def ask(reader: Reader) -> list[Hit]:
                vectors = {one.file: functools.partial(one.vector_in, reader) for one in embedded}
                wanted = Wanted(
                    query=parsed,
                    choice=choice,
                    letters=letters,
                    limit=limit,
                    words=words,
                    vector=vectors.get(index.VECTORS, lambda: None),
                    picture_vector=vectors.get(index.PICTURE_VECTORS, lambda: None),
                    floor=FLOOR,
                )
                return Search(self._database, self._store, reader, wanted).hits()

            hits = self._asked(ask, reader, progress)
        finally:
            for one in embedded:
                one.end()
        self._notes += [one.problem for one in embedded if one.problem]
        return Found(hits=hits, notes=tuple(dict.fromkeys(self._notes)))

    def _must_be_possible(self, choice: Choice) -> None:
        """Raises UsageError for a type or a folder that no file can be of: else nothing would be found."""
        if not (choice.types or choice.under):
            return
        with self._database.read() as connection:
            nothing = [kind for kind in choice.types if not catalog_search.is_type(connection, kind)]
            nowhere = [folder for folder in choice.under if not catalog_search.is_watched(connection, folder)]
        if nothing:
            raise UsageError(
                f"No file is of a type '{quoted(nothing[0])}': choose from {', '.join(MediaClass)}, MIME types such as"
                " audio/mpeg, and endings such as docx."
            )
        if nowhere:
            raise UsageError(f"{quoted(nowhere[0])} is in no watched folder; 'pillion locations' lists them.")

    def duplicates(self, *, near: bool = False, progress: Progress | None = None) -> list[Group]:
        """Groups of files of the same bytes; with ``near``, then of pictures that look the same."""
        groups = likeness.exact(self._database)
        if near:
            reader = self._opened(progress)
            groups += self._asked(
                lambda reader: likeness.near(self._database, self._store, reader, self._sandbox), reader, progress
            )
        return groups

    def similar(
        self,
        path: str | os.PathLike[str],
        *,
        content_uuid: str | None = None,
        limit: int = 20,
        picture: bool = False,
        decode: bool = True,
        progress: Progress | None = None,
    ) -> Found:
        """Files like this one: pictures by their looks (nearly the same ones, then those that show the like, if their
        ``picture-embeddings`` are made), all others by what they mean.

        ``content_uuid``: of the file, if it is in the library; only pictures need not be. ``picture``: it is a picture
        in any case. ``decode``: look at a picture of which the index does not know how it looks. Raises UsageError for
        a file of which nothing is known, ItemError for a picture that is none.
        """
        self._notes = []
        reader = self._opened(progress)
        is_picture = picture or _core.media_class(self._mime_of(path, content_uuid)) == "image"

        def ask(reader: Reader) -> list[Hit]:
            hits = self._like_picture(reader, Path(path), content_uuid, limit, decode) if is_picture else []
            return hits or self._like_text(reader, content_uuid, limit)

        hits = self._asked(ask, reader, progress)
        if not hits and not is_picture and (content_uuid is None or not self._rows(reader, content_uuid)):
            raise UsageError("Nothing is known of this file that others could be like: index it, with embeddings.")
        return Found(hits=hits, notes=tuple(self._notes))

    # the index --------------------------------------------------------------------------------------------------------

    def _opened(self, progress: Progress | None) -> Reader:
        """The index as it is now, brought up to date where that can be done."""
        damaged = self._reopened()
        state = None if self._reader is None else self._reader.state
        behind = update.behind(self._database, state)
        if behind:
            self._catch_up(behind, progress, damaged=damaged)
        if self._reader is None:
            none = f"The library {self._store.root} has no search index yet"
            if self._read_only:
                raise LibraryError(f"{none}, and is read-only: search it once where it can be written.")
            raise LibraryError(" ".join((f"{none}.", *self._notes)))
        return self._reader

    def _reopened(self) -> bool:
        """Open the index, or see its last commit; True if it is damaged."""
        try:
            if self._reader is None:
                self._reader = Reader(self._store.root)
            else:
                self._reader.reload()
        except ItemError as error:
            self._reader = None
            there = (self._store.root / index.FOLDER / "words" / "meta.json").exists()
            return there and error.error_class in (ErrorClass.CORRUPT, ErrorClass.CRASH)
        return False

    def _catch_up(self, behind: update.Behind, progress: Progress | None, *, damaged: bool) -> None:
        if self._read_only:
            self._notes.append("The library is read-only, and its search index is behind: what is new is not found.")
            return
        if not behind.begun and behind.contents and progress is not None:
            progress(0, behind.contents)
        unread = update.Unread()
        try:
            written = update.catch_up(self._database, self._store, progress, unread)
        except (ItemError, OSError) as error:
            if not says_full(error):
                raise
            self._notes.append("The disk is full: what is new is not in the search index yet.")
            written = True
        if not written:
            self._notes.append("Another process is updating the search index: what is new may not be found yet.")
        if damaged:
            self._notes.append(REBUILT)
        if unread:
            self._notes.append(unread.note())
        self._reader = None
        self._reopened()

    def _asked(self, ask: Callable[[Reader], T], reader: Reader, progress: Progress | None) -> T:
        """Ask the index; one that turns out to be damaged is built again, once."""
        try:
            return ask(reader)
        except ItemError as error:
            if error.error_class not in _DAMAGED or self._read_only:
                raise
            self._reader = None
            try:
                index.remove(self._store.root)
            except LibraryBusyError:
                raise error from None
            self._notes.append(REBUILT)
            return ask(self._opened(progress))

    # likeness ---------------------------------------------------------------------------------------------------------

    def _mime_of(self, path: str | os.PathLike[str], content_uuid: str | None) -> str:
        if content_uuid is not None:
            with self._database.read() as connection:
                present = catalog_search.present_of(connection, [content_uuid], Choice())
            if content_uuid in present:
                return present[content_uuid].mime
        return _core.sniff_file(path)

    def _like_picture(
        self, reader: Reader, path: Path, content_uuid: str | None, limit: int, decode: bool
    ) -> list[Hit]:
        known = reader.pictures()
        key = None if content_uuid is None else index.key_of(content_uuid)
        hash_ = known.get(key) if key is not None else None
        if hash_ is None and not decode:
            self._notes.append("How this picture looks is known when its thumbnails are made.")
            return []
        if hash_ is None:
            hash_ = likeness.picture_likeness(path, self._sandbox)
        found = [(uuid, bits) for uuid, bits in likeness.alike(reader, hash_) if uuid != content_uuid]
        same = {uuid: 1 - bits / 128 for uuid, bits in found}
        looks = self._looks_of(reader, path, content_uuid, decode)
        like = {} if looks is None else likeness.of_the_same_kind(reader, looks, limit + len(same) + 1)
        # What is nearly the same picture comes first, whatever it shows.
        least = min(same.values(), default=1.0)
        more = [
            (uuid, least * score, "picture", None) for uuid, score in like.items() if uuid not in {*same, content_uuid}
        ]
        return self._hits([*((uuid, score, "picture", None) for uuid, score in same.items()), *more], limit)

    def _looks_of(
        self, reader: Reader, path: Path, content_uuid: str | None, decode: bool
    ) -> NDArray[np.float32] | None:
        """The vector of a picture, of the library or of a file; None if it is not known, or none are."""
        vectors = reader.picture_vectors
        if not _has_rows(vectors):
            return None
        rows = [] if content_uuid is None else vectors.rows_of(index.key_of(content_uuid))
        if rows:
            return vectors.vector(rows[0])
        if not decode:
            return None
        try:
            from pillion.kinds.picture import towers

            return towers.of_picture(likeness.looked_at(path, self._sandbox))
        except (ImportError, ItemError) as error:
            self._notes.append(_without_model("Pictures of the same kind were not looked for", error))
            return None

    def _rows(self, reader: Reader, content_uuid: str) -> list[int]:
        return reader.vectors.rows_of(index.key_of(content_uuid))

    def _like_text(self, reader: Reader, content_uuid: str | None, limit: int) -> list[Hit]:
        rows = self._rows(reader, content_uuid) if content_uuid is not None else []
        if not rows:
            return []
        import numpy as np

        mean = np.mean([reader.vectors.vector(row) for row in rows], axis=0)
        query = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
        best: dict[str, float] = {}
        for _, content, _, score in reader.vectors.scan(query, limit * 10 + len(rows)):
            text = content.hex()
            uuid = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
            if uuid != content_uuid and score >= _LEAST_ALIKE:
                best.setdefault(uuid, score)
        return self._hits([(uuid, score, "meaning", None) for uuid, score in best.items()], limit)

    def _hits(self, found: Sequence[tuple[str, float, str, str | None]], limit: int) -> list[Hit]:
        with self._database.read() as connection:
            present = catalog_search.present_of(connection, [uuid for uuid, *_ in found], Choice())
        hits: list[Hit] = []
        for uuid, score, why, text in found:
            if uuid not in present or len(hits) == limit:
                continue
            paths = [os.fsdecode(path) for path, _ in present[uuid].files]
            shown = [] if text is None else [ShownPassage(text=snippet(text, ())[0], marks=(), where={"kind": "file"})]
            hits.append(
                Hit(
                    path=paths[0],
                    paths=paths,
                    content_uuid=uuid,
                    type=present[uuid].mime,
                    score=score,
                    why=[why],
                    passages=shown,
                )
            )
        return hits


def _has_rows(vectors: _core.VectorFile) -> bool:
    rows, dead = vectors.counts()
    return rows > dead


# arguments ------------------------------------------------------------------------------------------------------------


def _letters(kinds: Sequence[str] | None) -> str:
    if kinds is None:
        return "".join(index.LETTERS)
    unknown = [kind for kind in kinds if kind not in LETTERS_OF]
    if unknown:
        raise UsageError(f"There is nothing to search of kind '{unknown[0]}'; choose from {', '.join(LETTERS_OF)}.")
    return "".join(LETTERS_OF[kind] for kind in kinds)


def _choice(
    types: Sequence[str] | None,
    under: Sequence[str | os.PathLike[str]] | str | os.PathLike[str] | None,
    since: str | float | None,
) -> Choice:
    folders = [] if under is None else [under] if isinstance(under, (str, os.PathLike)) else list(under)
    return Choice(
        types=[kind.strip().lower().removeprefix(".") for kind in types or ()],
        under=[os.path.realpath(os.path.expanduser(os.fsencode(folder))) for folder in folders],
        since_ns=None if since is None else int(since_seconds(since) * 1e9),
    )


_SINCE = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?")


def since_seconds(since: str | float) -> float:
    """The beginning of a year, a month or a day (``2024``, ``2024-05``, ``2024-05-31``) here, in seconds since 1970."""
    if not isinstance(since, str):
        return float(since)
    match = _SINCE.fullmatch(since.strip())
    try:
        if match is None:
            raise ValueError
        year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
        parsed = time.strptime(f"{year:04}-{month:02}-{day:02}", "%Y-%m-%d")
        return time.mktime((*parsed[:8], -1))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"'{since}' is no date: write 2024, 2024-05 or 2024-05-31.") from error
