"""Pictures that look alike, and files of the same bytes. Nothing is ever deleted by us."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pillion import _core
from pillion.catalog import search as catalog_search
from pillion.catalog.database import Database
from pillion.catalog.facts import facts_of
from pillion.catalog.search import Choice, Present, ReadySidecar
from pillion.catalog.statements import chunks
from pillion.errors import ItemError
from pillion.facts import MediaFacts
from pillion.kinds.picture.models import ALIKE
from pillion.kinds.spec import MIB
from pillion.kinds.thumbnail.kind import THUMB
from pillion.kinds.thumbnail.likeness import likeness_of
from pillion.model import value
from pillion.search.cuts import SAME, Looks, small_of
from pillion.search.index import Reader, uuid_of
from pillion.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pillion.search.seeing import Seer

NEAR_BITS = 60
"""Pictures whose hashes differ in at most so many of 256 bits are near duplicates; of others about 128 differ.
docs/search.md has what this finds of photographs that were resized, encoded again, cropped and turned."""
LOW_BITS = 16
"""Of those that differ in at most so many of the 64 bits of the lowest frequencies, the thumbnails are compared."""
MOST_COMPARED = 20_000
"""Pairs whose thumbnails are compared, the most alike first."""
LIKE_BITS = 96
"""The same for 'similar', which shows the most alike first."""
_LOOKED_AT_SIDE = 512
_AT_ONCE = 500
"""Pairs whose thumbnails are in memory together."""
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
    pairs = _core.likeness_pairs([hashes[uuid] for uuid in uuids], NEAR_BITS, LOW_BITS)
    same = [(a, b) for a, b, bits, _ in pairs if bits <= NEAR_BITS]
    maybe = sorted((low, a, b) for a, b, bits, low in pairs if bits > NEAR_BITS)[:MOST_COMPARED]
    known = joined(len(uuids), same)
    owner = {at: number for number, group in enumerate(known) for at in group}
    # Two of groups that are joined already say nothing new.
    open_ = [(uuids[a], uuids[b]) for _, a, b in maybe if a not in owner or owner[a] != owner.get(b)]
    place = {uuid: at for at, uuid in enumerate(uuids)}
    same += [(place[a], place[b]) for a, b in _cut_of_each_other(database, store, open_, sandbox)]
    found = [[uuids[at] for at in group] for group in joined(len(uuids), same)]
    with database.read() as connection:
        uuids = [uuid for group in found for uuid in group]
        present = catalog_search.present_of(connection, uuids, Choice())
        facts = facts_of(connection, uuids)
    groups = ([uuid for uuid in group if uuid in present] for group in found)
    return [_near_group(group, present, facts) for group in groups if len(group) > 1]


def _cut_of_each_other(
    database: Database, store: Store, pairs: Sequence[tuple[str, str]], sandbox: str
) -> Iterator[tuple[str, str]]:
    """The pairs of contents of which one is the other with its edges cut off, by their thumbnails."""
    if not pairs or find_spec("numpy") is None:
        return
    from pillion.search.seeing import Seer

    uuids = list(dict.fromkeys(uuid for pair in pairs for uuid in pair))
    with database.read() as connection:
        ready = catalog_search.ready_of(connection, uuids, [THUMB])
    smallest = {uuid: item for uuid in uuids if (item := _smallest(ready.get(uuid, ()))) is not None}
    small: dict[str, NDArray[np.float32]] = {}

    # A picture is in many pairs, and what is kept of it takes 700 kB.
    @functools.lru_cache(maxsize=64)
    def looks(uuid: str) -> Looks | None:
        return Looks(small[uuid]) if uuid in small else None

    ordered = sorted(pair for pair in pairs if pair[0] in smallest and pair[1] in smallest)
    with Seer(sandbox=sandbox) as seer:
        for start in range(0, len(ordered), _AT_ONCE):
            some = ordered[start : start + _AT_ONCE]
            needed = dict.fromkeys(uuid for pair in some for uuid in pair)
            kept = {uuid: small[uuid] for uuid in needed if uuid in small}
            new = {uuid: smallest[uuid] for uuid in needed if uuid not in small}
            small.clear()
            small.update(kept)
            for batch in chunks(list(new.items()), _BATCH):
                small.update(_seen(store, seer, dict(batch)))
            for one, other in some:
                first, second = looks(one), looks(other)
                if first is not None and second is not None and first.correlation(second) >= SAME:
                    yield one, other


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


def joined(number: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The groups of numbers that pairs join, of two or more, in order."""
    parent = list(range(number))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for one, other in pairs:
        first, second = sorted((root(one), root(other)))
        parent[second] = first
    groups: dict[int, list[int]] = {}
    for at in range(number):
        groups.setdefault(root(at), []).append(at)
    return [group for group in groups.values() if len(group) > 1]


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
        return likeness_of(seer.file(path))


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
