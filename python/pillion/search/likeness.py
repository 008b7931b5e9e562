"""Pictures that look alike, and files of the same bytes. Nothing is ever deleted by us."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pillion import _core
from pillion.catalog import search as catalog_search
from pillion.catalog.contents import facts_of
from pillion.catalog.database import Database
from pillion.catalog.search import Choice, Present, ReadySidecar
from pillion.catalog.statements import chunks
from pillion.errors import ItemError
from pillion.facts import MediaFacts
from pillion.kinds.picture.models import ALIKE
from pillion.kinds.spec import MIB
from pillion.kinds.thumbnail.kind import THUMB
from pillion.model import value
from pillion.search.cuts import Looks, small_of
from pillion.search.index import Reader, uuid_of
from pillion.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pillion.search.seeing import Seer

NEAR_BITS = 60
"""Pictures whose hashes differ in at most so many of 256 bits may be near duplicates; of others about 128 differ."""
LOW_BITS = ((4_000, 20), (10_000, 18), (1 << 62, 16))
"""So may those that differ in at most so many of the 64 bits of the lowest frequencies: their edges may be cut off. In
libraries of up to so many pictures: of more, chance alone makes too many such pairs. Thumbnails decide; docs/search.md
has what is found of photographs that were resized, encoded again, cut and turned."""
MOST_COMPARED = 20_000
"""Pairs whose thumbnails are compared, the most alike first."""
LIKE_BITS = 96
"""The same for 'similar', which shows the most alike first."""
_LOOKED_AT_SIDE = 512
_SHOWS = 1.0
"""The least standard deviation of the gray levels of a thumbnail that is compared."""
_AT_ONCE = 500
"""Pairs whose thumbnails are read together."""
_KEPT = 4000
"""So many thumbnails are kept in memory, of 16 kB each, before those that are not needed at once go."""
_LARGEST = 2 * MIB
"""Bytes of a thumbnail that is looked at: none of these sizes has as many."""
_BATCH = 16
"""Thumbnails that a worker gets together."""
_SMALLEST_FIRST = ("icon", "grid@1x", "grid@2x", "grid@3x", "detail@1x", "detail@2x")


@value
class Group:
    """Files that are the same. ``kind``: ``exact`` or ``near``; ``best``: the one to keep, if only one is."""

    kind: str
    paths: Sequence[str]
    best: str
    content_uuids: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """One object of ``duplicates --json``."""
        return {
            "kind": self.kind,
            "paths": list(self.paths),
            "best": self.best,
            "content_uuids": list(self.content_uuids),
        }


def exact(database: Database) -> list[Group]:
    """The files that have the same bytes as others. The best is the oldest."""
    with database.read() as connection:
        copied = catalog_search.copied_contents(connection)
        present = catalog_search.present_of(connection, copied, Choice())
    groups = []
    for uuid in copied:
        files = present[uuid].files if uuid in present else ()
        if len(files) > 1:
            best = min(files, key=lambda file: (file[1], len(file[0]), file[0]))
            paths = [os.fsdecode(path) for path, _ in files]
            groups.append(Group(kind="exact", paths=paths, best=os.fsdecode(best[0]), content_uuids=[uuid]))
    return groups


def near(database: Database, store: Store, reader: Reader, sandbox: str = "auto") -> list[Group]:
    """The pictures that look the same: other sizes, encodings, cuts of the edge, turned or mirrored.

    ``sandbox``: of the worker that looks at thumbnails, as ``work.sandbox``.
    """
    with database.read() as connection:
        images = catalog_search.image_contents(connection)
    hashes = {uuid_of(key): likeness for key, likeness in reader.pictures().items()}
    uuids = sorted(uuid for uuid in images if uuid in hashes and not _is_flat(hashes[uuid]))
    low_bits = next(bits for most, bits in LOW_BITS if len(uuids) <= most)
    pairs = _core.likeness_pairs([hashes[uuid] for uuid in uuids], NEAR_BITS, low_bits)
    likely = sorted((bits > NEAR_BITS, low if bits > NEAR_BITS else bits, a, b) for a, b, bits, low in pairs)
    with _Thumbnails(database, store, uuids, sandbox) as thumbnails:
        same = Groups(len(uuids))
        left = MOST_COMPARED
        for some in chunks(likely, _AT_ONCE):
            # Two of one group say nothing new.
            open_ = [(a, b, is_far) for is_far, _, a, b in some if not same.has_joined(a, b)]
            left -= len(open_)
            if left < 0:
                break
            thumbnails.load({at for a, b, _ in open_ for at in (a, b)})
            for a, b, is_far in sorted(open_):
                if not same.has_joined(a, b) and thumbnails.are_same(a, b, unseen=not is_far):
                    same.join(a, b)
    found = [[uuids[at] for at in group] for group in same.groups()]
    with database.read() as connection:
        uuids = [uuid for group in found for uuid in group]
        present = catalog_search.present_of(connection, uuids, Choice())
        facts = facts_of(connection, uuids)
    groups = ([uuid for uuid in group if uuid in present] for group in found)
    return [_near_group(group, present, facts) for group in groups if len(group) > 1]


class _Thumbnails:
    """The thumbnails of contents, by their places in ``uuids``, some of them in memory. Use it in ``with``."""

    def __init__(self, database: Database, store: Store, uuids: Sequence[str], sandbox: str) -> None:
        self._database = database
        self._store = store
        self._uuids = uuids
        self._sandbox = sandbox
        self._stack = ExitStack()
        self._seer: Seer | None = None
        self._small: dict[int, NDArray[np.float32]] = {}
        # A picture is in many pairs, and what is kept of it takes 700 kB.
        self._looks = functools.lru_cache(maxsize=64)(lambda at: Looks(self._small[at]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def load(self, wanted: Collection[int]) -> None:
        """Have these in memory. Where numpy is not installed, none are."""
        if len(self._small) > _KEPT:
            self._small = {at: small for at, small in self._small.items() if at in wanted}
        new = {self._uuids[at]: at for at in sorted(wanted) if at not in self._small}
        if not new or find_spec("numpy") is None:
            return
        with self._database.read() as connection:
            ready = catalog_search.ready_of(connection, list(new), [THUMB])
        smallest = {uuid: item for uuid in new if (item := _smallest(ready.get(uuid, ()))) is not None}
        for batch in chunks(list(smallest.items()), _BATCH):
            seen = _seen(self._store, self._opened(), dict(batch))
            # One of one colour is not that of a picture whose hash says more.
            self._small.update((new[uuid], small) for uuid, small in seen.items() if float(small.std()) >= _SHOWS)

    def _opened(self) -> Seer:
        from pillion.search.seeing import Seer

        if self._seer is None:
            self._seer = self._stack.enter_context(Seer(sandbox=self._sandbox))
        return self._seer

    def are_same(self, one: int, other: int, *, unseen: bool) -> bool:
        """Whether two contents show the same; ``unseen`` where there is no thumbnail of one of them."""
        if one not in self._small or other not in self._small:
            return unseen
        return self._looks(one).is_same(self._looks(other))


def _smallest(ready: Sequence[ReadySidecar]) -> ReadySidecar | None:
    """The smallest thumbnail of a content; None if it has none of the sizes of ours."""
    thumbs = {item.variant: item for item in ready if item.kind == THUMB}
    return next((thumbs[name] for name in _SMALLEST_FIRST if name in thumbs), None)


def _seen(store: Store, seer: Seer, thumbnails: Mapping[str, ReadySidecar]) -> dict[str, NDArray[np.float32]]:
    """What is compared of each thumbnail; those that cannot be read are left out."""
    read: dict[str, bytes] = {}
    for uuid, item in thumbnails.items():
        try:
            read[uuid] = store.read(item.rel_path, _LARGEST)
        except (OSError, ValueError):
            continue
    pixels = zip(read, seer.thumbnails(list(read.values())), strict=True)
    return {uuid: small_of(one) for uuid, one in pixels if not isinstance(one, ItemError)}


def _near_group(uuids: Sequence[str], present: Mapping[str, Present], facts: Mapping[str, MediaFacts]) -> Group:
    paths = [os.fsdecode(path) for uuid in uuids for path, _ in present[uuid].files]
    best = min(uuids, key=lambda uuid: _worth(present[uuid], facts.get(uuid)))
    oldest = min(present[best].files, key=lambda file: (file[1], len(file[0]), file[0]))
    return Group(kind="near", paths=paths, best=os.fsdecode(oldest[0]), content_uuids=list(uuids))


def _worth(present: Present, facts: MediaFacts | None) -> tuple[int, int, int]:
    """Small is better: more pixels, then more bytes, which keep more of them sharp, then the older file."""
    pixels = 0 if facts is None else (facts.width or 0) * (facts.height or 0)
    return -pixels, -present.size, min(at for _, at in present.files)


class Groups:
    """Numbers from 0 that are joined to groups, pair by pair."""

    def __init__(self, number: int) -> None:
        self._parent = list(range(number))

    def _root(self, at: int) -> int:
        parent = self._parent
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    def has_joined(self, one: int, other: int) -> bool:
        """Whether two are in one group."""
        return self._root(one) == self._root(other)

    def join(self, one: int, other: int) -> None:
        """Make one group of theirs."""
        first, second = sorted((self._root(one), self._root(other)))
        self._parent[second] = first

    def groups(self) -> list[list[int]]:
        """Those of two or more, in order."""
        found: dict[int, list[int]] = {}
        for at in range(len(self._parent)):
            found.setdefault(self._root(at), []).append(at)
        return [group for group in found.values() if len(group) > 1]


def _is_flat(likeness: bytes) -> bool:
    """Whether a hash is that of a picture without any detail, of which all are alike."""
    bits = sum(byte.bit_count() for byte in likeness)
    return bits < 16 or bits > 240


def picture_likeness(path: Path, sandbox: str = "auto") -> bytes:
    """The perceptual hash of a picture file, which a worker decodes. Raises ItemError."""
    from pillion.extras import require_numpy
    from pillion.search.seeing import Seer

    require_numpy("pictures that are compared")
    with Seer(path, sandbox=sandbox) as seer:
        return _core.likeness_hash(seer.file(path))


def looked_at(path: Path, sandbox: str = "auto") -> NDArray[np.uint8]:
    """The pixels of a picture, by a worker: what the kind ``picture-embeddings`` gets, nearly. Raises ItemError."""
    from pillion.extras import require_numpy
    from pillion.search.seeing import Seer

    require_numpy("pictures that are compared")
    with Seer(path, sandbox=sandbox) as seer:
        return seer.file(path, _LOOKED_AT_SIDE)


def of_the_same_kind(reader: Reader, looks: NDArray[np.float32], limit: int) -> dict[str, float]:
    """Content -> cosine of the pictures that show the like of a picture with this vector, most alike first."""
    rows = reader.picture_vectors.scan(looks, limit)
    return {uuid_of(content): score for _, content, _, score in rows if score >= ALIKE}


def alike(reader: Reader, likeness: bytes) -> list[tuple[str, int]]:
    """(content, bits) of the pictures that are like a hash, most alike first."""
    hashes = reader.pictures()
    keys = list(hashes)
    bits = _core.likeness_distances(likeness, [hashes[key] for key in keys])
    found = [(number, uuid_of(key)) for key, number in zip(keys, bits, strict=True) if number <= LIKE_BITS]
    return [(uuid, number) for number, uuid in sorted(found)]
