"""Bring the index up to the catalog: what was made since its last commit, and the names of files that changed."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from pillion.catalog import search as catalog_search
from pillion.catalog.contents import picture_hashes
from pillion.catalog.database import Database
from pillion.catalog.search import Named, ReadySidecar
from pillion.errors import LibraryBusyError, UnusableError, is_unusable
from pillion.failpoints import reach
from pillion.kinds.embedding.kind import EMBEDDINGS
from pillion.kinds.ocr.kind import OCR
from pillion.kinds.picture.kind import PICTURE_DIMENSIONS, PICTURE_EMBEDDINGS
from pillion.kinds.text.kind import TEXT
from pillion.kinds.thumbnail.kind import THUMB
from pillion.kinds.transcript.kind import TRANSCRIPT
from pillion.model import LIKENESS_BYTES, SidecarKind, value
from pillion.search import index, passages
from pillion.search.index import State, Writer
from pillion.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS: Sequence[SidecarKind] = (TEXT, OCR, TRANSCRIPT, EMBEDDINGS, PICTURE_EMBEDDINGS, THUMB)
"""The kinds whose sidecars are indexed."""

_BATCH = 200
_COMMIT_PASSAGES = 20_000
_COMMIT_S = 20.0
_LARGEST = 256 * 1024 * 1024
"""Larger sidecars are left out: none that Pillion writes is as large."""
Progress = Callable[[int, int], None]
"""Told how many contents are done, of how many."""


@value
class Behind:
    """What an index lacks. ``contents``: how many were made since, about; ``begun``: whether there is an index."""

    begun: bool
    contents: int
    names: bool

    def __bool__(self) -> bool:
        return not self.begun or self.contents > 0 or self.names


@dataclass(slots=True)
class Unread:
    """Sidecars that an index lacks, by their contents. ``damaged``: the places of those that are damaged or gone, of
    which nothing is found until they are made again; ``unusable``: why those of a content cannot be read, of which it
    holds what it held before, and which it looks at again each time.
    """

    damaged: dict[str, set[str]] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.damaged or self.unusable)

    def places(self) -> set[str]:
        """The places of those that are damaged or gone."""
        return set().union(*self.damaged.values())

    def clear(self, content_uuid: str | None = None) -> None:
        """Forget what is known of a content, or of all."""
        for known in (self.damaged, self.unusable):
            if content_uuid is None:
                known.clear()
            else:
                known.pop(content_uuid, None)

    def note(self) -> str:
        """What is said of them; empty where there are none."""
        said = []
        if number := sum(map(len, self.damaged.values())):
            which = "1 sidecar is" if number == 1 else f"{number:,} sidecars are"
            said.append(f"{which} damaged or gone, so text is not found: run 'pillion verify --repair'.")
        if number := len(self.unusable):
            which = "the sidecars of 1 content" if number == 1 else f"sidecars of {number:,} contents"
            which += " or more" if number >= index.MOST_AGAIN else ""
            said.append(
                f"{which} cannot be read ({next(iter(self.unusable.values()))}), so what is new in them is not found:"
                " 'pillion verify' names them."
            )
        return " ".join(text[0].upper() + text[1:] if place else text for place, text in enumerate(said))


def behind(database: Database, state: State | None) -> Behind:
    """What an index in this state lacks; None: there is none."""
    with database.read() as connection:
        if state is None or state.after is not None or not state.whole:
            return Behind(begun=False, contents=catalog_search.count_with(connection, KINDS), names=True)
        changes = catalog_search.changes_after(connection, state.event, KINDS)
        names = catalog_search.names_number(connection) != state.names
        if not changes.whole:
            return Behind(begun=False, contents=catalog_search.count_with(connection, KINDS), names=True)
    unread = len(state.again) + (state.beyond is not None)
    return Behind(begun=True, contents=len(changes.contents) + unread, names=names)


def catch_up(database: Database, store: Store, progress: Progress | None = None, unread: Unread | None = None) -> bool:
    """Index what is new; False if another process is at it.

    ``unread``: is given the sidecars that cannot be read; those that can be by now are taken out of it.
    Raises ItemError (disk_full) or OSError where the index cannot be written; what was committed stays.
    """
    try:
        with index.writing(store.root) as writer:
            _Update(database, store, writer, progress, Unread() if unread is None else unread).run()
    except LibraryBusyError:
        return False
    return True


class _Update:
    def __init__(
        self, database: Database, store: Store, writer: Writer, progress: Progress | None, unread: Unread
    ) -> None:
        self._database = database
        self._store = store
        self._writer = writer
        self._progress = progress
        self._unread = unread
        self._committed = time.monotonic()

    def run(self) -> None:
        state = self._writer.state
        with self._database.read() as connection:
            changes = catalog_search.changes_after(connection, state.event, KINDS)
        if state.after is not None or not changes.whole or not state.whole:
            goes_on = state.after if state.whole else None
            self._build(state.event if goes_on else changes.newest, goes_on or "")
            return self.run()
        self._try_again(state)
        self._follow(changes)
        self._names(changes.newest)
        return None

    def _try_again(self, state: State) -> None:
        """Look once more at what could not be read."""
        for start in range(0, len(state.again), _BATCH):
            self._index(state.again[start : start + _BATCH])
        self._go_beyond(state)
        if (sorted(self._writer.again), self._writer.beyond) != (sorted(state.again), state.beyond):
            self._commit(state.event, state.names, None)

    def _go_beyond(self, state: State) -> None:
        """The same of those that are not remembered one by one, as far as there is room to remember them."""
        while (after := self._writer.beyond) is not None and len(self._writer.again) < index.MOST_AGAIN:
            with self._database.read() as connection:
                some = catalog_search.contents_with(connection, KINDS, after, _BATCH)
            self._writer.beyond = some[-1] if some else None
            self._index(some)
            if self._is_time():
                self._commit(state.event, state.names, None)

    def _build(self, event: int, after: str) -> None:
        """Index every content, in order, from the one after ``after``; results after ``event`` are seen to later."""
        with self._database.read() as connection:
            total = catalog_search.count_with(connection, KINDS)
        done = 0
        if not after:
            self._writer.without = False
            self._writer.again.clear()
            self._writer.beyond = None
            self._unread.clear()
        if not after and self._writer.state.turn:
            # What is there may be of contents that are gone.
            self._drop_all()
        while True:
            with self._database.read() as connection:
                some = catalog_search.contents_with(connection, KINDS, after, _BATCH)
            if not some:
                break
            self._index(some)
            after = some[-1]
            done += len(some)
            self._tell(done, total)
            if self._is_time():
                self._commit(event, -1, after)
        self._commit(event, -1, None)

    def _drop_all(self) -> None:
        for key, _ in self._writer.words.counts():
            self._writer.words.delete(key)
        for content in self._writer.vectored():
            self._writer.put_vectors(content, None)
            self._writer.put_picture_vector(content, None)

    def _follow(self, changes: catalog_search.Changes) -> None:
        for start in range(0, len(changes.contents), _BATCH):
            some = changes.contents[start : start + _BATCH]
            self._index([uuid for _, uuid in some])
            self._tell(start + len(some), len(changes.contents))
            if self._is_time():
                self._commit(some[-1][0], self._writer.state.names, None)
        if changes.contents:
            self._commit(changes.newest, self._writer.state.names, None)

    def _names(self, event: int) -> None:
        with self._database.read() as connection:
            number = catalog_search.names_number(connection)
            if number == self._writer.state.names:
                return
            known = dict(self._writer.words.digests())
            total = catalog_search.count_named(connection) if self._writer.state.names < 0 and self._progress else 0
            for done, named in enumerate(catalog_search.named_contents(connection)):
                if total and done and done % 1000 == 0:
                    self._tell(done, total)
                digest = _digest(named)
                if known.pop(named.content_uuid + index.NAMES, None) != digest:
                    self._name(named, digest)
        for key in known:
            self._writer.words.delete(key)
        reach("search.named")
        self._commit(event, number, None)

    def _name(self, named: Named, digest: int) -> None:
        names, folders = names_text(named.paths)
        self._writer.put_names(named.content_uuid, names, folders, digest)

    def _is_time(self) -> bool:
        late = time.monotonic() - self._committed > _COMMIT_S
        return self._writer.passages >= _COMMIT_PASSAGES or (late and self._writer.passages > 0)

    def _commit(self, event: int, names: int, after: str | None) -> None:
        self._writer.commit(event=event, names=names, after=after)
        self._committed = time.monotonic()

    def _tell(self, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(min(done, total), total)

    # contents ---------------------------------------------------------------------------------------------------------

    def _index(self, content_uuids: Sequence[str]) -> None:
        """Replace all that the index holds of these contents' sidecars by what is ready now."""
        with self._database.read() as connection:
            ready = catalog_search.ready_of(connection, content_uuids, KINDS)
            hashes = picture_hashes(connection, content_uuids)
        for uuid in content_uuids:
            by_kind: dict[SidecarKind, list[ReadySidecar]] = {}
            for item in ready.get(uuid, ()):
                by_kind.setdefault(item.kind, []).append(item)
            self._unread.clear(uuid)
            try:
                self._index_one(uuid, by_kind)
                self._writer.again.pop(uuid, None)
            except UnusableError as error:
                if len(self._unread.unusable) < index.MOST_AGAIN:
                    self._unread.unusable[uuid] = f"{error.path}: {error.why}"
                self._writer.remember_unread(uuid)
            likeness = hashes[uuid].likeness if uuid in hashes else None
            if likeness is not None and len(likeness) == LIKENESS_BYTES:
                self._writer.put_picture(uuid, likeness)
        reach("search.indexed")

    def _index_one(self, uuid: str, ready: dict[SidecarKind, list[ReadySidecar]]) -> None:
        """Raises UnusableError, before anything is changed, where one of them cannot be read."""
        pages = self._read(ready.get(OCR))
        speech = self._read(ready.get(TRANSCRIPT))
        text = self._read(ready.get(TEXT))
        chunks, vectors = self._embedded(ready.get(EMBEDDINGS))
        picture = self._picture_vector(ready.get(PICTURE_EMBEDDINGS))
        self._writer.put(uuid, index.OCR, _sound(passages.of_pages, pages))
        self._writer.put(uuid, index.SPEECH, _sound(passages.of_speech, speech))
        self._writer.put(uuid, index.TEXT, _sound(passages.of_file, text))
        # Drawings have their text in their chunks alone.
        self._writer.put(uuid, index.CHUNKS, _sound(passages.of_chunks, chunks if text is None else None))
        self._writer.put_vectors(uuid, vectors)
        self._writer.put_picture_vector(uuid, picture)

    def _bytes(self, item: ReadySidecar) -> bytes | None:
        try:
            return self._store.read(item.rel_path, _LARGEST)
        except ValueError:
            self._is_damaged(item)
        except OSError as error:
            if is_unusable(error):
                raise self._store.unusable(item.rel_path, error) from error
            self._is_damaged(item)
        return None

    def _is_damaged(self, item: ReadySidecar) -> None:
        """Or gone: what 'verify' finds, 'work' makes again, and then there is an event."""
        uuid = item.rel_path.split("/")[3]
        self._unread.damaged.setdefault(uuid, set()).add(item.rel_path)

    def _read(self, items: Sequence[ReadySidecar] | None) -> Any:
        data = self._bytes(items[0]) if items else None
        if not items or data is None:
            return None
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._is_damaged(items[0])
            return None

    def _embedded(
        self, items: Sequence[ReadySidecar] | None
    ) -> tuple[Sequence[dict[str, Any]] | None, NDArray[np.float32] | None]:
        """The chunks of an ``embeddings`` sidecar, and their vectors if they are of the size that is searched."""
        data = self._bytes(items[0]) if items else None
        if data is None:
            return None, None
        try:
            document = msgspec.msgpack.decode(data)
            chunks = document["chunks"]
            if not index.has_numpy():
                self._writer.without = True
                return chunks, None
            import numpy as np

            vectors = np.frombuffer(document["vectors"], dtype="<f4").reshape(-1, int(document["dim"]))
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, ValueError, TypeError):
            for item in (items or ())[:1]:
                self._is_damaged(item)
            return None, None
        usable = vectors.shape[1] == index.DIMENSIONS and len(vectors) == len(chunks)
        return chunks, np.ascontiguousarray(vectors, dtype=np.float32) if usable else None

    def _picture_vector(self, items: Sequence[ReadySidecar] | None) -> NDArray[np.float32] | None:
        """The vector of a ``picture-embeddings`` sidecar, if it is of the size that is searched."""
        if items and not index.has_numpy():
            self._writer.without = True
            return None
        data = self._bytes(items[0]) if items else None
        if data is None:
            return None
        import numpy as np

        try:
            vector = np.frombuffer(msgspec.msgpack.decode(data)["vector"], dtype="<f4")
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, ValueError, TypeError):
            return None
        usable = vector.shape == (PICTURE_DIMENSIONS,) and bool(np.isfinite(vector).all())
        return np.ascontiguousarray(vector, dtype=np.float32) if usable else None


def _sound(cut: Callable[[Any], Iterator[passages.Passage]], document: Any) -> list[passages.Passage]:
    """The passages of a document; none of one that is not as it should be, which 'verify' tells of."""
    if document is None:
        return []
    found = []
    try:
        for passage in cut(document):
            found.append(passage)
            if len(found) == passages.MOST_PASSAGES:
                break
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return []
    return found


def _digest(named: Named) -> int:
    text = b"\0".join(part for pair in named.paths for part in pair)
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


# names ----------------------------------------------------------------------------------------------------------------


_CASES = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def names_text(paths: Iterable[tuple[bytes, bytes]]) -> tuple[str, str]:
    """The names of a content's files, and the folders that they are in, each once: what is indexed of them.

    ``holidayPhotos2024`` is also indexed as three words.
    """
    names: dict[str, None] = {}
    folders: dict[str, None] = {}
    for root, path in paths:
        *inner, name = path.split(b"/")
        for text, into in [(name, names), *((folder, folders) for folder in [root.rpartition(b"/")[2], *inner])]:
            shown = text.decode("utf-8", "replace")
            into.setdefault(shown)
            parted = _CASES.sub(" ", shown)
            if parted != shown:
                into.setdefault(parted)
    return "\n".join(names), "\n".join(folders)
