"""All that Pillion needs to know about a kind of sidecar, in one record. docs/kinds.md says how to write one.

All code outside a kind's folder uses this record: policies, config.toml, queue, limits, estimates, plan, status,
export and the worker processes. It is light: code that loads an engine is named by a string and imported when needed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pillion.kinds.settings import Check
from pillion.model import DEFAULT_VARIANT, MediaClass, SidecarFormat, SidecarKind

MIB = 1024 * 1024

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """The file that a sidecar was made from, for exports. ``source`` None: no file has the content any more."""

    source: Path | None
    mime: str


FALLBACK_SECONDS = 0.1
FALLBACK_BYTES = 10_000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of a kind's jobs. Times are seconds and grow with the file's size in MiB.

    ``deadline_s``: of each step, up to a sign of life (pool/keepalive.py); ``cpu_s``: the same in processor time, at
    which the file counts as too large; ``whole_s``: of the whole job, whatever signs of life it gives. ``memory_mib``:
    MiB that it may add to its worker's memory, above which it counts as too large, too. ``loading_s``: what its engines
    and models may take to load, during which nobody counts it as slow. ``written_mib``: MiB that it may write to disk.
    ``per_worker``: jobs in flight for each worker, including those that wait in the pool. ``workers``: the most workers
    at a time; 1 for a kind that uses every core by itself. ``batch_s``: how many seconds of work are handed to a worker
    at once, None for the queue's default. ``checkpoints``: its jobs save partial results for the next attempt.
    ``carried_mib``: MiB of a checkpoint without parts that go to another machine with its job; 0: it stays.
    """

    deadline_s: float
    deadline_s_per_mib: float
    cpu_s: float = math.inf
    cpu_s_per_mib: float = 0.0
    whole_s: float = math.inf
    whole_s_per_mib: float = 0.0
    memory_mib: float = math.inf
    memory_mib_per_mib: float = 0.0
    loading_s: float = 0.0
    written_mib: float = 1024
    per_worker: int
    workers: int | None = None
    batch_s: float | None = None
    checkpoints: bool = False
    carried_mib: float = 0

    @property
    def carried_bytes(self) -> int:
        """``carried_mib`` in bytes."""
        return int(self.carried_mib * MIB)


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstGuess:
    """The time and size of one sidecar, until some are measured.

    ``seconds``: of a worker, by class of file. ``seconds_per_mib``: for a kind whose time grows with the length of its
    source: (start of a MIME type, seconds for each MiB); the first match is used. ``bytes``: by variant.
    """

    seconds: Mapping[MediaClass, float] = field(default_factory=dict)
    seconds_per_mib: tuple[tuple[str, float], ...] = ()
    bytes: Mapping[str, float] = field(default_factory=dict)

    def seconds_of(self, media_class: MediaClass) -> float:
        """For one sidecar of a file of this class, if the time does not grow with the size."""
        return self.seconds.get(media_class, FALLBACK_SECONDS)

    def seconds_of_mib(self, mime: str) -> float:
        """For each MiB of a source of this type."""
        return next((rate for start, rate in self.seconds_per_mib if mime.startswith(start)), 1.0)

    def bytes_of(self, variant: str) -> float:
        """Of one sidecar of this variant."""
        return self.bytes.get(variant, FALLBACK_BYTES)


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnVariants:
    """That users may define variants of a kind, in ``[KIND.variants."NAME"]`` of config.toml.

    ``rules``: key -> check; ``required``: those that a definition needs. Generators find the definitions in their
    settings, as ``defined``: name -> table.
    """

    rules: Mapping[str, Check]
    required: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class KindSpec:
    """One kind of sidecar.

    ``name``: lower-case, also its table in config.toml. ``directory``: the folder in the content's own folder (default:
    the name). ``order``: kinds are processed in this order; thumbnails are 10, embeddings 40.
    ``variants``: all that can be requested, the cheapest first. ``formats``: those that its sidecars can have.
    ``classes``: the classes of files it is made from.
    ``made_from``: class of file -> the kind whose sidecar it is made from; its jobs wait for that one.
    ``made_from_variants``: which variant of that kind is taken, the best first; then any other.
    ``policies``: name of a built-in policy -> the variants that it wants.
    ``settings``: key of config.toml -> check; ``defaults``: values that generators get if nothing is set.
    ``by_variant``: the same for settings that may also be a table of values by variant. ``own_variants``: see there.
    ``heavy``: ``work.quiet_hours`` and ``work.on_battery`` pause it.
    ``generators``: "module:class" of each :class:`pillion.kinds.generator.Generator`; the first that accepts is used.
    ``exports``: format -> "module:function", called with (bytes of the sidecar, :class:`Origin`).
    ``read_now``: "module:function", called with (path, MIME type, settings): the bytes of a sidecar for a file that is
    in no library.
    ``given``: "module:function", called with (variant, bytes, settings): the :class:`pillion.model.Produced` of a
    sidecar that somebody else made; raises ItemError if it is not whole. None: none can be recorded.
    ``from_peers``: whether its sidecars are taken from other devices without ``work.from_peers`` naming it.
    ``models``: "module:function" that lists its models for ``pillion models``.
    ``obtains``: "module:function" of those that make something in the cache of models, which workers cannot
    (weights/outside.py). ``programs``: "module:function" that lists the programs it starts on this machine; a worker
    can start no others.
    ``lacking``: "module:function" that says what of its tools is missing on this machine, which a worker's word alone
    does not show (kinds/lacking.py). None: it needs no tools, and a worker that says so is at fault.
    Raises ValueError for an invalid name.
    """

    name: SidecarKind
    order: int
    classes: frozenset[MediaClass]
    generators: tuple[str, ...]
    limits: Limits
    directory: str = ""
    variants: tuple[str, ...] = (DEFAULT_VARIANT,)
    formats: tuple[SidecarFormat, ...] = tuple(SidecarFormat)
    made_from: Mapping[MediaClass, SidecarKind] = field(default_factory=dict)
    made_from_variants: tuple[str, ...] = ()
    policies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settings: Mapping[str, Check] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    by_variant: Mapping[str, Check] = field(default_factory=dict)
    own_variants: OwnVariants | None = None
    first_guess: FirstGuess = field(default_factory=FirstGuess)
    heavy: bool = True
    exports: Mapping[str, str] = field(default_factory=dict)
    read_now: str | None = None
    given: str | None = None
    from_peers: bool = True
    models: str | None = None
    obtains: tuple[str, ...] = ()
    programs: str | None = None
    lacking: str | None = None

    def __post_init__(self) -> None:
        for text in (self.name, self.directory or self.name):
            if not _NAME.fullmatch(text):
                raise ValueError(f"'{text}' cannot name a kind: use lower-case letters, digits, '-' and '_'")
        if not self.variants or not self.generators:
            raise ValueError(f"the kind '{self.name}' needs a variant and a generator")

    def taken_first(self, variant: str) -> int:
        """The place of a variant of the kind that this one is made from: the least is taken."""
        known = self.made_from_variants
        return known.index(variant) if variant in known else len(known)

    @property
    def sources(self) -> tuple[SidecarKind, ...]:
        """The kinds that it is made from."""
        return tuple(sorted(set(self.made_from.values())))
