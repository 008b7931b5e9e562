"""The files of the index, in ``LIBRARY/search/``: words, vectors of texts and of pictures, and the hashes of pictures.

All of it is derived. The payload of the last commit of the words says which state of the catalog they all hold. Vectors
and hashes are committed before the words and may be ahead of them, never behind: what comes after that state is done
again, and each step replaces what it did before.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from pillion import _core
from pillion.errors import ErrorClass, ItemError
from pillion.failpoints import reach
from pillion.kinds.picture.kind import PICTURE_DIMENSIONS
from pillion.machine import exclusive
from pillion.model import value
from pillion.search.passages import Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDER = "search"
_LOCK = "lock"
FORMAT = 6
"""Raised when passages, tokens or files change, so that an older index is built again."""

NAMES, OCR, SPEECH, CHUNKS, TEXT, PICTURES = "notepv"
"""The letters of keys: names, pages, speech, the text of a file by its ``embeddings``, and by its ``text``; and that of
pictures, which no key has, as they have no words."""
LETTERS = (NAMES, OCR, SPEECH, CHUNKS, TEXT, PICTURES)
PASSAGES = OCR + SPEECH + CHUNKS + TEXT
"""All keys but those of names."""

VECTORS, PICTURE_VECTORS = "vectors", "picture-vectors"
"""The files of the vectors of texts and of pictures."""
DIMENSIONS = 384

MEMORY = 100_000_000
"""Bytes of passages that are gathered before they become a segment of the index, of all threads that write."""
_HASH_ROW = 16 + 32
_VECTORS_HEAD = 4096
"""Bytes of a file of vectors that has none."""
_DEAD_SHARE = 0.3
"""A file of vectors is written anew when more of its rows than this are removed."""

MOST_AGAIN = 10_000
"""So many contents that could not be read are remembered, the first in order; the rest by where it begins."""


@value
class State:
    """What of the catalog the index holds.

    ``event``: all results up to this event; ``names``: names as of this number (catalog/search.py); ``after``: while it
    is built for the first time, the last content that it holds. ``languages``: all that its passages are in, ISO 639;
    ``pictures``: bytes of the file of hashes that count; ``turn``: how often it was committed; ``without``: vectors
    were left out, as numpy was not installed; ``again``: contents with a sidecar that could not be read; ``beyond``:
    after this content there are more of them, which are not remembered one by one.
    """

    event: int = 0
    names: int = -1
    after: str | None = ""
    languages: Sequence[str] = ()
    pictures: int = 0
    turn: int = 0
    without: bool = False
    again: Sequence[str] = ()
    beyond: str | None = None

    def payload(self) -> str:
        """As JSON."""
        names = ("event", "names", "after", "pictures", "turn", "without", "beyond")
        values = {name: getattr(self, name) for name in names}
        lists = {"languages": list(self.languages), "again": list(self.again)}
        return json.dumps({"format": FORMAT, **lists, **values})

    @classmethod
    def parse(cls, payload: str | None) -> State:
        """What :meth:`payload` gave. Raises ItemError (corrupt) for that of another version."""
        if payload is None:
            return cls()
        try:
            stored = _decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise ItemError(ErrorClass.CORRUPT, "the index has no payload of ours") from error
        if stored.format != FORMAT:
            raise ItemError(ErrorClass.CORRUPT, "the index is of another version")
        return cls(
            event=stored.event,
            names=stored.names,
            after=stored.after,
            languages=stored.languages,
            pictures=stored.pictures,
            turn=stored.turn,
            without=stored.without,
            again=stored.again,
            beyond=stored.beyond,
        )

    @property
    def whole(self) -> bool:
        """Whether it has all that can be had here: False where vectors were left out and can be read by now."""
        return not (self.without and has_numpy())


_Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 62))]


class _Stored(msgspec.Struct):
    """A payload: the folder of the index may be synced or restored, so nothing in it is believed."""

    format: int
    event: _Number
    names: Annotated[int, msgspec.Meta(ge=-1, le=(1 << 62))]
    after: Annotated[str, msgspec.Meta(max_length=64)] | None
    languages: Annotated[list[Annotated[str, msgspec.Meta(max_length=16)]], msgspec.Meta(max_length=1000)]
    pictures: _Number
    turn: _Number
    without: bool = False
    again: Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=MOST_AGAIN)] = []
    beyond: Annotated[str, msgspec.Meta(max_length=64)] | None = None


_decoder = msgspec.json.Decoder(_Stored)


def has_numpy() -> bool:
    """Whether vectors can be read: numpy comes with the extras that make them."""
    return find_spec("numpy") is not None


def key_of(content_uuid: str) -> bytes:
    """A content's key in the files of vectors and hashes: the 16 bytes of its UUID."""
    return bytes.fromhex(content_uuid.replace("-", ""))


def uuid_of(key: bytes) -> str:
    """The UUID of such a key, as text."""
    text = key.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Reader:
    """The index as it is, to be asked. Raises ItemError: ``missing_source`` (there is none), ``corrupt``."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER
        _check_files(self.folder)
        self.words = _core.WordIndex(self.folder / "words")
        self.state = _parsed(self.words)
        self._opened: dict[str, _core.VectorFile] = {}

    @property
    def vectors(self) -> _core.VectorFile:
        """The vectors of texts."""
        return self.vectors_of(VECTORS)

    @property
    def picture_vectors(self) -> _core.VectorFile:
        """The vectors of pictures."""
        return self.vectors_of(PICTURE_VECTORS)

    def vectors_of(self, name: str) -> _core.VectorFile:
        """The file of vectors of this name, opened when it is first asked for."""
        if name not in self._opened:
            opened = _core.VectorFile(self.folder / name)
            _check_vectors(opened, self.state, DIMENSIONS if name == VECTORS else PICTURE_DIMENSIONS)
            self._opened[name] = opened
        return self._opened[name]

    def pictures(self) -> dict[bytes, bytes]:
        """Content (16 bytes) -> perceptual hash (32 bytes)."""
        return read_pictures(self.folder / "pictures", self.state.pictures)

    def reload(self) -> None:
        """See what was committed since."""
        self.words.reload()
        state = _parsed(self.words)
        if state.turn != self.state.turn:
            self.state, self._opened = state, {}


def has_vectors(root: Path, name: str) -> bool:
    """Whether a file of vectors of a library's index may hold any; opens nothing."""
    try:
        return (root / FOLDER / name).lstat().st_size > _VECTORS_HEAD
    except OSError:
        return False


def _parsed(words: _core.WordIndex) -> State:
    return State.parse(words.payload())


def _check_files(folder: Path) -> None:
    """Raises ItemError (corrupt) for links, pipes and files with other names in the index: a library may be anybody's.

    Who writes to the index would write to where they lead, and who reads a pipe would wait for ever.
    """
    if folder.is_symlink() or (folder / "words").is_symlink():
        raise ItemError(ErrorClass.CORRUPT, "a link stands where a folder of the index was")
    for place in (folder, folder / "words"):
        try:
            with os.scandir(place) as found:
                strange = next((one.name for one in found if not _is_ours(one)), None)
        except FileNotFoundError:
            continue
        except NotADirectoryError as error:
            raise ItemError(ErrorClass.CORRUPT, "a file stands where a folder of the index was") from error
        if strange is not None:
            raise ItemError(ErrorClass.CORRUPT, f"{strange[:100]!r} in the index is no file of ours")


def _is_ours(found: os.DirEntry[str]) -> bool:
    if found.is_dir(follow_symlinks=False):
        return found.name == "words"
    try:
        status = found.stat(follow_symlinks=False)
    except FileNotFoundError:
        # A file that was merged away meanwhile.
        return True
    return stat.S_ISREG(status.st_mode) and status.st_nlink <= 1


def _check_vectors(vectors: _core.VectorFile, state: State, dimensions: int) -> None:
    if vectors.dimensions != dimensions:
        raise ItemError(ErrorClass.CORRUPT, "a file of vectors is of another model")
    stamp = vectors.stamp() or "0"
    if not (stamp.isascii() and stamp.isdecimal()) or int(stamp) < state.turn:
        raise ItemError(ErrorClass.CORRUPT, "a file of vectors is older than the index of words")


def read_pictures(path: Path, size: int) -> dict[bytes, bytes]:
    """The rows of the first ``size`` bytes; of two of a content the later counts. Raises ItemError (corrupt)."""
    if not size:
        return {}
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            data = file.read(size) if os.fstat(file.fileno()).st_size >= size else b""
    except OSError:
        data = b""
    if len(data) < size or size % _HASH_ROW:
        raise ItemError(ErrorClass.CORRUPT, "the file of pictures is shorter than the index says")
    return {data[at : at + 16]: data[at + 16 : at + _HASH_ROW] for at in range(0, size, _HASH_ROW)}


class _Vectors:
    """One of the files of vectors, to be written, with what is removed from it and added to it at the next commit."""

    def __init__(self, path: Path, state: State, dimensions: int) -> None:
        self._path = path
        if state.turn == 0:
            self.file = _core.VectorFile(path, writable=True, fresh=dimensions)
        else:
            self.file = _core.VectorFile(path, writable=True)
            _check_vectors(self.file, state, dimensions)
        self._removed: set[bytes] = set()
        self._added: dict[bytes, NDArray[np.float32]] = {}

    def put(self, key: bytes, vectors: NDArray[np.float32] | None) -> None:
        self._removed.add(key)
        self._added.pop(key, None)
        if vectors is not None:
            self._added[key] = vectors

    def commit(self, turn: int) -> None:
        if self._removed and self.file.counts()[0]:
            self.file.remove(list(self._removed))
        for key, vectors in self._added.items():
            self.file.append(key, vectors)
        self.file.commit(str(turn))
        self._removed, self._added = set(), {}

    def compact(self) -> None:
        """Write the file anew if many of its rows are removed."""
        rows, dead = self.file.counts()
        if dead > _DEAD_SHARE * rows and dead > 1000:
            fresh = self._path.with_name(f"{self._path.name}.new")
            self.file.compacted(fresh)
            os.replace(fresh, self._path)


class Writer:
    """The index, to be written by one process at a time; see :func:`writing`."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER
        _check_files(self.folder)
        fresh = not (self.folder / "words" / "meta.json").exists()
        if fresh:
            _empty(self.folder)
            reach("search.emptied")
        self.words = _core.WordIndex(self.folder / "words", writable=True, fresh=fresh, memory=MEMORY)
        self.state = _parsed(self.words)
        self._vectors = _Vectors(self.folder / VECTORS, self.state, DIMENSIONS)
        self._picture_vectors = _Vectors(self.folder / PICTURE_VECTORS, self.state, PICTURE_DIMENSIONS)
        self.pictures = read_pictures(self.folder / "pictures", self.state.pictures)
        self.passages = 0
        """Passages added since the last commit."""
        self.without = self.state.without
        """Vectors were left out, as numpy is not installed."""
        self.again: dict[str, None] = dict.fromkeys(self.state.again)
        """Contents with a sidecar that could not be read: of all up to ``beyond``, where that is one."""
        self.beyond = self.state.beyond
        self._hashes: dict[bytes, bytes] = {}
        self._languages = set(self.state.languages)

    def put(self, content_uuid: str, letter: str, passages: Iterable[Passage]) -> None:
        """Replace the passages of one source of a content."""
        key = content_uuid + letter
        self.words.delete(key)
        for passage in passages:
            where = json.dumps(passage.where, separators=(",", ":"))
            language = self.words.add(key, passage.text, passage.language, where)
            self.passages += 1
            if language is not None:
                self._languages.add(language)

    def put_names(self, content_uuid: str, names: str, folders: str, digest: int) -> None:
        """Replace the names of a content."""
        self.words.delete(content_uuid + NAMES)
        self.words.add_names(content_uuid + NAMES, names, folders, digest)

    def put_vectors(self, content_uuid: str, vectors: NDArray[np.float32] | None) -> None:
        """Replace the vectors of a content, shape (chunks, 384); None: it has none."""
        self._vectors.put(key_of(content_uuid), vectors)

    def put_picture_vector(self, content_uuid: str, vector: NDArray[np.float32] | None) -> None:
        """Replace the vector of a picture, shape (768,); None: it has none."""
        self._picture_vectors.put(key_of(content_uuid), None if vector is None else vector[None])

    def vectored(self) -> set[str]:
        """The contents that have vectors of either kind."""
        files = (self._vectors.file, self._picture_vectors.file)
        return {uuid_of(content) for file in files for content, _ in file.contents()}

    def put_picture(self, content_uuid: str, likeness: bytes) -> None:
        """The perceptual hash of a picture."""
        key = key_of(content_uuid)
        if self.pictures.get(key) != likeness:
            self._hashes[key] = likeness

    def remember_unread(self, content_uuid: str) -> None:
        """A content has a sidecar that could not be read: it is to be looked at again."""
        if self.beyond is not None and content_uuid > self.beyond:
            return
        self.again[content_uuid] = None
        if len(self.again) > MOST_AGAIN:
            del self.again[max(self.again)]
            self.beyond = max(self.again)

    def commit(self, *, event: int, names: int, after: str | None) -> None:
        """Make all of it durable, as the state of the catalog that these three say. Raises ItemError, OSError."""
        turn = self.state.turn + 1
        reach("search.commit")
        self._vectors.commit(turn)
        self._picture_vectors.commit(turn)
        reach("search.vectors")
        size = self._append_hashes()
        reach("search.pictures")
        state = State(
            event=event,
            names=names,
            after=after,
            languages=sorted(self._languages),
            pictures=size,
            turn=turn,
            without=self.without,
            again=sorted(self.again),
            beyond=self.beyond,
        )
        self.words.commit(state.payload())
        reach("search.committed")
        self.state = state
        self.pictures |= self._hashes
        self.passages = 0
        self._hashes = {}

    def _append_hashes(self) -> int:
        if not self._hashes:
            return self.state.pictures
        rows = b"".join(key + likeness for key, likeness in self._hashes.items())
        descriptor = os.open(self.folder / "pictures", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            # What was written and not committed is written over.
            os.ftruncate(descriptor, self.state.pictures)
            os.pwrite(descriptor, rows, self.state.pictures)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return self.state.pictures + len(rows)

    def close(self) -> None:
        """Wait for what is still merged, and write the vectors anew if many are removed."""
        self.words.close()
        self._vectors.compact()
        self._picture_vectors.compact()


def _empty(folder: Path) -> None:
    """An empty folder for a new index; the lock in it stays. Where a link stands in its place, only that goes."""
    if folder.is_symlink():
        folder.unlink()
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in tuple(folder.iterdir()):
        if path.name == _LOCK and _is_plain(path):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    (folder / "words").mkdir(mode=0o700, parents=True)


def remove(root: Path) -> None:
    """Remove the index of a library, so that it is built again. Raises LibraryBusyError while somebody writes it."""
    if (root / FOLDER).is_dir():
        with locked(root):
            _empty(root / FOLDER)


def _is_plain(path: Path) -> bool:
    """Whether it is a file of no other name."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Be the only one who writes the index. Raises LibraryBusyError at once if somebody else does."""
    folder = root / FOLDER
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if (folder / _LOCK).is_dir() and not (folder / _LOCK).is_symlink():
        shutil.rmtree(folder / _LOCK)
    elif not _is_plain(folder / _LOCK):
        (folder / _LOCK).unlink(missing_ok=True)
    with exclusive(folder / _LOCK, "indexing"):
        yield


@contextmanager
def writing(root: Path) -> Iterator[Writer]:
    """The index of a library, to be written. An index that is damaged, or of another version, is begun anew.

    Raises LibraryBusyError while another process writes it, and OSError or ItemError (disk_full).
    """
    with locked(root):
        try:
            writer = Writer(root)
        except ItemError as error:
            if error.error_class not in (ErrorClass.CORRUPT, ErrorClass.MISSING_SOURCE, ErrorClass.UNSUPPORTED):
                raise
            _empty(root / FOLDER)
            writer = Writer(root)
        try:
            yield writer
        finally:
            writer.close()
